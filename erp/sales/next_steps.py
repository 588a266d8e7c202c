"""What is done by nature next with orders, as lists offer it for the same rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

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
    followed = list(order_ids)
    own = Order.objects.filter(pk__in=followed).order_by("number")
    found = [
        (label, name, list(own.filter(rows).values_list("pk", flat=True))) for label, name, rows in STEPS
    ]
    steps = [NextListStep(f"{label} ({len(ids)})", name, ids) for label, name, ids in found if ids]
    if len(steps) > 1 and steps[0].url_name == "sales:orders_shipping":
        steps[0] = replace(steps[0], beside=followed)
    return steps
