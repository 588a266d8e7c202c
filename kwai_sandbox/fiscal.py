"""The checks a platform makes on an NF-e it receives."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator

from lxml import etree

from kwai_sandbox.wire import REFUSED, CallRefusal

KEY_FORM = re.compile(r"[0-9]{6}[0-9A-Z]{12}[0-9]{26}")
MODEL = slice(20, 22)
SERIES = slice(22, 25)
NUMBER = slice(25, 34)
NFE_MODEL = "55"
NAMES = {"n": "http://www.portalfiscal.inf.br/nfe", "d": "http://www.w3.org/2000/09/xmldsig#"}
# Authorised, and authorised after its deadline.
AUTHORISED = ("100", "150")
DIGESTS = {
    f"{NAMES['d']}sha1": hashlib.sha1,
    "http://www.w3.org/2001/04/xmlenc#sha256": hashlib.sha256,
}


def access_key_check(key: str) -> None:
    """44 characters, model 55, right check digit (letters are legal in the CNPJ); `CallRefusal` 422 else."""
    if not KEY_FORM.fullmatch(key) or key[MODEL] != NFE_MODEL:
        raise CallRefusal(REFUSED, "A chave de acesso não é de uma NF-e (44 caracteres, modelo 55).")
    if key[-1] != check_digit(key[:-1]):
        raise CallRefusal(REFUSED, "O dígito verificador da chave de acesso está errado.")


def check_digit(body: str) -> str:
    """Modulo 11 with weights 2 to 9 from the right over ASCII minus 48."""
    total = sum((ord(sign) - 48) * (2 + position % 8) for position, sign in enumerate(reversed(body)))
    rest = 11 - total % 11
    return str(rest if rest < 10 else 0)


def key_matches(key: str, number: object, series: object) -> None:
    """Number and series must be those inside the key; `CallRefusal` 422 else."""
    for name, told, written in (("número", number, key[NUMBER]), ("série", series, key[SERIES])):
        if not str(told).isdigit() or int(str(told)) != int(written):
            raise CallRefusal(REFUSED, f"O campo {name} da NF-e não confere com a chave de acesso.")


def document_decode(encoded: str) -> bytes:
    """The document out of its base64; `CallRefusal` 422 else."""
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise CallRefusal(REFUSED, "O XML da NF-e não está em base64.") from None


def document_glance(document: bytes, key: str) -> None:
    """The loose check: it calls itself an authorised note and carries the key; `CallRefusal` else."""
    if b"nfeProc" not in document or key.encode() not in document:
        raise CallRefusal(REFUSED, "O XML não é a NF-e autorizada (nfeProc) desta chave de acesso.")


def document_check(document: bytes, *, key: str, number: object, series: object) -> None:
    """The strict check: parsed, authorised, everywhere the note that the call names; `CallRefusal` 422 else.

    The digests of protocol, signature and content must be one; a note without a signature has only the rest.
    """
    root = _parsed(document)
    nfe, protocol = root.find("n:NFe/n:infNFe", NAMES), root.find("n:protNFe/n:infProt", NAMES)
    if root.tag != f"{{{NAMES['n']}}}nfeProc" or nfe is None:
        raise CallRefusal(REFUSED, "O XML não é uma NF-e autorizada (nfeProc).")
    if protocol is None:
        raise CallRefusal(REFUSED, "O XML não tem o protocolo de autorização da SEFAZ (protNFe).")
    answer = _text(protocol, "n:cStat")
    if answer not in AUTHORISED:
        raise CallRefusal(REFUSED, f"A SEFAZ não autorizou esta nota (cStat {answer or 'ausente'}).")
    for name, written, told in (
        ("a chave da nota (Id)", nfe.get("Id"), f"NFe{key}"),
        ("a chave do protocolo (chNFe)", _text(protocol, "n:chNFe"), key),
        ("o número (nNF)", _text(nfe, "n:ide/n:nNF"), str(number)),
        ("a série (serie)", _text(nfe, "n:ide/n:serie"), str(series)),
    ):
        if written != told:
            raise CallRefusal(REFUSED, f"No XML, {name} é {written or 'ausente'} e o envio diz {told}.")
    signature = root.find("n:NFe/d:Signature", NAMES)
    if signature is not None:
        _digests_check(nfe, signature, protocol)


def _parsed(document: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(document, parser)
    except etree.XMLSyntaxError as error:
        raise CallRefusal(REFUSED, f"O XML da NF-e não pôde ser lido: {error}") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise CallRefusal(REFUSED, "O XML da NF-e tem um DOCTYPE, que não é aceito.")
    return root


def _text(element: etree._Element, path: str) -> str:
    return (element.findtext(path, "", NAMES) or "").strip()


def _digests_check(nfe: etree._Element, signature: etree._Element, protocol: etree._Element) -> None:
    reference = signature.find("d:SignedInfo/d:Reference", NAMES)
    method = None if reference is None else reference.find("d:DigestMethod", NAMES)
    hasher = DIGESTS.get("" if method is None else method.get("Algorithm", ""))
    if reference is None or hasher is None:
        raise CallRefusal(
            REFUSED, "A assinatura da nota não diz como o conteúdo foi resumido (DigestMethod)."
        )
    signed = "".join(_text(reference, "d:DigestValue").split())
    if signed != "".join(_text(protocol, "n:digVal").split()):
        raise CallRefusal(REFUSED, "O protocolo da SEFAZ é de outro conteúdo: digVal difere da assinatura.")
    computed = (base64.b64encode(hasher(form).digest()).decode() for form in _canonical_forms(nfe))
    if signed not in computed:
        raise CallRefusal(REFUSED, "O conteúdo da nota não é o que foi assinado: o DigestValue não confere.")


def _canonical_forms(nfe: etree._Element) -> Iterator[bytes]:
    """What may have been signed: the note alone, or with the prefixes that are declared around it.

    lxml's inclusive form of a part writes an empty namespace on every child, its exclusive form does not.
    """
    around = [prefix for prefix in nfe.nsmap if prefix is not None]
    for prefixes in (None, around):
        yield etree.tostring(
            nfe,
            method="c14n",
            exclusive=True,
            inclusive_ns_prefixes=prefixes,
            with_comments=False,
            with_tail=False,
        )
