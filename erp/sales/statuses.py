"""The situations of a sales order: label, colour, order of progress, and who may follow whom."""

from __future__ import annotations

from django.db import models


class OrderStatus(models.TextChoices):
    INCOMPLETE = "incomplete", "Dados incompletos"
    OPEN = "open", "Em aberto"
    APPROVED = "approved", "Aprovado"
    PREPARING = "preparing", "Preparando envio"
    INVOICED = "invoiced", "Faturado"
    READY_TO_SHIP = "ready_to_ship", "Pronto para envio"
    SHIPPED = "shipped", "Enviado"
    DELIVERED = "delivered", "Entregue"
    UNDELIVERED = "undelivered", "Não entregue"
    CANCELLED = "cancelled", "Cancelado"

    @property
    def colour(self) -> str:
        return COLOURS[self]

    @property
    def rank(self) -> int:
        """Progress along the loop; a higher rank is further on."""
        return RANKS[self]


# Paid for and not on its way.
TO_SHIP = (OrderStatus.APPROVED, OrderStatus.PREPARING, OrderStatus.INVOICED, OrderStatus.READY_TO_SHIP)

COLOURS = {
    OrderStatus.INCOMPLETE: "orange",
    OrderStatus.OPEN: "azure",
    OrderStatus.APPROVED: "blue",
    OrderStatus.PREPARING: "indigo",
    OrderStatus.INVOICED: "purple",
    OrderStatus.READY_TO_SHIP: "cyan",
    OrderStatus.SHIPPED: "teal",
    OrderStatus.DELIVERED: "green",
    OrderStatus.UNDELIVERED: "red",
    OrderStatus.CANCELLED: "secondary",
}

RANKS = {
    OrderStatus.INCOMPLETE: 0,
    OrderStatus.OPEN: 1,
    OrderStatus.APPROVED: 2,
    OrderStatus.PREPARING: 3,
    OrderStatus.INVOICED: 4,
    OrderStatus.READY_TO_SHIP: 5,
    OrderStatus.SHIPPED: 6,
    OrderStatus.UNDELIVERED: 7,
    OrderStatus.DELIVERED: 8,
    OrderStatus.CANCELLED: 9,
}


def may_follow(current: OrderStatus, wanted: OrderStatus, *, backwards: bool) -> bool:
    """True when an order may go from `current` to `wanted`.

    Forward jumps are allowed (the platform may report several steps at once); backward ones only
    with `backwards`. A cancelled order never comes back by itself, and a delivered one is never
    sent back to the road: both need `backwards`.
    """
    if current == wanted:
        return False
    return backwards or (current != OrderStatus.CANCELLED and wanted.rank > current.rank)
