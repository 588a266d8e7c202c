"""Reads on pushes that other rooms show: markers, what holds a push back, trouble of a queue. None costs
more statements for more rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.conf import settings
from django.db.models import (
    CharField,
    Exists,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Cast, Concat, Now

from erp import clock
from erp.accounts.models import Store, User
from erp.outbox import handlers, limits
from erp.outbox.limits import HELD_REASONS
from erp.outbox.models import ChannelPause, PushJob, RateLimit, StoreQueue
from erp.outbox.statuses import (
    LONGEST_REST,
    LONGEST_WAITS,
    WITHDRAWN_STATES,
    BreakerState,
    FailureMode,
    JobState,
    WaitReason,
)

Subject = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Mark:
    """The latest request of one kind for one subject. `done_at` is when the platform last confirmed the kind,
    whatever content; `state` is that of the latest request (a correction may wait although `done_at` is set).
    `held_back_by` is the kind of a blocked lower step, empty otherwise."""

    kind: str
    job_id: int
    state: JobState
    failure_mode: str
    text: str
    done_at: datetime | None
    held_back_by: str = ""

    @property
    def is_done(self) -> bool:
        """The platform has confirmed the latest request."""
        return self.state == JobState.DONE


def jobs_done(*, subjects: Collection[Subject], kinds: Collection[str]) -> dict[Subject, dict[str, Mark]]:
    """Per (store id, subject) and kind the marker of its pushes, in one query; kinds never asked for are
    missing. The markers of an order: *rastreio enviado* is `marks["..."].done_at`."""
    read = ("store_id", "subject", "kind", "state", "step", "failure_mode", "last_error", "finished_at")
    pushes = pushes_about(subjects=subjects, kinds=kinds, only=read)
    return {subject: marks_of(pushes[subject]) for subject in subjects}


def pushes_about(
    *, subjects: Collection[Subject], kinds: Collection[str], only: Sequence[str] = ()
) -> dict[Subject, list[PushJob]]:
    """Every push about each of these (store id, subject), the first asked for first; one query. `only`: the
    columns to read, default all."""
    rows = PushJob.objects.filter(
        store_id__in={store_id for store_id, _ in subjects},
        subject__in={subject for _, subject in subjects},
        kind__in=list(kinds),
    )
    grouped: dict[Subject, list[PushJob]] = {subject: [] for subject in subjects}
    for job in rows.only(*only).order_by("requested_at", "pk"):
        if (job.store_id, job.subject) in grouped:
            grouped[(job.store_id, job.subject)].append(job)
    return grouped


def marks_of(pushes: Sequence[PushJob]) -> dict[str, Mark]:
    """The marker of each kind among the pushes about one subject, the first asked for first."""
    by_kind: dict[str, list[PushJob]] = {}
    for job in pushes:
        by_kind.setdefault(job.kind, []).append(job)
    return _marks(by_kind)


def _marks(by_kind: dict[str, list[PushJob]]) -> dict[str, Mark]:
    latest = {kind: _latest(jobs) for kind, jobs in by_kind.items()}
    blocked = [
        job
        for job in latest.values()
        if job.state == JobState.BLOCKED and job.step and not _is_harmless(job, by_kind[job.kind])
    ]
    return {kind: _mark(latest[kind], jobs, blocked) for kind, jobs in by_kind.items()}


def _is_harmless(job: PushJob, jobs: Sequence[PushJob]) -> bool:
    """As `PushJobQuerySet.claimable` has it: another content of this kind counts already."""
    handler = handlers.find(job.kind)
    is_confirmed = any(one.state == JobState.DONE for one in jobs)
    return handler is not None and handler.first_counts and is_confirmed


def _latest(jobs: Sequence[PushJob]) -> PushJob:
    """The newest request that still counts; withdrawn ones speak only when nothing else does."""
    counting = [job for job in jobs if job.state not in WITHDRAWN_STATES]
    return (counting or list(jobs))[-1]


def _mark(job: PushJob, jobs: Sequence[PushJob], blocked: Sequence[PushJob]) -> Mark:
    done = [one.finished_at for one in jobs if one.state == JobState.DONE and one.finished_at]
    below = [one.kind for one in blocked if one.step < job.step]
    waits = job.state == JobState.PENDING and below
    return Mark(
        kind=job.kind,
        job_id=job.pk,
        state=JobState(job.state),
        failure_mode=job.failure_mode,
        text=job.last_error,
        done_at=max(done, default=None),
        held_back_by=below[0] if waits else "",
    )


def resting_queues(*, user: User) -> list[StoreQueue]:
    """The queues of the stores `user` may see that rest: the platform is silent or refuses the store."""
    rows = StoreQueue.objects.filter(_rests(), store__in=Store.objects.visible_to(user))
    return list(rows.select_related("store").order_by("store__name"))


def quotas_spent() -> dict[str, datetime]:
    """The calls whose daily quota is spent, and when it starts again; one query."""
    held = clock.ahead("resume_at", LONGEST_WAITS[WaitReason.QUOTA])
    rows = RateLimit.objects.filter(held, resume_reason=WaitReason.QUOTA).order_by("call")
    return dict(rows.values_list("call").annotate(until=Max("resume_at")))


def late_queues(*, user: User) -> list[Any]:
    """The queues of the stores `user` may see whose oldest push could have left long ago (`since`);
    one query. What its queue, the platform's limits or an earlier step of its order hold back is not late."""
    due = PushJob.objects.claimable().filter(store=OuterRef("store"), not_before__lt=clock.after(-_late()))
    rows = maybe_late_queues(user).annotate(
        since=Subquery(due.order_by("not_before").values("not_before")[:1])
    )
    scope = Concat(Value("store:"), Cast(OuterRef("store"), CharField()))
    held = RateLimit.objects.filter(_holds(*HELD_REASONS), scope=scope)
    late = rows.filter(~Exists(held), since__isnull=False)
    return list(late.select_related("store").order_by("store__name"))


def _late() -> timedelta:
    """By so much a push may be late before somebody is told, and `/readyz` says so."""
    return timedelta(seconds=settings.READY_OLDEST_JOB_SECONDS)


def maybe_late_queues(user: User) -> QuerySet[StoreQueue]:
    """Open queues with a push whose time came long ago, whatever holds it: one look into an index
    for each queue."""
    due = PushJob.objects.filter(
        store=OuterRef("store"), state=JobState.PENDING, not_before__lt=clock.after(-_late())
    )
    return StoreQueue.objects.open().filter(Exists(due), store__in=Store.objects.visible_to(user))


def pause_text(store: Store) -> str:
    """Why the store sends nothing until somebody acts, and what to do; empty for one that sends. Reads its
    `push_queue`."""
    queue: StoreQueue | None = getattr(store, "push_queue", None)
    if queue is None or not queue.paused_mode:
        return ""
    then = f"{FailureMode.CREDENTIAL.next_step} Este envio segue sozinho depois."
    return f"Envios da loja pausados: {queue.paused_reason.rstrip('. ')}. {then}"


def channel_paused(channel: str) -> ChannelPause | None:
    """The pause of every store of `channel`, None while its pushes go on."""
    return ChannelPause.objects.filter(channel=channel).first()


def calls_denied(*, store_ids: Collection[int]) -> dict[int, list[str]]:
    """The calls that the platform did not grant to each of these stores; a store without any is missing."""
    found: dict[int, list[str]] = defaultdict(list)
    for bucket in _limits_held(store_ids, WaitReason.GRANT).order_by("call"):
        found[_store_of(bucket)].append(bucket.call)
    return dict(found)


def has_calls_denied(store: str) -> Exists:
    """For a query over rows of stores: did the platform not grant some call to the one that `store` names?"""
    scope = Concat(Value("store:"), Cast(OuterRef(store), CharField()))
    reason = WaitReason.GRANT
    held = clock.ahead("resume_at", LONGEST_WAITS[reason])
    return Exists(RateLimit.objects.filter(held, scope=scope, resume_reason=reason))


def queue_rests(*, store_ids: Collection[int]) -> dict[int, str]:
    """What the platform said to each of these stores whose queue rests because of it."""
    rows = StoreQueue.objects.filter(_rests(), store__in=list(store_ids)).exclude(rest_reason="")
    return dict(rows.values_list("store_id", "rest_reason"))


def _rests() -> Q:
    """The queue waits for its rest to end or tests the platform; later nothing holds a push back."""
    waits = Q(breaker_state=BreakerState.OPEN) & clock.ahead("reopen_at", LONGEST_REST)
    return waits | Q(breaker_state=BreakerState.HALF_OPEN)


def _limits_held(store_ids: Collection[int], *reasons: WaitReason) -> QuerySet[RateLimit]:
    return RateLimit.objects.filter(
        _holds(*reasons), scope__in=[f"store:{store_id}" for store_id in store_ids]
    )


def _holds(*reasons: WaitReason) -> Q:
    """Of a limit: it is held for one of these reasons."""
    held = (Q(resume_reason=reason) & clock.ahead("resume_at", LONGEST_WAITS[reason]) for reason in reasons)
    return reduce(or_, held)


def _store_of(bucket: RateLimit) -> int:
    return int(bucket.scope.removeprefix("store:"))


def oldest_due_seconds() -> float:
    """How long the push that waits longest could have been sent, over all queues; 0 when none waits.

    What its queue, the platform's limits or an earlier step of its order hold back is not late.
    """
    return max(oldest_due_seconds_of().values(), default=0.0)


def oldest_due_seconds_of() -> dict[int, float]:
    """The same for each store that has something due."""
    return {
        queue.store_id: _oldest_due_seconds(queue.store_id) for queue in StoreQueue.objects.with_due_work()
    }


def _oldest_due_seconds(store_id: int) -> float:
    due = PushJob.objects.filter(store_id=store_id).claimable()
    held = limits.calls_held(store_id=store_id)
    if limits.ANY_CALL in held:
        return 0.0
    if held:
        due = due.exclude(kind__in=handlers.kinds_of_calls(held))
    oldest = due.annotate(now=Now()).order_by("not_before").values("now", "not_before").first()
    return (oldest["now"] - oldest["not_before"]).total_seconds() if oldest else 0.0
