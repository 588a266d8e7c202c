"""What follows for a parcel from Kwai's answer about its order: who carries it, under which number."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from erp.outbox.commands import jobs_cancel
from erp.outbox.models import PushJob
from erp.outbox.statuses import WAITING_STATES
from erp.sales.models import Order, ShippedBy
from erp.sales.shippers import method_fits
from expedition.models import ON_THE_WAY, Shipment
from expedition.services import (
    shipments_channel_codes_drop,
    shipments_channel_codes_set,
    shipments_mark_delivered,
)
from kwai_integration import refusals
from kwai_integration.mapping.orders import MappedOrder
from kwai_integration.models import CHANNEL_KEY
from kwai_integration.outbound.kinds import Kind
from kwai_integration.outbound.logistics import (
    NOTHING_TO_SEND,
    shipper_of,
    shipping_code,
    shipping_codes,
)
from kwai_integration.outbound.withdrawing import jobs_withdraw
from kwai_integration.wire.codes import KwaiRole


def shipper_follow(order: Order, mapped: MappedOrder) -> bool:
    """Take who carries the order (not saved) where the answer says it; True when that was news. What a person
    chose stands until then. A *forma de envio* that does not fit any more goes."""
    reported = shipper_of(mapped.shipping_type)
    if reported is ShippedBy.UNKNOWN or order.shipped_by == reported:
        return False
    order.shipped_by = reported
    method = order.shipping_method
    if method is not None and not method_fits(method.kind, reported):
        order.shipping_method = order.carrier = None
    return True


def parcels_follow(followed: Sequence[tuple[Order, MappedOrder]], shippers_changed: Collection[int]) -> None:
    """Numbers of what Kwai carries reach the expedição, and codes nobody needs any more are not sent."""
    codes = {
        order.pk: code
        for order, mapped in followed
        if order.is_channel_shipped and (code := shipping_code(mapped))
    }
    if codes:
        shipments_channel_codes_set(codes=codes)
    if shippers_changed:
        pushes_withdraw(shippers_changed)
        shipments_channel_codes_drop(order_ids=shippers_changed)


def orders_in(
    wanted: Collection[KwaiRole],
    followed: Sequence[tuple[Order, MappedOrder]],
    roles: Mapping[int, Mapping[str, KwaiRole]],
) -> list[Order]:
    """Those whose situation at Kwai has one of these roles in their store."""
    return [order for order, _ in followed if roles[order.store_id].get(order.remote_status) in wanted]


def arrivals_follow(arrived: Sequence[Order]) -> None:
    """What Kwai itself has carried and delivered is delivered here too, with nobody asked."""
    own = [order.pk for order in arrived if order.is_channel_shipped]
    if not own:
        return
    rows = Shipment.objects.filter(order__in=own, status__in=ON_THE_WAY)
    if found := list(rows.values_list("pk", flat=True)):
        shipments_mark_delivered(shipment_ids=found)


def shippers_changed(order_ids: Collection[int]) -> None:
    """A person said who carries these orders: what Kwai has numbered meanwhile is taken over."""
    pushes_withdraw(order_ids)
    shipments_channel_codes_drop(order_ids=order_ids)
    shipments_channel_codes_set(codes=shipping_codes(list(order_ids)))


def pushes_withdraw(order_ids: Collection[int]) -> None:
    """What waits or is stopped and no longer fits who carries these orders: an arrangement of what the seller
    ships would hold back its code."""
    trackings_withdraw(order_ids)
    sellers = Order.objects.filter(pk__in=order_ids, shipped_by=ShippedBy.SELLER, store__channel=CHANNEL_KEY)
    jobs = PushJob.objects.facts().filter(
        kind=Kind.ARRANGE_SHIPMENT,
        state__in=WAITING_STATES,
        store__in=sellers.values("store_id"),
        subject__in=sellers.values("external_id"),
    )
    jobs_withdraw(list(jobs), reason=refusals.SELLERS)


def trackings_withdraw(order_ids: Collection[int]) -> int:
    """Codes of parcels that Kwai carries and that wait or are stopped are not sent; how many."""
    carried = Order.objects.filter(pk__in=order_ids, shipped_by=ShippedBy.CHANNEL, store__channel=CHANNEL_KEY)
    jobs = PushJob.objects.facts().filter(
        kind=Kind.SEND_TRACKING,
        state__in=WAITING_STATES,
        store__in=carried.values("store_id"),
        subject__in=carried.values("external_id"),
    )
    found = list(jobs.values_list("pk", flat=True))
    if found:
        jobs_cancel(job_ids=found, reason=NOTHING_TO_SEND)
    return len(found)


def pushes_end(order_ids: Collection[int], reason: str) -> None:
    """Kwai has closed these orders and a person has decided: nothing about them is sent any more."""
    orders = Order.objects.filter(pk__in=order_ids, store__channel=CHANNEL_KEY)
    jobs = PushJob.objects.facts().filter(
        kind__in=list(Kind),
        state__in=WAITING_STATES,
        store__in=orders.values("store_id"),
        subject__in=orders.values("external_id"),
    )
    if found := list(jobs.values_list("pk", flat=True)):
        jobs_cancel(job_ids=found, reason=reason)
