"""What every write of the expedição shares: locking shipments with their orders, and answers per row."""

from __future__ import annotations

from collections.abc import Iterable

from erp.channels import RowOutcome, RowResult
from erp.sales.models import Order
from erp.sales.services import EventDraft
from expedition.models import Shipment

GONE = "A expedição não existe mais. Atualize a página."


def shipments_lock(ids: Iterable[int]) -> dict[int, Shipment]:
    """The shipments among `ids`, locked after their orders, each with everything the rules read.

    Call inside a transaction. Orders come first because facts arrive in transactions that already
    hold an order (an authorised note) and go on to its shipment.
    """
    known = Shipment.objects.filter(pk__in=list(ids))
    list(Order.objects.filter(shipments__in=known).lock_for_update())
    return {shipment.pk: shipment for shipment in known.for_screens().lock_for_update()}


def done(row_id: int, text: str) -> RowResult:
    return RowResult(row_id, RowOutcome.DONE, text)


def already(row_id: int, text: str) -> RowResult:
    return RowResult(row_id, RowOutcome.ALREADY_DONE, text)


def refused(row_id: int, text: str) -> RowResult:
    return RowResult(row_id, RowOutcome.REFUSED, text)


def shipment_event(shipment: Shipment, kind: str, text: str) -> EventDraft:
    """A line for the timeline of the shipment's order that leads to the shipment."""
    return EventDraft(
        order_id=shipment.order_id,
        kind=kind,
        text=text,
        link=shipment.get_absolute_url(),
        data={"shipment": shipment.pk},
    )
