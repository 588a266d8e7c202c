"""Buyer and address: what an answer says of them, and how a stored one takes that over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from erp.rows import rows_update, rows_values
from erp.sales.models import Buyer, DeliveryAddress, Order
from erp.sales.ownership import ADDRESS_FIELDS, BUYER_FIELDS
from kwai_integration.inbound.orders.rules import IncomingOrder, Rules
from kwai_integration.mapping.orders import MappedOrder


def part_new(model: type[Any], order: Order, entry: IncomingOrder, rules: Rules) -> Any:
    values = VALUES[model](entry.mapped)
    return model(order=order, platform_values=values, **rules.shown(entry, values))


def parts_follow(model: type[Any], incoming: Sequence[IncomingOrder], rules: Rules) -> list[Any]:
    """Let the stored parts of these orders take over what their answers say; those that changed. Two
    statements at most."""
    stored = {part.order_id: part for part in model.objects.filter(order_id__in=_order_ids(incoming))}
    fields = [*COLUMNS[model], "platform_values", "proposal"]
    before = rows_values(stored.values(), fields)
    changed = []
    for entry in incoming:
        if "address" in entry.mapped.unread:
            continue
        part, values = stored[entry.row.order_id], VALUES[model](entry.mapped)
        hidden = _tells_nothing(_part_source(model, entry.mapped), values)
        if part.platform_values == values or (hidden and any(part.platform_values.values())):
            continue
        _part_take(part, values, rules.shown(entry, values))
        changed.append(part)
    rows_update(changed, fields, before=before)
    return changed


def part_label(part: Any) -> str:
    """How the timeline names what changed; what an operator edited waits for a decision."""
    label = LABELS[type(part)]
    return f"{label} (aguarda sua decisão)" if part.proposal else label


def _order_ids(incoming: Sequence[IncomingOrder]) -> list[int]:
    return [entry.row.order_id for entry in incoming if entry.row.order_id]


def buyer_values(mapped: MappedOrder) -> dict[str, str]:
    return {name: getattr(mapped.buyer, name) for name in BUYER_FIELDS}


def address_values(mapped: MappedOrder) -> dict[str, str]:
    stated = {name: getattr(mapped.address, name) for name in ADDRESS_FIELDS if name != "problem"}
    return {**stated, "problem": mapped.address.incomplete_reason[:200]}


def _part_source(model: type[Any], mapped: MappedOrder) -> Any:
    return mapped.buyer if model is Buyer else mapped.address


def _tells_nothing(source: Any, values: Mapping[str, str]) -> bool:
    """The platform hides or withdraws personal data after a while; that is no reason to forget it."""
    stated = [value for name, value in values.items() if name != "problem"]
    return source.masked or not any(stated)


def _part_take(part: Any, values: dict[str, str], shown: dict[str, str]) -> None:
    """Compared by what the platform said, written as the store wants names."""
    part.platform_values = values
    if part.edited_at is None:
        for name, value in shown.items():
            setattr(part, name, value)
        return
    differs = any(getattr(part, name) != value for name, value in shown.items())
    part.proposal = shown if differs else None


VALUES: dict[type[Any], Callable[[MappedOrder], dict[str, str]]] = {
    Buyer: buyer_values,
    DeliveryAddress: address_values,
}
COLUMNS: dict[type[Any], Sequence[str]] = {Buyer: BUYER_FIELDS, DeliveryAddress: ADDRESS_FIELDS}
LABELS: dict[type[Any], str] = {Buyer: "comprador", DeliveryAddress: "endereço de entrega"}
