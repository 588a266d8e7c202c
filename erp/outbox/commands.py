"""What people and rules do with pushes that were asked for: retry, wake, cancel. All run in the caller's
transaction, write rows only and wake a worker once it commits."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from erp.accounts.models import User
from erp.outbox import refusals
from erp.outbox.models import PushJob
from erp.outbox.push_requests import JobResult, Topic
from erp.outbox.rows import closing, restart, settled_races, update_restarted
from erp.outbox.statuses import WAITING_STATES, JobState, WaitReason
from erp.outbox.waking import wake_stores


def jobs_retry(
    *, job_ids: Sequence[int], requested_by: User | None = None, verify: bool = False
) -> list[JobResult]:
    """*Enviar de novo*: BLOCKED and CANCELLED go back to the queue, a waiting one is tried at once.

    One result per id, in order; a job that a newer one replaced is refused. What was tried before is looked
    for on the platform before it is sent again, with `verify` everything is. Scoping by membership is the
    caller's."""
    results, again = settled_races(lambda: _jobs_restart(job_ids, requested_by, verify))
    wake_stores({job.store_id for job in again})
    return results


def _jobs_restart(
    job_ids: Sequence[int], requested_by: User | None, verify: bool
) -> tuple[list[JobResult], list[PushJob]]:
    found = _jobs_locked(job_ids)
    waiting = _topics_waiting(found.values())
    results = [_retried(job_id, found.get(job_id), waiting) for job_id in job_ids]
    again = [found[result.job_id] for result in results if result.accepted]
    for job in again:
        job.requested_by = requested_by or job.requested_by
        job.needs_verification = job.needs_verification or verify
    update_restarted(again)
    return results, again


def _jobs_locked(job_ids: Sequence[int]) -> dict[int, PushJob]:
    rows = PushJob.objects.filter(pk__in=job_ids).order_by("pk").lock_for_update()
    return {job.pk: job for job in rows}


def _topics_waiting(jobs: Iterable[PushJob]) -> dict[Topic, int]:
    """The waiting job of each topic, which no other may join."""
    topics = {(job.store_id, job.kind, job.subject) for job in jobs}
    waiting = PushJob.objects.filter(
        Q(state=JobState.PENDING) | Q(state=JobState.BLOCKED, idempotency_key__isnull=False),
        store_id__in={topic[0] for topic in topics},
        kind__in={topic[1] for topic in topics},
        subject__in={topic[2] for topic in topics},
    )
    return {(job.store_id, job.kind, job.subject): job.pk for job in waiting}


def _retried(job_id: int, job: PushJob | None, waiting: dict[Topic, int]) -> JobResult:
    if job is None:
        return JobResult(job_id, False, refusals.GONE)
    if job.state == JobState.DONE:
        return JobResult(job_id, False, refusals.DONE)
    if job.state == JobState.CLAIMED:
        return JobResult(job_id, False, refusals.UNDER_WAY)
    topic = (job.store_id, job.kind, job.subject)
    if job.state == JobState.SUPERSEDED or waiting.get(topic, job.pk) != job.pk:
        return JobResult(job_id, False, refusals.SUPERSEDED)
    waiting[topic] = job.pk
    if job.state != JobState.PENDING:
        restart(job)
    return JobResult(job_id, True, "Na fila: o ERP tentará em instantes.")


def jobs_wake(*, store_id: int, subjects: Collection[str]) -> int:
    """The platform may be ready now for what it was not ready for: look again at once. How many pushes."""
    waiting = PushJob.objects.filter(
        store_id=store_id, subject__in=subjects, state=JobState.PENDING, waiting_for=WaitReason.CHECK
    )
    woken = waiting.update(not_before=Now())
    if woken:
        wake_stores({store_id})
    return woken


def jobs_cancel(
    *,
    job_ids: Sequence[int],
    requested_by: User | None = None,
    reason: str = "Cancelado pelo operador.",
) -> list[JobResult]:
    """Give up waiting or blocked pushes; one result per id, in order."""
    with transaction.atomic():
        found = _jobs_locked(job_ids)
        results = [_cancelled(job_id, found.get(job_id)) for job_id in job_ids]
        ids = [result.job_id for result in results if result.accepted]
        PushJob.objects.filter(pk__in=ids).update(
            **closing(JobState.CANCELLED), last_error=reason[:500], requested_by=requested_by
        )
    return results


def _cancelled(job_id: int, job: PushJob | None) -> JobResult:
    if job is None:
        return JobResult(job_id, False, refusals.GONE)
    if job.state in WAITING_STATES:
        return JobResult(job_id, True, "Envio cancelado. Nada mais será enviado à plataforma.")
    if job.state == JobState.CLAIMED:
        return JobResult(job_id, False, refusals.TOO_LATE_TO_CANCEL)
    return JobResult(job_id, False, refusals.ENDED.of(state=JobState(job.state).label.lower()))
