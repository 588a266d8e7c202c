"""Every named constraint of the engine, violated."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from erp.outbox.models import PushAttempt, PushJob, RateLimit, StoreQueue
from erp.outbox.statuses import (
    AttemptOutcome,
    BreakerState,
    FailureMode,
    JobState,
    PauseMode,
    WaitReason,
)

pytestmark = pytest.mark.django_db

NOW = timezone.now()


@pytest.fixture
def job(store: Any) -> Callable[..., PushJob]:
    numbers = iter(range(1000))

    def make(**values: Any) -> PushJob:
        defaults = {"kind": "tracking", "subject": "900", "idempotency_key": f"k{next(numbers)}", "step": 2}
        return PushJob.objects.create(store=store, **(defaults | values))

    return make


CLAIMED = {"state": JobState.CLAIMED, "lease_until": NOW, "lease_token": uuid.UUID(int=1)}
BLOCKED = {"state": JobState.BLOCKED, "failure_mode": FailureMode.REJECTED}
DONE = {"state": JobState.DONE, "finished_at": NOW}
STATE = {"idempotency_key": None, "coalesce_key": "1:stock:L1"}


def refused(name: str, make: Callable[[], Any]) -> None:
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        make()
    text = str(caught.value)
    # SQLite names the columns of a violated unique index, not the index.
    assert name in text or text.startswith("UNIQUE constraint failed")


@pytest.mark.parametrize("values", [{}, CLAIMED, BLOCKED, DONE, STATE, DONE | {"idempotency_key": None}])
def test_legal_rows_are_accepted(job: Any, values: dict[str, Any]) -> None:
    assert job(**values).pk


def test_one_claim_per_subject(job: Any) -> None:
    job(**CLAIMED)
    job(**CLAIMED | {"subject": "901"})
    refused("pushjob_one_claim_per_subject", lambda: job(**CLAIMED, kind="invoice"))


@pytest.mark.parametrize("second", [{}, BLOCKED])
def test_one_waiting_fact_of_a_kind_and_subject(job: Any, second: dict[str, Any]) -> None:
    job()
    job(kind="invoice")
    job(**DONE)
    refused("pushjob_one_waiting_fact", lambda: job(**second))


def test_idempotency_and_coalesce_keys_are_unique(job: Any) -> None:
    job(idempotency_key="same", **DONE)
    refused("idempotency_key", lambda: job(idempotency_key="same", subject="901"))
    job(**STATE)
    refused("coalesce_key", lambda: job(**STATE, subject="L2"))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("pushjob_fact_or_state", {"coalesce_key": "x"}),
        ("pushjob_fact_or_state", {"idempotency_key": None}),
        ("pushjob_fact_or_state", STATE | CLAIMED),
        ("pushjob_lease_while_claimed", {"state": JobState.CLAIMED}),
        ("pushjob_lease_while_claimed", {"lease_until": NOW}),
        ("pushjob_lease_while_claimed", {"lease_token": uuid.UUID(int=1)}),
        ("pushjob_mode_while_blocked", {"state": JobState.BLOCKED}),
        ("pushjob_mode_while_blocked", {"failure_mode": FailureMode.CONFIG}),
        ("pushjob_finished_has_time", {"state": JobState.DONE}),
        ("pushjob_finished_has_time", {"finished_at": NOW}),
        ("pushjob_known_state", {"state": "odd"}),
        ("pushjob_known_mode", {"state": JobState.BLOCKED, "failure_mode": "odd"}),
        ("pushjob_known_wait", {"waiting_for": "odd"}),
        ("pushjob_known_origin", {"origin": "odd"}),
        ("pushjob_names_subject", {"subject": ""}),
        ("pushjob_names_subject", {"kind": ""}),
    ],
)
def test_illegal_rows_are_refused(job: Any, name: str, values: dict[str, Any]) -> None:
    refused(name, lambda: job(**values))


@pytest.mark.parametrize(
    ("name", "values"),
    [("pushattempt_known_action", {"action": "odd"}), ("pushattempt_known_outcome", {"outcome": "odd"})],
)
def test_attempts_have_known_words(job: Any, name: str, values: dict[str, Any]) -> None:
    row = job()
    PushAttempt.objects.create(job=row, outcome=AttemptOutcome.LOST)
    refused(name, lambda: PushAttempt.objects.create(job=row, **values))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("storequeue_pause_has_time", {"paused_mode": PauseMode.CREDENTIAL}),
        ("storequeue_pause_has_time", {"paused_at": NOW}),
        ("storequeue_pause_has_time", {"paused_mode": "odd", "paused_at": NOW}),
        ("storequeue_breaker_has_time", {"breaker_state": BreakerState.OPEN}),
        ("storequeue_breaker_has_time", {"reopen_at": NOW}),
        ("storequeue_breaker_has_time", {"breaker_state": "odd", "reopen_at": NOW, "opened_at": NOW}),
    ],
)
def test_queues_are_consistent(store: Any, name: str, values: dict[str, Any]) -> None:
    refused(name, lambda: StoreQueue.objects.create(store=store, **values))


def test_one_queue_per_store(store: Any) -> None:
    StoreQueue.objects.create(store=store)
    refused("store_id", lambda: StoreQueue.objects.create(store=store))


def test_limits_are_unique_and_count_consistently() -> None:
    RateLimit.objects.create(scope="store:1", call="x")
    refused("ratelimit_unique", lambda: RateLimit.objects.create(scope="store:1", call="x"))
    refused("ratelimit_counts_add_up", lambda: RateLimit.objects.create(scope="s", call="x", push_used=1))
    refused("ratelimit_hold_has_reason", lambda: RateLimit.objects.create(scope="s", call="y", resume_at=NOW))


@pytest.mark.parametrize(
    "words", [JobState, FailureMode, AttemptOutcome, BreakerState], ids=lambda words: words.__name__
)
def test_every_word_has_a_label_and_a_colour(words: Any) -> None:
    assert all(word.label and word.colour for word in words)
    assert all(mode.next_step for mode in FailureMode)
    assert all(reason.label for reason in WaitReason)


def test_users_see_the_pushes_of_their_stores_only(
    job: Any, make_store: Any, operator: Any, admin: Any, other_company: Any
) -> None:
    own = job()
    other = PushJob.objects.create(store=make_store(), kind="tracking", subject="1", idempotency_key="other")
    assert list(PushJob.objects.visible_to(operator)) == [own]
    assert set(PushJob.objects.visible_to(admin)) == {own, other}
