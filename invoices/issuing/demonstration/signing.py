"""Signing one element of a fiscal document the way the schema fixes it (`invoices.intake.signature`)."""

from __future__ import annotations

import base64
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from invoices.intake.signature import C14N, DSIG, ENVELOPED, RSA_SHA1, SHA1_URI, canonical, digest
from invoices.issuing.demonstration.certificate import Signer

_NSMAP: Final[Any] = {None: DSIG}  # lxml takes None, its stubs do not


def sign(parent: etree._Element, signed: etree._Element, signer: Signer) -> str:
    """Append the `Signature` of `signed` to `parent`; answers the digest in base64."""
    value = base64.b64encode(digest(signed)).decode()
    signature = etree.SubElement(parent, f"{{{DSIG}}}Signature", nsmap=_NSMAP)
    info = _add(signature, "SignedInfo")
    _add(info, "CanonicalizationMethod", Algorithm=C14N)
    _add(info, "SignatureMethod", Algorithm=RSA_SHA1)
    reference = _add(info, "Reference", URI=f"#{signed.get('Id')}")
    transforms = _add(reference, "Transforms")
    _add(transforms, "Transform", Algorithm=ENVELOPED)
    _add(transforms, "Transform", Algorithm=C14N)
    _add(reference, "DigestMethod", Algorithm=SHA1_URI)
    _add(reference, "DigestValue", value)
    written = signer.key.sign(canonical(info), padding.PKCS1v15(), SHA1())  # noqa: S303 (fixed by the schema)
    _add(signature, "SignatureValue", base64.b64encode(written).decode())
    data = _add(_add(signature, "KeyInfo"), "X509Data")
    _add(data, "X509Certificate", base64.b64encode(signer.certificate.public_bytes(Encoding.DER)).decode())
    return value


def _add(parent: etree._Element, tag: str, value: str | None = None, **attributes: str) -> etree._Element:
    element = etree.SubElement(parent, f"{{{DSIG}}}{tag}", attributes)
    element.text = value
    return element
