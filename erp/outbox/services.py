"""Writes on pushes asked for by rooms and operators. All run in the caller's transaction, write rows only
and wake a worker once it commits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now

from erp import clock, tracing
from erp.accounts.models import User
from erp.outbox import clearance, handlers, refusals
from erp.outbox.handlers import Nature
from erp.outbox.models import ChannelPause, PushJob, RateLimit, StoreQueue
from erp.outbox.push_requests import (
    FactRequest,
    FactResult,
    JobResult,
    RequestOutcome,
    StateRequest,
    Topic,
    coalesce_key,
)
from erp.outbox.statuses import WAITING_STATES, FailureMode, JobState, Origin, PauseMode, WaitReason
from erp.outbox.waking import wake_stores

# Each rival can win a key once; more than so many at the same moment mean a mistake.
RACES = 10
BATCH = 500
Results = TypeVar("Results")


def facts_request(
    *,
    requests: Sequence[FactRequest],
    requested_by: User | None = None,
    origin: Origin = Origin.RULE,
    request_id: str = "",
) -> list[FactResult]:
    """Queue facts; one result per request, in their order, in a constant number of statements.

    Design 3.2, table of classes: equal content that is waiting stays (*já na fila*); BLOCKED, CANCELLED
    or SUPERSEDED is reopened; DONE answers *já enviado* unless other content reached the platform after
    it or the request says `again`. The newest request of a kind and subject always wins: waiting or blocked
    rivals are superseded in the same transaction, a CLAIMED one ends first (one claim per subject).
    Raises `handlers.UnknownKind`.
    """
    if not requests:
        return []
    asked = _Asked(requested_by, origin, request_id or tracing.current())
    results = _settled_races(lambda: _facts_write(requests, asked))
    wake_stores({request.store_id for request in requests})
    return results


def _settled_races(write: Callable[[], Results]) -> Results:
    """Run `write` in a transaction, again when a rival wrote the same key first: then its row is seen."""
    for left in reversed(range(RACES)):
        try:
            with transaction.atomic():
                return write()
        except IntegrityError:
            if not left:
                raise
    raise AssertionError("unreachable")


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
            _close(job, JobState.SUPERSEDED)
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
        _restart(job)
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
    PushJob.objects.filter(pk__in=[job.pk for job in old]).update(**_closing(JobState.SUPERSEDED))
    _update_restarted([job for job in plan.reopened if job.pk is not None and job.state == JobState.PENDING])
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

    Wishes within `OUTBOX_COALESCE_SECONDS` of the first become one push; a blocked push of the same kind
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
    PushJob.objects.filter(pk__in=ids).update(**_closing(JobState.SUPERSEDED))


def jobs_retry(
    *, job_ids: Sequence[int], requested_by: User | None = None, verify: bool = False
) -> list[JobResult]:
    """*Enviar de novo*: BLOCKED and CANCELLED go back to the queue, a waiting one is tried at once.

    One result per id, in order; a job that a newer one replaced is refused. What was tried before is looked
    for on the platform before it is sent again, with `verify` everything is. Scoping by membership is the
    caller's."""
    results, again = _settled_races(lambda: _jobs_restart(job_ids, requested_by, verify))
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
    _update_restarted(again)
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
        _restart(job)
    return JobResult(job_id, True, "Na fila: o ERP tentará em instantes.")


def jobs_wake(*, store_id: int, subjects: Collection[str]) -> int:
    """The platform may be ready now for what it was not ready for: look again at once. How many pushes."""
    waiting = PushJob.objects.filter(
        store_id=store_id, subject__in=subjects, state=JobState.PENDING, waiting_for=WaitReason.CHECK
    )
    woken = waiting.update(not_before=Now(), updated_at=Now())
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
            **_closing(JobState.CANCELLED), last_error=reason[:500], requested_by=requested_by
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


def queue_pause(*, store_id: int, mode: PauseMode, reason: str) -> bool:
    """Stop the pushes of a store; True for the call that stopped them, so that one notice is given.
    Waiting jobs stay; none is lost."""
    queues_ensure({store_id})
    paused = StoreQueue.objects.filter(store_id=store_id, paused_mode="").update(
        paused_mode=mode, paused_reason=reason[:500], paused_at=Now()
    )
    return paused == 1


@transaction.atomic
def queue_resume(*, store_id: int) -> int:
    """Let a store push again and return how many blocked pushes went back to the queue: those that were
    stopped for the configuration or the authorisation that is now in order."""
    StoreQueue.objects.filter(store_id=store_id).update(paused_mode="", paused_reason="", paused_at=None)
    blocked = PushJob.objects.filter(
        store_id=store_id,
        state=JobState.BLOCKED,
        failure_mode__in=[FailureMode.CONFIG, FailureMode.CREDENTIAL],
    )
    ids = list(blocked.order_by("pk").values_list("pk", flat=True))
    results = [
        result
        for start in range(0, len(ids), BATCH)
        for result in jobs_retry(job_ids=ids[start : start + BATCH])
    ]
    PushJob.objects.filter(store_id=store_id, state=JobState.PENDING, waiting_for=WaitReason.QUEUE).update(
        not_before=Now(), waiting_for=WaitReason.NOTHING, updated_at=Now()
    )
    wake_stores({store_id})
    return sum(result.accepted for result in results)


def channel_pause(*, channel: str, reason: str) -> bool:
    """Stop the pushes of every store of `channel` until a probe succeeds; True for the call that stopped
    them. A later reason replaces the one that is shown."""
    row, is_new = ChannelPause.objects.get_or_create(channel=channel, defaults={"reason": reason[:500]})
    if is_new:
        # The refusal that stopped them was the first answer: the next is asked for after a lease.
        channel_probe_take(channel=channel)
    if row.reason != reason[:500]:
        ChannelPause.objects.filter(channel=channel).update(reason=reason[:500])
    return is_new


def channel_probe_due(*, channel: str) -> bool:
    """Is the channel paused, and may somebody ask the platform now?"""
    return ChannelPause.objects.free().filter(channel=channel).exists()


def channel_probe_take(*, channel: str) -> bool:
    """Take the turn to ask the platform whether it accepts us again: one caller a minute gets it, over all
    workers, and one that dies with it leaves it to the next minute."""
    return ChannelPause.objects.filter(channel=channel).claim() is not None


def channel_resume(*, channel: str) -> bool:
    """A probe succeeded: every store of the channel pushes again; True for the call that resumed them."""
    resumed = ChannelPause.objects.filter(channel=channel).delete()[0] == 1
    if resumed:
        waiting = StoreQueue.objects.with_due_work().filter(store__channel=channel)
        wake_stores(waiting.values_list("store_id", flat=True))
    return resumed


@transaction.atomic
def calls_restore(*, store_id: int) -> None:
    """The merchant consented anew: what the platform had not granted is tried again at once."""
    buckets = RateLimit.objects.filter(scope=f"store:{store_id}", resume_reason=WaitReason.GRANT)
    buckets.update(resume_at=None, resume_reason="")
    PushJob.objects.filter(store_id=store_id, state=JobState.PENDING, waiting_for=WaitReason.GRANT).update(
        not_before=Now(), waiting_for=WaitReason.NOTHING, updated_at=Now()
    )
    wake_stores({store_id})


def queues_ensure(store_ids: Iterable[int]) -> None:
    """A queue for each of these stores."""
    queues = [StoreQueue(store_id=store_id) for store_id in sorted(store_ids)]
    StoreQueue.objects.bulk_create(queues, ignore_conflicts=True)


def _restart(job: PushJob) -> None:
    """As if newly asked for; what is known about an unknown outcome stays."""
    job.needs_verification = job.needs_verification or _may_be_there(job)
    job.state = JobState.PENDING
    job.failure_mode = ""
    job.last_error = job.last_code = ""
    job.attempts = 0
    job.first_attempt_at = None
    job.finished_at = None
    if not job.is_fact:
        job.coalesce_key = coalesce_key((job.store_id, job.kind, job.subject))


def _may_be_there(job: PushJob) -> bool:
    """What was sent may have been replaced since, and what was refused accepted: look before writing."""
    if job.failure_mode in (FailureMode.CONFIG, FailureMode.CREDENTIAL):
        return False
    return job.state == JobState.DONE or job.first_attempt_at is not None


def _update_restarted(jobs: Sequence[PushJob]) -> None:
    for job in jobs:
        job.not_before = job.requested_at = job.updated_at = Now()
        job.waiting_for = WaitReason.NOTHING
    PushJob.objects.bulk_update(jobs, RESTART_FIELDS)


RESTART_FIELDS = [
    "state", "failure_mode", "last_error", "last_code", "attempts", "first_attempt_at", "finished_at",
    "coalesce_key", "not_before", "requested_at", "updated_at", "waiting_for", "needs_verification",
    "payload", "deadline", "requested_by", "origin", "request_id",
]  # fmt: skip


def _close(job: PushJob, state: JobState) -> None:
    """The in-memory side of `_closing`; a new row that is superseded before it is written needs its
    time too."""
    job.state = state
    job.failure_mode = job.waiting_for = ""
    job.coalesce_key = None
    job.finished_at = Now()


def _closing(state: JobState) -> dict[str, object]:
    return {
        "state": state,
        "failure_mode": "",
        "waiting_for": "",
        "coalesce_key": None,
        "finished_at": Now(),
        "updated_at": Now(),
    }
