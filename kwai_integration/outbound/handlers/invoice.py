"""Send the NF-e of an order: data and XML in one call (contract section 4, uploadInvoice)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from erp.outbox.attempts import AttemptContext
from erp.outbox.errors import PushRefused
from erp.outbox.handlers import Handler, Nature, Obsolete, Sent
from erp.outbox.models import PushJob
from erp.outbox.statuses import JobState
from erp.sales.models import Order
from erp.sales.services import EventDraft, order_events_append
from invoices.models import ISSUED, Invoice, InvoiceStatus
from invoices.sending import invoice_received, invoices_judged
from kwai_integration import refusals
from kwai_integration.client.writes import Write
from kwai_integration.models import FORMER_FIELDS, KwaiOrder
from kwai_integration.outbound.asked import content_check
from kwai_integration.outbound.invoices import WITHDRAWN, held_cancelled_event, verdict_events
from kwai_integration.outbound.kinds import Kind
from kwai_integration.outbound.permits import remote_permit
from kwai_integration.outbound.push_requests import invoice_request
from kwai_integration.outbound.remote import calling, frozen_check, remote_order
from kwai_integration.wire.codes import VERDICTS, KwaiInvoiceStatus
from kwai_integration.wire.types import InvoiceUpload


@dataclass(frozen=True)
class LoadedInvoice:
    invoice: Invoice
    order_id: int
    external_id: str
    replaces: bool


@dataclass(frozen=True, slots=True)
class _BeforeUpload:
    """What Kwai said of the order's note right before this one left, and when: `changed_at` by Kwai's clock,
    the others by ours."""

    verdict: str
    changed_at: datetime | None
    asked_at: datetime
    answered_at: datetime


def load(job: PushJob) -> LoadedInvoice | Obsolete:
    invoice = Invoice.objects.select_related("order", "document").get(pk=job.payload["invoice_id"])
    if invoice.status == InvoiceStatus.CANCELLED:
        if not job.needs_verification:
            return Obsolete(WITHDRAWN)
        # Whether Kwai holds it is read back first: then its order says so.
    elif invoice.status not in ISSUED:
        raise PushRefused(refusals.INVOICE_NOT_AUTHORISED.of(number=invoice.number))
    if invoice.order is None or invoice.order.external_id != job.subject:
        raise PushRefused(refusals.INVOICE_UNLINKED.of(number=invoice.number))
    if not job.needs_verification:
        content_check(job, invoice_request(invoice, invoice.order), refusals.INVOICE_CHANGED)
    earlier = PushJob.objects.filter(
        store_id=job.store_id, kind=job.kind, subject=job.subject, state=JobState.DONE
    ).exclude(pk=job.pk)
    return LoadedInvoice(invoice, invoice.order.pk, job.subject, replaces=earlier.exists())


def is_satisfied(loaded: LoadedInvoice, context: AttemptContext) -> bool:
    """Kwai says whether it holds a note, not which one. When this would replace another, only sending
    it again tells: the same access key answers "already done"."""
    if loaded.replaces:
        return False
    with calling(context) as client:
        order = remote_order(client, context.job.store_id, loaded.external_id)
    return order.invoice_status in (KwaiInvoiceStatus.RECEIVED, KwaiInvoiceStatus.ACCEPTED)


def upload_of(loaded: LoadedInvoice) -> InvoiceUpload:
    """What is sent of the note."""
    invoice = loaded.invoice
    return InvoiceUpload(
        order_id=loaded.external_id,
        access_key=invoice.access_key,
        number=invoice.number,
        series=invoice.series,
        issued_at=invoice.issued_at,
        total=invoice.total,
        xml=invoice.document.read(),
    )


def send(loaded: LoadedInvoice, context: AttemptContext) -> Sent:
    own = Order.objects.get(pk=loaded.order_id)
    frozen_check(own)
    asked_at = timezone.now()
    with calling(context) as client:
        remote = remote_order(client, context.job.store_id, loaded.external_id)
        remote_permit(Write.UPLOAD_INVOICE, own, remote, job=context.job)
        context.confirm()
        client.upload_invoice(upload_of(loaded))
    before = _BeforeUpload(remote.invoice_status, remote.remote_updated_at, asked_at, timezone.now())
    return Sent(data=before)


def record(job: PushJob, loaded: LoadedInvoice, sent: Sent) -> None:
    answer = _answer_locked(job)
    has_news = answer is not None and sent.data is not None and _is_news(answer, sent.data)
    if answer is not None and sent.data is not None and not has_news:
        _received_write(answer)
    invoice_received(invoice_id=loaded.invoice.pk, order_id=loaded.order_id)
    drafts = [
        EventDraft(
            loaded.order_id,
            "kwai.invoice",
            f"Kwai recebeu os dados e o XML da NF-e {loaded.invoice.number}",
        )
    ]
    if answer is not None and answer.invoice_status in VERDICTS:
        invoices_judged(order_ids=[loaded.order_id], judged=True)
        if has_news and answer.invoice_status == sent.data.verdict:
            # Whoever stored it took it for the verdict on the note before.
            drafts += verdict_events([answer])
    if Invoice.objects.filter(pk=loaded.invoice.pk, status=InvoiceStatus.CANCELLED).exists():
        drafts.append(held_cancelled_event(loaded.invoice, loaded.order_id))
    order_events_append(drafts=drafts)


def _answer_locked(job: PushJob) -> KwaiOrder | None:
    """Kwai's stored answer about the order: whoever imports may store the next one meanwhile."""
    rows = KwaiOrder.objects.filter(store_id=job.store_id, external_id=job.subject)
    return rows.select_for_update().defer(*FORMER_FIELDS).first()


def _is_news(answer: KwaiOrder, before: _BeforeUpload) -> bool:
    """Whether the stored answer knows of this note: then it is newer than what this push has to tell.

    One that says the same as before the note left does only where it was asked for after Kwai took the note.
    """
    changed_at = answer.remote_updated_at
    if changed_at and before.changed_at and changed_at != before.changed_at:
        is_later = changed_at > before.changed_at
    else:
        # A fetch that began in the future began by a clock that was ahead.
        is_later = before.asked_at < answer.fetch_started_at <= timezone.now()
    is_asked_after = before.answered_at <= answer.fetch_started_at
    return is_later and (answer.invoice_status != before.verdict or is_asked_after)


def _received_write(answer: KwaiOrder) -> None:
    """Kwai's verdict on an earlier note is not one on this: until the order is read again, it has received
    it. Without digests, that next answer counts as new even if the order's details came out the same."""
    changes: dict[str, Any] = {"digest": ""}
    if answer.received_digest == answer.digest:
        changes["received_digest"] = ""
    answer.invoice_status = KwaiInvoiceStatus.RECEIVED
    changes |= {"invoice_status": answer.invoice_status, "invoice_refusal_reason": ""}
    KwaiOrder.objects.filter(pk=answer.pk).update(**changes)


HANDLER = Handler(
    kind=Kind.SEND_INVOICE,
    label=Kind.SEND_INVOICE.label,
    nature=Nature.FACT,
    call="upload_invoice",
    step=Kind.SEND_INVOICE.step,
    load=load,
    is_satisfied=is_satisfied,
    send=send,
    record=record,
    confirms=True,
)
