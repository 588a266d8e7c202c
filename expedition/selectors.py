"""Reads of the expedição that span apps: finding shipments by what people type, and what may be grouped."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from django.db.models import BigIntegerField, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from erp.accounts.models import User
from erp.refusals import NO_REFUSAL, Refusal
from erp.sales.models import Order, OrderStatus, ShippedBy, ShippingKind, ShippingMethod
from expedition import refusals
from expedition.models import Shipment, ShipmentQuerySet, ShipmentStatus
from expedition.tracking_lists import KeyKind, TrackingKey
from invoices.models import ISSUED, Invoice

LONGEST_NUMBER = 18
EVERY_KIND = (KeyKind.SHIPMENT, KeyKind.ORDER, KeyKind.EXTERNAL, KeyKind.ACCESS_KEY)
GROUPABLE = (OrderStatus.APPROVED, OrderStatus.PREPARING, OrderStatus.INVOICED, OrderStatus.READY_TO_SHIP)


def shipments_found(
    shipments: ShipmentQuerySet, keys: Iterable[TrackingKey]
) -> dict[TrackingKey, list[Shipment]]:
    """The shipments each key names, newest first, in one query and its packages; cancelled ones never."""
    wanted = list(dict.fromkeys(keys))
    texts = {key.text for key in wanted}
    numbers = [int(text) for text in texts if _is_number(text)]
    candidates = (
        shipments.active()
        .for_screens()
        .filter(
            Q(number__in=numbers)
            | Q(order__number__in=numbers)
            | Q(order__external_id__in=texts - {""})
            | Q(invoice__access_key__in=texts)
        )
        .order_by("-pk")
    )
    named: dict[tuple[KeyKind, str], list[Shipment]] = defaultdict(list)
    for shipment in candidates:
        for name in _names(shipment):
            named[name].append(shipment)
    return {key: _named(named, key) for key in wanted}


def _names(shipment: Shipment) -> list[tuple[KeyKind, str]]:
    return [
        (KeyKind.SHIPMENT, str(shipment.number)),
        (KeyKind.ORDER, str(shipment.order.number)),
        (KeyKind.EXTERNAL, shipment.order.external_id.upper()),
        (KeyKind.ACCESS_KEY, shipment.invoice.access_key if shipment.invoice else ""),
    ]


def _named(named: Mapping[tuple[KeyKind, str], list[Shipment]], key: TrackingKey) -> list[Shipment]:
    kinds = EVERY_KIND if key.kind is KeyKind.ANY else (key.kind,)
    text = str(int(key.text)) if _is_number(key.text) else key.text
    found = [shipment for kind in kinds for shipment in named.get((kind, text), ())]
    return list({shipment.pk: shipment for shipment in found}.values())


def _is_number(text: str) -> bool:
    """One of ours, with or without leading zeros; longer ones are of a marketplace or a note."""
    return text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER


def shipment_only(found: Sequence[Shipment], key: TrackingKey) -> tuple[Shipment | None, Refusal]:
    """The one shipment `key` names, or why there is none: numbers of orders and shipments overlap."""
    if len(found) == 1:
        return found[0], NO_REFUSAL
    if not found:
        return None, refusals.NOT_FOUND.of(key=key.text)
    return None, refusals.AMBIGUOUS.of(key=key.text)


def orders_groupable(user: User) -> QuerySet[Order]:
    """Orders that wait for a group: no shipment yet, or a pending one outside any group. Frozen ones come
    along: the row says why not."""
    pending = Shipment.objects.filter(order=OuterRef("pk"), status=ShipmentStatus.PENDING)
    active = Shipment.objects.active().filter(order=OuterRef("pk"))
    can_enter = Exists(pending.filter(group__isnull=True)) | (~Exists(active) & Q(status__in=GROUPABLE))
    return Order.objects.visible_to(user).filter(can_enter)


def _method() -> Coalesce:
    """The *forma de envio* of an order's shipment, note or own, the first that has one."""
    pending = Shipment.objects.filter(order=OuterRef("pk"), status=ShipmentStatus.PENDING)
    issued = Invoice.objects.filter(order=OuterRef("pk"), status__in=ISSUED)
    return Coalesce(
        Subquery(pending.values("shipping_method_id")[:1]),
        Subquery(issued.values("shipping_method_id")[:1]),
        "shipping_method_id",
        output_field=BigIntegerField(),
    )


def groupable_methods(*, user: User, order_ids: Sequence[int]) -> Counter[int | None]:
    """How many of the orders wait for a group, by *forma de envio*."""
    if not order_ids:
        return Counter()
    rows = orders_groupable(user).filter(pk__in=order_ids).annotate(method_id=_method())
    return Counter(dict(rows.values_list("pk", "method_id")).values())


def orders_available(*, user: User, method_id: int, with_none: bool) -> QuerySet[Order]:
    """Those that may enter a group of the method; `with_none` brings those without *forma de envio* too."""
    has_method = Q(method_id=method_id)
    if with_none:
        carried = Q(shipped_by=ShippedBy.CHANNEL)
        is_own = ShippingMethod.objects.filter(pk=method_id, kind=ShippingKind.MARKETPLACE).exists()
        has_method |= Q(method_id__isnull=True) & (carried if is_own else ~carried)
    orders = orders_groupable(user).annotate(method_id=_method()).filter(has_method)
    return orders.order_by("ship_by_at", "pk")
