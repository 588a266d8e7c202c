"""Carrier and number that a marketplace assigned to the parcels it carries itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from django.db import transaction

from erp import channels
from erp.channels import ShippingCode
from erp.rows import rows_update
from erp.sales.models import ShippedBy
from erp.sales.services import EventDraft, order_events_append
from expedition.models import ON_THE_WAY, FormerCode, Package, Shipment, ShipmentQuerySet
from expedition.preconditions import code_canonical
from expedition.services.labels import labels_want
from expedition.services.rows import shipment_event, shipments_lock
from expedition.services.tracking import holders_of, raced

CODE_FIELDS = [
    "channel_number",
    "channel_carrier_code",
    "channel_carrier_name",
    "former_code",
    "former_code_is",
]


def shipments_channel_codes_set(*, codes: Mapping[int, ShippingCode]) -> set[int]:
    """Give shipments the number of their marketplace; `codes` by **order** id. Returns the shipments changed.

    Only orders that the marketplace carries are touched. A code typed before gives way and is kept in the
    timeline and on the row; so does a number that was reissued, before and after the conclusion. A constant
    number of statements, and none that writes when nothing changed.
    """
    if not any(
        _differs(each, codes[each.order_id]) for each in _concerned(codes).prefetch_related("packages")
    ):
        return set()
    return raced(lambda: _codes_set(codes))


@transaction.atomic
def shipments_channel_codes_drop(*, order_ids: Collection[int]) -> set[int]:
    """Take the marketplace's numbers off shipments that it does not carry any more; returns those changed.

    What it once assigned is no code of ours: it would be shown, printed and sent as one. The timeline keeps
    it. A constant number of statements.
    """
    rows = Shipment.objects.filter(order__in=order_ids, status__in=ON_THE_WAY).exclude(channel_number="")
    theirs = rows.exclude(order__shipped_by=ShippedBy.CHANNEL)
    dropping = list(shipments_lock(theirs.values_list("pk", flat=True)).values())
    drafts = [_dropped_event(each) for each in dropping]
    packages = []
    for shipment in dropping:
        for package in shipment.packages.all():
            if package.tracking_code == shipment.channel_number:
                package.tracking_code, package.holds_code = "", True
                packages.append(package)
        for name in CODE_FIELDS:
            setattr(shipment, name, "")
    rows_update(packages, ["tracking_code", "holds_code"])
    rows_update(dropping, CODE_FIELDS)
    order_events_append(drafts=drafts)
    return {each.pk for each in dropping}


def _dropped_event(shipment: Shipment) -> EventDraft:
    text = (
        f"O pedido não vai mais pelo {shipment.logistics_name}: o número {shipment.channel_number} saiu da "
        f"expedição {shipment.number}"
    )
    if shipment.former_code_is == FormerCode.REPLACED:
        text += f". O código digitado antes era {shipment.former_code}"
    return shipment_event(shipment, "tracking", text)


def _concerned(codes: Mapping[int, ShippingCode]) -> ShipmentQuerySet:
    return Shipment.objects.filter(
        order__in=codes, order__shipped_by=ShippedBy.CHANNEL, status__in=ON_THE_WAY
    )


def _differs(shipment: Shipment, code: ShippingCode) -> bool:
    """A carrier the answer leaves out is no news."""
    number = code_canonical(code.number)
    return (
        (shipment.channel_number, shipment.tracking_code) != (number, number)
        or code.carrier_code not in ("", shipment.channel_carrier_code)
        or code.carrier_name not in ("", shipment.channel_carrier_name)
    )


def _codes_set(codes: Mapping[int, ShippingCode]) -> set[int]:
    locked = shipments_lock(_concerned(codes).values_list("pk", flat=True)).values()
    changing = [each for each in locked if _differs(each, codes[each.order_id])]
    renumbered = [
        each for each in changing if each.tracking_code != code_canonical(codes[each.order_id].number)
    ]
    drafts = [_event(each, code_canonical(codes[each.order_id].number)) for each in renumbered]
    for shipment in changing:
        _take(shipment, codes[shipment.order_id])
    rows_update(changing, CODE_FIELDS)
    _packages_write(renumbered)
    order_events_append(drafts=drafts)
    labels_want(shipments=changing)
    return {each.pk for each in changing}


def _take(shipment: Shipment, code: ShippingCode) -> None:
    number, before = code_canonical(code.number), shipment.tracking_code
    if before and before != number:
        was_theirs = before == shipment.channel_number
        shipment.former_code = before
        shipment.former_code_is = FormerCode.REISSUED if was_theirs else FormerCode.REPLACED
    shipment.channel_number = number
    shipment.channel_carrier_code = code.carrier_code or shipment.channel_carrier_code
    shipment.channel_carrier_name = code.carrier_name or shipment.channel_carrier_name


def _packages_write(shipments: Sequence[Shipment]) -> None:
    """One parcel, one number: further *volumes* typed for another carrier go.

    The marketplace is right about its numbers. Where somebody else's package holds one, by a typing error or
    because two orders travel together, both show it and the first keeps it for itself.
    """
    held = {key: holder.pk for key, holder in holders_of(shipments, _numbers(shipments)).items()}
    packages, rest = [], []
    for shipment in shipments:
        first, *others = shipment.packages.all()
        rest += [each.pk for each in others]
        first.tracking_code = shipment.channel_number
        key = (shipment.company_id, first.tracking_code)
        first.holds_code = held.setdefault(key, shipment.pk) == shipment.pk
        packages.append(first)
    Package.objects.filter(pk__in=rest).delete()
    rows_update(packages, ["tracking_code", "holds_code"])


def _numbers(shipments: Sequence[Shipment]) -> list[str]:
    return [each.channel_number for each in shipments]


def _event(shipment: Shipment, number: str) -> EventDraft:
    """Said from what stood there before."""
    before, name = shipment.tracking_code, shipment.logistics_name
    if before and before == shipment.channel_number:
        channel = channels.label(shipment.store.channel)
        text = f"O {channel} reemitiu o número para {number}; antes era {before}"
    elif before:
        text = f"Número do {name}: {number}. O código digitado antes, {before}, foi substituído"
    else:
        text = f"Número do {name}: {number}"
    return shipment_event(shipment, "tracking", f"{text} (expedição {shipment.number})")
