"""Send the NF-e of an order: data and XML in one call (contract section 4, uploadInvoice)."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import F

from erp.outbox.attempts import AttemptContext
from erp.outbox.errors import PushRefused
from erp.outbox.handlers import Handler, Nature, Obsolete, Sent
from erp.outbox.models import PushJob
from erp.outbox.statuses import JobState
from erp.sales.models import Order
from erp.sales.services import EventDraft, order_events_append
from invoices.models import ISSUED, Invoice, InvoiceStatus
from invoices.sending import invoice_received
from kwai_integration.client.writes import Write
from kwai_integration.models import KwaiOrder
from kwai_integration.outbound.asked import OTHER_INVOICE, content_check
from kwai_integration.outbound.invoices import WITHDRAWN, held_cancelled_event
from kwai_integration.outbound.kinds import Kind
from kwai_integration.outbound.permits import remote_permit
from kwai_integration.outbound.push_requests import invoice_request
from kwai_integration.outbound.remote import calling, frozen_check, remote_order
from kwai_integration.wire.codes import KwaiInvoiceStatus
from kwai_integration.wire.types import InvoiceUpload


@dataclass(frozen=True)
class LoadedInvoice:
    invoice: Invoice
    order_id: int
    external_id: str
    replaces: bool


def load(job: PushJob) -> LoadedInvoice | Obsolete:
    invoice = Invoice.objects.select_related("order", "document").get(pk=job.payload["invoice_id"])
    if invoice.status == InvoiceStatus.CANCELLED:
        if not job.needs_verification:
            return Obsolete(WITHDRAWN)
        # Whether Kwai holds it is read back first: then its order says so.
    elif invoice.status not in ISSUED:
        raise PushRefused(f"A NF-e {invoice.number} não está mais autorizada. Vincule a nota que vale.")
    if invoice.order is None or invoice.order.external_id != job.subject:
        raise PushRefused(f"A NF-e {invoice.number} não está mais vinculada a este pedido.")
    if not job.needs_verification:
        content_check(job, invoice_request(invoice, invoice.order), OTHER_INVOICE)
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
    with calling(context) as client:
        remote = remote_order(client, context.job.store_id, loaded.external_id)
        remote_permit(Write.UPLOAD_INVOICE, own, remote, job=context.job)
        context.confirm()
        client.upload_invoice(upload_of(loaded))
    return Sent()


def record(job: PushJob, loaded: LoadedInvoice, sent: Sent) -> None:
    if not sent.verified and not sent.already:
        _received(job)
    invoice_received(invoice_id=loaded.invoice.pk, order_id=loaded.order_id)
    text = f"Kwai recebeu os dados e o XML da NF-e {loaded.invoice.number}"
    drafts = [EventDraft(loaded.order_id, "kwai.invoice", text)]
    if Invoice.objects.filter(pk=loaded.invoice.pk, status=InvoiceStatus.CANCELLED).exists():
        drafts.append(held_cancelled_event(loaded.invoice, loaded.order_id))
    order_events_append(drafts=drafts)


def _received(job: PushJob) -> None:
    """Kwai's verdict on an earlier note is not one on this: until the order is read again, it has received
    it. Without digests, that next answer counts as new even if the order's details came out the same."""
    own = KwaiOrder.objects.filter(store_id=job.store_id, external_id=job.subject)
    own.exclude(received_digest=F("digest")).update(digest="")
    own.filter(received_digest=F("digest")).update(digest="", received_digest="")
    own.update(invoice_status=KwaiInvoiceStatus.RECEIVED, invoice_refusal_reason="")


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
