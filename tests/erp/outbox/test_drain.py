"""A push from claim to settlement, with everything a platform may answer."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError, connection
from django.utils import timezone

from erp import scheduling
from erp.clock import after
from erp.outbox import breaker, claim, drain, errors, handlers, limits
from erp.outbox.attempts import AttemptContext
from erp.outbox.models import PushAttempt, PushJob, StoreQueue
from erp.outbox.queues import queue_go_on
from erp.outbox.request import facts_request, states_request
from erp.outbox.statuses import AttemptAction, AttemptOutcome, BreakerState, FailureMode, JobState, WaitReason

pytestmark = pytest.mark.django_db


def run(store: Any) -> PushJob:
    job = claim.claim_in_store(store_id=store.pk)
    assert job is not None
    drain.push(job)
    return PushJob.objects.get(pk=job.pk)


def again() -> None:
    PushJob.objects.filter(state=JobState.PENDING).update(not_before=after(timedelta(seconds=-1)))


def tries() -> list[tuple[str, str]]:
    return list(PushAttempt.objects.order_by("id").values_list("action", "outcome"))


SEND_DONE = (AttemptAction.SEND, AttemptOutcome.DONE)
VERIFY_DONE = (AttemptAction.VERIFY, AttemptOutcome.DONE)


def test_a_push_is_sent_recorded_and_done(platform: Any, fact: Any, store: Any) -> None:
    facts_request(requests=[fact()])
    job = run(store)
    assert (job.state, job.attempts, job.last_code, job.last_error) == (JobState.DONE, 1, "200", "")
    assert job.finished_at
    assert [sent.verified for _, sent in platform.recorded] == [False]
    row = PushAttempt.objects.get()
    assert (row.outcome, row.http_status, row.remote_code) == (AttemptOutcome.DONE, 200, "200")
    assert row.exchange == [{"call": "tracking"}]
    assert row.duration_ms is not None


def test_the_attempt_is_saved_and_no_transaction_is_open_when_the_call_is_made(
    platform: Any, fact: Any, store: Any
) -> None:
    seen: list[Any] = []

    def look(context: Any) -> None:
        seen.append(PushAttempt.objects.get().outcome)
        seen.extend(
            block for block in connection.atomic_blocks if not getattr(block, "_from_testcase", False)
        )

    platform.answers.append(look)
    facts_request(requests=[fact()])
    run(store)
    assert seen == [AttemptOutcome.RUNNING]


def test_no_connection_is_tried_again_without_reading_back(platform: Any, fact: Any, store: Any) -> None:
    facts_request(requests=[fact()])
    platform.answers.append(errors.PushNotSent())
    job = run(store)
    assert (job.state, job.attempts, job.waiting_for) == (JobState.PENDING, 1, WaitReason.RETRY)
    assert not job.needs_verification
    again()
    assert run(store).state == JobState.DONE
    assert platform.reads == []


@pytest.mark.parametrize("applied", [True, False])
def test_an_unknown_outcome_is_read_back_before_the_next_write(
    platform: Any, fact: Any, store: Any, applied: bool
) -> None:
    facts_request(requests=[fact()])
    platform.answers.append(errors.PushOutcomeUnknown(write=True, http_status=502))
    job = run(store)
    assert (job.needs_verification, job.last_error) == (True, errors.PushOutcomeUnknown.default_text)
    platform.holds = {"A"} if applied else set()
    again()
    job = run(store)
    assert (job.state, job.needs_verification, platform.reads) == (JobState.DONE, False, ["900"])
    assert len(platform.sent) == (0 if applied else 1)
    assert platform.recorded[0][1].verified is applied
    verify = (AttemptAction.VERIFY, AttemptOutcome.DONE if applied else AttemptOutcome.NOT_YET_THERE)
    assert tries()[1:] == ([verify] if applied else [verify, SEND_DONE])


def test_a_failed_read_back_never_writes(platform: Any, fact: Any, store: Any) -> None:
    facts_request(requests=[fact()])
    failed = errors.PushOutcomeUnknown(write=False)
    failed.on_read = True  # type: ignore[attr-defined]
    platform.answers.extend([errors.PushOutcomeUnknown(write=True), failed])
    run(store)
    again()
    job = run(store)
    assert (job.state, job.needs_verification, job.attempts) == (JobState.PENDING, True, 1)
    assert platform.sent == []


def test_failed_reads_do_not_climb_the_ladder_of_the_write(platform: Any, fact: Any, store: Any) -> None:
    facts_request(requests=[fact()])
    platform.answers.append(errors.PushOutcomeUnknown(write=True))
    run(store)
    for failed in (1, 2, 3):
        error = errors.PushOutcomeUnknown(write=False)
        error.on_read = True  # type: ignore[attr-defined]
        platform.answers.append(error)
        again()
        run(store)
        job = PushJob.objects.get()
        assert (job.attempts, job.failed_reads, job.needs_verification) == (1, failed, True)
    platform.answers.append(errors.PushOutcomeUnknown(write=True))
    again()
    run(store)
    job = PushJob.objects.get()
    assert (job.attempts, job.failed_reads) == (2, 0)
    assert 20 < (job.not_before - timezone.now()).total_seconds() <= 30


def test_a_good_read_back_is_a_good_test(platform: Any, fact: Any, store: Any) -> None:
    """Also when the write after it fails."""
    facts_request(requests=[fact()])
    platform.answers.append(errors.PushOutcomeUnknown(write=True))
    run(store)
    breaker.rest_now(store_id=store.pk, reason="Código 448.")
    StoreQueue.objects.update(reopen_at=after(timedelta(seconds=-1)))
    platform.answers.append(errors.PushOutcomeUnknown(write=True))
    again()
    run(store)
    queue = StoreQueue.objects.get()
    assert (queue.breaker_state, queue.breaker_failures) == (BreakerState.CLOSED, 1)


def test_a_queue_that_waits_claims_nothing_and_goes_on_as_a_whole(
    platform: Any, fact: Any, store: Any, wakes: Any, django_capture_on_commit_callbacks: Any
) -> None:
    facts_request(requests=[fact(subject=str(number)) for number in range(5)])
    platform.answers.append(errors.QueueWait(seconds=30))
    drain.drain(store_id=store.pk)
    assert platform.sent == []
    assert PushJob.objects.filter(attempt_rows__isnull=False).count() == 1
    wakes.clear()
    with django_capture_on_commit_callbacks(execute=True):
        queue_go_on(store_id=store.pk)
    assert wakes == [{"store_id": store.pk}]
    drain.drain(store_id=store.pk)
    assert len(platform.sent) == 5


def test_a_read_back_that_finds_nothing_settles_the_doubt(platform: Any, fact: Any, store: Any) -> None:
    facts_request(requests=[fact()])
    platform.answers.append(errors.PushOutcomeUnknown(write=True))
    run(store)
    again()
    platform.answers.append(errors.PushNotSent())
    assert not run(store).needs_verification


def test_a_state_is_sent_again_without_reading_back(platform: Any, state: Any, store: Any) -> None:
    states_request(requests=[state()])
    again()
    platform.answers.append(errors.PushOutcomeUnknown(write=True))
    run(store)
    again()
    assert run(store).state == JobState.DONE
    assert (platform.reads, len(platform.sent)) == ([], 1)


def test_a_refusal_shows_the_platforms_text_cut_and_clean(platform: Any, fact: Any, store: Any) -> None:
    facts_request(requests=[fact()])
    text = "Código \x00inválido \ud800 " + "x" * 600
    platform.answers.append(
        errors.PushRefused(
            text, remote_code="422", http_status=200, exchange={"message": text, "n": [1, None]}
        )
    )
    job = run(store)
    assert (job.state, job.failure_mode, job.last_code) == (JobState.BLOCKED, FailureMode.REJECTED, "422")
    assert job.last_error.startswith("Código inválido ? xxx")
    assert len(job.last_error) == 500
    row = PushAttempt.objects.get()
    assert (row.outcome, row.remote_code, row.exchange[0]["n"]) == (AttemptOutcome.REFUSED, "422", [1, None])


def test_already_done_counts_as_done(platform: Any, fact: Any, store: Any) -> None:
    facts_request(requests=[fact()])
    platform.answers.append(errors.PushAlreadyDone(remote_code="409"))
    job = run(store)
    assert (job.state, job.last_code) == (JobState.DONE, "409")
    assert platform.recorded[0][1].already


def test_a_token_refused_after_the_refresh_waits_like_a_failure(platform: Any, fact: Any, store: Any) -> None:
    facts_request(requests=[fact()])
    platform.answers.extend([errors.CredentialExpired(), errors.CredentialExpired()])
    job = run(store)
    assert (job.state, job.attempts) == (JobState.PENDING, 1)
    assert job.waiting_for == WaitReason.RETRY


def test_a_revoked_consent_pauses_the_queue_and_loses_nothing(platform: Any, fact: Any, store: Any) -> None:
    facts_request(requests=[fact(), fact(subject="901")])
    platform.answers.append(errors.CredentialRevoked())
    job = run(store)
    assert (job.state, job.attempts, job.first_attempt_at) == (JobState.PENDING, 0, None)
    queue = StoreQueue.objects.get()
    assert (queue.paused_mode, queue.paused_reason) == ("credential", errors.CredentialRevoked.default_text)
    assert claim.claim_next() is None


def test_429_makes_the_queue_wait_for_that_call_only(platform: Any, fact: Any, store: Any) -> None:
    facts_request(requests=[fact(), fact(subject="901")])
    facts_request(requests=[fact("invoice", subject="902")])
    platform.answers.append(errors.Throttled(retry_after=60))
    job = run(store)
    assert (job.attempts, job.waiting_for) == (0, WaitReason.LIMIT)
    assert limits.calls_held(store_id=store.pk) == {"tracking"}
    assert run(store).kind == "invoice"
    assert claim.claim_next() is None


def test_a_limit_of_another_call_holds_that_call(platform: Any, fact: Any, store: Any) -> None:
    facts_request(requests=[fact()])
    platform.answers.append(errors.PushQuotaSpent(call="read_order"))
    run(store)
    assert limits.calls_held(store_id=store.pk) == {"read_order"}


def test_not_yet_waits_without_counting(platform: Any, fact: Any, store: Any) -> None:
    facts_request(requests=[fact(deadline=timezone.now() + timedelta(days=3))])
    check = timezone.now() + timedelta(minutes=10)
    platform.answers.append(errors.NotYet(check))
    job = run(store)
    assert (job.state, job.attempts, job.not_before, job.waiting_for) == (
        "pending",
        0,
        check,
        WaitReason.CHECK,
    )


def test_an_obsolete_push_is_closed_without_a_call(platform: Any, fact: Any, store: Any) -> None:
    facts_request(requests=[fact()])
    platform.obsolete = "A NF-e foi cancelada."
    job = run(store)
    assert (job.state, job.last_error, tries()) == (JobState.CANCELLED, "A NF-e foi cancelada.", [])


def test_an_unknown_kind_is_blocked_for_support(
    platform: Any, fact: Any, store: Any, monkeypatch: Any
) -> None:
    facts_request(requests=[fact()])
    monkeypatch.setattr(handlers, "_handlers", {})
    job = run(store)
    assert (job.state, job.failure_mode) == (JobState.BLOCKED, FailureMode.INTERNAL)
    assert "tracking" in job.last_error


def test_our_own_mistake_is_blocked_and_its_text_reaches_no_log(
    platform: Any, fact: Any, store: Any, caplog: Any
) -> None:
    facts_request(requests=[fact()])
    platform.answers.append(ValueError("CPF 12345678909"))
    with caplog.at_level(logging.DEBUG):
        job = run(store)
    assert (job.failure_mode, job.needs_verification) == (FailureMode.INTERNAL, True)
    assert "ValueError" in caplog.text
    assert "12345678909" not in caplog.text + job.last_error + PushAttempt.objects.get().text


def test_record_and_done_happen_together_or_not_at_all(
    platform: Any, fact: Any, store: Any, monkeypatch: Any
) -> None:
    facts_request(requests=[fact()])

    def record(job: PushJob, loaded: Any, sent: Any) -> None:
        StoreQueue.objects.update(paused_reason="half")
        raise KeyError("bug")

    from dataclasses import replace

    handlers.register(replace(handlers.get("tracking", handlers.Nature.FACT), record=record))
    job = run(store)
    assert (job.state, job.needs_verification) == (JobState.BLOCKED, True)
    assert StoreQueue.objects.get().paused_reason == ""


def test_a_lost_database_leaves_the_job_to_the_reaper(platform: Any, fact: Any, store: Any) -> None:
    facts_request(requests=[fact()])
    platform.answers.append(OperationalError("gone"))
    with pytest.raises(OperationalError):
        run(store)
    assert PushJob.objects.get().state == JobState.CLAIMED


def test_the_soft_limit_during_a_write_leaves_a_doubt_and_ends_the_task(
    platform: Any, fact: Any, store: Any
) -> None:
    facts_request(requests=[fact()])
    platform.answers.append(SoftTimeLimitExceeded())
    with pytest.raises(SoftTimeLimitExceeded):
        run(store)
    job = PushJob.objects.get()
    assert (job.state, job.needs_verification) == (JobState.PENDING, True)


def test_a_lost_lease_stops_the_write(platform: Any, fact: Any, store: Any) -> None:
    facts_request(requests=[fact()])
    job = claim.claim_in_store(store_id=store.pk)
    assert job
    PushJob.objects.update(lease_until=after(timedelta(seconds=-1)))
    drain.push(job)
    assert (platform.sent, PushJob.objects.get().state) == ([], JobState.CLAIMED)
    assert tries() == [(AttemptAction.SEND, AttemptOutcome.LOST)]


@pytest.mark.parametrize("error", [None, errors.PushRefused("não")])
def test_a_late_worker_changes_nothing(platform: Any, fact: Any, store: Any, error: Any) -> None:
    import uuid

    facts_request(requests=[fact()])
    other = uuid.uuid4()

    def stolen(context: Any) -> None:
        PushJob.objects.update(lease_token=other)
        if error:
            raise error

    platform.answers.append(stolen)
    job = run(store)
    assert (job.state, job.lease_token, job.attempts) == (JobState.CLAIMED, other, 0)
    assert platform.recorded == []


def test_a_handler_that_reads_first_renews_the_lease_before_its_write(
    platform: Any, fact: Any, store: Any
) -> None:
    facts_request(requests=[fact()])

    def slow_read(context: Any) -> None:
        PushJob.objects.update(lease_until=after(timedelta(seconds=-1)))
        context.confirm()

    platform.answers.append(slow_read)
    run(store)
    assert platform.sent == []


def test_large_exchanges_are_cut(platform: Any, fact: Any, store: Any) -> None:
    facts_request(requests=[fact()])
    platform.answers.append(errors.PushRefused("não", exchange={"body": "x" * 50_000}))
    run(store)
    exchange = PushAttempt.objects.get().exchange
    assert exchange["truncated"] is True
    assert len(exchange["start"]) == 20_000


def test_draining_empties_a_store_and_asks_for_help_once(
    platform: Any,
    fact: Any,
    store: Any,
    make_store: Any,
    wakes: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    other = make_store()
    facts_request(requests=[fact(subject=str(n)) for n in range(5)] + [fact(store_id=other.pk)])
    with django_capture_on_commit_callbacks(execute=True):
        assert drain.drain(store_id=store.pk) == 6
    assert wakes == [{"store_id": store.pk}]
    assert not PushJob.objects.exclude(state=JobState.DONE).exists()
    assert drain.drain(store_id=store.pk) == 0


def test_a_drain_whose_time_is_over_wakes_a_worker_for_the_rest(
    platform: Any, fact: Any, store: Any, wakes: Any, django_capture_on_commit_callbacks: Any
) -> None:
    facts_request(requests=[fact(), fact(subject="901")])
    with django_capture_on_commit_callbacks(execute=True):
        assert drain.drain(store_id=store.pk, seconds=0) == 1
    assert wakes == [{"store_id": store.pk}] * 2


def test_steps_of_an_order_follow_each_other_in_one_drain(platform: Any, fact: Any, store: Any) -> None:
    facts_request(requests=[fact("delivery"), fact("tracking"), fact("invoice")])
    drain.drain(store_id=store.pk)
    assert [kind for kind, _ in platform.sent] == ["invoice", "tracking", "delivery"]


def test_a_worker_that_stops_ends_its_push_and_begins_no_other(
    platform: Any,
    fact: Any,
    store: Any,
    wakes: Any,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    facts_request(requests=[fact(subject="1"), fact(subject="2")])
    monkeypatch.setattr(scheduling, "is_stopping", lambda: True)
    with django_capture_on_commit_callbacks(execute=True):
        assert drain.drain(store_id=store.pk) == 1
    assert wakes[-1] == {"store_id": store.pk}
    assert sorted(PushJob.objects.values_list("state", flat=True)) == [JobState.DONE, JobState.PENDING]


def test_silence_opens_the_breaker_and_an_answer_brings_the_retries_back(
    platform: Any, fact: Any, store: Any
) -> None:
    facts_request(requests=[fact(subject=str(n)) for n in range(7)])
    platform.answers.extend(errors.PushNotSent() for _ in range(5))
    drain.drain(store_id=store.pk)
    queue = StoreQueue.objects.get()
    assert (queue.breaker_state, queue.breaker_failures, platform.sent) == (BreakerState.OPEN, 5, [])
    assert PushJob.objects.filter(attempts=0).count() == 2
    PushJob.objects.filter(attempts=1).update(not_before=after(timedelta(hours=4)))
    StoreQueue.objects.update(reopen_at=after(timedelta(seconds=-1)))
    run(store)
    queue.refresh_from_db()
    assert (queue.breaker_state, queue.breaker_failures, queue.reopen_at) == (BreakerState.CLOSED, 0, None)
    waits = [
        (at - timezone.now()).total_seconds()
        for at in PushJob.objects.filter(attempts=1, state="pending").values_list("not_before", flat=True)
    ]
    assert len(waits) == 5
    assert all(-2 < wait <= 30 for wait in waits)
    assert len(set(waits)) == 5


@pytest.mark.parametrize(
    "error",
    [errors.NotYet(timezone.now()), errors.PushRefused("não")],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("is_called", [False, True])
def test_only_an_answer_closes_the_breaker(
    platform: Any, fact: Any, store: Any, error: errors.PushError, is_called: bool
) -> None:
    """A wait or a refusal of our own says nothing about a platform that nobody called."""
    facts_request(requests=[fact()])
    breaker.rest_now(store_id=store.pk, reason="Código 448.")
    StoreQueue.objects.update(reopen_at=after(timedelta(seconds=-1)))

    def answer(context: AttemptContext) -> None:
        if is_called:
            context.note(http_status=200, remote_code="200")
        raise error

    platform.answers.append(answer)
    run(store)
    queue = StoreQueue.objects.get()
    closed = queue.breaker_state == BreakerState.CLOSED
    assert (closed, queue.rest_reason == "") == (is_called, is_called)
