"""Print notes and remember that they were printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from erp.accounts.models import User
from erp.channels import RowOutcome, RowResult
from erp.sales.services import EventDraft, order_events_append
from invoices.intake.files import CompanyFacts
from invoices.intake.validation import judge
from invoices.models import DocumentDamaged, Invoice, InvoiceStatus
from invoices.printing.printouts import (
    DrawingFailed,
    InvoicePrintout,
    PrintableInvoice,
    PrinterMissing,
    invoices_drawn,
    is_available,
    pdfs_merge,
)

LARGEST_PRINT = 100
# The printer's time grows with the square of a note's items: 1 s for 100, 3 s for 200, a minute for 990.
LARGEST_NOTE = 200
LARGEST_SUM = 500
NOT_PRINTABLE = (InvoiceStatus.PENDING, InvoiceStatus.REJECTED)
DAMAGED = "O arquivo guardado desta nota está danificado. Restaure-o de uma cópia antes de imprimir."
FAILED = "O arquivo guardado não passa mais na conferência. Abra a nota e veja as verificações."
GONE = "A nota não existe mais. Atualize a página."
TOO_LONG = f"A nota tem mais de {LARGEST_NOTE} itens. Imprima este DANFE no emissor que a gerou."
TOO_MUCH = f"As notas marcadas somam mais de {LARGEST_SUM} itens. Imprima-as em partes."
TOO_MANY = f"Marque até {LARGEST_PRINT} notas por impressão."
NOT_DRAWN = "A nota traz algo que a impressão daqui não desenha. Imprima este DANFE no emissor que a gerou."
NOT_ALONE = "Não impressa: outra nota marcada não pode ser impressa. Desmarque-a e imprima de novo."


class PrintRefused(Exception):
    """Nothing was printed; `results` holds one row per note and says why."""

    def __init__(self, results: list[RowResult]) -> None:
        super().__init__("print refused")
        self.results = results


def print_problems(ids: Sequence[int]) -> dict[int, str]:
    """Why a note cannot be printed, itself or because of its order; per id, an empty text means it can. One
    query; files stay unread."""
    if not is_available():
        return dict.fromkeys(ids, str(PrinterMissing()))
    rows = Invoice.objects.filter(pk__in=ids).select_related("order")
    found = {row.pk: _problem(row) for row in rows}
    return {pk: found.get(pk, GONE) for pk in ids}


def invoices_print(*, ids: Sequence[int], printout: InvoicePrintout, user: User | None) -> bytes:
    """Draw the notes in the order of `ids`, then record it: an authorised note becomes *Emitida DANFE*.

    All or none, so that no parcel leaves without its paper because one file was skipped. Raises
    `PrintRefused`.
    """
    content = invoices_printout(ids=ids, printout=printout)
    invoices_printed_record(ids=ids, printout=printout, user=user)
    return content


def invoices_printout(*, ids: Sequence[int], printout: InvoicePrintout) -> bytes:
    """The same PDF without recording anything. Raises `PrintRefused`."""
    return pdfs_merge(invoice_printouts(ids=ids, printout=printout))


def invoice_printouts(*, ids: Sequence[int], printout: InvoicePrintout) -> list[bytes]:
    """One PDF per note, in the order of `ids`; all or none. Raises `PrintRefused`."""
    problems = dict.fromkeys(ids, TOO_MANY) if len(ids) > LARGEST_PRINT else print_problems(ids)
    notes: list[PrintableInvoice] = []
    if not any(problems.values()):
        rows = Invoice.objects.filter(pk__in=ids).select_related("document").in_bulk()
        for pk in ids:
            try:
                notes.append(_printable(rows[pk], printout))
            except _NotPrintable as problem:
                problems[pk] = str(problem)
        if printout is InvoicePrintout.DANFE and sum(note.items for note in notes) > LARGEST_SUM:
            problems = dict.fromkeys(ids, TOO_MUCH)
    if any(problems.values()):
        raise PrintRefused(_refused(ids, problems))
    try:
        return invoices_drawn(notes=notes, printout=printout)
    except DrawingFailed as failed:
        problems[ids[failed.place]] = NOT_DRAWN
        raise PrintRefused(_refused(ids, problems)) from None


def _refused(ids: Sequence[int], problems: Mapping[int, str]) -> list[RowResult]:
    return [RowResult(pk, RowOutcome.REFUSED, problems[pk] or NOT_ALONE) for pk in ids]


@transaction.atomic
def invoices_printed_record(*, ids: Sequence[int], printout: InvoicePrintout, user: User | None) -> None:
    """Remember the first print and tell the orders' timelines. Cancelled notes keep their situation."""
    rows = list(Invoice.objects.filter(pk__in=ids).lock_for_update())
    own = Invoice.objects.filter(pk__in=[row.pk for row in rows])
    own.update(danfe_printed_at=Coalesce(F("danfe_printed_at"), Now()), updated_at=Now())
    own.filter(status=InvoiceStatus.AUTHORISED).update(status=InvoiceStatus.DANFE_ISSUED)
    drafts = [
        EventDraft(row.order_id, "invoice_printed", f"{printout.printed}: {row}", row.get_absolute_url())
        for row in rows
        if row.order_id is not None
    ]
    order_events_append(drafts=drafts, actor=user)


class _NotPrintable(Exception):
    pass


def _problem(invoice: Invoice) -> str:
    status = InvoiceStatus(invoice.status)
    if status in NOT_PRINTABLE:
        return f"A nota está {status.label.lower()}. Só notas autorizadas têm DANFE."
    return invoice.order.printout_problem if invoice.order else ""


def _printable(invoice: Invoice, printout: InvoicePrintout) -> PrintableInvoice:
    """The file judged once more for its own issuer and environment: the printer trusts what it reads."""
    try:
        content = invoice.document.read()
    except (DocumentDamaged, Invoice.document.RelatedObjectDoesNotExist):
        raise _NotPrintable(DAMAGED) from None
    facts = CompanyFacts(frozenset({invoice.issuer_tax_id}), invoice.environment)
    verdict = judge(content, company=facts)
    if not verdict.accepted or verdict.reading is None:
        raise _NotPrintable(FAILED)
    items = len(verdict.reading.items)
    if printout is InvoicePrintout.DANFE and items > LARGEST_NOTE:
        raise _NotPrintable(TOO_LONG)
    return PrintableInvoice(content, items, is_cancelled=invoice.status == InvoiceStatus.CANCELLED)
