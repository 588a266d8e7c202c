"""Notes and orders: link, go on despite warnings, unlink, replace, and what stands against each.

Locks are taken in one order: the order, then the note.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from erp import channels
from erp.accounts.models import Company, User
from erp.channels import RowResult, row_done, row_refused
from erp.outbox.models import PushJob
from erp.outbox.statuses import JobState
from erp.refusals import NO_REFUSAL, Refusal, RefusedError, joined
from erp.sales.models import Buyer, Order, OrderStatus
from erp.sales.services import orders_status_set
from erp.sales.shippers import method_problem
from erp.sales.timeline import order_event
from invoices import refusals
from invoices.events import cancellation_of
from invoices.holding import (
    consent_record,
    invoice_hold_locked,
    invoice_release_locked,
    issued_status,
    warnings_open,
)
from invoices.intake.files import CompanyFacts
from invoices.intake.order_rules import OrderFacts
from invoices.intake.parser import parse
from invoices.intake.reading import NfeReading, read
from invoices.intake.rules import CheckSeverity, InvoiceCheck, messages
from invoices.intake.validation import judge, match
from invoices.models import OUT_OF_FORCE, DocumentDamaged, Invoice, InvoiceDocument, InvoiceStatus

PROCEED = "Abra a nota e use seguir mesmo assim, ou envie a nota corrigida."


class InvoiceRefused(RefusedError):
    """The operator must act first."""


@transaction.atomic
def invoice_link(*, invoice_id: int, order_id: int, user: User | None) -> tuple[str, ...]:
    """Link a stored note to an order of its company. Raises `InvoiceRefused`.

    Returns the warnings that hold it: with any, the note is not linked but waits for `invoice_proceed`.
    """
    order = Order.objects.filter(pk=order_id).lock_for_update().get()
    invoice = Invoice.objects.filter(pk=invoice_id).lock_for_update().get()
    if invoice.order_id == order.pk:
        return ()
    if invoice.company_id != order.company_id:
        raise InvoiceRefused(refusals.FOREIGN_ORDER)
    if invoice.order_id is not None:
        raise InvoiceRefused(refusals.LINKED_ELSEWHERE)
    if invoice.status in OUT_OF_FORCE:
        raise InvoiceRefused(refusals.OUT_OF_FORCE)
    checks = _checks_of(invoice, order)
    _refuse_to_link(order, checks)
    held_by = warnings_open(invoice, order, checks)
    if held_by:
        invoice_hold_locked(invoice, order, place_of=None)
        return messages(held_by, CheckSeverity.WARN)
    invoice_place_locked(invoice, order, user)
    return ()


def invoices_link(*, orders: Mapping[int, int], user: User | None) -> list[RowResult]:
    """Link many notes, invoice id to order id, each in its own transaction; one result per note, in order."""
    return [_link_result(invoice_id, order_id, user) for invoice_id, order_id in orders.items()]


@transaction.atomic
def invoice_proceed(*, invoice_id: int, codes: Collection[str], user: User) -> Order | None:
    """*Seguir mesmo assim*: record who went on despite which warnings, then link the note as wanted.

    `codes` are the warnings the user saw; a new one since refuses. Returns the order, None when the note
    waited without one. Raises `InvoiceRefused`.
    """
    order = _wanted_order_lock(invoice_id)
    invoice = Invoice.objects.filter(pk=invoice_id, wanted_order=order).lock_for_update().first()
    if invoice is None or invoice.status != InvoiceStatus.PENDING:
        raise InvoiceRefused(refusals.NOT_WAITING)
    checks = _checks_of(invoice, order)
    replaced = invoice.wanted_place_of
    if order is not None:
        _refuse_to_link(order, checks, replaced)
    warnings = warnings_open(invoice, order, checks)
    if not {check.code for check in warnings} <= set(codes):
        raise InvoiceRefused(refusals.NEW_WARNINGS)
    consent_record(invoice=invoice, order=order, warnings=warnings, user=user)
    if order is None:
        invoice_release_locked(invoice)
        return None
    if replaced is not None:
        invoice_replace_locked(replaced, invoice, order, user)
    invoice_place_locked(invoice, order, user)
    return order


@transaction.atomic
def invoice_unlink(*, invoice_id: int, user: User | None) -> None:
    """Take a note off its order while nothing of it has left. Raises `InvoiceRefused`.

    The order keeps its situation: what follows is linking the right note. A pending note lets go of the order
    it waits for.
    """
    if _let_go(invoice_id, user):
        return
    order = Order.objects.filter(invoices=invoice_id).lock_for_update().first()
    invoice = Invoice.objects.filter(pk=invoice_id, order=order).lock_for_update().first()
    if order is None or invoice is None:
        return
    problem = unlink_problem(invoice, order)
    if problem:
        raise InvoiceRefused(problem)
    invoice.order = invoice.store = None
    invoice.save(update_fields=["order", "store"])
    text = f"{invoice} desvinculada"
    order_event(order.pk, "invoice_unlinked", text, link=invoice.get_absolute_url(), actor=user)


def invoice_warnings(invoice: Invoice) -> tuple[InvoiceCheck, ...]:
    """The warnings a pending note waits for; empty for every other note and for a damaged file."""
    if invoice.status != InvoiceStatus.PENDING:
        return ()
    try:
        checks = _checks_of(invoice, invoice.wanted_order)
    except InvoiceRefused:
        return ()
    return warnings_open(invoice, invoice.wanted_order, checks)


def order_checks(invoice: Invoice, reading: NfeReading | None) -> tuple[InvoiceCheck, ...]:
    """The rules about the note beside its order, or the one it waits for; none without either. For the note's
    page: a refusal of a note that is linked is shown there and undoes nothing."""
    order = invoice.order or invoice.wanted_order
    return () if order is None or reading is None else judged_with(reading, order, invoice)


def unlink_problem(invoice: Invoice, order: Order) -> Refusal:
    """Why the note can no longer be taken off its order. One query at most."""
    if invoice.status in OUT_OF_FORCE:
        return refusals.KEEPS_CANCELLED
    if OrderStatus(order.status).rank >= OrderStatus.READY_TO_SHIP.rank:
        return refusals.TOO_LATE_TO_UNLINK
    pushes = PushJob.objects.facts().filter(store_id=order.store_id, payload__invoice_id=invoice.pk)
    states = set(pushes.values_list("state", flat=True))
    if JobState.DONE in states:
        return refusals.SENT_ALREADY
    if states & {JobState.PENDING, JobState.CLAIMED}:
        return refusals.BEING_SENT
    return NO_REFUSAL


def replace_problem(invoice: Invoice, order: Order) -> Refusal:
    """Why no other note can take the place of this one."""
    if invoice.order_id != order.pk or invoice.status in OUT_OF_FORCE:
        return refusals.NOT_IN_FORCE
    if OrderStatus(order.status).rank >= OrderStatus.SHIPPED.rank:
        return refusals.TOO_LATE_TO_REPLACE
    return NO_REFUSAL


def company_facts(company: Company) -> CompanyFacts:
    """The company as the validation needs it, today."""
    return CompanyFacts(
        frozenset(company.tax_ids()),
        company.fiscal_environment,
        now=timezone.now(),
        refuse_other_certificate=settings.NFE_OTHER_CERTIFICATE == "refuse",
    )


def order_problem(order: Order, replaces: Invoice | None = None) -> Refusal:
    """Why the order can take no note, apart from one in the place of `replaces`."""
    if order.status == OrderStatus.CANCELLED:
        return refusals.ORDER_CANCELLED.of(order=_label(order))
    in_force = Invoice.objects.filter(order=order).exclude(status__in=OUT_OF_FORCE)
    if replaces is not None:
        in_force = in_force.exclude(pk=replaces.pk)
    other = in_force.first()
    if other is not None:
        return refusals.ORDER_HAS_INVOICE.of(order=_label(order), invoice=other)
    return NO_REFUSAL


def judged_with(
    reading: NfeReading, order: Order, invoice: Invoice | None = None
) -> tuple[InvoiceCheck, ...]:
    """The checks of the note beside `order`; `invoice` is its row, when it is stored."""
    tax_id = Buyer.objects.filter(order=order).values_list("tax_id", flat=True).first()
    linked = invoice.order if invoice is not None and invoice.order_id != order.pk else None
    facts = OrderFacts(
        label=_label(order),
        buyer_tax_id=tax_id or "",
        total=order.total,
        placed_at=order.placed_at,
        cancelled=cancellation_of(order.company, reading.access_key) is not None,
        linked_to=_label(linked) if linked is not None else "",
    )
    return match(reading, order=facts)


def invoice_place_locked(invoice: Invoice, order: Order, user: User | None) -> None:
    """Link the note to the order, which is locked and has been judged beside it. Raises `InvoiceRefused`."""
    # What the file names may not fit: what the marketplace carries takes its own way of shipping only.
    own = invoice.shipping_method if not method_problem(order, invoice.shipping_method) else None
    method_id = own.pk if own else order.shipping_method_id
    # Conditional, because the note itself may have been looked at before the order was locked.
    changed = Invoice.objects.filter(pk=invoice.pk, order__isnull=True).update(
        order=order,
        store_id=order.store_id,
        shipping_method_id=method_id,
        replaced_by=None,
        wanted_order=None,
        wanted_place_of=None,
        sent_at=None,
        judged_at=None,
        status=issued_status(invoice) if invoice.status == InvoiceStatus.PENDING else invoice.status,
    )
    if not changed:
        raise InvoiceRefused(refusals.JUST_LINKED)
    invoice.refresh_from_db()
    order_event(
        order.pk,
        "invoice_linked",
        f"{invoice} autorizada e vinculada",
        link=invoice.get_absolute_url(),
        data={"invoice_id": invoice.pk},
        actor=user,
    )
    orders_status_set(wanted={order.pk: OrderStatus.INVOICED}, actor=user, reason="NF-e autorizada")
    channels.invoice_authorised([invoice.pk])


def invoice_replace_locked(older: Invoice, newer: Invoice, order: Order, user: User | None) -> None:
    """Take `older` off the locked order for `newer`, which has been judged and stored. Raises
    `InvoiceRefused`."""
    held = Invoice.objects.filter(pk=older.pk).lock_for_update().get()
    problem = replace_problem(held, order)
    if problem:
        raise InvoiceRefused(problem)
    Invoice.objects.filter(pk=held.pk).update(order=None, replaced_by=newer)
    text = f"{held} substituída pela {newer}"
    order_event(order.pk, "invoice_replaced", text, link=held.get_absolute_url(), actor=user)


def _link_result(invoice_id: int, order_id: int, user: User | None) -> RowResult:
    try:
        warnings = invoice_link(invoice_id=invoice_id, order_id=order_id, user=user)
    except InvoiceRefused as refused:
        return row_refused(invoice_id, refused.refusal)
    if warnings:
        return row_refused(invoice_id, refusals.HELD_BY_WARNINGS.of(warnings=" ".join(warnings)))
    order = Order.objects.only("number").get(pk=order_id)
    return row_done(invoice_id, f"Vinculada ao pedido {order.number}.")


def _checks_of(invoice: Invoice, order: Order | None) -> tuple[InvoiceCheck, ...]:
    """Warnings of the stored file as they stand today, then the checks beside `order`."""
    try:
        content = InvoiceDocument.objects.get(invoice=invoice).read()
    except DocumentDamaged:
        raise InvoiceRefused(refusals.DAMAGED) from None
    verdict = judge(content, company=company_facts(invoice.company))
    file_warnings = tuple(check for check in verdict.checks if check.warns)
    if order is None:
        return file_warnings
    return (*file_warnings, *judged_with(read(parse(content)), order, invoice))


def _refuse_to_link(order: Order, checks: tuple[InvoiceCheck, ...], replaces: Invoice | None = None) -> None:
    findings = messages(checks, CheckSeverity.REFUSE)
    found = [refusals.CHECKS_REFUSE.of(findings=" ".join(findings))] if findings else []
    if problem := order_problem(order, replaces):
        found.insert(0, problem)
    if found:
        raise InvoiceRefused(joined(found))


def _wanted_order_lock(invoice_id: int) -> Order | None:
    wanted = Invoice.objects.filter(pk=invoice_id).values_list("wanted_order_id", flat=True).first()
    return Order.objects.filter(pk=wanted).lock_for_update().get() if wanted is not None else None


def _let_go(invoice_id: int, user: User | None) -> bool:
    """True when a pending note let go of the order it waited for."""
    order = _wanted_order_lock(invoice_id)
    if order is None:
        return False
    invoice = Invoice.objects.filter(pk=invoice_id, wanted_order=order).lock_for_update().first()
    if invoice is None:
        return False
    if warnings_open(invoice, None, _checks_of(invoice, None)):
        invoice_hold_locked(invoice, None, place_of=None)
    else:
        invoice_release_locked(invoice)
    text = f"{invoice} não espera mais por este pedido"
    order_event(order.pk, "invoice_unlinked", text, link=invoice.get_absolute_url(), actor=user)
    return True


def _label(order: Order) -> str:
    return f"{order.number} ({order.external_id})" if order.external_id else str(order.number)
