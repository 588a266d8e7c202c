"""Refunds: asked for, paid and ended are three things (contract 4).

The details of an order say one status; the list of refunds says each refund by itself, with amount, reason
and date. What holds for the order follows from both (`refund_settle`), so that the same rows always answer
the same, in whatever order they came. A refund that runs or was paid keeps the order from moving on; a paid
one until a person releases the order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from erp.sales.models import Order, RefundStatus
from erp.sales.statuses import OrderStatus
from erp.sales.timeline import EventDraft
from kwai_integration.models import KwaiOrder, KwaiRefund
from kwai_integration.wire.codes import KwaiRefundStatus

REFUNDS: Mapping[KwaiRefundStatus | None, RefundStatus] = {
    KwaiRefundStatus.NONE: RefundStatus.NONE,
    KwaiRefundStatus.ASKED: RefundStatus.ASKED,
    KwaiRefundStatus.REFUNDED: RefundStatus.PAID,
    KwaiRefundStatus.CLOSED: RefundStatus.CLOSED,
    None: RefundStatus.UNKNOWN,
}
RUNNING = (RefundStatus.ASKED, RefundStatus.PAID, RefundStatus.UNKNOWN)
# Of several the later one holds: what runs holds back more than what was paid.
BY_WEIGHT = (
    RefundStatus.NONE,
    RefundStatus.CLOSED,
    RefundStatus.PAID,
    RefundStatus.ASKED,
    RefundStatus.UNKNOWN,
)
COLUMNS = (
    "refund_status",
    "refund_open",
    "refund_amount",
    "refund_reason",
    "refund_at",
    "refund_released_at",
    "refund_released_by",
)
REASON_LENGTH = 300
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


# By store id and order number, oldest first; an order without any has an empty list.
Listed = Mapping[tuple[int, str], list[KwaiRefund]]


def refunds_listed(store_ids: Collection[int], external_ids: Collection[str]) -> Listed:
    """What the list of refunds said about these orders; one statement."""
    found: dict[tuple[int, str], list[KwaiRefund]] = defaultdict(list)
    rows = KwaiRefund.objects.filter(store_id__in=store_ids, external_id__in=external_ids)
    for refund in rows.order_by("reported_at", "pk"):
        found[refund.store_id, refund.external_id].append(refund)
    return found


def refund_settle(details: RefundStatus, details_at: datetime, listed: Sequence[KwaiRefund]) -> RefundStatus:
    """The refund status that holds, from what the details said when they were asked (`details_at`) and what
    the list says of each refund.

    Details that are silent end nothing the list knows of, and neither does a row of the list that is older
    than what the details say. A paid refund stays paid, whatever becomes of another request.
    """
    rows = [(refund_status(refund), refund.reported_at) for refund in listed]
    paid = [status for status in (details, *(status for status, _ in rows)) if status == RefundStatus.PAID]
    is_newer = any(reported_at > details_at for _, reported_at in rows)
    speaking = [status for status, _ in rows] if is_newer or details == RefundStatus.NONE else [details]
    return BY_WEIGHT[max(BY_WEIGHT.index(status) for status in (RefundStatus.NONE, *speaking, *paid))]


def refund_status(refund: KwaiRefund) -> RefundStatus:
    """What one row of the list means; an unknown code counts as running."""
    return REFUNDS[KwaiRefundStatus(refund.status) if refund.status in set(KwaiRefundStatus) else None]


def refund_take(order: Order, row: KwaiOrder, listed: Sequence[KwaiRefund]) -> bool:
    """Let `order` (locked, not saved) take over what its stored answer and the list say of refunds; True when
    the status changed. `listed` is sorted by moment. A person's release holds for the status it was given
    for."""
    details = RefundStatus(row.refund_reported or order.refund_status)
    reported = refund_settle(details, row.fetch_started_at, listed)
    if listed:
        meant = next((each for each in reversed(listed) if refund_status(each) == reported), listed[-1])
        order.refund_amount, order.refund_reason = meant.amount, meant.reason
        order.refund_at = meant.reported_at
    changed = order.refund_status != reported
    if changed:
        order.refund_status = reported
        order.refund_released_at = order.refund_released_by = None
    order.refund_open = reported in RUNNING and order.refund_released_at is None
    return changed


def refund_events(orders: Sequence[Order]) -> list[EventDraft]:
    """A line for each order whose refund changed."""
    return [EventDraft(order.pk, "refund", _text(order)) for order in orders]


def _text(order: Order) -> str:
    texts = RETURN_TEXTS if order.status == OrderStatus.DELIVERED else TEXTS
    return texts[RefundStatus(order.refund_status)]
