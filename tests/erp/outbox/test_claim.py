"""Who may be claimed, in which order, and how many at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from erp.accounts.models import StoreLifecycle
from erp.clock import after
from erp.outbox import claim, drain, errors, handlers, limits, selectors
from erp.outbox.commands import jobs_cancel
from erp.outbox.models import PushJob, StoreQueue
from erp.outbox.queues import queue_pause
from erp.outbox.request import facts_request, states_request
from erp.outbox.statuses import BreakerState, JobState, PauseMode, WaitReason

pytestmark = pytest.mark.django_db


def take(store: Any) -> str | None:
    job = claim.claim_in_store(store_id=store.pk)
    return f"{job.kind}:{job.subject}" if job else None


def take_all(store: Any) -> list[str]:
    return list(iter(lambda: take(store), None))


def test_a_claim_holds_a_lease_of_60_seconds_by_the_databases_clock(
    platform: Any, fact: Any, store: Any
) -> None:
    facts_request(requests=[fact()])
    job = claim.claim_in_store(store_id=store.pk)
    assert job is not None
    row = PushJob.objects.get()
    assert (row.state, row.lease_token, row.attempts) == (JobState.CLAIMED, job.lease_token, 0)
    assert row.lease_until
    assert row.first_attempt_at
    assert abs((row.lease_until - row.first_attempt_at).total_seconds() - 60) < 0.1
    assert claim.claim_in_store(store_id=store.pk) is None


def test_a_push_before_its_time_is_left_alone(platform: Any, fact: Any, store: Any) -> None:
    facts_request(requests=[fact()])
    PushJob.objects.update(not_before=after(timedelta(seconds=30)))
    assert take(store) is None
    PushJob.objects.update(not_before=after(timedelta(seconds=-1)))
    assert take(store)


def test_a_higher_step_waits_for_any_open_lower_one_whatever_its_age(
    platform: Any, fact: Any, store: Any
) -> None:
    facts_request(requests=[fact("tracking"), fact("delivery")])
    facts_request(requests=[fact("invoice")])
    invoice = claim.claim_in_store(store_id=store.pk)
    assert invoice
    assert invoice.kind == "invoice"
    assert take(store) is None
    drain.push(invoice)
    assert take_all(store) == ["tracking:900"]


def test_a_blocked_invoice_holds_back_its_own_order_only(platform: Any, fact: Any, store: Any) -> None:
    facts_request(requests=[fact("invoice"), fact("tracking"), fact("delivery")])
    platform.answers.append(errors.PushRefused("NF-e recusada"))
    blocked = claim.claim_in_store(store_id=store.pk)
    assert blocked
    drain.push(blocked)
    facts_request(requests=[fact("tracking", subject="901"), fact("cancel")])
    assert sorted(take_all(store)) == ["cancel:900", "tracking:901"]
    jobs_cancel(job_ids=[blocked.pk])
    PushJob.objects.filter(state=JobState.CLAIMED).update(
        state=JobState.DONE, finished_at=timezone.now(), lease_token=None, lease_until=None
    )
    assert take_all(store) == ["tracking:900"]


def test_cancel_order_waits_only_for_a_claimed_push_and_holds_nothing_back(
    platform: Any, fact: Any, store: Any
) -> None:
    facts_request(requests=[fact("tracking")])
    facts_request(requests=[fact("cancel")])
    tracking = claim.claim_in_store(store_id=store.pk)
    assert tracking
    assert tracking.kind == "tracking"
    assert take(store) is None
    platform.answers.append(errors.PushNotSent())
    drain.push(tracking)
    assert take(store) == "cancel:900"
    cancel = PushJob.objects.get(kind="cancel")
    PushJob.objects.filter(pk=cancel.pk).update(
        state=JobState.BLOCKED, failure_mode="rejected", lease_token=None, lease_until=None
    )
    PushJob.objects.filter(kind="tracking").update(not_before=after(timedelta()))
    assert take(store) == "tracking:900"


def test_a_state_waits_only_for_a_claimed_push_of_its_subject(platform: Any, state: Any, store: Any) -> None:
    states_request(requests=[state("stock"), state("price"), state("stock", subject="L2")])
    PushJob.objects.update(not_before=after(timedelta(seconds=-1)))
    first = claim.claim_in_store(store_id=store.pk)
    assert first
    assert take_all(store) == ["stock:L2"]
    platform.answers.append(errors.PushRefused("não"))
    drain.push(first)
    assert take(store) == ("price:L1" if first.kind == "stock" else "stock:L1")


def test_at_most_four_under_way_per_store(platform: Any, fact: Any, store: Any, settings: Any) -> None:
    facts_request(requests=[fact(subject=str(n)) for n in range(6)])
    assert claim.more_waits(store_id=store.pk)
    assert len(take_all(store)) == 4
    assert not claim.more_waits(store_id=store.pk)
    settings.OUTBOX_STORE_CONCURRENCY = 5
    assert claim.more_waits(store_id=store.pk)
    assert len(take_all(store)) == 1


@pytest.mark.parametrize("lifecycle", [StoreLifecycle.DRAFT, StoreLifecycle.INACTIVE])
def test_only_active_stores_push(platform: Any, fact: Any, store: Any, lifecycle: str) -> None:
    facts_request(requests=[fact()])
    store.lifecycle = lifecycle
    store.save()
    assert take(store) is None
    assert claim.claim_next() is None
    store.lifecycle = StoreLifecycle.ACTIVE
    store.save()
    assert take(store)


def test_a_paused_queue_keeps_its_pushes(platform: Any, fact: Any, store: Any) -> None:
    facts_request(requests=[fact()])
    queue_pause(store_id=store.pk, mode=PauseMode.CREDENTIAL, reason="desconectada")
    assert claim.claim_next(first_store_id=store.pk) is None
    assert PushJob.objects.get().state == JobState.PENDING


def test_a_held_call_stops_its_kinds_only(platform: Any, fact: Any, store: Any) -> None:
    facts_request(requests=[fact(), fact("invoice", subject="901")])
    until = timezone.now() + timedelta(minutes=1)
    limits.hold(store_id=store.pk, call="tracking", until=until, reason=WaitReason.LIMIT)
    assert take_all(store) == ["invoice:901"]


def test_stores_take_turns(platform: Any, fact: Any, store: Any, make_store: Any, settings: Any) -> None:
    settings.OUTBOX_STORE_CONCURRENCY = 100
    small, other = make_store("B"), make_store("C")
    facts_request(requests=[fact(subject=str(n)) for n in range(20)])
    facts_request(
        requests=[fact(subject=str(n), store_id=one.pk) for n in range(2) for one in (small, other)]
    )
    turns = []
    for _ in range(6):
        job = claim.claim_next()
        assert job
        turns.append(job.store_id)
    assert sorted(turns[:3]) == sorted(turns[3:]) == sorted([store.pk, small.pk, other.pk])
    first = claim.claim_next(first_store_id=store.pk)
    assert first
    assert first.store_id == store.pk


def test_a_resting_queue_is_tested_by_a_single_push(platform: Any, fact: Any, store: Any) -> None:
    facts_request(requests=[fact(subject=str(n)) for n in range(3)])
    StoreQueue.objects.update(
        breaker_state=BreakerState.OPEN, opened_at=timezone.now(), reopen_at=after(timedelta(seconds=30))
    )
    assert take(store) is None
    StoreQueue.objects.update(reopen_at=after(timedelta(seconds=-1)))
    assert len(take_all(store)) == 1
    assert StoreQueue.objects.get().breaker_state == BreakerState.HALF_OPEN


def test_a_lease_is_renewed_only_while_it_is_ours(platform: Any, fact: Any, store: Any) -> None:
    facts_request(requests=[fact()])
    job = claim.claim_in_store(store_id=store.pk)
    assert job
    PushJob.objects.update(lease_until=after(timedelta(seconds=3)))
    assert claim.lease_renew(job=job)
    until = PushJob.objects.get().lease_until
    assert until
    assert until > timezone.now() + timedelta(seconds=50)
    PushJob.objects.update(lease_until=after(timedelta(seconds=-1)))
    assert not claim.lease_renew(job=job)


@pytest.mark.parametrize("first_counts", [True, False])
@pytest.mark.parametrize("was_confirmed", [True, False])
def test_a_blocked_correction_holds_nothing_back_once_the_first_content_counts(
    platform: Any, fact: Any, store: Any, first_counts: bool, was_confirmed: bool
) -> None:
    handlers.register(replace(handlers.get("tracking", handlers.Nature.FACT), first_counts=first_counts))
    if was_confirmed:
        facts_request(requests=[fact("tracking", content="A")])
        drain.push(claim.claim_in_store(store_id=store.pk))  # type: ignore[arg-type]
    facts_request(requests=[fact("tracking", content="B")])
    platform.answers.append(errors.PushRefused("Outro código não é aceito"))
    drain.push(claim.claim_in_store(store_id=store.pk))  # type: ignore[arg-type]
    facts_request(requests=[fact("delivery")])
    key = (store.pk, "900")
    mark = selectors.jobs_done(subjects=[key], kinds=["tracking", "delivery"])[key]["delivery"]
    goes = first_counts and was_confirmed
    assert mark.held_back_by == ("" if goes else "tracking")
    assert take_all(store) == (["delivery:900"] if goes else [])


def test_several_of_a_store_are_claimed_at_once_but_never_two_of_one_subject(
    platform: Any, fact: Any, store: Any, settings: Any
) -> None:
    settings.OUTBOX_STORE_CONCURRENCY = 5
    facts_request(requests=[fact("cancel" if n else "tracking", subject=str(n)) for n in range(3)])
    facts_request(requests=[fact("cancel", subject="0")])
    jobs = claim.claim_some(most=5)
    assert sorted(job.subject for job in jobs) == ["0", "1", "2"]
    assert {job.pk for job in jobs} == set(
        PushJob.objects.filter(state=JobState.CLAIMED, lease_token=jobs[0].lease_token).values_list(
            "pk", flat=True
        )
    )
    assert claim.claim_some(most=5) == []


def test_a_good_answer_counts_though_others_failed_since_its_claim(
    platform: Any, fact: Any, store: Any
) -> None:
    facts_request(requests=[fact()])
    job = claim.claim_in_store(store_id=store.pk)
    assert job is not None
    StoreQueue.objects.update(breaker_failures=4)
    drain.push(job)
    assert StoreQueue.objects.get().breaker_failures == 0
