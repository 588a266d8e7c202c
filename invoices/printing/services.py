"""Print notes and remember that they were printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from erp.accounts.models import User
from erp.channels import RowResult, row_refused
from erp.refusals import NO_REFUSAL, Refusal, RefusedError
from erp.sales.services import EventDraft, order_events_append
from invoices import refusals
from invoices.intake.files import CompanyFacts
from invoices.intake.validation import judge
from invoices.models import DocumentDamaged, Invoice, InvoiceStatus
from invoices.printing.printouts import (
    DrawingFailed,
    InvoicePrintout,
    PrintableInvoice,
    invoices_drawn,
    is_available,
    pdfs_merge,
)

LARGEST_PRINT = 100
# The printer's time grows with the square of a note's items: 1 s for 100, 3 s for 200, a minute for 990.
LARGEST_INVOICE = 200
LARGEST_SUM = 500
NOT_PRINTABLE = (InvoiceStatus.PENDING, InvoiceStatus.REJECTED)


class PrintRefused(Exception):
    """Nothing was printed; `results` holds one row per note and says why."""

    def __init__(self, results: list[RowResult]) -> None:
        super().__init__("print refused")
        self.results = results


def print_problems(ids: Sequence[int]) -> dict[int, Refusal]:
    """Why a note cannot be printed, itself or because of its order, per id. One query; files stay unread."""
    if not is_available():
        return dict.fromkeys(ids, refusals.NO_PRINTER)
    rows = Invoice.objects.filter(pk__in=ids).select_related("order")
    found = {row.pk: _problem(row) for row in rows}
    return {pk: found.get(pk, refusals.GONE) for pk in ids}


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
    too_many = refusals.TOO_MANY_TO_PRINT.of(most=LARGEST_PRINT)
    problems = dict.fromkeys(ids, too_many) if len(ids) > LARGEST_PRINT else print_problems(ids)
    invoices: list[PrintableInvoice] = []
    if not any(problems.values()):
        rows = Invoice.objects.filter(pk__in=ids).select_related("document").in_bulk()
        for pk in ids:
            try:
                invoices.append(_printable(rows[pk], printout))
            except _NotPrintable as problem:
                problems[pk] = problem.refusal
        if printout is InvoicePrintout.DANFE and sum(invoice.items for invoice in invoices) > LARGEST_SUM:
            problems = dict.fromkeys(ids, refusals.TOO_MUCH_TO_PRINT.of(most=LARGEST_SUM))
    if any(problems.values()):
        raise PrintRefused(_refused(ids, problems))
    try:
        return invoices_drawn(invoices=invoices, printout=printout)
    except DrawingFailed as failed:
        problems[ids[failed.place]] = refusals.NOT_DRAWN
        raise PrintRefused(_refused(ids, problems)) from None


def _refused(ids: Sequence[int], problems: Mapping[int, Refusal]) -> list[RowResult]:
    return [row_refused(pk, problems[pk] or refusals.NOT_ALONE) for pk in ids]


@transaction.atomic
def invoices_printed_record(*, ids: Sequence[int], printout: InvoicePrintout, user: User | None) -> None:
    """Remember the first print and tell the orders' timelines. Cancelled notes keep their situation."""
    rows = list(Invoice.objects.filter(pk__in=ids).lock_for_update())
    own = Invoice.objects.filter(pk__in=[row.pk for row in rows])
    own.update(danfe_printed_at=Coalesce(F("danfe_printed_at"), Now()))
    own.filter(status=InvoiceStatus.AUTHORISED).update(status=InvoiceStatus.DANFE_ISSUED)
    drafts = [
        EventDraft(row.order_id, "invoice_printed", f"{printout.printed}: {row}", row.get_absolute_url())
        for row in rows
        if row.order_id is not None
    ]
    order_events_append(drafts=drafts, actor=user)


class _NotPrintable(RefusedError):
    """One note cannot be drawn."""


def _problem(invoice: Invoice) -> Refusal:
    status = InvoiceStatus(invoice.status)
    if status in NOT_PRINTABLE:
        return refusals.NOT_PRINTABLE.of(status=status.label.lower())
    return invoice.order.printout_problem if invoice.order else NO_REFUSAL


def _printable(invoice: Invoice, printout: InvoicePrintout) -> PrintableInvoice:
    """The file judged once more for its own issuer and environment: the printer trusts what it reads."""
    try:
        content = invoice.document.read()
    except (DocumentDamaged, Invoice.document.RelatedObjectDoesNotExist):
        raise _NotPrintable(refusals.FILE_DAMAGED_TO_PRINT) from None
    facts = CompanyFacts(frozenset({invoice.issuer_tax_id}), invoice.environment)
    verdict = judge(content, company=facts)
    if not verdict.accepted or verdict.reading is None:
        raise _NotPrintable(refusals.FILE_FAILS)
    items = len(verdict.reading.items)
    if printout is InvoicePrintout.DANFE and items > LARGEST_INVOICE:
        raise _NotPrintable(refusals.TOO_MANY_ITEMS.of(most=LARGEST_INVOICE))
    return PrintableInvoice(content, items, is_cancelled=invoice.status == InvoiceStatus.CANCELLED)
