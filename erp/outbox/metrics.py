"""What the push engine tells a monitoring system."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import timedelta

from django.db.models import Count
from django.db.models.functions import Now

from erp.metrics import Figure
from erp.outbox import limits
from erp.outbox.models import PushAttempt, PushJob, RateLimit, StoreQueue
from erp.outbox.selectors import oldest_due_seconds_of
from erp.outbox.statuses import OPEN_STATES, AttemptOutcome, BreakerState

# Tries are told of so much of the past, and of at most so many of the newest.
WINDOW = timedelta(minutes=5)
MOST_TRIES = 5_000
QUANTILES = (0.5, 0.95)


def figures() -> Iterator[Figure]:
    yield from _pushes()
    yield from _tries()
    yield from _queues()
    yield from _quota()


def _pushes() -> Iterator[Figure]:
    rows = PushJob.objects.filter(state__in=OPEN_STATES).values("store_id", "state").order_by()
    yield Figure(
        "erp_pushes",
        "Pushes that wait (pending), are under way (claimed) or need somebody (blocked)",
        ["store", "state"],
        [
            ([str(store), str(state)], count)
            for store, state, count in rows.annotate(count=Count("pk")).values_list(
                "store_id", "state", "count"
            )
        ],
    )
    yield Figure(
        "erp_push_oldest_seconds",
        "How long the push that waits longest could have been sent",
        ["store"],
        [([str(store)], seconds) for store, seconds in oldest_due_seconds_of().items()],
    )


def _tries() -> Iterator[Figure]:
    """Of the tries that made a call; the index of those that keep their exchange finds them."""
    since = Now() - WINDOW
    recent = PushAttempt.objects.filter(exchange__isnull=False, started_at__gte=since)
    tries = list(recent.order_by("-started_at").values_list("outcome", "duration_ms")[:MOST_TRIES])
    counts = {outcome: 0 for outcome in AttemptOutcome.values if outcome}
    for outcome, _ in tries:
        if outcome:
            counts[outcome] += 1
    yield Figure(
        "erp_push_tries_last_5m",
        "Tries of the last five minutes, by how they ended",
        ["outcome"],
        [([outcome], count) for outcome, count in counts.items()],
    )
    seconds = sorted(duration / 1000 for _, duration in tries if duration is not None)
    yield Figure(
        "erp_push_try_seconds",
        "How long tries of the last five minutes took, the platform's answer included",
        ["quantile"],
        [([str(quantile)], _quantile(seconds, quantile)) for quantile in QUANTILES if seconds],
    )


def _quantile(ordered: Sequence[float], quantile: float) -> float:
    return ordered[max(0, math.ceil(len(ordered) * quantile) - 1)]


def _queues() -> Iterator[Figure]:
    queues = list(StoreQueue.objects.values_list("store_id", "paused_mode", "breaker_state"))
    yield Figure(
        "erp_push_queue_paused",
        "1 while the pushes of the store wait for a new authorisation",
        ["store"],
        [([str(store)], float(bool(mode))) for store, mode, _ in queues],
    )
    yield Figure(
        "erp_push_breaker_open",
        "1 while the store's queue rests or tests the platform",
        ["store"],
        [([str(store)], float(state != BreakerState.CLOSED)) for store, _, state in queues],
    )


def _quota() -> Iterator[Figure]:
    today = RateLimit.objects.filter(scope__startswith="app:", day=limits.today())
    rows = list(today.order_by("call").values_list("call", "used"))
    yield Figure(
        "erp_quota_used_calls",
        "Calls of the platform's day that were made, by call",
        ["call"],
        [([call], used) for call, used in rows],
    )
    held = limits.buckets_held().values_list("scope", "call", "resume_reason")
    yield Figure(
        "erp_calls_closed",
        "1 for each call that the platform closed for now, and why",
        ["scope", "call", "reason"],
        [([scope.partition(":")[0], call, reason], 1) for scope, call, reason in held],
    )
