"""The situations of a sales order: label, colour, order of progress, and who may follow whom."""

from __future__ import annotations

from erp.choices import ColouredChoices


class OrderStatus(ColouredChoices):
    INCOMPLETE = "incomplete", "orange", "Dados incompletos"
    OPEN = "open", "azure", "Em aberto"
    APPROVED = "approved", "blue", "Aprovado"
    PREPARING = "preparing", "indigo", "Preparando envio"
    INVOICED = "invoiced", "purple", "Faturado"
    READY_TO_SHIP = "ready_to_ship", "cyan", "Pronto para envio"
    SHIPPED = "shipped", "teal", "Enviado"
    DELIVERED = "delivered", "green", "Entregue"
    UNDELIVERED = "undelivered", "red", "Não entregue"
    CANCELLED = "cancelled", "secondary", "Cancelado"

    @property
    def rank(self) -> int:
        """Progress along the loop; a higher rank is further on."""
        return RANKS[self]


# Paid for and not on its way.
TO_SHIP = (OrderStatus.APPROVED, OrderStatus.PREPARING, OrderStatus.INVOICED, OrderStatus.READY_TO_SHIP)

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
    with `backwards`. A cancelled order, the highest rank, never comes back by itself, and a delivered one
    is never sent back to the road: both need `backwards`.
    """
    return current != wanted and (backwards or wanted.rank > current.rank)
