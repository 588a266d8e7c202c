"""A throwaway certificate per company, made at first use and kept under `var/` for its owner's eyes only."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID, ObjectIdentifier

CNPJ_OID: Final = ObjectIdentifier("2.16.76.1.3.3")  # where ICP-Brasil writes the CNPJ
YEARS: Final = 10


@dataclass(frozen=True, slots=True)
class Signer:
    key: rsa.RSAPrivateKey
    certificate: x509.Certificate


def signer_for(folder: Path, *, name: str, tax_id: str) -> Signer:
    """The company's signer, made when it is not there. Two processes that make it at once agree on one."""
    path = folder / f"demonstration-{tax_id}.pem"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _place(path, _pem(_generated(name, tax_id)))
    content = path.read_bytes()
    key = load_pem_private_key(content, password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError(f"{path.name} holds no RSA key; delete it and a new one is made")
    return Signer(key, x509.load_pem_x509_certificate(content))


def _place(path: Path, content: bytes) -> None:
    """Whole or not at all, and never over another process's."""
    own = path.with_suffix(f".{secrets.token_hex(4)}")
    own.touch(mode=0o600)
    own.write_bytes(content)
    try:
        os.link(own, path)
    except FileExistsError:
        pass
    finally:
        own.unlink()


def _generated(name: str, tax_id: str) -> Signer:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Demonstração sem valor"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{name[:48]}:{tax_id}"),
        ]
    )
    today = datetime.now(UTC)
    written = b"\x04" + bytes([len(tax_id)]) + tax_id.encode()  # DER octet string
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=365 * YEARS))
        .add_extension(x509.SubjectAlternativeName([x509.OtherName(CNPJ_OID, written)]), critical=False)
        .sign(key, SHA256())
    )
    return Signer(key, certificate)


def _pem(signer: Signer) -> bytes:
    private = signer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private + signer.certificate.public_bytes(Encoding.PEM)
