"""*Imprimir etiquetas*: the stored labels of many parcels as one file, each with its DANFE if wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from erp.accounts.models import User
from erp.channels import LabelKind, RowOutcome, RowResult
from erp.sales.models import ShippedBy
from erp.sales.services import order_events_append
from expedition.models import LabelState, Shipment, ShippingLabel
from expedition.preconditions import NOT_ARRANGED
from expedition.services.labels import LabelDamaged, label_read, labels_printed
from expedition.services.rows import refused, shipment_event
from invoices.printing.printouts import DrawingFailed, InvoicePrintout, PrinterMissing, pdfs_merge
from invoices.printing.services import PrintRefused, invoice_printouts, invoices_printed_record

MOST_LABELS = 100
TOO_MANY = f"Imprima até {MOST_LABELS} etiquetas por vez."
NOT_ALONE = "Não impressa: outra etiqueta marcada não pode ser impressa. Desmarque-a e imprima de novo."
OWN_CARRIER = "A etiqueta deste pedido é a da transportadora própria: ela não vem do e-commerce."
NO_SHIPPER = "O e-commerce não informa quem envia este pedido. Diga na página do pedido."
DAMAGED = "O arquivo da etiqueta está danificado ou sumiu. Use buscar etiqueta de novo na expedição."
TWO_KINDS = "As etiquetas marcadas estão em PDF e em ZPL. Imprima cada formato por vez."
NO_DANFE_WITH_ZPL = "O DANFE só sai junto de etiquetas em PDF. Imprima estas em ZPL sem ele."
LACKS_INVOICE = "Falta a NF-e autorizada do pedido: sem ela não há DANFE para imprimir junto."


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


def label_problem(shipment: Shipment) -> str:
    """Why no label of this shipment can be printed now, or an empty text; reads no file. Printing again is
    possible as long as the file is kept, also after the dispatch."""
    if not shipment.is_channel_shipped:
        return NO_SHIPPER if _lacks_shipper(shipment) else OWN_CARRIER
    if problem := shipment.order.printout_problem or shipment.frozen_reason:
        return problem
    row = shipment.label_row
    if not shipment.channel_number or row is None:
        return NOT_ARRANGED.format(name=shipment.logistics_name)
    return _row_problem(row, shipment)


def _lacks_shipper(shipment: Shipment) -> bool:
    return shipment.has_channel and shipment.order.shipped_by == ShippedBy.UNKNOWN


def _row_problem(row: ShippingLabel, shipment: Shipment) -> str:
    match LabelState(row.state):
        case LabelState.READY:
            return ""
        case LabelState.WANTED:
            why = f" Última resposta: {row.error}" if row.error else " Tente em instantes."
            return f"A etiqueta está sendo buscada no {shipment.logistics_name}.{why}"
        case LabelState.FAILED:
            return f"A etiqueta não foi obtida: {row.error} Use buscar etiqueta de novo na expedição."
        case LabelState.ERASED:
            day = f" em {timezone.localtime(row.erased_at):%d/%m/%Y}" if row.erased_at else ""
            return f"A etiqueta foi apagada{day}, 30 dias depois do fim do pedido."


def labels_print(*, shipments: Sequence[Shipment], with_danfe: bool, actor: User | None) -> Printout:
    """The labels in the order of their groups, each followed by its DANFE when wanted; then it is recorded.

    All or none, so that no parcel stays behind without its label because one was skipped. Raises
    `LabelsRefused`.
    """
    rows = sorted(shipments, key=lambda each: (each.group_id or 0, each.number))
    labels = _contents(rows, with_danfe)
    notes = _danfes(rows) if with_danfe else {}
    content = _joined(rows, labels, notes)
    _record(rows, with_danfe, actor)
    return Printout(content, LabelKind(rows[0].label.kind))


def _contents(rows: Sequence[Shipment], with_danfe: bool) -> dict[int, bytes]:
    problems = {each.pk: TOO_MANY if len(rows) > MOST_LABELS else label_problem(each) for each in rows}
    if with_danfe:
        problems |= {each.pk: LACKS_INVOICE for each in rows if not problems[each.pk] and each.lacks_invoice}
    _refuse(problems)
    kinds = {each.label.kind for each in rows}
    if len(kinds) > 1:
        _refuse(dict.fromkeys(problems, TWO_KINDS))
    if with_danfe and kinds == {LabelKind.ZPL}:
        _refuse(dict.fromkeys(problems, NO_DANFE_WITH_ZPL))
    contents = {}
    for each in rows:
        try:
            contents[each.pk] = label_read(each.label)
        except LabelDamaged:
            problems[each.pk] = DAMAGED
    _refuse(problems)
    return contents


def _refuse(problems: Mapping[int, str]) -> None:
    if any(problems.values()):
        raise LabelsRefused([refused(pk, problem or NOT_ALONE) for pk, problem in problems.items()])


def _danfes(rows: Sequence[Shipment]) -> dict[int, bytes]:
    by_note = {each.invoice_id: each.pk for each in rows if each.invoice_id is not None}
    try:
        printouts = invoice_printouts(ids=list(by_note), printout=InvoicePrintout.DANFE)
    except PrintRefused as error:
        raise LabelsRefused(
            [RowResult(by_note[row.id], RowOutcome.REFUSED, row.text) for row in error.results]
        ) from None
    return dict(zip(by_note.values(), printouts, strict=True))


def _joined(rows: Sequence[Shipment], labels: Mapping[int, bytes], notes: Mapping[int, bytes]) -> bytes:
    if rows[0].label.kind == LabelKind.ZPL:
        return b"\n".join(labels[each.pk].strip() for each in rows) + b"\n"
    pages = [
        (each.pk, printout[each.pk]) for each in rows for printout in (labels, notes) if each.pk in printout
    ]
    problems = dict.fromkeys(labels, "")
    try:
        return pdfs_merge([content for _, content in pages])
    except DrawingFailed as failed:
        problems[pages[failed.place][0]] = DAMAGED
    except PrinterMissing as missing:
        problems = dict.fromkeys(labels, str(missing))
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
        notes = [each.invoice_id for each in rows if each.invoice_id is not None]
        invoices_printed_record(ids=notes, printout=InvoicePrintout.DANFE, user=actor)
