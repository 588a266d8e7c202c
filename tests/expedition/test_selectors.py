from __future__ import annotations

from collections.abc import Callable

from erp.accounts.models import Store, User
from erp.sales.models import Order, OrderStatus, ShippingMethod
from expedition.models import Shipment, ShipmentGroup
from expedition.selectors import orders_available
from expedition.services import shipments_open
from invoices.models import Invoice


def test_orders_available(
    make_order: Callable[..., Order],
    open_shipment: Callable[..., Shipment],
    make_group: Callable[..., ShipmentGroup],
    make_invoice: Callable[..., Invoice],
    correios: ShippingMethod,
    jadlog: ShippingMethod,
    counter_store: Store,
    operator: User,
    admin: User,
) -> None:
    fresh = make_order(shipping_method=correios)
    pending = open_shipment(correios).order
    by_note = make_order(shipping_method=jadlog)
    make_invoice(by_note, shipping_method=correios)
    shipments_open(order_ids=[by_note.pk])
    without = make_order()
    foreign = make_order(of=counter_store, shipping_method=correios)
    make_group(correios, open_shipment(correios))
    make_order(shipping_method=jadlog)
    for status in (OrderStatus.OPEN, OrderStatus.SHIPPED, OrderStatus.DELIVERED, OrderStatus.CANCELLED):
        make_order(shipping_method=correios, status=status)

    def available(user: User, *, with_none: bool = False) -> set[Order]:
        return set(orders_available(user=user, method_id=correios.pk, with_none=with_none))

    assert available(operator) == {fresh, pending, by_note}
    assert available(operator, with_none=True) == {fresh, pending, by_note, without}
    assert available(admin) == {fresh, pending, by_note, foreign}
