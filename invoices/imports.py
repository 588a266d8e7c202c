"""The way of a file that brings a note: judged, what is known of it found, placed, written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

from django.db import IntegrityError, transaction

from erp.accounts.models import Company, User
from erp.sales.models import Order
from invoices import refusals
from invoices.finding import found_lock
from invoices.intake.archives import Entry, entries
from invoices.intake.files import CompanyFacts
from invoices.intake.reading import NfeReading
from invoices.intake.rules import InvoiceCheck, refuse
from invoices.intake.validation import InvoiceVerdict, judge
from invoices.linking import InvoiceRefused, company_facts
from invoices.models import Invoice
from invoices.placement import ImportedFile, ImportOutcome, ImportResult, order_check, placement
from invoices.services import event_write, file_refuse, placement_write


@dataclass(frozen=True, slots=True)
class JudgedFile:
    """A file the validation has looked at, of which nothing is stored yet."""

    file: ImportedFile
    entry: Entry
    verdict: InvoiceVerdict | None


def invoices_import(
    *,
    company: Company,
    files: Iterable[tuple[str, bytes | BinaryIO]],
    user: User | None,
    order: Order | None = None,
) -> list[ImportResult]:
    """Judge and store uploaded files, XML or ZIP; one result per file or member, in their order.

    `order` links every accepted note to that order; without it the order is looked for in the note. A note
    without an order is stored all the same: it is a fiscal document. A refused file is kept with its reasons
    (`RefusedFile`). A note with warnings is stored and waits for `invoice_proceed`. Events are kept, and
    applied to their note now or when it comes. Each file is a transaction of its own, one in memory at once.
    """
    facts = company_facts(company)
    return [
        judged_store(entry_judge(entry, company=company, facts=facts, user=user, order=order))
        for name, source in files
        for entry in entries(name, source)
    ]


def entry_judge(
    entry: Entry, *, company: Company, facts: CompanyFacts, user: User | None, order: Order | None
) -> JudgedFile:
    """The first half of an import, which takes the time and needs no database."""
    file = ImportedFile(company, user, order, file_name_clean(entry.name), entry.content)
    is_judged = entry.is_invoice and not entry.problem
    return JudgedFile(file, entry, judge(entry.content, company=facts) if is_judged else None)


def judged_store(judged: JudgedFile) -> ImportResult:
    """The second half: store the file or keep it with its reasons, in a transaction of its own."""
    if judged.verdict is not None:
        return _import(judged.file, judged.verdict)
    if not judged.entry.is_invoice:
        text = "Não é um XML: nada foi lido deste arquivo."
        return ImportResult(judged.file.name, ImportOutcome.SKIPPED, (text,))
    problem = refuse(judged.entry.problem)
    return file_refuse(judged.file, (InvoiceCheck("archive", "ZIP que se abre", problem),))


def invoice_replace(*, invoice: Invoice, name: str, content: bytes, user: User | None) -> ImportResult:
    """Put a corrected note in the place of `invoice` at its order, both or neither.

    The platform takes another key until the order is shipped (contract section 4, uploadInvoice). The older
    note stays stored and says what replaced it; cancelling it is done where it was issued.
    """
    file = ImportedFile(invoice.company, user, invoice.order, file_name_clean(name), content, invoice)
    return _import(file, judge(content, company=company_facts(invoice.company)))


def _import(file: ImportedFile, verdict: InvoiceVerdict) -> ImportResult:
    if verdict.event is not None and not verdict.refusals:
        return event_write(file, verdict.event)
    if not verdict.accepted or verdict.reading is None:
        return file_refuse(file, verdict.checks)
    if file.order is not None and file.order.company_id != file.company.pk:
        return ImportResult(file.name, ImportOutcome.REFUSED, (refusals.FOREIGN_ORDER,))
    try:
        return _placed(file, verdict.reading, verdict.checks)
    except InvoiceRefused as refused:
        return file_refuse(file, (order_check(str(refused)),))
    except IntegrityError:
        # Somebody stored the same key, or a note for the same order, between our look and our write:
        # looking again finds it and answers what is true now.
        return _placed(file, verdict.reading, verdict.checks)


@transaction.atomic
def _placed(file: ImportedFile, reading: NfeReading, checks: tuple[InvoiceCheck, ...]) -> ImportResult:
    found = found_lock(file, reading, checks)
    return placement_write(file, reading, found, placement(found, named=file.order))


def file_name_clean(name: str) -> str:
    """File names are typed by strangers: PostgreSQL refuses NUL and lone surrogates."""
    return "".join(char for char in name if char.isprintable())[:120] or "arquivo sem nome"
