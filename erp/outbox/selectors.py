"""Reads on pushes that other rooms show: markers, what holds a push back, trouble of a queue. None costs
more statements for more rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import (
    BooleanField,
    CharField,
    Exists,
    ExpressionWrapper,
    OuterRef,
    Q,
    QuerySet,
    Value,
)
from django.db.models.functions import Cast, Concat, Now

from erp import clock
from erp.accounts.models import Store, User
from erp.outbox import handlers, limits
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
NOTHING_TO_DO = "Nada a fazer por enquanto."


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
    rows = PushJob.objects.filter(
        store_id__in={store_id for store_id, _ in subjects},
        subject__in={subject for _, subject in subjects},
        kind__in=list(kinds),
    )
    grouped: dict[Subject, dict[str, list[PushJob]]] = {subject: {} for subject in subjects}
    read = ("store_id", "subject", "kind", "state", "step", "failure_mode", "last_error", "finished_at")
    for job in rows.only(*read).order_by("requested_at", "pk"):
        if (job.store_id, job.subject) in grouped:
            grouped[(job.store_id, job.subject)].setdefault(job.kind, []).append(job)
    return {subject: _marks(by_kind) for subject, by_kind in grouped.items()}


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


@dataclass(frozen=True, slots=True)
class QueueNotice:
    """One thing about a store's pushes that somebody should know; shown once for as long as it lasts."""

    store_id: int
    store_name: str
    text: str
    next_step: str
    since: datetime | None
    until: datetime | None = None


def queue_notices(*, user: User) -> list[QueueNotice]:
    """Paused queues, resting queues, spent daily quotas and calls that were not granted, of the stores `user`
    may see. What stops every store of a channel is not among them: that is told once (`channel_pause`)."""
    visible = StoreQueue.objects.filter(store__in=Store.objects.visible_to(user)).select_related("store")
    resting = ExpressionWrapper(_rests(), output_field=BooleanField())
    rows: list[Any] = list(visible.annotate(is_resting=resting).order_by("store__name"))
    queues: dict[int, StoreQueue] = {queue.store_id: queue for queue in rows}
    return [
        *(_pause_notice(queue) for queue in queues.values() if queue.is_paused),
        *(_rest_notice(queue) for queue in rows if queue.is_resting),
        *_held_notices(queues),
    ]


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
    rows = RateLimit.objects.filter(scope__in=[f"store:{store_id}" for store_id in store_ids])
    held = (Q(resume_reason=reason) & clock.ahead("resume_at", LONGEST_WAITS[reason]) for reason in reasons)
    return rows.filter(reduce(or_, held))


def _store_of(bucket: RateLimit) -> int:
    return int(bucket.scope.removeprefix("store:"))


def _pause_notice(queue: StoreQueue) -> QueueNotice:
    text = f"Envios pausados: {queue.paused_reason}"
    next_step = FailureMode.CREDENTIAL.next_step
    return QueueNotice(queue.store_id, queue.store.name, text, next_step, queue.paused_at)


def _rest_notice(queue: StoreQueue) -> QueueNotice:
    text = queue.rest_reason or "A plataforma não está respondendo. Os envios esperam e voltam sozinhos."
    next_step = "O ERP testa de novo sozinho." if queue.rest_reason else NOTHING_TO_DO
    return QueueNotice(queue.store_id, queue.store.name, text, next_step, queue.opened_at, queue.reopen_at)


def _held_notices(queues: dict[int, StoreQueue]) -> list[QueueNotice]:
    buckets = _limits_held(queues, WaitReason.QUOTA, WaitReason.GRANT).order_by("scope", "call")
    return [_held_notice(bucket, queues[_store_of(bucket)]) for bucket in buckets]


def _held_notice(bucket: RateLimit, queue: StoreQueue) -> QueueNotice:
    call = handlers.call_label(bucket.call)
    if bucket.resume_reason == WaitReason.GRANT:
        text = f"Permissão não concedida ({call}). Os outros envios da loja seguem."
        next_step = FailureMode.CREDENTIAL.next_step
        return QueueNotice(queue.store_id, queue.store.name, text, next_step, None)
    text = f"A cota diária de chamadas acabou ({call}). Os envios continuam quando ela renovar."
    return QueueNotice(queue.store_id, queue.store.name, text, NOTHING_TO_DO, None, bucket.resume_at)


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
