"""Writes on sales orders. Every change of situation passes `orders_status_set`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from erp import channels
from erp.accounts.models import User
from erp.accounts.services import audit_append
from erp.refusals import NO_REFUSAL, Refusal
from erp.rows import rows_update
from erp.sales.models import Carrier, Order, PaymentMethod, ShippingMethod
from erp.sales.shippers import method_problem
from erp.sales.statuses import OrderStatus, may_follow
from erp.sales.stock import orders_stock_follow
from erp.sales.timeline import EventDraft, order_event, order_events_append

__all__ = [
    "EventDraft",
    "ShippingSet",
    "master_row_save",
    "order_events_append",
    "order_shipping_edit",
    "orders_shipping_set",
    "orders_status_set",
]


@transaction.atomic
def orders_status_set(
    *,
    wanted: dict[int, OrderStatus],
    actor: User | None = None,
    reason: str = "",
    backwards: bool = False,
    goods_stay: Collection[int] = (),
    locked: Iterable[Order] | None = None,
) -> set[int]:
    """Move orders to their wanted situation and return the ids that moved.

    `wanted` maps order id to situation. An order that may not move there (see `may_follow`) stays
    as it is, without an error: the platform repeats itself and late news are normal. The goods of
    `goods_stay` are in the house: they stay on the balance, or come back to it with a cancellation. `locked`
    are the orders of `wanted`, with their stores, of a caller that has locked them.
    """
    if locked is None:
        locked = Order.objects.filter(pk__in=wanted).select_related("store").lock_for_update()
    moving = [
        (order, OrderStatus(order.status), wanted[order.pk])
        for order in locked
        if order.pk in wanted and may_follow(OrderStatus(order.status), wanted[order.pk], backwards=backwards)
    ]
    for order, _, status in moving:
        order.status = status
        order.cancelled_at = timezone.now() if status == OrderStatus.CANCELLED else None
    rows_update([order for order, _, _ in moving], ["status", "cancelled_at"])
    order_events_append(drafts=[_status_event(*change, reason) for change in moving], actor=actor)
    orders_stock_follow(
        before={order: before for order, before, _ in moving}, goods_stay=goods_stay, actor=actor
    )
    moved = [order.pk for order, _, _ in moving]
    channels.order_status_changed(moved)
    return set(moved)


def _status_event(order: Order, before: OrderStatus, after: OrderStatus, reason: str) -> EventDraft:
    text = f"Situação: {before.label} → {after.label}"
    return EventDraft(
        order_id=order.pk,
        kind="status",
        text=f"{text} ({reason})" if reason else text,
        data={"from": before.value, "to": after.value},
    )


@dataclass(frozen=True, slots=True)
class ShippingSet:
    """What became of choosing a way of shipping: how many orders changed, and per order why it could not."""

    changed: int
    problems: Mapping[int, Refusal]


@transaction.atomic
def orders_shipping_set(
    *,
    order_ids: Sequence[int],
    shipping_method_id: int | None,
    carrier_id: int | None,
    actor: User | None = None,
) -> ShippingSet:
    """Choose *forma de envio* and *transportadora*. Without a carrier the method's own carrier is taken.

    An order that the method does not fit (`shippers.method_problem`) stays as it is.
    """
    orders = list(Order.objects.filter(pk__in=order_ids).select_related("store").lock_for_update())
    method = ShippingMethod.objects.get(pk=shipping_method_id) if shipping_method_id else None
    if carrier_id is None and method is not None:
        carrier_id = method.carrier_id
    problems = {order.pk: problem for order in orders if (problem := method_problem(order, method))}
    changed = [
        order
        for order in orders
        if order.pk not in problems
        and (order.shipping_method_id, order.carrier_id) != (shipping_method_id, carrier_id)
    ]
    Order.objects.filter(pk__in=[order.pk for order in changed]).update(
        shipping_method_id=shipping_method_id, carrier_id=carrier_id
    )
    order_events_append(
        drafts=[
            EventDraft(order.pk, "shipping", "Forma de envio ou transportadora alterada") for order in changed
        ],
        actor=actor,
    )
    return ShippingSet(len(changed), problems)


@transaction.atomic
def order_shipping_edit(
    *,
    order_id: int,
    shipping_method_id: int | None,
    carrier_id: int | None,
    payment_method_id: int | None,
    actor: User,
) -> Refusal:
    """*Envio e recebimento* of one order, both or, with the answer why not, neither."""
    saved = orders_shipping_set(
        order_ids=[order_id], shipping_method_id=shipping_method_id, carrier_id=carrier_id, actor=actor
    )
    if problem := saved.problems.get(order_id, NO_REFUSAL):
        return problem
    order = Order.objects.get(pk=order_id)
    if order.payment_method_id == payment_method_id:
        return NO_REFUSAL
    order.payment_method = (
        PaymentMethod.objects.get(pk=payment_method_id) if payment_method_id is not None else None
    )
    order.save(update_fields=["payment_method"])
    chosen = order.payment_method
    text = f"Forma de recebimento: {chosen}" if chosen else "Forma de recebimento retirada"
    order_event(order.pk, "payment", text, actor=actor)
    return NO_REFUSAL


@transaction.atomic
def master_row_save(
    *, row: Carrier | ShippingMethod | PaymentMethod, label: str, changed: Sequence[str], actor: User
) -> None:
    """Save one row of the *cadastros*, new or changed. The audit trail says `label`, what its list calls one
    row, and `changed`, the names of the fields."""
    row.save()
    audit_append(
        company_id=row.company_id,
        actor=actor,
        action=f"{row._meta.model_name}.saved",
        subject=f"{row._meta.model_name}:{row.pk}",
        text=f"{label.capitalize()} {row} salva",
        data={"fields": list(changed)},
    )
