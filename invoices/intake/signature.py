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
import re
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.x509.oid import NameOID
from lxml import etree

DSIG: Final = "http://www.w3.org/2000/09/xmldsig#"
C14N: Final = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
ENVELOPED: Final = f"{DSIG}enveloped-signature"
RSA_SHA1: Final = f"{DSIG}rsa-sha1"
SHA1_URI: Final = f"{DSIG}sha1"
MAX_KEY_BITS: Final = 8192
MAX_PREFIXES: Final = 8
CNPJ_OID: Final = x509.ObjectIdentifier("2.16.76.1.3.3")
DECLARATIONS: Final = "a nota usa declarações fora do padrão"

_NS: Final = {"d": DSIG}
# XPath counts the built-in `xml` among the namespaces of every element.
_DECLARES: Final = etree.XPath("boolean(.//*[count(namespace::*) != $around])")


class SignatureRefused(Exception):
    """The signature is missing, of another shape, or does not fit; the text says which."""


def canonical_forms(element: etree._Element) -> tuple[bytes, ...]:
    """What a signer may have signed of a part of a note, the usual form first.

    Written as exclusive C14N, because lxml's inclusive form of a sub-element has a bogus `xmlns=""` on every
    child. Where the NF-e's default namespace alone is in scope, which SEFAZ demands, both are equal. Prefixes
    declared around the part (`xmlns:xsi` on `nfeProc`) stand in its inclusive form only if they were there
    when it was signed, so both forms count. A declaration *in* the part stands in the inclusive form and not
    in the exclusive one: it would be a changed signed byte that nobody sees. On the part's own tag only the
    inclusive form counts, further inside it is refused.
    Raises `SignatureRefused`, also for what has no canonical form (relative namespace names).
    """
    prefixes = [prefix for prefix in element.nsmap if prefix is not None]
    if len(prefixes) > MAX_PREFIXES or _DECLARES(element, around=float(len(element.nsmap) + 1)):
        raise SignatureRefused(DECLARATIONS)
    plain = canonical(element)
    if not prefixes:
        return (plain,)
    full = canonical(element, prefixes)
    # A prefix declared again inside, with another name, shows only where prefixes are written out.
    if full.partition(b">")[2] != plain.partition(b">")[2]:
        raise SignatureRefused(DECLARATIONS)
    around = element.getparent()
    declared = element.nsmap.items() - ({} if around is None else around.nsmap).items()
    return (full,) if any(prefix is not None for prefix, _ in declared) else (plain, full)


def canonical(element: etree._Element, prefixes: list[str] | None = None) -> bytes:
    """Exclusive C14N, with the declarations of `prefixes` as the inclusive form has them. This is the form
    to sign in. Raises `SignatureRefused`."""
    try:
        return etree.tostring(
            element,
            method="c14n",
            exclusive=True,
            inclusive_ns_prefixes=prefixes,
            with_comments=False,
            with_tail=False,
        )
    except etree.LxmlError:
        raise SignatureRefused(DECLARATIONS) from None


def digest(element: etree._Element) -> bytes:
    """SHA-1 of the form to sign in: the `DigestValue`."""
    return hashlib.sha1(canonical(element), usedforsecurity=False).digest()


def decoded(text: str | None) -> bytes:
    """Base64 with the line breaks some signers leave. Raises `SignatureRefused`."""
    try:
        return base64.b64decode("".join((text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        raise SignatureRefused("a assinatura contém texto que não é base64") from None


def check_digests(part: etree._Element, signature: etree._Element, protocol_digest: str | None) -> None:
    """The part, the signature and SEFAZ's protocol speak of the same content. Raises `SignatureRefused`.

    An event's protocol repeats no digest: None.
    """
    named = decoded(_text(signature, "d:SignedInfo/d:Reference/d:DigestValue"))
    forms = [hashlib.sha1(form, usedforsecurity=False).digest() for form in canonical_forms(part)]
    if not any(hmac.compare_digest(form, named) for form in forms):
        raise SignatureRefused("o conteúdo não é o que foi assinado")
    if protocol_digest is not None and not hmac.compare_digest(named, decoded(protocol_digest)):
        raise SignatureRefused("o protocolo da SEFAZ é de outro conteúdo")


def check_shape(part: etree._Element, signature: etree._Element) -> None:
    """The signature names the NF-e's algorithms and points to this part. Raises `SignatureRefused`."""
    info = _one(signature, "d:SignedInfo")
    reference = _one(info, "d:Reference")
    if reference.get("URI") != f"#{part.get('Id')}":
        raise SignatureRefused("a assinatura aponta para outro trecho do arquivo")
    named = [
        _one(info, "d:CanonicalizationMethod").get("Algorithm"),
        _one(info, "d:SignatureMethod").get("Algorithm"),
        _one(reference, "d:DigestMethod").get("Algorithm"),
        *[step.get("Algorithm") for step in reference.findall("d:Transforms/d:Transform", _NS)],
    ]
    if named != [C14N, RSA_SHA1, SHA1_URI, ENVELOPED, C14N]:
        raise SignatureRefused("a assinatura não usa os algoritmos da NF-e")


def certificate_of(signature: etree._Element) -> x509.Certificate:
    """The embedded certificate. Raises `SignatureRefused`."""
    try:
        return x509.load_der_x509_certificate(
            decoded(_text(signature, "d:KeyInfo/d:X509Data/d:X509Certificate"))
        )
    except (ValueError, x509.InvalidVersion):
        raise SignatureRefused("o certificado do arquivo não pode ser lido") from None


def check_value(signature: etree._Element, certificate: x509.Certificate) -> None:
    """`SignatureValue` fits `SignedInfo` under the certificate. Raises `SignatureRefused`."""
    key = _public_key(certificate)
    value = decoded(_text(signature, "d:SignatureValue"))
    for form in canonical_forms(_one(signature, "d:SignedInfo")):
        try:
            key.verify(value, form, padding.PKCS1v15(), SHA1())  # noqa: S303 (fixed by the schema)
        except InvalidSignature:
            continue
        return
    raise SignatureRefused("a assinatura não confere com o certificado do arquivo")


def owner_tax_id(certificate: x509.Certificate) -> str:
    """CNPJ the certificate was given to, empty when it names none.

    ICP-Brasil writes it as otherName 2.16.76.1.3.3; older ones only at the end of the name (`NAME:CNPJ`).
    """
    try:
        texts = [*_other_names(certificate), *_common_names(certificate)]
    except (ValueError, x509.DuplicateExtension):
        return ""
    found = (re.search(r"(?:^|[^0-9A-Z])([0-9A-Z]{12}[0-9]{2})$", text) for text in texts)
    return next((match[1] for match in found if match), "")


def _other_names(certificate: x509.Certificate) -> list[str]:
    """Values with their DER tag and length in front, which are no part of the CNPJ."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    others = names.get_values_for_type(x509.OtherName)
    return [other.value[2:].decode("latin-1") for other in others if other.type_id == CNPJ_OID]


def _common_names(certificate: x509.Certificate) -> list[str]:
    names = [name.value for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return [name for name in names if isinstance(name, str) and ":" in name]


def _public_key(certificate: x509.Certificate) -> rsa.RSAPublicKey:
    try:
        key = certificate.public_key()
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
