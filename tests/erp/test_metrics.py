"""`/metrics`: read by a monitoring system, from rows alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import Error, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from erp import metrics
from erp.accounts.models import Store, User
from erp.outbox.models import PushJob, StoreQueue
from erp.outbox.statuses import BreakerState, FailureMode, JobState

TOKEN = "monitoring-token-of-the-tests"

pytestmark = pytest.mark.django_db


@pytest.fixture
def read(client: Client, settings: Any) -> Callable[[], dict[tuple[str, ...], float]]:
    settings.METRICS_TOKEN = TOKEN

    def samples() -> dict[tuple[str, ...], float]:
        answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200
        families = text_string_to_metric_families(answer.content.decode())
        return {
            (sample.name, *dict(sorted(sample.labels.items())).values()): sample.value
            for each in families
            for sample in each.samples
        }

    return samples


def test_only_the_token_opens_it(
    client: Client, admin: User, sign_in: Callable[[User], Client], settings: Any
) -> None:
    assert sign_in(admin).get("/metrics").status_code == 404
    settings.METRICS_TOKEN = TOKEN
    for given in ("", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer ", "Bearer é"):
        answer = client.get("/metrics", headers={"Authorization": given})
        assert (answer.status_code, answer.content) == (401, b"")
    assert sign_in(admin).get("/metrics").status_code == 401


def test_what_waits_and_what_rests_is_told_for_each_store(
    read: Callable[[], dict[tuple[str, ...], float]], store: Store
) -> None:
    PushJob.objects.create(store=store, kind="x", subject="1", idempotency_key="1")
    PushJob.objects.create(
        store=store, kind="x", subject="2", idempotency_key="2", state=JobState.BLOCKED,
        failure_mode=FailureMode.REJECTED,
    )  # fmt: skip
    now = timezone.now()
    StoreQueue.objects.create(
        store=store, breaker_state=BreakerState.OPEN, opened_at=now, reopen_at=now + timedelta(minutes=1)
    )
    found, pk = read(), str(store.pk)
    assert found["erp_pushes", "pending", pk] == found["erp_pushes", "blocked", pk] == 1
    assert found["erp_push_breaker_open", pk] == 1
    assert found["erp_push_queue_paused", pk] == 0
    assert found["erp_part_up", "database"] == 1
    assert {room for name, room in (key for key in found if key[0] == "erp_metrics_read") if room} >= {
        "health", "kwai", "outbox",
    }  # fmt: skip
    assert found["erp_metrics_read", "outbox"] == found["erp_metrics_read", "kwai"] == 1


def test_a_room_that_cannot_be_read_hides_no_other(
    read: Callable[[], dict[tuple[str, ...], float]], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> list[metrics.Figure]:
        Store.objects.extra(where=["no_such_column = 1"]).count()
        raise Error

    monkeypatch.setattr(metrics, "_readers", {"broken": broken, **metrics._readers})
    found = read()
    assert (found["erp_metrics_read", "broken"], found["erp_metrics_read", "outbox"]) == (0, 1)


def test_it_costs_no_more_as_rows_grow(
    read: Callable[[], dict[tuple[str, ...], float]], store: Store
) -> None:
    StoreQueue.objects.create(store=store)
    with CaptureQueriesContext(connection) as few:
        read()
    for number in range(30):
        PushJob.objects.create(store=store, kind="x", subject=str(number), idempotency_key=str(number))
    with CaptureQueriesContext(connection) as many:
        read()
    # What is due is asked for once a store.
    assert len(many) <= len(few) + 2
