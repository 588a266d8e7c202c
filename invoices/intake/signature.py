"""XML signature of an NF-e: digest of `infNFe` and the signature over it, as the schema fixes them.

The algorithms are constants of schema package PL_010f (C14N 1.0, RSA-SHA1, one reference, two transforms), so
a document that names any other is refused instead of being believed.

What this proves: the bytes of `infNFe` were signed by the owner of the embedded certificate. What it cannot
prove offline: that the certificate belongs to ICP-Brasil.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1
from lxml import etree

DSIG: Final = "http://www.w3.org/2000/09/xmldsig#"
C14N: Final = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
ENVELOPED: Final = f"{DSIG}enveloped-signature"
RSA_SHA1: Final = f"{DSIG}rsa-sha1"
SHA1_URI: Final = f"{DSIG}sha1"
MAX_KEY_BITS: Final = 8192

_NS: Final = {"d": DSIG}


class SignatureRefused(Exception):
    """The signature is missing, of another shape, or does not fit; the text says which."""


def canonical(element: etree._Element) -> bytes:
    """Canonical form of a part of a note.

    Exclusive C14N, because lxml's inclusive form of a sub-element writes a bogus `xmlns=""` on every child.
    With the NF-e default namespace alone in use, which SEFAZ demands, both forms are equal.
    Raises `SignatureRefused` for what has no canonical form (relative namespace names).
    """
    try:
        return etree.tostring(element, method="c14n", exclusive=True, with_comments=False, with_tail=False)
    except etree.LxmlError:
        raise SignatureRefused("a nota usa declarações fora do padrão") from None


def digest(element: etree._Element) -> bytes:
    """SHA-1 of the canonical form, the `DigestValue` of an NF-e."""
    return hashlib.sha1(canonical(element), usedforsecurity=False).digest()


def decoded(text: str | None) -> bytes:
    """Base64 with the line breaks some signers leave. Raises `SignatureRefused`."""
    try:
        return base64.b64decode("".join((text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        raise SignatureRefused("a assinatura contém texto que não é base64") from None


def check_digests(note: etree._Element, signature: etree._Element, protocol_digest: str) -> None:
    """`infNFe`, the signature and SEFAZ's protocol speak of the same content. Raises `SignatureRefused`."""
    real = digest(note)
    if not hmac.compare_digest(real, decoded(_text(signature, "d:SignedInfo/d:Reference/d:DigestValue"))):
        raise SignatureRefused("o conteúdo não é o que foi assinado")
    if not hmac.compare_digest(real, decoded(protocol_digest)):
        raise SignatureRefused("o protocolo da SEFAZ é de outro conteúdo")


def check_shape(note: etree._Element, signature: etree._Element) -> None:
    """The signature names the NF-e's algorithms and points to this note. Raises `SignatureRefused`."""
    info = _one(signature, "d:SignedInfo")
    reference = _one(info, "d:Reference")
    if reference.get("URI") != f"#{note.get('Id')}":
        raise SignatureRefused("a assinatura aponta para outro trecho do arquivo")
    named = [
        _one(info, "d:CanonicalizationMethod").get("Algorithm"),
        _one(info, "d:SignatureMethod").get("Algorithm"),
        _one(reference, "d:DigestMethod").get("Algorithm"),
        *[step.get("Algorithm") for step in reference.findall("d:Transforms/d:Transform", _NS)],
    ]
    if named != [C14N, RSA_SHA1, SHA1_URI, ENVELOPED, C14N]:
        raise SignatureRefused("a assinatura não usa os algoritmos da NF-e")


def check_value(signature: etree._Element) -> None:
    """`SignatureValue` fits `SignedInfo` under the embedded certificate. Raises `SignatureRefused`."""
    key = _public_key(decoded(_text(signature, "d:KeyInfo/d:X509Data/d:X509Certificate")))
    value = decoded(_text(signature, "d:SignatureValue"))
    signed = canonical(_one(signature, "d:SignedInfo"))
    try:
        key.verify(value, signed, padding.PKCS1v15(), SHA1())  # noqa: S303 (fixed by the schema)
    except InvalidSignature:
        raise SignatureRefused("a assinatura não confere com o certificado do arquivo") from None


def _public_key(certificate: bytes) -> rsa.RSAPublicKey:
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SignatureRefused("o certificado do arquivo não pode ser lido") from None
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size > MAX_KEY_BITS:
        raise SignatureRefused("o certificado do arquivo não é de um tipo aceito na NF-e")
    return key


def _one(parent: etree._Element, path: str) -> etree._Element:
    found = parent.findall(path, _NS)
    if len(found) != 1:
        raise SignatureRefused("a assinatura está incompleta ou repetida")
    return found[0]


def _text(parent: etree._Element, path: str) -> str:
    return _one(parent, path).text or ""
