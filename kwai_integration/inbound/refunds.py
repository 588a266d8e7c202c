"""Refunds: asked for, paid and ended are three things (contract 4).

The details of an order say its status, the list of refunds also amount, reason and date. A refund that runs
or was paid keeps the order from moving on; a paid one until a person releases the order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from erp.sales.models import Order, RefundStatus
from erp.sales.statuses import OrderStatus
from erp.sales.timeline import EventDraft
from kwai_integration.client.codes import KwaiRefundStatus

REFUNDS: Mapping[KwaiRefundStatus | None, RefundStatus] = {
    KwaiRefundStatus.NONE: RefundStatus.NONE,
    KwaiRefundStatus.ASKED: RefundStatus.ASKED,
    KwaiRefundStatus.REFUNDED: RefundStatus.PAID,
    KwaiRefundStatus.CLOSED: RefundStatus.CLOSED,
    None: RefundStatus.UNKNOWN,
}
RUNNING = (RefundStatus.ASKED, RefundStatus.PAID, RefundStatus.UNKNOWN)
TEXTS: Mapping[RefundStatus, str] = {
    RefundStatus.ASKED: "O comprador pediu reembolso no Kwai: o pedido fica parado até o Kwai decidir.",
    RefundStatus.PAID: (
        "O reembolso foi pago: o valor foi devolvido ao comprador. O pedido fica parado até alguém usar "
        "liberar mesmo assim."
    ),
    RefundStatus.CLOSED: "O pedido de reembolso foi encerrado no Kwai sem pagamento: o pedido segue.",
    RefundStatus.UNKNOWN: (
        "O Kwai mostra um reembolso em situação desconhecida: o pedido fica parado. Confira no Kwai."
    ),
    RefundStatus.NONE: "O Kwai não mostra mais reembolso neste pedido.",
}
# The goods are with the buyer by then: what is asked for is a return.
RETURN_TEXTS: Mapping[RefundStatus, str] = {
    **TEXTS,
    RefundStatus.ASKED: "O comprador pediu devolução no Kwai depois da entrega.",
    RefundStatus.PAID: (
        "Devolução: o reembolso foi pago e o valor devolvido ao comprador. Quando o pacote voltar, confira a "
        "mercadoria e use devolver ao estoque."
    ),
    RefundStatus.CLOSED: "O pedido de devolução foi encerrado no Kwai sem reembolso.",
}


def refund_take(order: Order, told: RefundStatus) -> bool:
    """Let `order` (locked, not saved) take over the refund status the platform told; True when it changed.

    A status known from the list of refunds is not ended by details that are silent about it. A person's
    release holds for the refund it was given for.
    """
    if told == RefundStatus.NONE and order.refund_at and order.refund_status in RUNNING:
        told = RefundStatus(order.refund_status)
    changed = order.refund_status != told
    if changed:
        order.refund_status = told
        order.refund_released_at = order.refund_released_by = None
    order.refund_open = told in RUNNING and order.refund_released_at is None
    return changed


def refund_events(orders: Sequence[Order]) -> list[EventDraft]:
    """A line for each order whose refund changed."""
    return [EventDraft(order.pk, "refund", _text(order)) for order in orders]


def _text(order: Order) -> str:
    texts = RETURN_TEXTS if order.status == OrderStatus.DELIVERED else TEXTS
    return texts[RefundStatus(order.refund_status)]
