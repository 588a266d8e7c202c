"""Asking for pushes: facts and states. All run in the caller's transaction, write rows only and wake a worker
once it commits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.db import transaction

from erp import clock, tracing
from erp.accounts.models import User
from erp.outbox import clearance, handlers
from erp.outbox.handlers import Nature
from erp.outbox.models import PushJob
from erp.outbox.push_requests import (
    FactRequest,
    FactResult,
    RequestOutcome,
    StateRequest,
    Topic,
    coalesce_key,
)
from erp.outbox.queues import queues_ensure
from erp.outbox.rows import close, closing, restart, settled_races, update_restarted
from erp.outbox.statuses import WAITING_STATES, JobState, Origin, WaitReason
from erp.outbox.waking import wake_stores


def facts_request(
    *,
    requests: Sequence[FactRequest],
    requested_by: User | None = None,
    origin: Origin = Origin.RULE,
    request_id: str = "",
) -> list[FactResult]:
    """Queue facts; one result per request, in their order, in a constant number of statements.

    Equal content that is waiting stays (*já na fila*); BLOCKED, CANCELLED
    or SUPERSEDED is reopened; DONE answers *já enviado* unless other content reached the platform after
    it or the request says `again`. The newest request of a kind and subject always wins: waiting or blocked
    rivals are superseded in the same transaction, a CLAIMED one ends first (one claim per subject).
    Raises `handlers.UnknownKind`.
    """
    if not requests:
        return []
    asked = _Asked(requested_by, origin, request_id or tracing.current())
    results = settled_races(lambda: _facts_write(requests, asked))
    wake_stores({request.store_id for request in requests})
    return results


@dataclass(frozen=True, slots=True)
class _Asked:
    requested_by: User | None
    origin: Origin
    request_id: str


@dataclass(slots=True)
class _PushPlan:
    """Decides in memory, so that the statements do not grow with the requests."""

    asked: _Asked
    topics: dict[Topic, list[PushJob]]
    created: list[PushJob] = field(default_factory=list)
    reopened: list[PushJob] = field(default_factory=list)
    superseded: list[PushJob] = field(default_factory=list)

    def apply(self, request: FactRequest) -> tuple[RequestOutcome, PushJob]:
        rows = self.topics[request.topic]
        same = next((job for job in rows if job.idempotency_key == request.key), None)
        rivals = [job for job in rows if job is not same]
        self._supersede(job for job in rivals if job.state in WAITING_STATES)
        if same is None:
            return RequestOutcome.QUEUED, self._create(request)
        if same.state in (JobState.PENDING, JobState.CLAIMED):
            return RequestOutcome.ALREADY_QUEUED, same
        if same.state == JobState.DONE and not request.again and not _overtaken(same, rivals):
            return RequestOutcome.ALREADY_DONE, same
        return RequestOutcome.REOPENED, self._reopen(same, request)

    def _supersede(self, rivals: Iterable[PushJob]) -> None:
        for job in rivals:
            close(job, JobState.SUPERSEDED)
            self.superseded.append(job)

    def _create(self, request: FactRequest) -> PushJob:
        handler = handlers.get(request.kind, Nature.FACT)
        job = PushJob(
            store_id=request.store_id,
            kind=request.kind,
            subject=request.subject,
            idempotency_key=request.key,
            step=handler.step,
        )
        self._fill(job, request)
        self.topics[request.topic].append(job)
        self.created.append(job)
        return job

    def _reopen(self, job: PushJob, request: FactRequest) -> PushJob:
        restart(job)
        self._fill(job, request)
        self.reopened.append(job)
        return job

    def _fill(self, job: PushJob, request: FactRequest) -> None:
        job.payload = dict(request.payload)
        job.deadline = request.deadline
        job.requested_by = self.asked.requested_by
        job.origin = self.asked.origin
        job.request_id = self.asked.request_id[:64]


def _facts_write(requests: Sequence[FactRequest], asked: _Asked) -> list[FactResult]:
    plan = _PushPlan(asked, _rows_by_topic(requests))
    planned = [(request, *plan.apply(request)) for request in requests]
    queues_ensure({request.store_id for request in requests})
    clearance.first_pushes_ensure({(request.store_id, request.kind) for request in requests})
    # Rivals leave before newcomers enter: one waiting fact per kind and subject is a constraint.
    old = [job for job in plan.superseded if job.pk is not None]
    PushJob.objects.filter(pk__in=[job.pk for job in old]).update(**closing(JobState.SUPERSEDED))
    update_restarted([job for job in plan.reopened if job.pk is not None and job.state == JobState.PENDING])
    PushJob.objects.bulk_create(sorted(plan.created, key=lambda job: job.idempotency_key or ""))
    return [FactResult(request, outcome, job.pk) for request, outcome, job in planned]


def _rows_by_topic(requests: Sequence[FactRequest]) -> dict[Topic, list[PushJob]]:
    topics: dict[Topic, list[PushJob]] = defaultdict(list)
    rows = PushJob.objects.facts().filter(
        store_id__in={request.store_id for request in requests},
        kind__in={request.kind for request in requests},
        subject__in={request.subject for request in requests},
    )
    for job in rows.order_by("pk").lock_for_update():
        topics[(job.store_id, job.kind, job.subject)].append(job)
    return topics


def _overtaken(done: PushJob, rivals: Iterable[PushJob]) -> bool:
    """True when other content may stand on the platform by now: done later, under way, or of unknown
    outcome since."""
    ended = done.finished_at or done.requested_at
    for rival in rivals:
        if rival.state == JobState.CLAIMED:
            return True
        if rival.state == JobState.DONE and rival.finished_at and rival.finished_at > ended:
            return True
        if rival.needs_verification and rival.first_attempt_at and rival.first_attempt_at > ended:
            return True
    return False


def states_request(
    *,
    requests: Sequence[StateRequest],
    requested_by: User | None = None,
    origin: Origin = Origin.RULE,
    request_id: str = "",
) -> int:
    """Queue the present value of each subject and return how many are queued.

    Requests within `OUTBOX_COALESCE_SECONDS` of the first become one push; a blocked push of the same kind
    and subject is superseded. Raises `handlers.UnknownKind`.
    """
    if not requests:
        return 0
    asked = _Asked(requested_by, origin, request_id or tracing.current())
    by_key = {request.key: request for request in requests}
    window = clock.after(timedelta(seconds=settings.OUTBOX_COALESCE_SECONDS))
    jobs = [_state_job(by_key[key], asked) for key in sorted(by_key)]
    for job in jobs:
        job.not_before = window
    with transaction.atomic():
        queues_ensure({request.store_id for request in requests})
        clearance.first_pushes_ensure({(request.store_id, request.kind) for request in requests})
        _blocked_states_supersede(by_key)
        PushJob.objects.bulk_create(
            jobs,
            update_conflicts=True,
            unique_fields=["coalesce_key"],
            update_fields=["payload", "requested_by", "requested_at", "origin", "request_id", "updated_at"],
        )
    wake_stores({request.store_id for request in requests}, seconds=settings.OUTBOX_COALESCE_SECONDS)
    return len(jobs)


def _state_job(request: StateRequest, asked: _Asked) -> PushJob:
    handlers.get(request.kind, Nature.STATE)
    return PushJob(
        store_id=request.store_id,
        kind=request.kind,
        subject=request.subject,
        coalesce_key=request.key,
        waiting_for=WaitReason.WINDOW,
        payload=dict(request.payload),
        requested_by=asked.requested_by,
        origin=asked.origin,
        request_id=asked.request_id[:64],
    )


def _blocked_states_supersede(requests: dict[str, StateRequest]) -> None:
    blocked = PushJob.objects.filter(
        store_id__in={request.store_id for request in requests.values()},
        kind__in={request.kind for request in requests.values()},
        subject__in={request.subject for request in requests.values()},
        idempotency_key__isnull=True,
        state=JobState.BLOCKED,
    ).lock_for_update()
    ids = [job.pk for job in blocked if coalesce_key((job.store_id, job.kind, job.subject)) in requests]
    PushJob.objects.filter(pk__in=ids).update(**closing(JobState.SUPERSEDED))
