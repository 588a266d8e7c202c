"""Printing: who may, what is recorded, and what never reaches the printer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from pytest_django import DjangoAssertNumQueries

from erp.accounts.models import Company, User
from erp.sales.models import Order, OrderEvent, OrderStatus, RefundStatus
from invoices import refusals
from invoices.imports import invoices_import
from invoices.models import Invoice, InvoiceStatus
from invoices.printing import printouts as printouts
from invoices.printing import services
from invoices.printing.printouts import InvoicePrintout
from invoices.printing.services import (
    LARGEST_PRINT,
    PrintRefused,
    invoices_print,
    invoices_printout,
    print_problems,
)
from tests.invoices.conftest import FakeShop
from tests.invoices.factory import access_key, nfe_xml
from tests.invoices.printing.reading import codes, pages

REFERENCE = "9007199254740993123"


@pytest.fixture
def notes(company: Company, admin: User, make_order: Callable[..., Order]) -> list[Invoice]:
    """The first is linked to an order, the second waits for one."""
    make_order()
    files = [("a", nfe_xml(number=1, order_reference=REFERENCE)), ("b", nfe_xml(number=2))]
    invoices_import(company=company, files=files, user=admin)
    return list(Invoice.objects.order_by("number"))


def ids(notes: list[Invoice]) -> list[int]:
    return [note.pk for note in notes]


def test_printing_is_recorded_once_and_told(notes: list[Invoice], operator: User) -> None:
    pdf = invoices_print(ids=ids(notes), printout=InvoicePrintout.LABEL, user=operator)
    assert codes(pdf) == [access_key(number=1), access_key(number=2)]
    rows = list(Invoice.objects.order_by("number"))
    assert {row.status for row in rows} == {InvoiceStatus.DANFE_ISSUED}
    first = rows[0].danfe_printed_at
    assert first is not None
    invoices_print(ids=ids(notes), printout=InvoicePrintout.DANFE, user=operator)
    assert Invoice.objects.get(number=1).danfe_printed_at == first
    texts = OrderEvent.objects.filter(kind="invoice_printed").order_by("pk").values_list("text", "actor")
    assert [text for text, _ in texts] == [
        "Etiqueta do DANFE impressa: NF-e 1 série 1",
        "DANFE impresso: NF-e 1 série 1",
    ]
    assert {actor for _, actor in texts} == {operator.pk}


def test_looking_records_nothing(notes: list[Invoice]) -> None:
    assert codes(invoices_printout(ids=ids(notes), printout=InvoicePrintout.DANFE)) == [
        access_key(number=n) for n in (1, 2)
    ]
    assert {row.status for row in Invoice.objects.all()} == {InvoiceStatus.AUTHORISED}


def test_a_cancelled_note_prints_its_watermark_and_stays_cancelled(notes: list[Invoice]) -> None:
    Invoice.objects.filter(number=1).update(status=InvoiceStatus.CANCELLED, cancelled_at=timezone.now())
    pdf = invoices_print(ids=ids(notes), printout=InvoicePrintout.DANFE, user=None)
    assert ["CANCELADA" in text for text in pages(pdf)] == [True, False]
    assert Invoice.objects.get(number=1).status == InvoiceStatus.CANCELLED


@pytest.mark.parametrize("status", [InvoiceStatus.REJECTED, InvoiceStatus.PENDING])
def test_all_or_none_with_a_reason_per_note(notes: list[Invoice], status: InvoiceStatus) -> None:
    Invoice.objects.filter(number=2).update(status=status)
    with pytest.raises(PrintRefused) as refused:
        invoices_print(ids=ids(notes), printout=InvoicePrintout.DANFE, user=None)
    first, second = refused.value.results
    assert "outra nota marcada" in first.text
    assert status.label.lower() in second.text
    assert not Invoice.objects.filter(danfe_printed_at__isnull=False).exists()


def spoil(sql: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE invoices_invoicedocument SET {sql}", values)


def test_damaged_bytes_never_reach_the_printer(notes: list[Invoice], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printouts, "_invoice_draw", None)
    spoil("sha256 = %s", "0" * 64)
    with pytest.raises(PrintRefused) as refused:
        invoices_printout(ids=ids(notes)[:1], printout=InvoicePrintout.DANFE)
    assert "danificado" in refused.value.results[0].text


def test_bytes_that_fail_the_validation_never_reach_the_printer(
    notes: list[Invoice], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A digest that fits proves the storage, not the note: a changed amount is found by the signature."""
    import hashlib

    monkeypatch.setattr(printouts, "_invoice_draw", None)
    changed = nfe_xml(number=1, document=lambda text: text.replace("170.00", "171.00"))
    spoil("content = %s, size = %s, sha256 = %s", changed, len(changed), hashlib.sha256(changed).hexdigest())
    with pytest.raises(PrintRefused) as refused:
        invoices_printout(ids=ids(notes)[:1], printout=InvoicePrintout.DANFE)
    assert "conferência" in refused.value.results[0].text


def test_a_note_the_printer_stops_at_is_named_and_nothing_is_recorded(
    notes: list[Invoice], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stops(note: printouts.PrintableInvoice, printout: InvoicePrintout) -> bytes:
        if b"<nNF>2<" in note.content:
            raise AttributeError
        return b"%PDF"

    monkeypatch.setattr(printouts, "_invoice_draw", stops)
    with pytest.raises(PrintRefused) as refused:
        invoices_print(ids=ids(notes), printout=InvoicePrintout.DANFE, user=None)
    assert [result.text for result in refused.value.results] == [refusals.NOT_ALONE, refusals.NOT_DRAWN]
    assert not Invoice.objects.filter(danfe_printed_at__isnull=False).exists()


def test_a_note_of_yesterdays_environment_still_prints(notes: list[Invoice], company: Company) -> None:
    Company.objects.filter(pk=company.pk).update(fiscal_environment="production")
    assert codes(invoices_printout(ids=ids(notes)[:1], printout=InvoicePrintout.DANFE))


def test_a_batch_has_a_limit(notes: list[Invoice]) -> None:
    with pytest.raises(PrintRefused) as refused:
        invoices_printout(ids=list(range(1, LARGEST_PRINT + 2)), printout=InvoicePrintout.LABEL)
    assert f"até {LARGEST_PRINT}" in refused.value.results[0].text


def test_a_long_danfe_is_left_to_the_issuer(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes time with the square of the items; the label of the same note is quick."""
    monkeypatch.setattr(services, "LARGEST_INVOICE", 3)
    monkeypatch.setattr(services, "LARGEST_SUM", 5)
    invoices_import(company=company, files=[("a", nfe_xml(number=n, items=n)) for n in (2, 3, 4)], user=None)
    long = Invoice.objects.get(number=4)
    with pytest.raises(PrintRefused, match="print refused") as refused:
        invoices_printout(ids=[long.pk], printout=InvoicePrintout.DANFE)
    assert "no emissor" in refused.value.results[0].text
    assert invoices_printout(ids=[long.pk], printout=InvoicePrintout.LABEL)
    rest = ids(list(Invoice.objects.exclude(pk=long.pk)))
    assert invoices_printout(ids=rest, printout=InvoicePrintout.DANFE)
    monkeypatch.setattr(services, "LARGEST_SUM", 4)
    with pytest.raises(PrintRefused) as refused:
        invoices_printout(ids=rest, printout=InvoicePrintout.DANFE)
    assert "em partes" in refused.value.results[0].text


def test_without_the_extra_everything_is_greyed(
    notes: list[Invoice], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(printouts, "find_spec", lambda name: None)
    assert all("extra danfe" in text for text in print_problems(ids(notes)).values())


def test_from_the_list(
    notes: list[Invoice], operator: User, sign_in: Callable[[User], Client], shop: FakeShop
) -> None:
    client = sign_in(operator)
    response = client.post(reverse("invoices:list"), {"action": "label", "ids": ids(notes)})
    assert response["Content-Type"] == "application/pdf"
    assert sorted(codes(response.content)) == sorted(note.access_key for note in notes)
    Invoice.objects.filter(number=2).update(status=InvoiceStatus.REJECTED)
    page = client.post(reverse("invoices:list"), {"action": "danfe", "ids": ids(notes)}).content.decode()
    assert "Só notas autorizadas têm DANFE" in page


def test_on_the_notes_page(
    notes: list[Invoice],
    operator: User,
    viewer: User,
    other_company: Company,
    sign_in: Callable[[User], Client],
    shop: FakeShop,
) -> None:
    url = reverse("invoices:printout", args=[notes[0].pk, "danfe"])
    watching = sign_in(viewer)
    assert watching.get(url)["Content-Type"] == "application/pdf"
    assert watching.post(url).status_code == 403
    assert "Ver DANFE" in watching.get(notes[0].get_absolute_url()).content.decode()
    assert Invoice.objects.get(number=1).status == InvoiceStatus.AUTHORISED
    working = sign_in(operator)
    assert "ainda não impresso" in working.get(notes[0].get_absolute_url()).content.decode()
    assert codes(working.post(url).content) == [access_key(number=1)]
    assert "Emitida DANFE" in working.get(notes[0].get_absolute_url()).content.decode()
    assert working.get(reverse("invoices:printout", args=[notes[0].pk, "boleto"])).status_code == 404
    Invoice.objects.filter(number=1).update(company=other_company, order=None, store=None)
    assert working.get(url).status_code == 404


STANDS_STILL: dict[str, dict[str, Any]] = {
    "cancelled": {"status": OrderStatus.CANCELLED},
    "held": {"hold_reason": "em análise"},
    "refund asked": {"refund_open": True, "refund_status": RefundStatus.ASKED},
    "refunded": {"refund_open": True, "refund_status": RefundStatus.PAID},
    "closed": {"closed_at": "2026-11-20T00:00Z"},
    "closed, handed over or not": {"closed_at": "2026-11-20T00:00Z", "handover_unclear": True},
    "not read whole": {"unread_parts": ["lines", "amounts"]},
}


@pytest.mark.parametrize("printout", InvoicePrintout)
@pytest.mark.parametrize("case", STANDS_STILL)
def test_a_note_of_an_order_that_stands_still_is_not_put_on_paper(
    notes: list[Invoice],
    operator: User,
    sign_in: Callable[[User], Client],
    case: str,
    printout: InvoicePrintout,
) -> None:
    """From every door, in the order's own words; notes of no order go on."""
    linked, loose = ids(notes)
    Order.objects.update(**STANDS_STILL[case])
    problem = Order.objects.get().printout_problem
    assert print_problems([linked, loose, 99]) == {linked: problem, loose: "", 99: refusals.GONE}
    with pytest.raises(PrintRefused) as refused:
        invoices_printout(ids=[linked, loose], printout=printout)
    assert [row.text for row in refused.value.results] == [problem, refusals.NOT_ALONE]
    client, note = sign_in(operator), notes[0]
    url = reverse("invoices:printout", args=[linked, printout])
    for answer in (
        client.post(reverse("invoices:list"), {"action": printout, "ids": [linked]}),
        client.get(url, follow=True),
        client.post(url, follow=True),
        client.get(note.get_absolute_url()),
    ):
        assert escape(problem) in answer.content.decode()
    assert not Invoice.objects.filter(danfe_printed_at__isnull=False).exists()
    Invoice.objects.update(danfe_printed_at=timezone.now())
    assert escape(problem) in client.get(note.get_absolute_url()).content.decode()
    assert invoices_printout(ids=[loose], printout=printout)


@pytest.mark.parametrize("status", [each for each in OrderStatus if each != OrderStatus.CANCELLED])
def test_an_order_that_moves_on_or_has_arrived_is_put_on_paper(
    notes: list[Invoice], status: OrderStatus
) -> None:
    Order.objects.update(status=status, refund_status=RefundStatus.CLOSED)
    assert set(print_problems(ids(notes)).values()) == {""}


def test_why_many_notes_cannot_be_printed_is_one_query(
    notes: list[Invoice], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        print_problems(ids(notes))
