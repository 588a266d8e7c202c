"""No changed signed byte passes, also not by the tricks that canonical forms are known for."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable

import pytest
from lxml import etree

from invoices.intake.validation import judge
from tests.invoices.factory import DSIG, NFE, nfe_xml
from tests.invoices.intake.test_rules import COMPANY, change

XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def refused(content: bytes) -> list[str]:
    return [check.code for check in judge(content, company=COMPANY).checks if check.refuses]


def signed_part(*changes: Callable[[str], str]) -> bytes:
    """The note with its signed part touched after signing."""

    def touched(text: str) -> str:
        for each in changes:
            text = each(text)
        return text

    return nfe_xml(document=touched)


@pytest.mark.parametrize(
    "touch",
    [
        change("<vNF>", '<vNF xmlns:x="urn:x">'),
        change("<vNF>", f'<vNF xmlns="{NFE}" xmlns:x="urn:x">'),
        change("<vNF>", '<vNF xmlns="">'),
        change("<vNF>", '<vNF xmlns="urn:x">'),
        change("<infNFe ", '<infNFe xmlns:x="urn:x" '),
        change("<total>", '<total xml:lang="pt">'),
        change("<total>", '<total a="b">'),
        change("<vNF>170.00", "<vNF>170.00 "),
        change("<total><", "<total> <"),
        change("<vNF>170.00", "<vNF>170&#46;01"),
        change("<xNome>Loja", "<xNome>LOJA"),
        change("Id=", 'Id2="x" Id='),
        change("</total>", "</total><total></total>"),
    ],
)
def test_a_touched_signed_part_is_refused(touch: Callable[[str], str]) -> None:
    assert {"digest", "fields", "single"} & set(refused(signed_part(touch)))


@pytest.mark.parametrize(
    "touch",
    [
        change("<vNF>170.00", "<vNF >170.00"),
        change("<vNF>170.00", "<vNF>&#49;70.00"),
        change("<vNF>170.00", "<vNF><![CDATA[170.00]]>"),
        change("<vNF>170.00", f'<vNF xmlns="{NFE}">170.00'),
        change('" versao="4.00"><ide', "\"   versao = '4.00'><ide"),
    ],
)
def test_another_spelling_of_the_same_content_reads_the_same(touch: Callable[[str], str]) -> None:
    """What the canonical form makes equal is equal to the reader too."""
    original, spelled = (judge(each, company=COMPANY) for each in (nfe_xml(), signed_part(touch)))
    assert not spelled.refusals
    assert spelled.reading == original.reading


def test_prefixes_declared_around_the_note_do_not_matter_unless_they_were_signed() -> None:
    added = nfe_xml(document=change("<nfeProc ", f"<nfeProc {XSI} "))
    assert refused(added) == []


def signed_with_prefix_in_scope() -> str:
    """As an emitter signs whose `NFe` declares a prefix: inclusive C14N writes it on both signed parts."""
    text = nfe_xml().decode()
    root = etree.fromstring(text.replace('<NFe xmlns="', f'<NFe {XSI} xmlns="').encode())
    note = root.find(f".//{{{NFE}}}infNFe")
    assert note is not None
    inclusive = etree.tostring(etree.fromstring(etree.tostring(note, with_tail=False)), method="c14n")
    assert b"xmlns:xsi" in inclusive
    digest = base64.b64encode(hashlib.sha1(inclusive).digest()).decode()
    return nfe_xml(
        protocol={"digVal": digest},
        signed_info=lambda info: re.sub(
            "(<DigestValue>).*(</DigestValue>)", rf"\g<1>{digest}\g<2>", info
        ).replace(f'<SignedInfo xmlns="{DSIG}"', f'<SignedInfo xmlns="{DSIG}" {XSI}'),
        document=lambda text: text.replace('<NFe xmlns="', f'<NFe {XSI} xmlns="').replace(
            f"<SignedInfo {XSI}", "<SignedInfo"
        ),
    ).decode()


def test_a_prefix_that_was_signed_counts() -> None:
    note = signed_with_prefix_in_scope()
    assert refused(note.encode()) == []
    assert "digest" in refused(note.replace("170.00</vNF>", "171.00</vNF>").encode())
    assert "digest" in refused(note.replace(f"<NFe {XSI}", "<NFe").encode())


def test_a_prefix_declared_again_inside_is_refused() -> None:
    again = signed_part(
        change("<nfeProc ", '<nfeProc xmlns:x="urn:one" '), change("<vNF>", '<vNF xmlns:x="urn:two">')
    )
    assert "digest" in refused(again)


def test_signed_info_cannot_be_touched_either() -> None:
    for touch in (
        change("<Reference ", '<Reference xmlns:x="urn:x" '),
        change("<Reference ", '<Reference Type="x" '),
        change("<DigestMethod ", " <DigestMethod "),
        change(f"{DSIG}sha1", "http://www.w3.org/2001/04/xmlenc#sha256"),
    ):
        assert "signature" in refused(nfe_xml(document=touch))


def test_a_second_note_beside_the_signed_one_is_refused() -> None:
    """Signature wrapping: the reader must never be shown another note than the one that was signed."""
    forged = nfe_xml(document=change("<vNF>170.00", "<vNF>1.00")).decode()
    other = forged[forged.index("<infNFe ") : forged.index("</infNFe>") + len("</infNFe>")]
    for place in ("</Signature>", "</KeyInfo>"):
        assert "single" in refused(nfe_xml(document=change(place, f"<Object>{other}</Object>{place}")))
    assert "single" in refused(nfe_xml(document=change("<infNFe ", f"{other}<infNFe ")))


@pytest.mark.parametrize(
    "certificate", ["", "AAAA", "não é base64", base64.b64encode(b"\x30\x82" * 50).decode()]
)
def test_what_is_no_certificate_is_refused(certificate: str) -> None:
    note = nfe_xml(
        document=lambda text: re.sub(
            "(<X509Certificate>).*(</X509Certificate>)", rf"\g<1>{certificate}\g<2>", text
        )
    )
    assert "signature" in refused(note)
