from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings

from erp.celery import app
from erp.clock import after
from erp.outbox import tasks
from erp.outbox.claim import window_ends_in
from erp.outbox.models import PushAttempt, PushJob
from erp.outbox.queues import queue_pause
from erp.outbox.request import facts_request, states_request
from erp.outbox.statuses import JobState, PauseMode, WaitReason

pytestmark = pytest.mark.django_db


def test_the_sweep_gives_back_and_wakes_for_due_stores_only(
    platform: Any, fact: Any, store: Any, make_store: Any, wakes: Any, django_capture_on_commit_callbacks: Any
) -> None:
    paused, idle = make_store("B"), make_store("C")
    facts_request(requests=[fact(), fact(store_id=paused.pk), fact(store_id=idle.pk)])
    queue_pause(store_id=paused.pk, mode=PauseMode.CREDENTIAL, reason="x")
    PushJob.objects.filter(store=idle).update(
        not_before=after(timedelta(hours=1)), waiting_for=WaitReason.RETRY
    )
    from erp.outbox.claim import claim_in_store

    claim_in_store(store_id=store.pk)
    PushJob.objects.filter(store=store).update(lease_until=after(timedelta(seconds=-1)))
    wakes.clear()
    with django_capture_on_commit_callbacks(execute=True):
        tasks.sweep()
    assert wakes == [{"store_id": store.pk}]
    assert PushJob.objects.get(store=store).state == JobState.PENDING


def test_the_drain_task_pushes(platform: Any, fact: Any, store: Any) -> None:
    facts_request(requests=[fact()])
    tasks.drain(store_id=store.pk)
    assert platform.sent == [("tracking", "A")]


def test_a_month_later_only_facts_and_attempts_remain(
    platform: Any, fact: Any, state: Any, store: Any
) -> None:
    facts_request(requests=[fact()])
    states_request(requests=[state(), state(subject="L2")])
    PushJob.objects.update(not_before=after(timedelta(seconds=-1)))
    tasks.drain(store_id=store.pk)
    states_request(requests=[state(subject="L3")])
    month = after(timedelta(days=-31))
    PushJob.objects.exclude(state=JobState.PENDING).exclude(subject="L2").update(finished_at=month)
    PushAttempt.objects.filter(job__subject="900").update(started_at=month)
    tasks.expire()
    assert set(PushJob.objects.values_list("subject", flat=True)) == {"900", "L2", "L3"}
    bodies = dict(PushAttempt.objects.values_list("job__subject", "exchange"))
    assert bodies == {"900": None, "L2": [{"call": "stock"}]}


def test_tasks_are_registered_under_the_names_the_settings_use() -> None:
    app.loader.import_default_modules()
    assert {entry["task"] for name, entry in settings.CELERY_BEAT_SCHEDULE.items() if "outbox" in name} == {
        tasks.sweep.name,
        tasks.expire.name,
    }
    assert settings.CELERY_TASK_ROUTES[tasks.drain.name] == {"queue": "push"}
    assert (tasks.drain.soft_time_limit, tasks.drain.time_limit) == (50, 55)


@pytest.mark.django_db(transaction=True)
def test_a_worker_is_woken_when_a_window_ends_and_the_drain_for_what_ends_later(
    platform: Any, state: Any, store: Any, wakes: Any, settings: Any
) -> None:
    settings.OUTBOX_COALESCE_SECONDS = 0.3
    states_request(requests=[state()])
    states_request(requests=[state(subject="L2")])
    assert wakes == []
    heard(wakes, 1)
    PushJob.objects.filter(subject="L1").update(not_before=after(timedelta(seconds=-1)))
    PushJob.objects.filter(subject="L2").update(not_before=after(timedelta(seconds=600)))
    assert 590 < (window_ends_in(store_id=store.pk) or 0) <= 600
    PushJob.objects.filter(subject="L2").update(waiting_for=WaitReason.RETRY)
    assert window_ends_in(store_id=store.pk) is None
    PushJob.objects.filter(subject="L2").update(
        waiting_for=WaitReason.WINDOW, not_before=after(timedelta(seconds=3))
    )
    wakes.clear()
    tasks.drain(store_id=store.pk)
    assert len(platform.sent) == 1
    heard(wakes, 1)
    assert wakes == [{"store_id": store.pk}]


def heard(wakes: list[dict[str, Any]], count: int) -> None:
    """Wait for so many wake-ups."""
    ends = time.monotonic() + 30
    while len(wakes) < count and time.monotonic() < ends:
        time.sleep(0.02)
    assert len(wakes) == count
