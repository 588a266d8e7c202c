"""What a shipment asks of its marketplace: arranging, tracking, access key, delivered.

One function greys the menu and refuses the command, so that both say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from erp import channels
from erp.accounts.models import User
from erp.channels import Badge, ChannelAction, RowResult, row_refused
from erp.refusals import NO_REFUSAL, Refusal
from expedition import refusals
from expedition.models import Shipment
from expedition.preconditions import delivery_problem, invoice_problem
from expedition.services import shipments_deliver

ARRANGE = "arrange"
SEND_TRACKING, SEND_INVOICE, DELIVER = "send_tracking", "send_invoice", "deliver"


def reasons(name: str, shipments: Sequence[Shipment]) -> dict[int, Refusal]:
    """Per shipment why `name` cannot be done; a constant number of queries."""
    return _REASONS[name](shipments) if shipments else {}


def group_reasons(
    name: str, members: Mapping[int, Sequence[Shipment]], ids: Sequence[int]
) -> dict[int, Refusal]:
    """A group may when one of its members may; else it says what the first one lacks."""
    by_shipment = reasons(name, [each for own in members.values() for each in own])
    return {pk: _group_reason([by_shipment[each.pk] for each in members.get(pk, ())]) for pk in ids}


def run(name: str, shipments: Sequence[Shipment], actor: User) -> list[RowResult]:
    """Do `name`; one named result per shipment, in their order."""
    results = {row.id: row for row in _RUNS[name](shipments, actor)} if shipments else {}
    return [named(results[each.pk], each) for each in shipments]


def group_badges(counted: Mapping[Badge, int], total: int) -> list[Badge]:
    """The markers of a group of `total` as one line: *rastreio enviado 3/5*, without the count when all have
    it."""
    return [
        badge if count >= total else replace(badge, label=f"{badge.label} {count}/{total}")
        for badge, count in counted.items()
    ]


def _group_reason(found: Sequence[Refusal]) -> Refusal:
    if not found:
        return refusals.GROUP_EMPTY
    return found[0] if all(found) else NO_REFUSAL


def _arrange_reasons(shipments: Sequence[Shipment]) -> dict[int, Refusal]:
    return channels.check(ChannelAction.ARRANGE_SHIPMENT, [each.pk for each in shipments])


def _arrange_run(shipments: Sequence[Shipment], actor: User) -> list[RowResult]:
    return channels.run(ChannelAction.ARRANGE_SHIPMENT, [each.pk for each in shipments], user=actor)


def _tracking_reasons(shipments: Sequence[Shipment]) -> dict[int, Refusal]:
    return channels.check(ChannelAction.SEND_TRACKING, [each.pk for each in shipments])


def _invoice_reasons(shipments: Sequence[Shipment]) -> dict[int, Refusal]:
    asked = channels.check(
        ChannelAction.SEND_INVOICE, [each.invoice_id for each in shipments if each.invoice_id]
    )
    return {
        each.pk: asked[each.invoice_id] if each.invoice_id else _without_invoice(each) for each in shipments
    }


def _without_invoice(shipment: Shipment) -> Refusal:
    """The command takes invoices: without one there is nothing to ask the channel about."""
    return invoice_problem(shipment) if shipment.has_channel else channels.NO_CHANNEL


def _delivery_reasons(shipments: Sequence[Shipment]) -> dict[int, Refusal]:
    asked = channels.check(
        ChannelAction.CONFIRM_DELIVERY, [each.pk for each in shipments if each.has_channel]
    )
    return {each.pk: asked[each.pk] if each.has_channel else delivery_problem(each) for each in shipments}


def _tracking_run(shipments: Sequence[Shipment], actor: User) -> list[RowResult]:
    return channels.run(ChannelAction.SEND_TRACKING, [each.pk for each in shipments], user=actor)


def _invoice_run(shipments: Sequence[Shipment], actor: User) -> list[RowResult]:
    """The command takes invoices; its answers are told per shipment."""
    invoices = [each.invoice_id for each in shipments if each.invoice_id]
    rows = {row.id: row for row in channels.run(ChannelAction.SEND_INVOICE, invoices, user=actor)}
    return [
        RowResult(each.pk, rows[each.invoice_id].outcome, rows[each.invoice_id].text)
        if each.invoice_id
        else row_refused(each.pk, _without_invoice(each))
        for each in shipments
    ]


def _delivery_run(shipments: Sequence[Shipment], actor: User) -> list[RowResult]:
    return shipments_deliver(shipment_ids=[each.pk for each in shipments], actor=actor)


def named(row: RowResult, shipment: Shipment) -> RowResult:
    """The answer as screens show it: with the shipment's name and page."""
    label = f"{shipment} · pedido {shipment.order.number}"
    return RowResult(shipment.pk, row.outcome, row.text, label, shipment.get_absolute_url())


_REASONS: dict[str, Callable[[Sequence[Shipment]], dict[int, Refusal]]] = {
    ARRANGE: _arrange_reasons,
    SEND_TRACKING: _tracking_reasons,
    SEND_INVOICE: _invoice_reasons,
    DELIVER: _delivery_reasons,
}
_RUNS: dict[str, Callable[[Sequence[Shipment], User], list[RowResult]]] = {
    ARRANGE: _arrange_run,
    SEND_TRACKING: _tracking_run,
    SEND_INVOICE: _invoice_run,
    DELIVER: _delivery_run,
}
