"""What is written of notes: one that comes in, a file that is refused, what is chosen beside the XML."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TypeVar

from django.db import models, transaction

from erp import channels
from erp.accounts.models import Company, User
from erp.refusals import Refusal
from erp.sales.models import Carrier, ShippingMethod
from erp.sales.shippers import method_problem
from erp.sales.timeline import order_event
from invoices import refusals
from invoices.events import event_store
from invoices.holding import invoice_hold_locked
from invoices.intake.reading import EventReading, NfeReading
from invoices.intake.rules import CheckSeverity, InvoiceCheck, messages
from invoices.linking import InvoiceRefused, invoice_place_locked, invoice_replace_locked
from invoices.models import Invoice, InvoiceDocument, InvoiceStatus
from invoices.placement import Found, ImportedFile, ImportOutcome, ImportResult, Placement
from invoices.refused_files import refused_file_forget, refused_file_keep

RowT = TypeVar("RowT", Carrier, ShippingMethod)


def file_refuse(file: ImportedFile, checks: tuple[InvoiceCheck, ...]) -> ImportResult:
    """Keep the file with its reasons for the tab *rejeitadas*."""
    refused_file_keep(
        company=file.company,
        order=file.order,
        name=file.name,
        content=file.content,
        checks=checks,
        user=file.user,
    )
    code = next((check.code for check in checks if check.refuses), "")
    return ImportResult(file.name, ImportOutcome.REFUSED, messages(checks, CheckSeverity.REFUSE), code=code)


def event_write(file: ImportedFile, event: EventReading) -> ImportResult:
    """Keep a cancellation or a correction letter, and apply it where its note is here."""
    stored = event_store(
        company=file.company, event=event, content=file.content, name=file.name, user=file.user
    )
    refused_file_forget(company=file.company, content=file.content)
    outcome = ImportOutcome.EVENT if stored.is_new else ImportOutcome.ALREADY
    return ImportResult(file.name, outcome, tuple(filter(None, [stored.text])), stored.invoice)


def placement_write(file: ImportedFile, reading: NfeReading, found: Found, placed: Placement) -> ImportResult:
    """Do what was decided, under the locks of `found_lock`. Raises `InvoiceRefused`, `IntegrityError`."""
    if placed.outcome is ImportOutcome.REFUSED:
        return file_refuse(file, placed.refused_by)
    invoice = found.known or _create(file, reading, cancelled_at=found.cancelled_at)
    if placed.outcome is ImportOutcome.HELD:
        invoice_hold_locked(invoice, placed.order, place_of=file.replaces)
    if placed.outcome is ImportOutcome.LINKED and placed.order is not None:
        if file.replaces is not None:
            invoice_replace_locked(file.replaces, invoice, placed.order, file.user)
        invoice_place_locked(invoice, placed.order, file.user)
    shown = invoice if found.is_reachable else None
    return ImportResult(file.name, placed.outcome, tuple(filter(None, placed.texts)), shown, placed.order)


@transaction.atomic
def invoice_carrier_set(
    *, invoice_id: int, carrier_id: int | None, shipping_method_id: int | None, user: User | None
) -> bool:
    """Choose *transportadora* and *forma de envio* beside the XML; False when nothing changed.

    Without a carrier the method's own is taken. Raises `InvoiceRefused` for rows of another company and
    for a method that the order does not take.
    """
    invoice = Invoice.objects.filter(pk=invoice_id).lock_for_update().get()
    carrier = _own(Carrier.objects.all(), carrier_id, invoice, refusals.CARRIER_GONE)
    method = _own(
        ShippingMethod.objects.select_related("carrier"), shipping_method_id, invoice, refusals.METHOD_GONE
    )
    if invoice.order is not None and (problem := method_problem(invoice.order, method)):
        raise InvoiceRefused(problem)
    if carrier is None and method is not None:
        carrier = method.carrier
    before = (invoice.carrier_id, invoice.shipping_method_id)
    invoice.carrier, invoice.shipping_method = carrier, method
    if before == (invoice.carrier_id, invoice.shipping_method_id):
        return False
    invoice.save(update_fields=["carrier", "shipping_method"])
    if invoice.order_id is not None:
        text = f"Forma de envio ou transportadora da {invoice} alterada"
        order_event(invoice.order_id, "invoice_carrier", text, link=invoice.get_absolute_url(), actor=user)
        channels.order_terms_changed([invoice.order_id])
    return True


def _create(file: ImportedFile, reading: NfeReading, *, cancelled_at: datetime | None = None) -> Invoice:
    carrier = _carrier_named_by(reading, file.company)
    invoice = Invoice.objects.create(
        company=file.company,
        access_key=reading.access_key,
        number=reading.number,
        series=reading.series,
        environment=reading.environment,
        issued_at=reading.issued_at,
        authorized_at=reading.protocol.authorized_at,
        authorization_protocol=reading.protocol.number,
        issuer_tax_id=reading.issuer.tax_id,
        recipient_tax_id=reading.recipient.tax_id,
        recipient_name=reading.recipient.name,
        total=reading.total,
        carrier=carrier,
        shipping_method=_method_of(carrier),
        created_by=file.user,
        status=InvoiceStatus.CANCELLED if cancelled_at else InvoiceStatus.AUTHORISED,
        cancelled_at=cancelled_at,
    )
    InvoiceDocument.objects.create(
        invoice=invoice,
        content=file.content,
        sha256=hashlib.sha256(file.content).hexdigest(),
        size=len(file.content),
        file_name=file.name,
    )
    refused_file_forget(company=file.company, content=file.content)
    return invoice


def _carrier_named_by(reading: NfeReading, company: Company) -> Carrier | None:
    tax_id = reading.transport.carrier_tax_id
    carriers = Carrier.objects.filter(company=company, tax_id=tax_id, is_active=True)
    return carriers.order_by("pk").first() if tax_id else None


def _method_of(carrier: Carrier | None) -> ShippingMethod | None:
    if carrier is None:
        return None
    return ShippingMethod.objects.filter(carrier=carrier, is_active=True).order_by("pk").first()


def _own(rows: models.QuerySet[RowT], pk: int | None, invoice: Invoice, missing: Refusal) -> RowT | None:
    if pk is None:
        return None
    found = rows.filter(pk=pk, company_id=invoice.company_id).first()
    if found is None:
        raise InvoiceRefused(missing)
    return found
