"""Sent, accepted and refused by Kwai are three different things, over real HTTP; and what follows a refusal."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from erp import channels
from erp.channels import ChannelAction, InvoiceStage, InvoiceState, RowOutcome
from erp.outbox.models import PushJob
from erp.outbox.statuses import JobState
from erp.sales.models import Order, OrderEvent
from invoices.imports import invoice_replace
from invoices.models import Invoice
from invoices.placement import ImportOutcome
from kwai_integration.models import KwaiOrder, KwaiSettings
from kwai_integration.outbound.kinds import Kind
from tests.invoices.factory import BRASILIA, nfe_xml
from tests.kwai_integration.outbound.conftest import Desk, job_of

pytestmark = pytest.mark.django_db

REASON = "Inscrição estadual do destinatário divergente"
NONE, RECEIVED, ACCEPTED, REFUSED = range(4)


def state(invoice: Invoice) -> InvoiceState:
    """What its row shows; the list's filter finds it at that stage and at no other."""
    found = channels.invoice_states([invoice.pk])[invoice.pk]
    own = Invoice.objects.filter(pk=invoice.pk)
    assert [stage for stage in InvoiceStage if own.filter(channels.invoices_in(stage)).exists()] == [
        found.stage
    ]
    return found


def labels(invoice: Invoice) -> list[str]:
    return [badge.label for badge in state(invoice).badges]


def review(desk: Desk, how: str) -> None:
    desk.kwai.sandbox.control("PUT", "settings", {"invoiceReview": how})


def answer(desk: Desk, order: Order, status: int, reason: str = "") -> None:
    """Kwai changes its mind about the note, and the order is read again."""
    desk.kwai.change(order.external_id, invoiceStatus=status, invoiceRefusalReason=reason)
    desk.kwai.poll()


@pytest.fixture
def sent(desk: Desk) -> tuple[Order, Invoice]:
    """A note Kwai holds and has not judged yet."""
    review(desk, "wait")
    (order,) = desk.orders()
    invoice = desk.invoice(order)
    assert (state(invoice).stage, labels(invoice)) == (InvoiceStage.NOT_SENT, [])
    desk.ask(ChannelAction.SEND_INVOICE, invoice.pk)
    assert (state(invoice).stage, labels(invoice)) == (InvoiceStage.QUEUED, ["aguardando envio"])
    desk.push()
    assert (state(invoice).stage, labels(invoice)) == (InvoiceStage.SENT, ["enviada"])
    return order, invoice


def test_sent_then_accepted(desk: Desk, sent: tuple[Order, Invoice]) -> None:
    order, invoice = sent
    answer(desk, order, ACCEPTED)
    assert (state(invoice).stage, labels(invoice)) == (InvoiceStage.ACCEPTED, ["enviada", "aceita"])
    assert OrderEvent.objects.filter(order=order, kind="kwai.invoice_accepted").count() == 1


def test_sent_then_refused_with_kwais_own_words(desk: Desk, sent: tuple[Order, Invoice]) -> None:
    order, invoice = sent
    answer(desk, order, REFUSED, REASON)
    found = state(invoice)
    assert (found.stage, labels(invoice)) == (InvoiceStage.REFUSED, ["enviada", "recusada"])
    assert (found.reason, found.is_refused) == (REASON, True)
    assert REASON in OrderEvent.objects.get(order=order, kind="kwai.invoice_refused").text
    desk.kwai.change(order.external_id, buyerRemark="outra novidade")
    desk.kwai.poll()
    assert OrderEvent.objects.filter(order=order, kind="kwai.invoice_refused").count() == 1


def test_refused_at_the_upload(desk: Desk) -> None:
    review(desk, "refuse")
    (order,) = desk.orders()
    invoice = desk.invoice(order)
    desk.ask(ChannelAction.SEND_INVOICE, invoice.pk)
    desk.push()
    found = state(invoice)
    assert (found.stage, found.is_refused, labels(invoice)) == (
        InvoiceStage.FAILED,
        True,
        ["recusada no envio"],
    )
    assert "não confere" in found.reason


def test_a_refused_note_can_be_sent_again(desk: Desk, sent: tuple[Order, Invoice]) -> None:
    """The push is done, and still a person may ask again: Kwai took its word back (ADR 0005)."""
    order, invoice = sent
    assert desk.ask(ChannelAction.SEND_INVOICE, invoice.pk)[0].outcome == RowOutcome.ALREADY_DONE
    answer(desk, order, REFUSED, REASON)
    assert desk.ask(ChannelAction.SEND_INVOICE, invoice.pk)[0].outcome == RowOutcome.QUEUED
    assert desk.ask(ChannelAction.SEND_INVOICE, invoice.pk)[0].outcome == RowOutcome.ALREADY_QUEUED
    assert PushJob.objects.filter(kind=Kind.SEND_INVOICE).count() == 1
    desk.push()
    # The emulator insists: the same note stays refused. The push says so and holds the rest of the order.
    assert state(invoice).stage == InvoiceStage.FAILED
    assert REASON in state(invoice).reason
    assert job_of(Kind.SEND_INVOICE, order).state == JobState.BLOCKED


def test_sent_again_only_when_kwai_does_not_hold_it_by_then(desk: Desk, sent: tuple[Order, Invoice]) -> None:
    order, invoice = sent
    answer(desk, order, REFUSED, REASON)
    desk.kwai.change(order.external_id, invoiceStatus=ACCEPTED, invoiceRefusalReason="")
    assert desk.ask(ChannelAction.SEND_INVOICE, invoice.pk)[0].outcome == RowOutcome.QUEUED
    desk.push()
    assert job_of(Kind.SEND_INVOICE, order).state == JobState.DONE
    assert len(desk.remote(order)["writes"]) == 1
    desk.kwai.poll()
    assert state(invoice).stage == InvoiceStage.ACCEPTED


def test_a_rule_never_sends_a_refused_note_again(desk: Desk, sent: tuple[Order, Invoice]) -> None:
    order, invoice = sent
    KwaiSettings.objects.update(auto_send_invoice=True)
    answer(desk, order, REFUSED, REASON)
    channels.invoice_authorised([invoice.pk])
    assert desk.push() == 0
    assert state(invoice).stage == InvoiceStage.REFUSED


def test_a_corrected_note_takes_the_refused_ones_place(desk: Desk, sent: tuple[Order, Invoice]) -> None:
    order, refused = sent
    answer(desk, order, REFUSED, REASON)
    review(desk, "accept")
    content = nfe_xml(
        number=900,
        total=order.total,
        recipient_tax_id=order.buyer.tax_id,
        issued_at=order.placed_at.astimezone(BRASILIA),
    )
    result = invoice_replace(invoice=refused, name="b.xml", content=content, user=None)
    corrected = result.invoice
    assert (result.outcome, corrected is not None) == (ImportOutcome.LINKED, True)
    assert corrected is not None
    assert channels.run(ChannelAction.SEND_INVOICE, [corrected.pk], user=None)[0].outcome == RowOutcome.QUEUED
    desk.push()
    assert desk.remote(order)["invoice"]["accessKey"] == corrected.access_key
    # The verdict on the older note is none on this one, also before the order is read again.
    assert (state(corrected).stage, labels(corrected)) == (InvoiceStage.SENT, ["enviada"])
    desk.kwai.poll()
    assert state(corrected).stage == InvoiceStage.ACCEPTED
    assert channels.invoice_states([refused.pk]) == {}
    refused.refresh_from_db()
    assert (refused.order_id, refused.replaced_by) == (None, corrected)
    assert desk.doubled() == []


def test_the_same_verdict_on_the_next_note_is_news(desk: Desk, sent: tuple[Order, Invoice]) -> None:
    """Two answers of Kwai may be equal to the letter and still speak of two notes."""
    order, first = sent
    answer(desk, order, REFUSED, REASON)
    row = KwaiOrder.objects.get(order=order)
    content = nfe_xml(
        number=901,
        total=order.total,
        recipient_tax_id=order.buyer.tax_id,
        issued_at=order.placed_at.astimezone(BRASILIA),
    )
    corrected = invoice_replace(invoice=first, name="b.xml", content=content, user=None).invoice
    assert corrected is not None
    desk.ask(ChannelAction.SEND_INVOICE, corrected.pk)
    desk.push()
    desk.kwai.change(
        order.external_id,
        invoiceStatus=REFUSED,
        invoiceRefusalReason=REASON,
        invoice=None,
    )
    desk.kwai.poll()
    assert state(corrected).stage == InvoiceStage.REFUSED
    row.refresh_from_db()
    assert row.received_digest == row.digest


def test_the_filter_and_the_markers_agree(desk: Desk) -> None:
    """One note at each stage; the list's condition finds exactly what the markers say."""
    review(desk, "wait")
    orders = desk.orders(6)
    notes = [desk.invoice(order) for order in orders]
    accepted, refused, plain, failed, queued, idle = notes
    desk.ask(ChannelAction.SEND_INVOICE, accepted.pk, refused.pk, plain.pk)
    desk.push()
    answer(desk, orders[0], ACCEPTED)
    answer(desk, orders[1], REFUSED, REASON)
    review(desk, "refuse")
    desk.ask(ChannelAction.SEND_INVOICE, failed.pk)
    desk.push()
    desk.ask(ChannelAction.SEND_INVOICE, queued.pk)
    expected = {
        InvoiceStage.ACCEPTED: accepted,
        InvoiceStage.REFUSED: refused,
        InvoiceStage.SENT: plain,
        InvoiceStage.FAILED: failed,
        InvoiceStage.QUEUED: queued,
        InvoiceStage.NOT_SENT: idle,
    }
    assert set(expected) == set(InvoiceStage)
    for stage, note in expected.items():
        assert state(note).stage == stage
        assert list(Invoice.objects.filter(channels.invoices_in(stage))) == [note], stage


def test_statements_do_not_grow_with_the_notes(desk: Desk) -> None:
    notes = [desk.invoice(order).pk for order in desk.orders(12)]
    desk.ask(ChannelAction.SEND_INVOICE, *notes[:6])
    counts = []
    for part in (notes[:1], notes):
        with CaptureQueriesContext(connection) as queries:
            channels.invoice_states(part)
        counts.append(len(queries))
    assert counts == [2, 2]
