"""*Imprimir etiquetas*: the stored labels of many parcels as one file, each with its DANFE if wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from erp.accounts.models import User
from erp.channels import LabelKind, RowOutcome, RowResult, row_refused
from erp.refusals import NO_REFUSAL, Refusal
from erp.sales.models import ShippedBy
from erp.sales.services import order_events_append
from expedition import refusals
from expedition.models import LabelState, Shipment, ShippingLabel
from expedition.preconditions import not_arranged
from expedition.services.labels import LabelDamaged, label_read, labels_printed
from expedition.services.rows import shipment_event
from invoices.printing.printouts import DrawingFailed, InvoicePrintout, PrinterMissing, pdfs_merge
from invoices.printing.services import PrintRefused, invoice_printouts, invoices_printed_record

MOST_LABELS = 100


@dataclass(frozen=True, slots=True)
class Printout:
    """What the printer gets."""

    content: bytes
    kind: LabelKind

    @property
    def file_name(self) -> str:
        return f"etiquetas.{self.kind}"


class LabelsRefused(Exception):
    """Nothing was printed; `results` holds one row per shipment and says why."""

    def __init__(self, results: list[RowResult]) -> None:
        super().__init__("print refused")
        self.results = results


def label_problem(shipment: Shipment) -> Refusal:
    """Why no label of this shipment can be printed now; reads no file. Printing again is
    possible as long as the file is kept, also after the dispatch."""
    if not shipment.is_channel_shipped:
        return refusals.NO_SHIPPER if _lacks_shipper(shipment) else refusals.OWN_CARRIER
    if problem := shipment.order.printout_problem or shipment.frozen_reason:
        return problem
    row = shipment.label_row
    if not shipment.channel_number or row is None:
        return not_arranged(shipment)
    return _row_problem(row, shipment)


def _lacks_shipper(shipment: Shipment) -> bool:
    return shipment.has_channel and shipment.order.shipped_by == ShippedBy.UNKNOWN


def _row_problem(row: ShippingLabel, shipment: Shipment) -> Refusal:
    logistics = shipment.logistics_name
    match LabelState(row.state):
        case LabelState.READY:
            return NO_REFUSAL
        case LabelState.WANTED:
            if row.error:
                return refusals.LABEL_FETCHING_AGAIN.of(logistics=logistics, error=row.error)
            return refusals.LABEL_FETCHING.of(logistics=logistics)
        case LabelState.FAILED:
            return refusals.LABEL_FAILED.of(error=row.error)
        case LabelState.ERASED:
            day = f" em {timezone.localtime(row.erased_at):%d/%m/%Y}" if row.erased_at else ""
            return refusals.LABEL_ERASED.of(day=day)


def labels_print(*, shipments: Sequence[Shipment], with_danfe: bool, actor: User | None) -> Printout:
    """The labels in the order of their groups, each followed by its DANFE when wanted; then it is recorded.

    All or none, so that no parcel stays behind without its label because one was skipped. Raises
    `LabelsRefused`.
    """
    rows = sorted(shipments, key=lambda each: (each.group_id or 0, each.number))
    labels = _contents(rows, with_danfe)
    danfes = _danfes(rows) if with_danfe else {}
    content = _joined(rows, labels, danfes)
    _record(rows, with_danfe, actor)
    return Printout(content, LabelKind(rows[0].label.kind))


def _contents(rows: Sequence[Shipment], with_danfe: bool) -> dict[int, bytes]:
    """The file of each row, by shipment id; raises `LabelsRefused` when one of them cannot be printed."""
    _refuse({each.pk: _problem(each, with_danfe, len(rows)) for each in rows})
    kinds = {each.label.kind for each in rows}
    if len(kinds) > 1:
        _refuse(dict.fromkeys((each.pk for each in rows), refusals.TWO_KINDS))
    if with_danfe and kinds == {LabelKind.ZPL}:
        _refuse(dict.fromkeys((each.pk for each in rows), refusals.NO_DANFE_WITH_ZPL))
    contents, problems = {}, {each.pk: NO_REFUSAL for each in rows}
    for each in rows:
        try:
            contents[each.pk] = label_read(each.label)
        except LabelDamaged:
            problems[each.pk] = refusals.LABEL_DAMAGED
    _refuse(problems)
    return contents


def _problem(shipment: Shipment, with_danfe: bool, count: int) -> Refusal:
    if count > MOST_LABELS:
        return refusals.TOO_MANY_LABELS.of(most=MOST_LABELS)
    if problem := label_problem(shipment):
        return problem
    return refusals.DANFE_LACKS_INVOICE if with_danfe and shipment.lacks_invoice else NO_REFUSAL


def _refuse(problems: Mapping[int, Refusal]) -> None:
    if any(problems.values()):
        raise LabelsRefused(
            [row_refused(pk, problem or refusals.NOT_ALONE) for pk, problem in problems.items()]
        )


def _danfes(rows: Sequence[Shipment]) -> dict[int, bytes]:
    by_invoice = {each.invoice_id: each.pk for each in rows if each.invoice_id is not None}
    try:
        printouts = invoice_printouts(ids=list(by_invoice), printout=InvoicePrintout.DANFE)
    except PrintRefused as error:
        raise LabelsRefused(
            [RowResult(by_invoice[row.id], RowOutcome.REFUSED, row.text) for row in error.results]
        ) from None
    return dict(zip(by_invoice.values(), printouts, strict=True))


def _joined(rows: Sequence[Shipment], labels: Mapping[int, bytes], danfes: Mapping[int, bytes]) -> bytes:
    if rows[0].label.kind == LabelKind.ZPL:
        return b"\n".join(labels[each.pk].strip() for each in rows) + b"\n"
    pages = [
        (each.pk, printout[each.pk]) for each in rows for printout in (labels, danfes) if each.pk in printout
    ]
    problems = dict.fromkeys(labels, NO_REFUSAL)
    try:
        return pdfs_merge([content for _, content in pages])
    except DrawingFailed as failed:
        problems[pages[failed.place][0]] = refusals.LABEL_DAMAGED
    except PrinterMissing as missing:
        problems = dict.fromkeys(labels, missing.refusal)
    _refuse(problems)
    raise AssertionError("unreachable")


@transaction.atomic
def _record(rows: Sequence[Shipment], with_danfe: bool, actor: User | None) -> None:
    labels_printed(ids=[each.label.pk for each in rows])
    order_events_append(
        drafts=[
            shipment_event(each, "label_printed", f"Etiqueta impressa: expedição {each.number}")
            for each in rows
        ],
        actor=actor,
    )
    if with_danfe:
        danfes = [each.invoice_id for each in rows if each.invoice_id is not None]
        invoices_printed_record(ids=danfes, printout=InvoicePrintout.DANFE, user=actor)
