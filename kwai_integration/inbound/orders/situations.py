"""The ERP situation of orders, moved to what the platform's code means."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from erp.accounts.models import User
from erp.rows import rows_update
from erp.sales.models import Order
from erp.sales.services import orders_status_set
from erp.sales.statuses import OrderStatus
from erp.sales.stock import orders_stock_free, orders_stock_reserve
from kwai_integration.inbound.closing import orders_close
from kwai_integration.inbound.orders.rules import IncomingOrder, Rules
from kwai_integration.wire.codes import KwaiRole


def situations_apply(
    incoming: Sequence[IncomingOrder], rules: Rules, actor: User | None, *, monotonic: bool = False
) -> set[int]:
    """Move orders to the ERP situation of their remote code; the ids of those that moved."""
    reported = [
        (entry.row.order_id, entry.row.store_id, entry.mapped.remote_status)
        for entry in incoming
        if entry.row.order_id
    ]
    moved = situations_set(reported, rules, actor, monotonic=monotonic)
    _cancelled_at_write(incoming, moved)
    return moved


def situations_set(
    reported: Iterable[tuple[int, int, str]], rules: Rules, actor: User | None, *, monotonic: bool = False
) -> set[int]:
    """Order id, store id and remote code -> the ids that moved. Monotonic unless the store allows going
    back; a code nobody mapped moves nothing, nor does the closing of an order whose parcel has left. Call
    inside a transaction."""
    reported = list(reported)
    closed = [
        order_id for order_id, store_id, code in reported if rules.role(store_id, code) is KwaiRole.CLOSED
    ]
    closing = orders_close(closed, actor=actor)
    wanted: dict[bool, dict[int, OrderStatus]] = {False: {}, True: {}}
    for order_id, store_id, remote_status in reported:
        status = rules.situation(store_id, remote_status)
        if status is not None and order_id not in closing.kept:
            backwards = not monotonic and rules.is_on("allow_backwards", store_id)
            wanted[backwards][order_id] = status
    cancelled = _cancelled(wanted[True])
    moved: set[int] = set()
    for backwards, targets in wanted.items():
        if targets:
            moved |= orders_status_set(
                wanted=targets,
                actor=actor,
                reason="informada pelo Kwai",
                backwards=backwards,
                # Closed before it was handed over: what had left the balance for it never left the house.
                goods_stay=closed,
            )
    orders_stock_free(order_ids=closing.at_home, actor=actor)
    # Back from a cancellation, an order wants its goods again.
    if back := moved & cancelled:
        orders_stock_reserve(order_ids=back, warehouses=rules.warehouses, actor=actor)
    return moved


def _cancelled(order_ids: Collection[int]) -> set[int]:
    """Those of these orders that are cancelled; all of them are locked, so that it stays true."""
    if not order_ids:
        return set()
    orders = Order.objects.filter(pk__in=order_ids).lock_for_update().values_list("pk", "status")
    return {pk for pk, status in orders if status == OrderStatus.CANCELLED}


def _cancelled_at_write(incoming: Iterable[IncomingOrder], moved: set[int]) -> None:
    """The platform knows when it cancelled; our own clock only says when we heard."""
    reported = {
        entry.row.order_id: entry.mapped.cancelled_at
        for entry in incoming
        if entry.row.order_id in moved and entry.mapped.cancelled_at
    }
    if reported:
        orders = list(Order.objects.filter(pk__in=reported, status=OrderStatus.CANCELLED))
        for order in orders:
            order.cancelled_at = reported[order.pk]
        rows_update(orders, ["cancelled_at"])
