"""A push that is slow to write down its success loses to what Kwai said of the order meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from erp.channels import ChannelAction, InvoiceStage
from erp.outbox import claim, settle
from erp.outbox.attempts import AttemptContext
from erp.outbox.handlers import Handler, Obsolete
from erp.sales.models import Order, OrderEvent
from expedition.models import Shipment
from invoices.imports import invoice_replace
from invoices.models import Invoice
from kwai_integration.models import KwaiOrder
from kwai_integration.outbound.handlers import arrange, invoice
from tests.invoices.factory import BRASILIA, nfe_xml
from tests.kwai_integration.outbound.conftest import Desk
from tests.kwai_integration.outbound.test_invoices import ACCEPTED, REASON, REFUSED, answer, review, state

pytestmark = pytest.mark.django_db


def push_slowly(desk: Desk, handler: Handler, meanwhile: Callable[[], object]) -> None:
    """The engine's own steps, with `meanwhile` between Kwai's answer and the record."""
    job = claim.claim_in_store(store_id=desk.kwai.store.pk)
    assert job is not None
    loaded = handler.load(job)
    assert not isinstance(loaded, Obsolete)
    sent = handler.send(loaded, AttemptContext(job, uncertain=False))
    meanwhile()
    assert settle.settle_done(job=job, code="200", record=lambda: handler.record(job, loaded, sent))


def told(order: Order, kind: str) -> int:
    return OrderEvent.objects.filter(order=order, kind=kind).count()


def noted(desk: Desk, how: str) -> tuple[Order, Invoice]:
    review(desk, how)
    (order,) = desk.orders()
    note = desk.invoice(order)
    desk.ask(ChannelAction.SEND_INVOICE, note.pk)
    return order, note


def test_a_verdict_that_came_first_stays_and_is_told_once(desk: Desk) -> None:
    order, note = noted(desk, "accept")
    push_slowly(desk, invoice.HANDLER, lambda: answer(desk, order, ACCEPTED))
    assert state(note).stage == InvoiceStage.ACCEPTED
    assert Invoice.objects.get(pk=note.pk).judged_at is not None
    desk.kwai.poll()
    assert told(order, "kwai.invoice_accepted") == told(order, "kwai.invoice") == 1


def test_a_refusal_that_came_first_keeps_its_reason(desk: Desk) -> None:
    order, note = noted(desk, "wait")
    push_slowly(desk, invoice.HANDLER, lambda: answer(desk, order, REFUSED, REASON))
    assert (state(note).stage, state(note).reason) == (InvoiceStage.REFUSED, REASON)
    desk.kwai.poll()
    assert told(order, "kwai.invoice_refused") == 1


def replaced(desk: Desk) -> tuple[Order, Invoice]:
    """A note that Kwai refused, and the one that takes its place, not sent yet."""
    order, refused = noted(desk, "wait")
    desk.push()
    answer(desk, order, REFUSED, REASON)
    content = nfe_xml(
        number=900,
        total=order.total,
        recipient_tax_id=order.buyer.tax_id,
        issued_at=order.placed_at.astimezone(BRASILIA),
    )
    result = invoice_replace(invoice=refused, content=content, name="nota.xml", user=None)
    assert result.invoice is not None, result
    desk.ask(ChannelAction.SEND_INVOICE, result.invoice.pk)
    return order, result.invoice


def test_the_verdict_on_the_note_before_gives_way(desk: Desk) -> None:
    _, note = replaced(desk)
    push_slowly(desk, invoice.HANDLER, lambda: None)
    assert state(note).stage == InvoiceStage.SENT
    assert KwaiOrder.objects.get().invoice_refusal_reason == ""


def test_a_second_refusal_for_the_same_reason_is_told_again(desk: Desk) -> None:
    order, note = replaced(desk)
    push_slowly(desk, invoice.HANDLER, lambda: answer(desk, order, REFUSED, REASON))
    assert state(note).stage == InvoiceStage.REFUSED
    desk.kwai.poll()
    assert told(order, "kwai.invoice_refused") == 2


def test_a_number_that_was_given_anew_meanwhile_stays(desk: Desk) -> None:
    (order,) = desk.orders(shippingType="KWAI_ENVIOS")
    desk.invoice(order)
    desk.ask(ChannelAction.ARRANGE_SHIPMENT, *Shipment.objects.values_list("pk", flat=True))
    push_slowly(desk, invoice.HANDLER, desk.kwai.poll)

    def reissued() -> None:
        desk.kwai.change(order.external_id, trackingNumber="KE000000002BR")
        desk.kwai.poll()

    push_slowly(desk, arrange.HANDLER, reissued)
    assert Shipment.objects.get().channel_number == "KE000000002BR"
