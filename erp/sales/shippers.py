"""Who carries an order, and which *formas de envio* fit it.

The marketplace says who carries; where it does not, a person does. Until then nothing is arranged and no code
is sent, because guessing wrong sends a parcel twice or not at all.
"""

from __future__ import annotations

from django.db import transaction

from erp import channels
from erp.accounts.models import User
from erp.refusals import NO_REFUSAL, Refusal
from erp.sales import refusals
from erp.sales.models import Order, ShippedBy, ShippingKind, ShippingMethod
from erp.sales.statuses import OrderStatus
from erp.sales.timeline import order_event


def shipper_label(shipped_by: str, channel: str) -> str:
    """Who carries, in words; `channel` is the store's key, whose own name its delivery service has."""
    return (
        channels.logistics_name(channel) if shipped_by == ShippedBy.CHANNEL else ShippedBy(shipped_by).label
    )


def method_fits(kind: str, shipped_by: str) -> bool:
    """The marketplace's own kind fits only what the marketplace carries, and that takes no other."""
    return (kind == ShippingKind.MARKETPLACE) == (shipped_by == ShippedBy.CHANNEL)


def method_problem(order: Order, method: ShippingMethod | None) -> Refusal:
    """Why `method` is none for `order`; reads `order.store`."""
    if method is None or method_fits(method.kind, order.shipped_by):
        return NO_REFUSAL
    names = {"method": method, "logistics": channels.logistics_name(order.store.channel)}
    if order.is_channel_shipped:
        return refusals.METHOD_OF_SELLER.of(**names)
    if order.shipped_by == ShippedBy.UNKNOWN and order.external_id:
        return refusals.METHOD_BEFORE_SHIPPER.of(**names)
    return refusals.METHOD_OF_CHANNEL.of(**names)


def fitting_method(order: Order) -> ShippingMethod | None:
    """What the order keeps: its method where that fits; else, for the marketplace's logistics, the company's
    one method of that kind, and nothing where there is none or a choice."""
    method = order.shipping_method
    if method is not None and method_fits(method.kind, order.shipped_by):
        return method
    if not order.is_channel_shipped:
        return None
    own = ShippingMethod.objects.filter(
        company_id=order.company_id, kind=ShippingKind.MARKETPLACE, is_active=True
    ).select_related("carrier")[:2]
    return own[0] if len(own) == 1 else None


@transaction.atomic
def order_shipper_set(*, order_id: int, shipped_by: ShippedBy, actor: User | None = None) -> Refusal:
    """A person says who carries the order; answers why that cannot be.

    It stands until the marketplace says otherwise. A *forma de envio* that no longer fits goes.
    """
    order = Order.objects.select_related("store", "shipping_method").lock_for_update().get(pk=order_id)
    if problem := shipper_problem(order):
        return problem
    if order.shipped_by == shipped_by:
        return NO_REFUSAL
    order.shipped_by = shipped_by
    method = fitting_method(order)
    if method != order.shipping_method:
        order.shipping_method, order.carrier = method, method.carrier if method else None
    order.save(update_fields=["shipped_by", "shipping_method", "carrier"])
    text = f"Quem envia: {shipper_label(shipped_by, order.store.channel)}"
    order_event(order.pk, "shipper", text, data={"shipped_by": shipped_by}, actor=actor)
    channels.order_shipper_changed([order.pk])
    return NO_REFUSAL


def shipper_problem(order: Order) -> Refusal:
    """Why nobody can choose who carries `order`; reads `order.store`."""
    if not order.external_id:
        return refusals.NOT_REMOTE
    if OrderStatus(order.status).rank >= OrderStatus.SHIPPED.rank:
        return refusals.SHIPPER_FIXED
    if channels.shippers_reported([order.pk]):
        return refusals.SHIPPER_REPORTED.of(channel=channels.label(order.store.channel))
    return NO_REFUSAL
