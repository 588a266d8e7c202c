"""What a person does with works: start, add to, stop, go on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from erp import tracing
from erp.accounts.models import Company, Store, User
from erp.scheduling import wake_after_commit
from erp.work.models import Work, WorkFile, WorkRow

BATCH = 500


@dataclass(frozen=True, slots=True)
class WorkRowDraft:
    """A row to do: what it is called, the id of what it is about, its file and whatever else was chosen."""

    name: str
    subject_id: int | None = None
    file: WorkFile | None = None
    chosen: Mapping[str, Any] = field(default_factory=dict)


@transaction.atomic
def work_start(
    *,
    kind: str,
    company: Company,
    asked_by: User,
    rows: Iterable[WorkRowDraft],
    store: Store | None = None,
    chosen: Mapping[str, Any] | None = None,
) -> Work:
    """Freeze what was chosen and let a worker begin; the work's page is `get_absolute_url()`."""
    work = work_prepare(kind=kind, company=company, asked_by=asked_by, store=store, chosen=chosen)
    work_extend(work=work, rows=rows)
    workers_wake()
    return work


def work_prepare(
    *,
    kind: str,
    company: Company,
    asked_by: User,
    store: Store | None = None,
    chosen: Mapping[str, Any] | None = None,
) -> Work:
    """A work without rows, for files to be added to; nobody sees it before `work_extend`."""
    return Work.objects.create(
        kind=kind,
        company=company,
        asked_by=asked_by,
        store=store,
        chosen=dict(chosen or {}),
        request_id=tracing.current(),
    )


@transaction.atomic
def work_extend(*, work: Work, rows: Iterable[WorkRowDraft]) -> None:
    """Add rows at the end, also while a worker is at it and after it had finished. Wakes nobody: the caller
    does the first slice itself (`work_run`, which wakes a worker for the rest) or wakes one."""
    locked = Work.objects.select_for_update(of=("self",)).get(pk=work.pk)
    total = locked.total
    for part in _batches(rows):
        WorkRow.objects.bulk_create(
            WorkRow(
                work=locked,
                position=total + place,
                subject_id=draft.subject_id,
                name=draft.name[:200],
                file=draft.file,
                chosen=dict(draft.chosen),
            )
            for place, draft in enumerate(part)
        )
        total += len(part)
    if total > locked.total:
        Work.objects.filter(pk=work.pk).update(total=total, finished_at=None)
    work.refresh_from_db()


def _batches(rows: Iterable[WorkRowDraft]) -> Iterator[list[WorkRowDraft]]:
    left = iter(rows)
    while part := list(islice(left, BATCH)):
        yield part


def work_stop(*, work: Work) -> bool:
    """*Parar*: what is under way ends, the rest stays undone; False when there was nothing to stop."""
    running = Work.objects.unfinished().filter(pk=work.pk, stop_asked_at__isnull=True)
    return running.update(stop_asked_at=Now()) == 1


def work_resume(*, work: Work) -> bool:
    """*Continuar*: do what a stop left undone; False when nothing was stopped."""
    stopped = Work.objects.unfinished().filter(pk=work.pk, stop_asked_at__isnull=False)
    resumed = stopped.update(stop_asked_at=None, fruitless_claims=0) == 1
    workers_wake()
    return resumed


def workers_wake() -> None:
    """Tell a worker that a work waits."""
    wake_after_commit("erp.work.tasks.run")
