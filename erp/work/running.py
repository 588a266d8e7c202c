"""Doing works: a slice of rows at a time, in one transaction with what became of them.

A worker holds a work by a lease. Every transaction renews it first, which also locks the row of the work: who
lost the lease writes nothing, and who dies leaves whole rows only. A work is given its turn for some seconds,
then the one that waited longest is next.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F
from django.utils import timezone

from erp import scheduling, tracing
from erp.channels import RowOutcome
from erp.refusals import Refusal
from erp.rows import rows_update
from erp.work import lease, refusals
from erp.work.files import files_erase_unneeded
from erp.work.kinds import RowsPrepare, WorkRowResult, row_result_refused
from erp.work.lease import WorkLeaseLost
from erp.work.models import Work, WorkRow
from erp.work.services import workers_wake

logger = logging.getLogger(__name__)

TURN_SECONDS = 20.0
# Works done at the same time; what else a worker of the embedded default serves must not wait for them.
AT_ONCE = 2
# A work taken up so often without a row being done goes on row by row, and so much oftener gives the row up.
ROW_BY_ROW_AFTER = 2
GIVE_UP_AFTER = 5

# They say nothing about the row: the slice is undone and done again later.
PASSING = (WorkLeaseLost, OperationalError, InterfaceError, SoftTimeLimitExceeded, MemoryError)


def work_run_next(*, seconds: float = TURN_SECONDS) -> None:
    """Give the work that waited longest its turn, unless as many as allowed are under way."""
    if Work.objects.unfinished().taken().count() >= AT_ONCE:
        return
    work_id = Work.objects.due().by_turn().values_list("pk", flat=True).first()
    if work_id is not None:
        work_run(work_id=work_id, seconds=seconds)


def work_run(*, work_id: int, seconds: float) -> None:
    """Do rows of this work for about `seconds`; a worker is woken for what is left.

    Does nothing when the work has ended, is stopped or in somebody's hands. After an error the lease is left
    to run out, so that the next try comes later.
    """
    work = lease.claim(work_id)
    if work is None:
        return
    ends = time.monotonic() + seconds
    try:
        with tracing.bound(work.request_id), closing(_steps(work)) as steps:
            for _ in steps:
                if time.monotonic() >= ends or scheduling.is_stopping():
                    break
    except WorkLeaseLost:
        return
    lease.release(work)
    files_erase_unneeded(work=work)
    if Work.objects.due().exists():
        workers_wake()


def _steps(work: Work) -> Generator[None, None, None]:
    """One transaction after the other, until no row is left or somebody asks to stop."""
    while rows := _rows_next(work):
        for goes_on in _rows_do(work, rows):
            if not goes_on:
                return
            yield


def _rows_next(work: Work) -> list[WorkRow]:
    is_careful = work.fruitless_claims > ROW_BY_ROW_AFTER
    undone = work.rows.undone().select_related("file")
    rows = list(undone[: 1 if is_careful else work.kind_of.slice_rows])
    for row in rows:
        row.work = work
    return rows


def _rows_do(work: Work, rows: Sequence[WorkRow]) -> Iterator[bool]:
    """Answers after each transaction whether to go on."""
    if work.fruitless_claims > GIVE_UP_AFTER:
        yield _rows_give_up(work, rows, refusals.ROW_ENDS_WORKER)
    elif work.kind_of.prepare:
        yield from _each_prepared(work, rows, work.kind_of.prepare)
    else:
        yield from _all_together(work, rows)


def _each_prepared(work: Work, rows: Sequence[WorkRow], prepare: RowsPrepare) -> Iterator[bool]:
    """One row after the other; after one that fails the rest is prepared anew."""
    with closing(prepare(work, rows)) as answers:
        for row in rows:
            try:
                goes_on = _rows_settle(work, [row], next(answers))
            except PASSING:
                raise
            except Exception:
                yield _row_failed(work, row)
                return
            yield goes_on


def _all_together(work: Work, rows: Sequence[WorkRow]) -> Iterator[bool]:
    """The slice in one transaction, or each row alone when one spoils it."""
    try:
        goes_on = _rows_settle(work, rows, None)
    except PASSING:
        raise
    except Exception:
        if len(rows) == 1:
            yield _row_failed(work, rows[0])
            return
    else:
        yield goes_on
        return
    for row in rows:
        yield from _all_together(work, [row])


def _row_failed(work: Work, row: WorkRow) -> bool:
    logger.exception("Row %s of work %s failed", row.position, work.pk)
    return _rows_give_up(work, [row], refusals.ROW_FAILED)


def _rows_settle(work: Work, rows: Sequence[WorkRow], prepared: Any) -> bool:
    with transaction.atomic():
        if not _goes_on(work):
            return False
        _results_write(work, rows, work.kind_of.run(work, rows, prepared))
    return True


def _rows_give_up(work: Work, rows: Sequence[WorkRow], why: Refusal) -> bool:
    with transaction.atomic():
        if not _goes_on(work):
            return False
        _results_write(work, rows, [row_result_refused(why)] * len(rows))
    return True


def _goes_on(work: Work) -> bool:
    """Locked and still ours; False when somebody asked to stop. Raises `WorkLeaseLost`."""
    lease.renew(work)
    work.refresh_from_db(fields=["total", "done", "stop_asked_at"])
    return work.stop_asked_at is None


def _results_write(work: Work, rows: Sequence[WorkRow], results: Sequence[WorkRowResult]) -> None:
    for row, result in zip(rows, results, strict=True):
        row.outcome, row.code, row.text = result.outcome, result.code, result.text
        row.subject_id = row.subject_id if result.subject_id is None else result.subject_id
    rows_update(rows, ["outcome", "code", "text", "subject_id"])
    is_last = work.done + len(rows) == work.total
    Work.objects.filter(pk=work.pk).update(
        done=F("done") + len(rows),
        failed=F("failed") + sum(result.outcome is RowOutcome.REFUSED for result in results),
        fruitless_claims=0,
        finished_at=timezone.now() if is_last else None,
    )
    work.done += len(rows)
    work.fruitless_claims = 0
