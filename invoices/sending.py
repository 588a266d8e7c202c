"""*Enviar dados da NFe para e-commerce*: the menu greys by `send_problems` and the command asks it again."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.db.models.functions import Now

from erp import channels
from erp.accounts.models import User
from erp.channels import ChannelAction, RowResult, row_refused
from erp.refusals import NO_REFUSAL, Refusal
from invoices import refusals
from invoices.models import ISSUED, Invoice, InvoiceStatus


def send_problems(ids: Sequence[int]) -> dict[int, Refusal]:
    """Why a note cannot be sent, per id. A constant number of queries."""
    rows = Invoice.objects.filter(pk__in=ids).only("status", "order_id")
    own = {row.pk: sending_problem(row) for row in rows}
    sendable = [pk for pk, problem in own.items() if not problem]
    asked = channels.check(ChannelAction.SEND_INVOICE, sendable) if sendable else {}
    return {pk: own.get(pk, refusals.GONE) or asked.get(pk, NO_REFUSAL) for pk in ids}


def invoices_send(*, ids: Sequence[int], user: User | None) -> list[RowResult]:
    """Hand the notes to the sales channel; one result per id, in order."""
    problems = send_problems(ids)
    sendable = [pk for pk in ids if not problems[pk]]
    sent = channels.run(ChannelAction.SEND_INVOICE, sendable, user=user) if sendable else []
    results = {result.id: result for result in sent}
    return [results.get(pk) or row_refused(pk, problems[pk]) for pk in ids]


def invoice_received(*, invoice_id: int, order_id: int) -> None:
    """The marketplace has the note of this order and has yet to judge it."""
    own = Invoice.objects.filter(pk=invoice_id, order=order_id)
    own.update(sent_at=Now(), judged_at=None)


def invoices_judged(*, order_ids: Collection[int], judged: bool) -> None:
    """The marketplace has accepted or refused the notes of these orders, or has taken that back."""
    if order_ids:
        sent = Invoice.objects.filter(order__in=order_ids, sent_at__isnull=False)
        sent.filter(judged_at__isnull=judged).update(judged_at=Now() if judged else None)


def sending_problem(invoice: Invoice) -> Refusal:
    """Why no channel can be told of this note, whichever it is."""
    if invoice.status not in ISSUED:
        return refusals.NOT_AUTHORISED.of(status=InvoiceStatus(invoice.status).label.lower())
    return NO_REFUSAL if invoice.order_id is not None else refusals.NOT_LINKED
