"""Cancellations and correction letters: before and after their note, once, for the right company."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from erp import channels
from erp.accounts.models import Company, User
from erp.channels import Facts
from erp.sales.models import Order, OrderEvent
from expedition.models import Shipment
from invoices.imports import invoices_import
from invoices.linking import InvoiceRefused, invoice_link, invoice_proceed
from invoices.models import Invoice, InvoiceEvent, InvoiceStatus, RefusedFile
from invoices.placement import ImportOutcome, ImportResult
from invoices.sending import send_problems
from tests.invoices.factory import BRASILIA, access_key, event_xml, nfe_xml

REFERENCE = "9007199254740993123"
CANCELLED_AT = datetime(2026, 11, 21, 9, tzinfo=BRASILIA)


class CancelledFacts(Facts):
    def __init__(self) -> None:
        self.cancelled: list[int] = []

    def invoice_cancelled(self, ids: object) -> None:
        self.cancelled.extend(ids)  # type: ignore[arg-type]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> CancelledFacts:
    recording = CancelledFacts()
    monkeypatch.setattr(channels, "_facts", [*channels._facts, recording])
    return recording


@pytest.fixture
def load(company: Company, admin: User) -> Callable[..., ImportResult]:
    def importing(content: bytes, whose: Company | None = None) -> ImportResult:
        (result,) = invoices_import(company=whose or company, files=[("x.xml", content)], user=admin)
        return result

    return importing


@pytest.fixture
def linked(load: Callable[..., ImportResult], make_order: Callable[..., Order]) -> Invoice:
    make_order()
    result = load(nfe_xml(order_reference=REFERENCE))
    assert result.invoice is not None
    assert result.invoice.order is not None
    return result.invoice


def test_a_cancellation_ends_the_note_and_freezes_its_shipment(
    linked: Invoice, load: Callable[..., ImportResult], told: CancelledFacts
) -> None:
    shipment = Shipment.objects.get(invoice=linked)
    assert shipment.frozen_reason == ""
    result = load(event_xml())
    linked.refresh_from_db()
    assert (result.outcome, result.invoice) == (ImportOutcome.EVENT, linked)
    assert "Emita outra nota" in result.texts[0]
    assert (linked.status, linked.cancelled_at) == (InvoiceStatus.CANCELLED, CANCELLED_AT)
    assert told.cancelled == [linked.pk]
    assert Shipment.objects.get(pk=shipment.pk).frozen_reason
    assert "cancelada" in send_problems([linked.pk])[linked.pk]
    assert OrderEvent.objects.filter(order=linked.order, kind="invoice_cancelled").count() == 1


def test_the_order_takes_another_note_after_a_cancellation(
    linked: Invoice, load: Callable[..., ImportResult]
) -> None:
    load(event_xml())
    result = load(nfe_xml(number=9, order_reference=REFERENCE))
    assert (result.outcome, result.order) == (ImportOutcome.LINKED, linked.order)


def test_a_cancellation_twice_is_one_event_and_tells_once(
    linked: Invoice, load: Callable[..., ImportResult], told: CancelledFacts
) -> None:
    load(event_xml())
    assert load(event_xml()).outcome is ImportOutcome.ALREADY
    assert InvoiceEvent.objects.count() == 1
    assert told.cancelled == [linked.pk]


def test_a_cancellation_before_its_note_waits_for_it(
    load: Callable[..., ImportResult], make_order: Callable[..., Order]
) -> None:
    order = make_order()
    result = load(event_xml())
    assert (result.outcome, result.invoice) == (ImportOutcome.EVENT, None)
    assert "fica guardado" in result.texts[0]
    note = load(nfe_xml(order_reference=REFERENCE))
    assert note.outcome is ImportOutcome.CANCELLED
    assert note.invoice is not None
    assert (note.invoice.status, note.invoice.cancelled_at, note.invoice.order) == (
        InvoiceStatus.CANCELLED,
        CANCELLED_AT,
        None,
    )
    assert load(nfe_xml(order_reference=REFERENCE)).outcome is ImportOutcome.ALREADY
    with pytest.raises(InvoiceRefused, match="cancelada"):
        invoice_link(invoice_id=note.invoice.pk, order_id=order.pk, user=None)


def test_a_cancellation_ends_a_note_that_waits_for_consent(
    load: Callable[..., ImportResult], make_order: Callable[..., Order], admin: User
) -> None:
    make_order(total=16000)
    held = load(nfe_xml(order_reference=REFERENCE)).invoice
    assert held is not None
    load(event_xml())
    held.refresh_from_db()
    assert (held.status, held.wanted_order) == (InvoiceStatus.CANCELLED, None)
    with pytest.raises(InvoiceRefused, match="não espera"):
        invoice_proceed(invoice_id=held.pk, codes=["total"], user=admin)


def test_a_correction_letter_is_kept_and_changes_nothing(
    linked: Invoice, load: Callable[..., ImportResult], told: CancelledFacts
) -> None:
    letter = event_xml(kind="110110", text="O peso bruto correto e 0,900 kg")
    result = load(letter)
    linked.refresh_from_db()
    assert (result.outcome, linked.status, told.cancelled) == (ImportOutcome.EVENT, "authorised", [])
    event = InvoiceEvent.objects.get()
    assert (event.text, event.sequence) == ("O peso bruto correto e 0,900 kg", 1)
    assert bytes(event.content) == letter
    load(event_xml(kind="110110", sequence=2, text="O volume correto e 2 caixas"))
    assert InvoiceEvent.objects.count() == 2
    assert OrderEvent.objects.filter(order=linked.order, kind="invoice_corrected").count() == 2


def test_an_event_that_sefaz_did_not_register_is_refused_and_kept(
    linked: Invoice, load: Callable[..., ImportResult]
) -> None:
    result = load(event_xml(answer={"cStat": "501", "xMotivo": "Prazo de cancelamento superior"}))
    linked.refresh_from_db()
    assert (result.outcome, linked.status) == (ImportOutcome.REFUSED, "authorised")
    assert RefusedFile.objects.get().access_key == access_key()
    assert not InvoiceEvent.objects.exists()


def test_another_companys_event_touches_nothing(
    linked: Invoice, load: Callable[..., ImportResult], other_company: Company
) -> None:
    assert load(event_xml(), other_company).outcome is ImportOutcome.REFUSED
    linked.refresh_from_db()
    assert linked.status == InvoiceStatus.AUTHORISED
