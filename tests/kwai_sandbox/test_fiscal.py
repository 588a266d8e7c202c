"""What the platform reads in a note before it takes it."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from kwai_sandbox.fiscal import document_check, document_decode, document_glance
from kwai_sandbox.wire import CallRefusal
from tests.invoices import factory
from tests.kwai_sandbox.conftest import Caller, access_key, invoice, note

KEY, OTHER_KEY = access_key(), access_key(2)
NUMBER, SERIES = 1, 1


def check(document: bytes, number: object = NUMBER, series: object = SERIES, key: str = KEY) -> None:
    document_check(document, key=key, number=number, series=series)


def changed(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return change


def spoiled(old: str, new: str) -> bytes:
    return factory.nfe_xml(number=NUMBER, document=changed(old, new))


def cut(begin: str, end: str) -> bytes:
    text = note().decode()
    return (text[: text.index(begin)] + text[text.index(end) + len(end) :]).encode()


@pytest.mark.parametrize("answer", ["100", "150"])
def test_an_authorised_note_is_taken(answer: str) -> None:
    check(factory.nfe_xml(number=NUMBER, protocol={"cStat": answer}))


def test_a_note_without_signature_has_nothing_to_compare() -> None:
    check(cut("<Signature", "</Signature>"))


def test_declarations_around_the_note_and_line_breaks_in_digests_do_no_harm() -> None:
    check(spoiled("<nfeProc ", '<nfeProc xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '))
    check(spoiled("</digVal>", "\n</digVal>"))


OTHER_DIGEST = {"digVal": base64.b64encode(b"x" * 20).decode()}
WRONG: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "lido"),
    "no xml": (lambda: b"no xml", "lido"),
    "cut": (lambda: note()[:-20], "lido"),
    "another root": (lambda: b"<nfeProc/>", "autorizada"),
    "another namespace": (lambda: note().replace(factory.NFE.encode(), b"urn:other"), "autorizada"),
    "no protocol": (lambda: cut("<protNFe", "</protNFe>"), "protocolo"),
    "denied": (lambda: spoiled("<cStat>100</cStat>", "<cStat>110</cStat>"), "110"),
    "no answer": (lambda: spoiled("<cStat>100</cStat>", ""), "ausente"),
    "protocol of another": (lambda: spoiled(f"<chNFe>{KEY}", f"<chNFe>{OTHER_KEY}"), "chNFe"),
    "another note": (lambda: spoiled(f'Id="NFe{KEY}"', f'Id="NFe{OTHER_KEY}"'), "Id"),
    "touched": (lambda: spoiled("<vNF>170.00", "<vNF>1.00"), "DigestValue"),
    "another digest": (lambda: factory.nfe_xml(number=NUMBER, protocol=OTHER_DIGEST), "digVal"),
    "unknown digest": (lambda: spoiled("xmldsig#sha1", "xmldsig#md5"), "DigestMethod"),
    "doctype": (lambda: b'<!DOCTYPE nfeProc [<!ENTITY a "b">]>' + note().partition(b"?>")[2], "DOCTYPE"),
}


@pytest.mark.parametrize("case", WRONG)
def test_any_other_document_is_refused_with_its_reason(case: str) -> None:
    build, word = WRONG[case]
    with pytest.raises(CallRefusal, match=word) as caught:
        check(build())
    assert caught.value.result == 422


@pytest.mark.parametrize(("number", "series", "word"), [(2, SERIES, "nNF"), (NUMBER, 2, "serie")])
def test_number_and_series_are_those_of_the_note(number: int, series: int, word: str) -> None:
    with pytest.raises(CallRefusal, match=word):
        check(note(), number, series)


@pytest.mark.parametrize("encoded", ["ç", "a", "not base64!"])
def test_what_is_not_base64_is_refused(encoded: str) -> None:
    with pytest.raises(CallRefusal, match="base64"):
        document_decode(encoded)


def test_the_loose_check_takes_what_looks_like_a_note() -> None:
    document_glance(f"<nfeProc>{KEY}".encode(), KEY)
    with pytest.raises(CallRefusal):
        document_glance(b"<nfeProc>", KEY)


@pytest.mark.parametrize(("checks", "result"), [("strict", 422), ("loose", 200)])
def test_the_check_is_strict_unless_switched(seller: Caller, checks: str, result: int) -> None:
    assert seller.sandbox.control("GET", "settings")["invoiceChecks"] == "strict"
    seller.sandbox.control("PUT", "settings", {"invoiceChecks": checks})
    order_id = seller.order()
    sent = invoice(order_id, document=spoiled("<cStat>100</cStat>", "<cStat>110</cStat>"))
    assert seller.post("trade/merchant/uploadInvoice", sent).result == result
    assert (seller.known(order_id)["invoice"] is not None) is (result == 200)
