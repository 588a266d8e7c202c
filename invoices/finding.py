"""What is known of a note that comes in, read and locked before it is placed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from erp.refusals import NO_REFUSAL, Refusal
from erp.sales.models import Order
from invoices import refusals
from invoices.events import cancellation_of, company_imports_lock
from invoices.holding import warnings_open
from invoices.intake.reading import NfeReading
from invoices.intake.rules import InvoiceCheck
from invoices.linking import judged_with, order_problem
from invoices.matching import Match, order_find
from invoices.models import Invoice, InvoiceDocument
from invoices.placement import Found, ImportedFile, is_settled


def found_lock(file: ImportedFile, reading: NfeReading, checks: Sequence[InvoiceCheck]) -> Found:
    """What there is, with the company's imports and the order locked: call inside a transaction.

    `checks` are those of the file. Of a note that needs no more placing, no order is looked for.
    """
    company_imports_lock(file.company)
    known = Invoice.objects.filter(access_key=reading.access_key).select_related("order").first()
    if known is not None and (problem := _known_problem(known, file)):
        return Found(known, problem)
    if known is not None and is_settled(known, file.order):
        return Found(known, is_reachable=_is_reachable(known, file))
    if known is None and (cancellation := cancellation_of(file.company, reading.access_key)):
        return Found(cancelled_at=cancellation.registered_at)
    wanted = _wanted_order_lock(file, reading)
    order_checks = judged_with(reading, wanted.order) if wanted.order is not None else ()
    warnings = warnings_open(known, wanted.order, (*checks, *order_checks))
    return Found(known, wanted=wanted, order_checks=order_checks, warnings=warnings)


def _known_problem(known: Invoice, file: ImportedFile) -> Refusal:
    digests = InvoiceDocument.objects.filter(invoice=known).values_list("sha256", flat=True)
    if known.company_id != file.company.pk or list(digests) != [hashlib.sha256(file.content).hexdigest()]:
        return refusals.SAME_KEY
    if file.order is not None and known.order_id not in (None, file.order.pk):
        return refusals.LINKED_ELSEWHERE
    return NO_REFUSAL


def _is_reachable(known: Invoice, file: ImportedFile) -> bool:
    return file.user is None or Invoice.objects.visible_to(file.user).filter(pk=known.pk).exists()


def _wanted_order_lock(file: ImportedFile, reading: NfeReading) -> Match:
    """The order to link, locked. With an order named by the operator, `text` refuses; else it explains."""
    named = file.order
    if named is None:
        suggested = order_find(company=file.company, reading=reading, user=file.user)
        if suggested.order is None:
            return suggested
        named = suggested.order
    order = Order.objects.filter(pk=named.pk).lock_for_update().get()
    problem = order_problem(order, file.replaces)
    if problem and file.order is None:
        return Match(None, problem)
    return Match(order, problem)
