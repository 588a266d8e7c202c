"""Kwai Envios: who carries an order, and the carrier and number that Kwai assigned to its parcel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from erp.channels import ShippingCode
from erp.sales.models import ShippedBy
from kwai_integration import refusals
from kwai_integration.mapping.orders import MappedOrder
from kwai_integration.models import KwaiOrder
from kwai_integration.wire.codes import ShippingType

# Said wherever somebody looks for a tracking code that nobody has to send (contract section 4).
NOTHING_TO_SEND = refusals.LOGISTICS_TRACKS

_SHIPPERS: Mapping[str, ShippedBy] = {
    ShippingType.KWAI_ENVIOS: ShippedBy.CHANNEL,
    ShippingType.SELLER: ShippedBy.SELLER,
}


def shipper_of(shipping_type: str) -> ShippedBy:
    """Who carries an order of this shipping type; a missing or unknown one says nothing."""
    return _SHIPPERS.get(shipping_type, ShippedBy.UNKNOWN)


def shipping_code(mapped: MappedOrder) -> ShippingCode | None:
    """What the answer says of the parcel, where it has a number."""
    if not mapped.tracking_code:
        return None
    return ShippingCode(mapped.carrier_code, "", mapped.tracking_code)


def shipping_codes(order_ids: Sequence[int]) -> dict[int, ShippingCode]:
    """Per order the code that Kwai holds, its own or one that was sent to it."""
    rows = KwaiOrder.objects.filter(order_id__in=order_ids).exclude(remote_tracking_code="")
    return {
        order_id: ShippingCode(carrier, "", number)
        for order_id, carrier, number in rows.values_list(
            "order_id", "remote_carrier_code", "remote_tracking_code"
        )
        if order_id is not None
    }


def shippers_reported(order_ids: Sequence[int]) -> set[int]:
    """The orders whose last answer says who carries them."""
    rows = KwaiOrder.objects.filter(order_id__in=order_ids, shipping_type__in=list(_SHIPPERS))
    return {order_id for order_id in rows.values_list("order_id", flat=True) if order_id is not None}
