"""Cancellations and correction letters: kept by access key, applied to the note now or when it comes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from django.db import transaction

from erp import channels
from erp.accounts.models import Company, User
from erp.sales.models import Order
from erp.sales.timeline import order_event
from invoices.intake.reading import EventReading
from invoices.models import Invoice, InvoiceEvent, InvoiceEventKind, InvoiceStatus

WAITS: Final = "A nota ainda não está aqui: o evento fica guardado e vale quando ela chegar."
CANCELLED: Final = "A {invoice} foi cancelada na SEFAZ. Emita outra nota e vincule-a ao pedido."
KNOWN: Final = "Este evento já estava guardado."


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """`text` (Portuguese) says what the event did; `invoice` is its note, when that is here."""

    text: str
    is_new: bool
    invoice: Invoice | None


def company_imports_lock(company: Company) -> None:
    """One import of a company at a time sees and writes: else a note and its cancellation that arrive
    together might each find the other missing. Taken before the order and the note."""
    Company.objects.select_for_update(no_key=True).get(pk=company.pk)


@transaction.atomic
def event_store(
    *, company: Company, event: EventReading, content: bytes, name: str, user: User | None
) -> StoredEvent:
    """Keep an event that passed the validation and apply it; doing so again changes nothing."""
    company_imports_lock(company)
    row, is_new = InvoiceEvent.objects.get_or_create(
        company=company,
        access_key=event.access_key,
        kind=event.kind,
        sequence=event.sequence,
        defaults={
            "environment": event.environment,
            "registered_at": event.registered_at,
            "protocol": event.protocol,
            "text": event.text,
            "content": content,
            "sha256": hashlib.sha256(content).hexdigest(),
            "file_name": name,
            "created_by": user,
        },
    )
    invoice = Invoice.objects.filter(company=company, access_key=event.access_key).first()
    if invoice is None:
        return StoredEvent(WAITS, is_new, None)
    if row.kind == InvoiceEventKind.CANCELLATION:
        text = _cancel(invoice, row, user)
    else:
        text = _correct(invoice, row, user) if is_new else ""
    return StoredEvent(text or KNOWN, is_new, invoice)


def cancellation_of(company: Company, access_key: str) -> InvoiceEvent | None:
    kind = InvoiceEventKind.CANCELLATION
    found: InvoiceEvent | None = InvoiceEvent.objects.filter(
        company=company, access_key=access_key, kind=kind
    ).first()
    return found


def _cancel(invoice: Invoice, event: InvoiceEvent, user: User | None) -> str:
    """What hangs on the note is frozen because of its status; channels are told."""
    order_ids = [pk for pk in (invoice.order_id, invoice.wanted_order_id) if pk is not None]
    order = Order.objects.filter(pk__in=order_ids).lock_for_update().first()
    changed = (
        Invoice.objects.filter(pk=invoice.pk)
        .exclude(status=InvoiceStatus.CANCELLED)
        .update(
            status=InvoiceStatus.CANCELLED,
            cancelled_at=event.registered_at,
            wanted_order=None,
            wanted_place_of=None,
        )
    )
    invoice.refresh_from_db()
    if not changed:
        return ""
    text = CANCELLED.format(invoice=invoice)
    # Somebody may have linked it between our look and the lock.
    reported = invoice.order_id or (order.pk if order is not None else None)
    if reported is not None:
        order_event(reported, "invoice_cancelled", text, link=invoice.get_absolute_url(), actor=user)
    channels.invoice_cancelled([invoice.pk])
    return text


def _correct(invoice: Invoice, event: InvoiceEvent, user: User | None) -> str:
    text = f"{event} da {invoice} registrada na SEFAZ. A nota continua valendo."
    if invoice.order_id is not None:
        order_event(invoice.order_id, "invoice_corrected", text, link=invoice.get_absolute_url(), actor=user)
    return text
