"""Tracking codes from a pasted list or a spreadsheet, one answer per line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from django.db import transaction

from erp.accounts.models import User
from erp.channels import RowResult, row_already, row_refused
from expedition import refusals
from expedition.models import Shipment, ShipmentQuerySet
from expedition.preconditions import code_canonical
from expedition.selectors import shipment_only, shipments_found
from expedition.services.tracking import tracking_set
from expedition.tracking_lists import TrackingLine, tracking_list_parse


@dataclass(frozen=True, slots=True)
class ImportedLine:
    """A line of the list and what became of it; `shipment` is None where the line names none."""

    line: TrackingLine
    result: RowResult
    shipment: Shipment | None = None


@transaction.atomic
def tracking_import(
    *, source: str | BinaryIO, shipments: ShipmentQuerySet, actor: User | None = None
) -> list[ImportedLine]:
    """Save the codes of a list for those of `shipments` (the caller's reach) that its lines name.

    A line that is wrong stops only itself. Raises `TrackingListError` when the list is none.
    """
    lines = tracking_list_parse(source)
    found = shipments_found(shipments, [line.key for line in lines])
    judged: dict[int, ImportedLine] = {}
    chosen: dict[int, TrackingLine] = {}
    for place, line in enumerate(lines):
        shipment, problem = shipment_only(found[line.key], line.key)
        if line.problem or problem or shipment is None:
            judged[place] = ImportedLine(line, row_refused(0, line.problem or problem))
        elif shipment.pk in chosen:
            judged[place] = ImportedLine(line, _repeated(shipment, chosen[shipment.pk], line), shipment)
        else:
            chosen[shipment.pk] = line
            judged[place] = ImportedLine(line, row_already(shipment.pk, ""), shipment)
    saved = _save(chosen, actor)
    return [_settled(judged[place], chosen, saved) for place in range(len(lines))]


def _repeated(shipment: Shipment, first: TrackingLine, line: TrackingLine) -> RowResult:
    if code_canonical(first.code) == code_canonical(line.code):
        return row_already(shipment.pk, f"Repete a linha {first.number}.")
    return row_refused(shipment.pk, refusals.LINE_CONTRADICTS.of(number=first.number))


def _save(chosen: dict[int, TrackingLine], actor: User | None) -> dict[int, RowResult]:
    codes = {pk: line.code for pk, line in chosen.items()}
    return {result.id: result for result in tracking_set(codes=codes, actor=actor)}


def _settled(
    judged: ImportedLine, chosen: dict[int, TrackingLine], saved: dict[int, RowResult]
) -> ImportedLine:
    shipment = judged.shipment
    if shipment is None or chosen[shipment.pk] is not judged.line:
        return judged
    return ImportedLine(judged.line, saved[shipment.pk], shipment)
