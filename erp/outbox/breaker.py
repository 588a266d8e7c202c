"""One breaker per store: after repeated silence, or an answer that refuses the store's access for a reason
nobody knows, the queue rests; then a single push tests the platform."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest, Now

from erp import clock
from erp.outbox.models import PushJob, StoreQueue
from erp.outbox.queues import queues_ensure
from erp.outbox.statuses import LONGEST_REST, BreakerState, JobState, WaitReason

FAILURES_TO_OPEN = 5
FIRST_REST = timedelta(seconds=30)
SPREAD = timedelta(seconds=30)
COUNTED_FAILURES = 1000


def learn(*, store_id: int, healthy: bool) -> None:
    """Take in one answer of the platform: `healthy` means readable, whatever it said."""
    if healthy:
        _close(store_id)
    else:
        _count_failure(store_id)


def _close(store_id: int) -> None:
    queue = StoreQueue.objects.filter(store_id=store_id)
    # Read first: nearly always there is nothing to write.
    if not queue.exclude(breaker_state=BreakerState.CLOSED, breaker_failures=0).exists():
        return
    healed = queue.exclude(breaker_state=BreakerState.CLOSED).update(
        breaker_state=BreakerState.CLOSED,
        breaker_failures=0,
        opened_at=None,
        reopen_at=None,
        rest_reason="",
    )
    if healed:
        _retries_spread(store_id)
    else:
        queue.filter(breaker_failures__gt=0).update(breaker_failures=0)


@transaction.atomic
def _count_failure(store_id: int) -> None:
    """A queue that rests starts no push: what fails then was under way before, and says nothing new."""
    queue = StoreQueue.objects.filter(store_id=store_id).exclude(breaker_state=BreakerState.OPEN)
    counted = queue.filter(breaker_failures__lt=COUNTED_FAILURES)
    counted.update(breaker_failures=F("breaker_failures") + 1)
    if queue.filter(breaker_failures__gte=FAILURES_TO_OPEN).exists():
        _open(store_id, "")


@transaction.atomic
def rest_now(*, store_id: int, reason: str) -> None:
    """Let the queue rest at once, for longer each time in a row; `reason` is what operators read."""
    queues_ensure({store_id})
    resting = StoreQueue.objects.filter(store_id=store_id).exclude(breaker_state=BreakerState.OPEN)
    resting.update(breaker_failures=Greatest(F("breaker_failures") + 1, Value(FAILURES_TO_OPEN)))
    _open(store_id, reason)


def _open(store_id: int, reason: str) -> None:
    queue = StoreQueue.objects.filter(store_id=store_id)
    failures = queue.values_list("breaker_failures", flat=True).first() or 0
    queue.exclude(breaker_state=BreakerState.OPEN).update(
        breaker_state=BreakerState.OPEN,
        opened_at=Now(),
        reopen_at=clock.after(rest(failures)),
        rest_reason=reason[:500],
    )


def rest(failures: int) -> timedelta:
    """How long the queue rests after `failures` in a row: 30 s, doubled each time, 10 minutes at most."""
    doublings = min(max(failures - FAILURES_TO_OPEN, 0), 10)
    return min(FIRST_REST * float(2**doublings), LONGEST_REST)


@transaction.atomic
def _retries_spread(store_id: int) -> None:
    """Retries that wait for hours come back within half a minute, spread so that they do not stampede.
    Rows somebody holds are skipped: waiting for them could end in a deadlock."""
    waiting = PushJob.objects.filter(
        store_id=store_id, state=JobState.PENDING, waiting_for=WaitReason.RETRY, not_before__gt=Now()
    )
    ids = list(waiting.order_by("pk").lock_for_update(skip_locked=True).values_list("pk", flat=True))
    PushJob.objects.filter(pk__in=ids).update(not_before=clock.within(SPREAD))
