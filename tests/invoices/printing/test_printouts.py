"""DANFE and label, read back as a scanner and a reader see them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from invoices.printing import printouts
from invoices.printing.printouts import (
    DrawingFailed,
    InvoicePrintout,
    PrintableInvoice,
    PrinterMissing,
    invoices_draw,
)
from tests.invoices.factory import access_key, nfe_xml
from tests.invoices.printing.reading import codes, pages, sizes

LETTERS = "12ABC34501DE35"


def drawn(kind: InvoicePrintout, *contents: bytes, is_cancelled: bool = False) -> bytes:
    return invoices_draw(
        invoices=[PrintableInvoice(content, 1, is_cancelled) for content in contents], printout=kind
    )


@pytest.mark.parametrize(
    ("kind", "size"), [(InvoicePrintout.DANFE, (210, 297)), (InvoicePrintout.LABEL, (100, 150))]
)
def test_a_scanner_reads_the_key(kind: InvoicePrintout, size: tuple[int, int]) -> None:
    pdf = drawn(kind, nfe_xml())
    assert sizes(pdf) == [size]
    assert codes(pdf) == [access_key()]


@pytest.mark.parametrize("kind", list(InvoicePrintout))
def test_a_key_with_letters(kind: InvoicePrintout) -> None:
    """Legal since 2026: the code leaves the denser digits-only set and must still be readable."""
    pdf = drawn(kind, nfe_xml(company_tax_id=LETTERS, state_code="PR"))
    assert codes(pdf) == [access_key(company_tax_id=LETTERS, state_code="PR")]


@pytest.mark.parametrize("kind", list(InvoicePrintout))
def test_many_notes_in_one_file_keep_their_order(kind: InvoicePrintout) -> None:
    numbers = (9, 3, 7)
    pdf = drawn(kind, *(nfe_xml(number=number) for number in numbers))
    assert codes(pdf) == [access_key(number=number) for number in numbers]


@pytest.mark.parametrize("kind", list(InvoicePrintout))
def test_a_cancelled_note_says_so(kind: InvoicePrintout) -> None:
    assert "CANCELADA" in pages(drawn(kind, nfe_xml(), is_cancelled=True))[0]
    assert "CANCELADA" not in pages(drawn(kind, nfe_xml()))[0]


@pytest.mark.parametrize("kind", list(InvoicePrintout))
def test_homologation_has_no_fiscal_value(kind: InvoicePrintout) -> None:
    assert "SEM VALOR FISCAL" in pages(drawn(kind, nfe_xml()))[0].upper()
    assert "SEM VALOR FISCAL" not in pages(drawn(kind, nfe_xml(environment="production")))[0].upper()


@pytest.mark.parametrize("kind", list(InvoicePrintout))
@pytest.mark.parametrize("name", ["Maria 😀 da Silva", "李小龍", "A & B <b>C</b>", "^XA~HI (dobra) \\ %"])
def test_any_name_can_be_printed(kind: InvoicePrintout, name: str) -> None:
    """The printer's fonts know Latin-1 alone; what they lack is a question mark, never a failure."""
    pdf = drawn(kind, nfe_xml(recipient_name=name, environment="production"))
    shown = name.encode("cp1252", "replace").decode("cp1252")
    text = " ".join(pages(pdf)[0].split())
    assert shown.split()[0].upper() in text.upper()


def test_typographic_marks_are_printed_as_plain_ones_everywhere() -> None:
    """The printer encodes some texts twice, which only Latin-1 survives."""
    note = nfe_xml(additional_text="“Cuidado” – frágil… 5 €")
    assert "'Cuidado' - frágil... 5 EUR" in pages(drawn(InvoicePrintout.DANFE, note))[0]


def test_what_the_printer_cannot_draw_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printouts, "_printable_text", lambda content: "<nfeProc/>")
    with pytest.raises(DrawingFailed) as failed:
        drawn(InvoicePrintout.DANFE, nfe_xml())
    assert failed.value.place == 0


def test_a_note_in_another_encoding() -> None:
    def latin(text: str) -> str:
        return text.replace("Maria da Silva", "João")

    utf16 = (
        nfe_xml(content=latin, environment="production").decode().replace("UTF-8", "UTF-16").encode("utf-16")
    )
    assert "João" in pages(drawn(InvoicePrintout.LABEL, utf16))[0]


def test_a_long_note_takes_more_pages() -> None:
    pdf = drawn(InvoicePrintout.DANFE, nfe_xml(items=80))
    assert len(sizes(pdf)) > 1
    assert "".join(pages(pdf)).count("SKU-") == 80


def test_without_the_extra_there_is_a_clear_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printouts, "find_spec", lambda name: None)
    with pytest.raises(PrinterMissing, match="extra danfe"):
        drawn(InvoicePrintout.DANFE, nfe_xml())


def test_the_printer_is_not_imported_at_start() -> None:
    code = (
        "import django, sys; django.setup(); import erp.urls, invoices.views.lists;"
        "sys.exit(any(n.split('.')[0] in ('brazilfiscalreport', 'fpdf', 'pypdfium2') for n in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
