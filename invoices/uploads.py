"""The upload of notes as a long work: a row for each file, a ZIP's members each their own."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby, islice
from operator import attrgetter
from typing import Any, BinaryIO, Final, cast

from django.conf import settings
from django.utils import timezone

from erp.accounts.models import Company, User
from erp.accounts.permissions import Permission
from erp.channels import RowOutcome
from erp.sales.models import Order
from erp.web.results import NextListStep
from erp.work import kinds
from erp.work.files import file_keep, file_open
from erp.work.kinds import RowWord, WorkKind, WorkRowResult, row_result_refused
from erp.work.models import Work, WorkFile, WorkRow
from erp.work.running import work_run
from erp.work.services import WorkRowDraft, work_extend, work_prepare
from invoices import refusals
from invoices.imports import JudgedFile, entry_judge, file_name_clean, judged_store
from invoices.intake.archives import Entry, archive_contents, entries
from invoices.intake.parser import MAX_BYTES
from invoices.linking import company_facts
from invoices.models import Invoice
from invoices.next_steps import invoices_next_steps
from invoices.placement import ImportOutcome, ImportResult

KIND: Final = "invoices.upload"
# A page adds its files to one work, one request each; one that was left open starts another.
ADDED_WITHIN: Final = timedelta(hours=1)
CODE: Final = "invoice_upload."
OUTCOMES: Final = {
    ImportOutcome.REFUSED: RowOutcome.REFUSED,
    ImportOutcome.ALREADY: RowOutcome.ALREADY_DONE,
}


@dataclass(frozen=True, slots=True)
class UploadLinks:
    """What the cells of a row lead to, within the user's reach."""

    invoice: Invoice
    order: Order | None


def kind_register() -> None:
    kinds.register(
        WorkKind(
            key=KIND,
            title="Envio de notas fiscais",
            heading="O que aconteceu com cada arquivo",
            permission=Permission.OPERATE,
            prepare=_files_judge,
            run=_file_store,
            word=_word,
            extras=_links,
            next_steps=_next_steps,
            name_cell="invoices/upload_name.html",
            detail_cell="invoices/upload_detail.html",
        )
    )


def upload_take(
    *,
    files: Iterable[tuple[str, BinaryIO]],
    company: Company,
    user: User,
    order: Order | None = None,
    work: Work | None = None,
) -> Work:
    """Keep uploaded files as rows of a work, the given one or a new one, and do at once what is quickly done.

    `order` links every accepted note to that order, as in `invoices_import`.
    """
    if work is None:
        store, asked = (order.store, {"order": order.pk}) if order else (None, {})
        work = work_prepare(kind=KIND, company=company, asked_by=user, store=store, chosen=asked)
    for name, source in files:
        work_extend(work=work, rows=_rows_of(work, name, source))
    work_run(work_id=work.pk, seconds=settings.WORK_FIRST_SECONDS)
    work.refresh_from_db()
    return work


def upload_open_for(*, user: User, order: Order | None, work_id: int | None) -> Work | None:
    """The upload that more files of the same page belong to."""
    if work_id is None:
        return None
    young = Work.objects.filter(created_at__gt=timezone.now() - ADDED_WITHIN, kind=KIND)
    work = young.filter(pk=work_id, asked_by=user, company=user.company).first()
    return work if work is not None and work.chosen.get("order") == (order.pk if order else None) else None


def _rows_of(work: Work, name: str, source: BinaryIO) -> list[WorkRowDraft]:
    """One row, or one for each member of a ZIP. Of all but a ZIP that opens no byte past the cap is kept."""
    found = archive_contents(name, source)
    source.seek(0)
    kept = file_keep(
        work=work,
        name=file_name_clean(name),
        source=source,
        most=None if found.is_archive else MAX_BYTES + 1,
    )
    problem = {"problem": found.problem} if found.problem else {}
    return [
        WorkRowDraft(file_name_clean(each), file=kept, chosen={"place": place, **problem})
        for place, each in enumerate(found.names)
    ]


def _files_judge(work: Work, rows: Sequence[WorkRow]) -> Generator[JudgedFile | None, None, None]:
    """Read and judge the file of each row, one in memory at once; None for one that is not here any more."""
    facts = company_facts(work.company)
    order = Order.objects.get(pk=work.chosen["order"]) if "order" in work.chosen else None
    for entry in _entries(rows):
        yield (
            None
            if entry is None
            else entry_judge(entry, company=work.company, facts=facts, user=work.asked_by, order=order)
        )


def _entries(rows: Sequence[WorkRow]) -> Iterator[Entry | None]:
    """What each row is about; rows of one file stand together, in the order of its members."""
    for kept, own in groupby(rows, attrgetter("file")):
        yield from _entries_of(kept, list(own))


def _entries_of(kept: WorkFile | None, rows: Sequence[WorkRow]) -> Iterator[Entry | None]:
    if kept is None:
        yield from (None for _ in rows)
        return
    first = rows[0]
    with file_open(kept) as stream:
        if problem := first.chosen.get("problem"):
            yield Entry(first.name, stream.read(), problem)
        else:
            yield from islice(entries(kept.name, stream, first=first.chosen["place"]), len(rows))


def _file_store(work: Work, rows: Sequence[WorkRow], judged: JudgedFile | None) -> list[WorkRowResult]:
    if judged is None:
        return [row_result_refused(refusals.UPLOAD_FILE_GONE)]
    return [_row_result(judged_store(judged))]


def _row_result(result: ImportResult) -> WorkRowResult:
    outcome = OUTCOMES.get(result.outcome, RowOutcome.DONE)
    code = CODE + (result.code if result.outcome is ImportOutcome.REFUSED else result.outcome)
    return WorkRowResult(
        outcome, code, "\n".join(result.texts), result.invoice.pk if result.invoice else None
    )


def _word(outcome: RowOutcome, code: str) -> RowWord:
    if outcome is RowOutcome.REFUSED:
        return cast(RowWord, ImportOutcome.REFUSED)
    return cast(RowWord, ImportOutcome(code.removeprefix(CODE)))


def _next_steps(work: Work) -> list[NextListStep]:
    """For the notes that came, also those that had come before."""
    came = work.rows.exclude(outcome__in=["", RowOutcome.REFUSED]).values("subject_id")
    return invoices_next_steps(Invoice.objects.filter(pk__in=came))


def _links(rows: Sequence[WorkRow], user: User) -> Mapping[int, Any]:
    ids = [row.subject_id for row in rows if row.subject_id is not None]
    invoices = Invoice.objects.visible_to(user).select_related("order", "wanted_order").in_bulk(ids)
    found = ((row.pk, invoices.get(row.subject_id)) for row in rows if row.subject_id is not None)
    return {
        pk: UploadLinks(invoice, invoice.order or invoice.wanted_order)
        for pk, invoice in found
        if invoice is not None
    }
