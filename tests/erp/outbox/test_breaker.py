from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from erp.outbox import breaker
from erp.outbox.clock import after
from erp.outbox.models import Lane
from erp.outbox.statuses import BreakerState


@pytest.mark.parametrize(
    ("failures", "seconds"), [(5, 30), (6, 60), (7, 120), (9, 480), (10, 600), (999, 600)]
)
def test_rest_doubles_to_ten_minutes(failures: int, seconds: int) -> None:
    assert breaker.rest(failures) == timedelta(seconds=seconds)


@pytest.mark.django_db
def test_a_readable_answer_forgets_single_failures(store: Any) -> None:
    lane = Lane.objects.create(store=store)
    for _ in range(3):
        for _ in range(4):
            breaker.learn(store_id=store.pk, healthy=False)
        breaker.learn(store_id=store.pk, healthy=True)
    lane.refresh_from_db()
    assert (lane.breaker_state, lane.breaker_failures) == (BreakerState.CLOSED, 0)


@pytest.mark.django_db
def test_a_failed_test_makes_the_lane_rest_longer(store: Any) -> None:
    lane = Lane.objects.create(store=store)
    for _ in range(5):
        breaker.learn(store_id=store.pk, healthy=False)
    Lane.objects.update(breaker_state=BreakerState.HALF_OPEN, reopen_at=after(timedelta(seconds=-1)))
    breaker.learn(store_id=store.pk, healthy=False)
    lane.refresh_from_db()
    assert lane.breaker_state == BreakerState.OPEN
    assert lane.reopen_at
    assert lane.opened_at
    assert abs((lane.reopen_at - lane.opened_at).total_seconds() - 60) < 1
