from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from erp.clock import after
from erp.outbox import breaker
from erp.outbox.models import StoreQueue
from erp.outbox.statuses import BreakerState


@pytest.mark.parametrize(
    ("failures", "seconds"), [(5, 30), (6, 60), (7, 120), (9, 480), (10, 600), (999, 600)]
)
def test_rest_doubles_to_ten_minutes(failures: int, seconds: int) -> None:
    assert breaker.rest(failures) == timedelta(seconds=seconds)


@pytest.mark.django_db
def test_a_readable_answer_forgets_single_failures(store: Any) -> None:
    queue = StoreQueue.objects.create(store=store)
    for _ in range(3):
        for _ in range(4):
            breaker.learn(store_id=store.pk, healthy=False)
        breaker.learn(store_id=store.pk, healthy=True)
    queue.refresh_from_db()
    assert (queue.breaker_state, queue.breaker_failures) == (BreakerState.CLOSED, 0)


@pytest.mark.django_db
def test_what_was_under_way_when_the_breaker_opened_does_not_lengthen_its_rest(store: Any) -> None:
    queue = StoreQueue.objects.create(store=store)
    for _ in range(9):
        breaker.learn(store_id=store.pk, healthy=False)
    queue.refresh_from_db()
    assert (queue.breaker_state, queue.breaker_failures) == (BreakerState.OPEN, 5)
    StoreQueue.objects.update(breaker_state=BreakerState.HALF_OPEN, reopen_at=after(timedelta(seconds=-1)))
    breaker.learn(store_id=store.pk, healthy=False)
    queue.refresh_from_db()
    assert queue.reopen_at
    assert queue.opened_at
    assert abs((queue.reopen_at - queue.opened_at).total_seconds() - 60) < 1


@pytest.mark.django_db
def test_a_failed_test_makes_the_queue_rest_longer(store: Any) -> None:
    queue = StoreQueue.objects.create(store=store)
    for _ in range(5):
        breaker.learn(store_id=store.pk, healthy=False)
    StoreQueue.objects.update(breaker_state=BreakerState.HALF_OPEN, reopen_at=after(timedelta(seconds=-1)))
    breaker.learn(store_id=store.pk, healthy=False)
    queue.refresh_from_db()
    assert queue.breaker_state == BreakerState.OPEN
    assert queue.reopen_at
    assert queue.opened_at
    assert abs((queue.reopen_at - queue.opened_at).total_seconds() - 60) < 1
