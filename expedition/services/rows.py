"""What the writes of the expedição share: locking shipments with their orders, and a line of the timeline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from erp.channels import RowResult, row_done, row_refused
from erp.refusals import Refusal
from erp.sales.models import Order
from erp.sales.services import EventDraft
from expedition import refusals
from expedition.models import Shipment


def shipments_lock(ids: Iterable[int]) -> dict[int, Shipment]:
    """The shipments among `ids`, locked after their orders, each with everything the rules read.

    Call inside a transaction. Orders come first because facts arrive in transactions that already
    hold an order (an authorised note) and go on to its shipment.
    """
    known = Shipment.objects.filter(pk__in=list(ids))
    list(Order.objects.filter(shipments__in=known).lock_for_update())
    return {shipment.pk: shipment for shipment in known.for_screens().lock_for_update()}


def shipment_results(ids: Sequence[int], problems: Mapping[int, Refusal], text: str) -> list[RowResult]:
    """`text` for each of these shipments without a problem; one that `problems` does not know is gone."""
    return [
        row_refused(pk, problem)
        if (problem := problems.get(pk, refusals.SHIPMENT_GONE))
        else row_done(pk, text)
        for pk in ids
    ]


def shipment_event(shipment: Shipment, kind: str, text: str) -> EventDraft:
    """A line for the timeline of the shipment's order that leads to the shipment."""
    return EventDraft(
        order_id=shipment.order_id,
        kind=kind,
        text=text,
        link=shipment.get_absolute_url(),
        data={"shipment": shipment.pk},
    )
