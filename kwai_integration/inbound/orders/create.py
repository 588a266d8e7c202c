"""New orders of `erp.sales`, with everything that belongs to one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from erp import channels
from erp.accounts.models import Counter, User
from erp.rows import rows_insert
from erp.sales.models import Buyer, DeliveryAddress, Order, RefundStatus
from erp.sales.services import order_events_append
from erp.sales.statuses import OrderStatus
from erp.sales.stock import orders_stock_reserve
from erp.stock.ledger import warehouses_lock
from kwai_integration.inbound.orders.follow import followed_columns, refunds_of
from kwai_integration.inbound.orders.lines import lines_new
from kwai_integration.inbound.orders.parts import part_new
from kwai_integration.inbound.orders.remarks import received_event
from kwai_integration.inbound.orders.rules import IncomingOrder, Rules, amounts_of
from kwai_integration.inbound.refunds import refund_events, refund_take
from kwai_integration.wire.codes import KwaiRole


def orders_create(incoming: Sequence[IncomingOrder], rules: Rules, actor: User | None) -> list[Order]:
    """Create one order for each of `incoming`, in their order; every line has its SKU."""
    # Before the counter: who follows orders and creates others takes the two locks in this order too.
    warehouses_lock({entry.store.company_id for entry in incoming})
    numbers = _numbers_take(incoming)
    new = [_order_new(entry, rules, next(numbers[entry.store.company_id])) for entry in incoming]
    listed = refunds_of(incoming)
    refunded = [
        order
        for order, entry in zip(new, incoming, strict=True)
        if refund_take(order, entry.row, listed[entry.row.store_id, entry.row.external_id])
    ]
    orders = rows_insert(new)
    pairs = list(zip(orders, incoming, strict=True))
    rows_insert([line for order, entry in pairs for line in lines_new(order, entry)])
    for model in (Buyer, DeliveryAddress):
        rows_insert([part_new(model, order, entry, rules) for order, entry in pairs], ids=False)
    drafts = [received_event(order, entry, rules) for order, entry in pairs]
    order_events_append(drafts=[*drafts, *refund_events(refunded)], actor=actor)
    orders_stock_reserve(order_ids=[order.pk for order in orders], warehouses=rules.warehouses, actor=actor)
    channels.order_status_changed(order.pk for order in orders)
    return orders


def _order_new(entry: IncomingOrder, rules: Rules, number: int) -> Order:
    mapped, store = entry.mapped, entry.store
    status = rules.situation(store.pk, mapped.remote_status) or OrderStatus.OPEN
    shipped_by = rules.shipper(store.pk, mapped)
    method = rules.shipping(store.pk, mapped, shipped_by)
    closed = rules.role(store.pk, mapped.remote_status) is KwaiRole.CLOSED
    return Order(
        company_id=store.company_id,
        store=store,
        number=number,
        external_id=mapped.external_id,
        status=status,
        placed_at=mapped.placed_at or entry.row.fetch_started_at,
        cancelled_at=mapped.cancelled_at or timezone.now() if status == OrderStatus.CANCELLED else None,
        shipped_by=shipped_by,
        shipping_method=method,
        carrier_id=method.carrier_id if method else None,
        payment_method_id=rules.payment_id(store.pk, mapped),
        refund_status=RefundStatus.UNKNOWN if "refund_status" in mapped.unread else RefundStatus.NONE,
        closed_at=timezone.now() if closed else None,
        unread_parts=entry.open_parts,
        **followed_columns(mapped),
        **amounts_of(mapped, with_freight=rules.is_on("import_freight", store.pk, default=True)),
    )


def _numbers_take(incoming: Sequence[IncomingOrder]) -> dict[int, Any]:
    wanted: dict[int, int] = defaultdict(int)
    for entry in incoming:
        wanted[entry.store.company_id] += 1
    return {
        company_id: iter(Counter.objects.take(company_id=company_id, name="order", count=count))
        for company_id, count in sorted(wanted.items())
    }
