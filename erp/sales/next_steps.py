"""What is done by nature next with orders, as lists offer it for the same rows."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q

from erp.sales.models import Order
from erp.sales.statuses import OrderStatus
from erp.web.results import NextListStep

NOT_INVOICED = [status for status in OrderStatus if status.rank < OrderStatus.INVOICED.rank]
# Each step with its page and the orders it is next for. A note may name the *forma de envio* itself, and
# grouping asks for one where none is known: an invoiced order is never sent back for it.
STEPS = (
    (
        "definir forma de envio",
        "sales:orders_shipping",
        Q(shipping_method=None, status__in=NOT_INVOICED),
    ),
    (
        "gerar nota fiscal",
        "invoices:issue",
        Q(shipping_method__isnull=False, status__in=[OrderStatus.APPROVED, OrderStatus.PREPARING]),
    ),
    ("agrupar", "expedition:include", Q(status=OrderStatus.INVOICED)),
)


def orders_next_steps(order_ids: Iterable[int]) -> list[NextListStep]:
    """*Definir forma de envio*, *gerar nota fiscal*, *agrupar*: each for those of the orders that it is next
    for."""
    own = Order.objects.filter(pk__in=list(order_ids)).order_by("number")
    steps = []
    for label, url_name, rows in STEPS:
        if ids := list(own.filter(rows).values_list("pk", flat=True)):
            steps.append(NextListStep(f"{label} ({len(ids)})", url_name, ids))
    return steps
