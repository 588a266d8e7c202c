"""Claim the next pushes of a store: a conditional UPDATE in a short transaction, with a lease for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Coalesce, Now

from erp import clock, compiled
from erp.outbox import handlers, limits
from erp.outbox.models import PushJob, PushJobQuerySet, StoreQueue
from erp.outbox.statuses import LONGEST_WAITS, BreakerState, JobState, WaitReason

# Changes of many products end one after the other: a wake-up for each would leave no pause.
SHORTEST_WAIT = 0.25


def claim_next(*, first_store_id: int | None = None) -> PushJob | None:
    """The next push of the store that waited longest for its turn (`first_store_id` goes before), or None."""
    return next(iter(claim_some(most=1, first_store_id=first_store_id)), None)


def claim_some(*, most: int, first_store_id: int | None = None) -> list[PushJob]:
    """At most `most` pushes of the store that waited longest for its turn (`first_store_id` goes before).

    Round robin over stores, so that one backlog starves nobody. Each has a lease of its own, by its id and
    the token.
    """
    for store_id in _stores_in_turn(first_store_id):
        if jobs := _claim(store_id, most):
            return jobs
    return []


def claim_in_store(*, store_id: int) -> PushJob | None:
    """The store's next push, or None: nothing due, paused, resting, waiting as a queue, or as many under way
    as allowed."""
    return next(iter(_claim(store_id, 1)), None)


def _claim(store_id: int, most: int) -> list[PushJob]:
    held = limits.calls_held(store_id=store_id)
    if limits.ANY_CALL in held:
        return []
    try:
        with transaction.atomic():
            # The queue's row is the lock that keeps the cap and the single test of a half-open breaker.
            queue = (
                StoreQueue.objects.open().filter(store_id=store_id).select_for_update(of=("self",)).first()
            )
            if queue is None or (room := _room(queue)) <= 0:
                return []
            jobs = _candidates(store_id, held, min(most, room))
            if not jobs or not _take(jobs):
                return []
            _turn_taken(queue)
            for job in jobs:
                job.is_first = bool(job.leads)
            return jobs
    except IntegrityError:
        # Another push of a subject was claimed first; the index says so.
        return [] if most == 1 else _claim(store_id, 1)


def more_waits(*, store_id: int) -> bool:
    """True when another worker would find work in this store."""
    queue = StoreQueue.objects.open().filter(store_id=store_id).first()
    return queue is not None and _room(queue) > 0 and _due(store_id).first() is not None


def window_ends_in(*, store_id: int) -> float | None:
    """Seconds until the store's next gathering of changes ends, None when none is open."""
    gathering = PushJob.objects.filter(
        clock.ahead("not_before", LONGEST_WAITS[WaitReason.WINDOW]),
        store_id=store_id,
        state=JobState.PENDING,
        waiting_for=WaitReason.WINDOW,
    )
    row = gathering.order_by("not_before").values_list("not_before", Now()).first()
    return None if row is None else max((row[0] - row[1]).total_seconds(), SHORTEST_WAIT)


def lease_renew(*, job: PushJob) -> bool:
    """Extend the lease; False when it ran out or somebody else holds the job now."""
    return PushJob.objects.taken().filter(pk=job.pk, state=JobState.CLAIMED).renew(job.lease_token)


def _stores_in_turn(first_store_id: int | None) -> Iterator[int]:
    if first_store_id is not None:
        yield first_store_id
    for store_id in _stores_due():
        if store_id != first_store_id:
            yield store_id


def _stores_due() -> list[int]:
    sql, parameters = compiled.kept("stores due", _stores_due_statement)
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [store_id for (store_id,) in cursor.fetchall()]


def _stores_due_statement() -> compiled.Statement:
    return compiled.select_of(StoreQueue.objects.with_due_work().values_list("store_id"))


def _room(queue: StoreQueue) -> int:
    """How many pushes more may be under way."""
    cap = settings.OUTBOX_STORE_CONCURRENCY if queue.breaker_state == BreakerState.CLOSED else 1
    return cap - PushJob.objects.filter(store_id=queue.store_id, state=JobState.CLAIMED).count()


def _candidates(store_id: int, held: set[str], most: int) -> list[Any]:
    """Never two of one subject: of those one waits for the other."""
    kinds = tuple(sorted(handlers.kinds_of_calls(held)))

    def make() -> compiled.Statement:
        due = _due(compiled.SOME_ID).exclude(kind__in=kinds) if kinds else _due(compiled.SOME_ID)
        return compiled.select_of(due.with_is_first().lock_for_update(skip_locked=True)[:most])

    key = ("candidates", most, kinds, *handlers.kinds_whose_first_counts())
    sql, parameters = compiled.kept(key, make)
    found = list(PushJob.objects.raw(sql, compiled.filled(parameters, {compiled.SOME_ID: store_id})))
    return list({job.subject: job for job in reversed(found)}.values())[::-1]


def _due(store_id: int) -> PushJobQuerySet:
    """In the order of the index, so that the first row ends the search whatever the backlog."""
    return PushJob.objects.filter(store_id=store_id).claimable().order_by("not_before", "pk")


def _take(jobs: Sequence[PushJob]) -> bool:
    """Claim all of them; they are locked, so that none is without the others."""
    rows = PushJob.objects.filter(pk__in=[job.pk for job in jobs], state=JobState.PENDING)
    token = rows.claim(
        state=JobState.CLAIMED,
        coalesce_key=None,
        waiting_for=WaitReason.NOTHING,
        first_attempt_at=Coalesce("first_attempt_at", Now()),
    )
    for job in jobs:
        job.state, job.lease_token, job.coalesce_key = JobState.CLAIMED, token, None
    return token is not None


def _turn_taken(queue: StoreQueue) -> None:
    changes: dict[str, object] = {"last_claimed_at": Now()}
    if queue.breaker_state == BreakerState.OPEN:
        changes["breaker_state"] = BreakerState.HALF_OPEN
    StoreQueue.objects.filter(pk=queue.pk).update(**changes)
