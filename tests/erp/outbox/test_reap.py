from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from erp.clock import after
from erp.outbox import claim, drain
from erp.outbox.models import PushAttempt, PushJob
from erp.outbox.reap import reap
from erp.outbox.request import facts_request, states_request
from erp.outbox.statuses import AttemptOutcome, FailureMode, JobState

pytestmark = pytest.mark.django_db


def die(store: Any) -> PushJob:
    """A worker claims, starts its attempt and is never heard of again."""
    job = claim.claim_in_store(store_id=store.pk)
    assert job is not None
    PushAttempt.objects.create(job=job)
    PushJob.objects.filter(pk=job.pk).update(lease_until=after(timedelta(seconds=-1)))
    return job


def test_a_running_lease_is_left_alone(platform: Any, fact: Any, store: Any) -> None:
    facts_request(requests=[fact()])
    claim.claim_in_store(store_id=store.pk)
    assert reap() == 0


@pytest.mark.parametrize("applied", [True, False])
def test_an_expired_lease_goes_back_at_once_and_is_verified_first(
    platform: Any, fact: Any, store: Any, applied: bool
) -> None:
    facts_request(requests=[fact()])
    die(store)
    assert reap() == 1
    job = PushJob.objects.get()
    assert (job.state, job.needs_verification, job.lease_token, job.attempts) == ("pending", True, None, 1)
    assert PushAttempt.objects.get().outcome == AttemptOutcome.LOST
    platform.holds = {"A"} if applied else set()
    assert drain.drain(store_id=store.pk) == 1
    assert platform.reads == ["900"]
    assert len(platform.sent) == (0 if applied else 1)
    assert PushJob.objects.get().state == JobState.DONE


def test_a_state_takes_its_key_again_or_gives_way(platform: Any, state: Any, store: Any) -> None:
    states_request(requests=[state(), state(subject="L2")])
    PushJob.objects.update(not_before=after(timedelta(seconds=-1)))
    jobs = [die(store), die(store)]
    states_request(requests=[state(subject=jobs[0].subject)])
    assert reap() == 2
    first, second = (PushJob.objects.get(pk=job.pk) for job in jobs)
    assert (first.state, second.state) == (JobState.SUPERSEDED, JobState.PENDING)
    assert second.coalesce_key == f"{store.pk}:stock:{second.subject}"


def test_a_fact_gives_way_to_its_correction(platform: Any, fact: Any, store: Any) -> None:
    facts_request(requests=[fact()])
    dead = die(store)
    facts_request(requests=[fact(content="B")])
    reap()
    assert PushJob.objects.get(pk=dead.pk).state == JobState.SUPERSEDED


def test_a_push_that_kills_workers_for_three_days_stops(platform: Any, fact: Any, store: Any) -> None:
    facts_request(requests=[fact()])
    die(store)
    PushJob.objects.update(first_attempt_at=timezone.now() - timedelta(hours=73))
    reap()
    job = PushJob.objects.get()
    assert (job.state, job.failure_mode) == (JobState.BLOCKED, FailureMode.UNCERTAIN)


def test_a_dead_workers_late_answer_is_fenced_off(platform: Any, fact: Any, store: Any) -> None:
    facts_request(requests=[fact()])
    zombie = die(store)
    reap()
    drain.push(zombie)
    assert platform.sent == []
    assert PushJob.objects.get().state == JobState.PENDING
