"""How rows of pushes are restarted and closed, for those who write many at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from erp.outbox.models import PushJob
from erp.outbox.push_requests import coalesce_key
from erp.outbox.statuses import FailureMode, JobState, WaitReason
from erp.rows import rows_update

# Each rival can win a key once; more than so many at the same moment mean a mistake.
RACES = 10
Results = TypeVar("Results")
RESTART_FIELDS = [
    "state", "failure_mode", "cause", "last_error", "last_code", "attempts", "failed_reads",
    "first_attempt_at", "finished_at",
    "coalesce_key", "not_before", "requested_at", "updated_at", "waiting_for", "needs_verification",
    "payload", "deadline", "requested_by", "origin", "request_id",
]  # fmt: skip


def settled_races(write: Callable[[], Results]) -> Results:
    """Run `write` in a transaction, again when a rival wrote the same key first: then its row is seen."""
    for left in reversed(range(RACES)):
        try:
            with transaction.atomic():
                return write()
        except IntegrityError:
            if not left:
                raise
    raise AssertionError("unreachable")


def restart(job: PushJob) -> None:
    """As if newly asked for; what is known about an unknown outcome stays."""
    job.needs_verification = job.needs_verification or _may_be_there(job)
    job.state = JobState.PENDING
    job.failure_mode = job.cause = ""
    job.last_error = job.last_code = ""
    job.attempts = job.failed_reads = 0
    job.first_attempt_at = None
    job.finished_at = None
    if not job.is_fact:
        job.coalesce_key = coalesce_key((job.store_id, job.kind, job.subject))


def _may_be_there(job: PushJob) -> bool:
    """What was sent may have been replaced since, and what was refused accepted: look before writing."""
    if job.failure_mode in (FailureMode.CONFIG, FailureMode.CREDENTIAL):
        return False
    return job.state == JobState.DONE or job.first_attempt_at is not None


def update_restarted(jobs: Sequence[PushJob]) -> None:
    """Write rows that `restart` changed, due now, in one statement."""
    for job in jobs:
        job.not_before = job.requested_at = job.updated_at = Now()
        job.waiting_for = WaitReason.NOTHING
    rows_update(jobs, RESTART_FIELDS)


def close(job: PushJob, state: JobState) -> None:
    """The in-memory side of `closing`; a new row that is superseded before it is written needs its
    time too."""
    job.state = state
    job.failure_mode = job.cause = job.waiting_for = ""
    job.coalesce_key = None
    job.finished_at = Now()


def closing(state: JobState) -> dict[str, object]:
    """What an UPDATE writes to end a push."""
    return {
        "state": state,
        "failure_mode": "",
        "cause": "",
        "waiting_for": "",
        "coalesce_key": None,
        "finished_at": Now(),
        "updated_at": Now(),
    }
