"""A note that SEFAZ cancelled: nothing of it leaves any more, and what Kwai already has is said."""

from __future__ import annotations

import pytest

from erp import channels
from erp.channels import ChannelAction, InvoiceStage
from erp.outbox.errors import PushNotSent
from erp.outbox.models import PushJob
from erp.outbox.statuses import FailureMode, JobState
from erp.sales.models import Order, OrderEvent
from invoices.imports import invoices_import
from invoices.models import Invoice, InvoiceStatus
from kwai_integration.client.gateway import KwaiClient
from kwai_integration.outbound.kinds import Kind
from kwai_integration.wire.types import InvoiceUpload
from tests.invoices.factory import event_xml
from tests.kwai_integration.outbound.conftest import Desk, job_of


def cancel(desk: Desk, invoice: Invoice) -> None:
    content = event_xml(key=invoice.access_key, company_tax_id=invoice.issuer_tax_id)
    (result,) = invoices_import(company=desk.company, files=[("c.xml", content)], user=None)
    assert result.invoice == invoice, result
    invoice.refresh_from_db()
    assert invoice.status == InvoiceStatus.CANCELLED


def labels(order: Order) -> list[str]:
    return [badge.label for badge in channels.badges([order.pk])[order.pk]]


def test_a_waiting_push_is_withdrawn_and_says_why(desk: Desk) -> None:
    (order,) = desk.orders()
    invoice = desk.invoice(order)
    desk.ask(ChannelAction.SEND_INVOICE, invoice.pk)
    cancel(desk, invoice)
    job = job_of(Kind.SEND_INVOICE, order)
    assert (job.state, job.last_error) == (
        JobState.CANCELLED,
        "A NF-e foi cancelada na SEFAZ: nada é enviado.",
    )
    desk.push_later()
    assert not desk.remote(order).get("invoice")
    assert "Só notas autorizadas" in channels.check(ChannelAction.SEND_INVOICE, [invoice.pk])[invoice.pk]


def test_what_kwai_already_has_is_said_until_another_note_is_there(desk: Desk) -> None:
    (order,) = desk.orders()
    first = desk.invoice(order)
    desk.ask(ChannelAction.SEND_INVOICE, first.pk)
    desk.push()
    cancel(desk, first)
    state = channels.invoice_states([first.pk])[first.pk]
    assert (state.stage, state.is_refused) == (InvoiceStage.SENT, False)
    assert "Emita outra nota" in state.reason
    assert "cancelada, mas no Kwai" in labels(order)
    event = OrderEvent.objects.get(order=order, kind="kwai.invoice_cancelled")
    assert "O Kwai já tem a NF-e" in event.text

    second = desk.invoice(order)
    desk.ask(ChannelAction.SEND_INVOICE, second.pk)
    desk.push_later()
    assert "cancelada, mas no Kwai" not in labels(order)


def test_a_note_that_never_left_says_nothing_of_kwai(desk: Desk) -> None:
    (order,) = desk.orders()
    cancel(desk, desk.invoice(order))
    assert "cancelada, mas no Kwai" not in labels(order)
    assert not OrderEvent.objects.filter(order=order, kind="kwai.invoice_cancelled").exists()


@pytest.mark.parametrize("gave_up", [False, True])
def test_an_upload_without_an_answer_is_read_back_before_it_is_given_up(desk: Desk, gave_up: bool) -> None:
    """Kwai may hold the note although nobody heard so: the worker died, or the answer was lost."""
    (order,) = desk.orders()
    invoice = desk.invoice(order)
    desk.ask(ChannelAction.SEND_INVOICE, invoice.pk)
    desk.fault("uploadInvoice", "bad_gateway", effect="before")
    desk.push()
    assert job_of(Kind.SEND_INVOICE, order).needs_verification
    if gave_up:
        PushJob.objects.update(state=JobState.BLOCKED, failure_mode=FailureMode.UNCERTAIN)
    cancel(desk, invoice)
    assert "cancelada, mas no Kwai" not in labels(order)
    desk.push_later()
    assert job_of(Kind.SEND_INVOICE, order).state == JobState.DONE
    assert "cancelada, mas no Kwai" in labels(order)
    event = OrderEvent.objects.get(order=order, kind="kwai.invoice_cancelled")
    assert "O Kwai já tem a NF-e" in event.text


def test_an_upload_that_never_arrived_is_given_up_once_that_is_known(desk: Desk) -> None:
    (order,) = desk.orders()
    invoice = desk.invoice(order)
    desk.ask(ChannelAction.SEND_INVOICE, invoice.pk)
    desk.fault("uploadInvoice", "bad_gateway", effect="after")
    desk.push()
    cancel(desk, invoice)
    desk.push_later()
    job = job_of(Kind.SEND_INVOICE, order)
    assert (job.state, job.last_error) == (
        JobState.CANCELLED,
        "A NF-e foi cancelada na SEFAZ: nada é enviado.",
    )
    assert not desk.remote(order).get("invoice")
    assert not OrderEvent.objects.filter(order=order, kind="kwai.invoice_cancelled").exists()


@pytest.mark.parametrize("arrives", [True, False])
def test_a_cancellation_during_the_upload_claims_only_what_is_true(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, arrives: bool
) -> None:
    (order,) = desk.orders()
    invoice = desk.invoice(order)
    desk.ask(ChannelAction.SEND_INVOICE, invoice.pk)
    upload = KwaiClient.upload_invoice

    def cancelled_meanwhile(client: KwaiClient, note: InvoiceUpload) -> object:
        if arrives:
            upload(client, note)
        cancel(desk, invoice)
        assert not OrderEvent.objects.filter(order=order, kind="kwai.invoice_cancelled").exists()
        if not arrives:
            raise PushNotSent
        return None

    monkeypatch.setattr(KwaiClient, "upload_invoice", cancelled_meanwhile)
    desk.push()
    desk.push_later()
    job = job_of(Kind.SEND_INVOICE, order)
    assert job.state == (JobState.DONE if arrives else JobState.CANCELLED)
    assert ("cancelada, mas no Kwai" in labels(order)) is arrives
    told = OrderEvent.objects.filter(order=order, kind="kwai.invoice_cancelled")
    assert told.exists() is arrives
