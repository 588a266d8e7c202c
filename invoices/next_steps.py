"""What is done by nature next with notes: print them, then group their orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db.models import QuerySet

from erp.refusals import NO_REFUSAL, Refusal
from erp.sales.next_steps import orders_next_steps
from erp.sales.statuses import OrderStatus
from erp.web.results import NextListStep
from invoices import refusals
from invoices.models import ISSUED, Invoice
from invoices.printing.printouts import InvoicePrintout
from invoices.printing.services import LARGEST_PRINT


def invoices_next_steps(invoices: QuerySet[Invoice]) -> list[NextListStep]:
    """A DANFE is a file in a tab of its own, so what follows it is offered beside it. Of more notes than one
    print takes, the first ones."""
    rows = invoices.filter(status__in=ISSUED, order__isnull=False).order_by("number", "pk")
    found = list(rows.values_list("pk", "order_id"))
    printed = [pk for pk, _ in found[:LARGEST_PRINT]]
    if not printed:
        return []
    count = len(found) if len(found) == len(printed) else f"{len(printed)} de {len(found)}"
    label = f"imprimir DANFE ({count})"
    printing = NextListStep(label, "invoices:list", printed, action=InvoicePrintout.DANFE, new_tab=True)
    return [printing, *orders_next_steps(order_id for _, order_id in found if order_id is not None)]


def group_problems(ids: Sequence[int]) -> Mapping[int, Refusal]:
    """Why the order of a note does not wait for a group. One query."""
    orders = dict(Invoice.objects.filter(pk__in=ids).values_list("pk", "order__status"))
    return {pk: _group_problem(orders.get(pk)) for pk in ids}


def _group_problem(status: str | None) -> Refusal:
    if status is None:
        return refusals.NOT_LINKED
    if status == OrderStatus.INVOICED:
        return NO_REFUSAL
    return refusals.NOT_TO_GROUP.of(status=OrderStatus(status).label.lower())
