"""Every answer to a repeated request, and how many statements it costs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from erp import clock
from erp.accounts.models import Store
from erp.outbox import claim, drain, errors, handlers, selectors
from erp.outbox.commands import jobs_cancel, jobs_retry
from erp.outbox.models import ChannelPause, PushJob, StoreQueue
from erp.outbox.push_requests import FactRequest, RequestOutcome
from erp.outbox.queues import (
    calls_restore,
    channel_pause,
    channel_probe_due,
    channel_probe_take,
    channel_resume,
    queue_pause,
    queue_resume,
)
from erp.outbox.request import facts_request, states_request
from erp.outbox.statuses import BreakerState, FailureMode, JobState, PauseMode, WaitReason

pytestmark = pytest.mark.django_db


def ask(*requests: FactRequest) -> list[RequestOutcome]:
    return [result.outcome for result in facts_request(requests=requests)]


def state_of(content: str) -> str:
    return PushJob.objects.get(idempotency_key__endswith=f":{content}").state


def claimed(store: Any) -> PushJob:
    job = claim.claim_in_store(store_id=store.pk)
    assert job is not None
    return job


def run(store: Any) -> None:
    drain.push(claimed(store))


def test_new_fact_is_queued_with_its_step_and_wakes_once(
    platform: Any, fact: Any, store: Any, wakes: Any
) -> None:
    with transaction.atomic():
        results = facts_request(requests=[fact(), fact(subject="901", kind="invoice")], request_id="r1")
    assert [result.text for result in results] == ["na fila de envio"] * 2
    job = PushJob.objects.get(pk=results[0].job_id)
    assert (job.idempotency_key, job.step, job.state) == (f"{store.pk}:tracking:900:A", 2, JobState.PENDING)
    assert (job.request_id, job.payload, job.coalesce_key) == ("r1", {"content": "A"}, None)


@pytest.mark.django_db(transaction=True)
def test_a_worker_is_woken_after_the_commit_once_per_store(
    platform: Any, fact: Any, store: Any, wakes: Any
) -> None:
    with transaction.atomic():
        facts_request(requests=[fact(), fact(subject="901")])
        assert wakes == []
    assert wakes == [{"store_id": store.pk}]


def test_equal_content_waiting_or_under_way_is_already_queued(platform: Any, fact: Any, store: Any) -> None:
    ask(fact())
    assert ask(fact()) == [RequestOutcome.ALREADY_QUEUED]
    claimed(store)
    assert ask(fact()) == [RequestOutcome.ALREADY_QUEUED]
    assert PushJob.objects.count() == 1


def test_equal_content_done_is_already_done(platform: Any, fact: Any, store: Any) -> None:
    ask(fact())
    run(store)
    results = facts_request(requests=[fact()])
    assert (results[0].outcome, results[0].text) == (RequestOutcome.ALREADY_DONE, "já enviado")
    assert platform.sent == [("tracking", "A")]


def test_what_the_platform_took_back_is_asked_again_on_the_same_row(
    platform: Any, fact: Any, store: Any
) -> None:
    """`again` opens a done fact, looks before it writes, and changes nothing for one under way."""
    ask(fact())
    run(store)
    assert ask(fact(again=True)) == [RequestOutcome.REOPENED]
    assert ask(fact(again=True)) == [RequestOutcome.ALREADY_QUEUED]
    job = PushJob.objects.get()
    assert (job.state, job.needs_verification) == (JobState.PENDING, True)
    run(store)
    assert PushJob.objects.get().state == JobState.DONE


@pytest.mark.parametrize("how", ["blocked", "cancelled", "superseded"])
def test_stopped_fact_is_reopened_on_the_same_row(platform: Any, fact: Any, store: Any, how: str) -> None:
    first = facts_request(requests=[fact()])[0].job_id
    if how == "blocked":
        platform.answers.append(errors.PushRefused("Código inválido"))
        run(store)
    elif how == "cancelled":
        jobs_cancel(job_ids=[first])
    else:
        ask(fact(content="B"))
    assert state_of("A") == how
    result = facts_request(requests=[fact()])[0]
    assert (result.outcome, result.text, result.job_id) == (
        RequestOutcome.REOPENED,
        "na fila de envio",
        first,
    )
    job = PushJob.objects.get(pk=first)
    assert (job.state, job.attempts, job.last_error, job.failure_mode) == (JobState.PENDING, 0, "", "")
    if how == "superseded":
        assert state_of("B") == JobState.SUPERSEDED


@pytest.mark.parametrize("blocked", [False, True])
def test_corrected_content_supersedes_waiting_and_blocked(
    platform: Any, fact: Any, store: Any, blocked: bool
) -> None:
    ask(fact())
    if blocked:
        platform.answers.append(errors.PushRefused("não"))
        run(store)
    assert ask(fact(content="B")) == [RequestOutcome.QUEUED]
    assert (state_of("A"), state_of("B")) == (JobState.SUPERSEDED, JobState.PENDING)
    run(store)
    assert platform.sent == [("tracking", "B")]


def test_corrected_content_waits_for_a_claimed_one_and_wins(platform: Any, fact: Any, store: Any) -> None:
    ask(fact())
    first = claimed(store)
    assert ask(fact(content="B")) == [RequestOutcome.QUEUED]
    assert claim.claim_in_store(store_id=store.pk) is None
    drain.push(first)
    run(store)
    assert [content for _, content in platform.sent] == ["A", "B"]


def test_claimed_one_that_fails_gives_way_to_the_correction(platform: Any, fact: Any, store: Any) -> None:
    ask(fact())
    first = claimed(store)
    ask(fact(content="B"))
    platform.answers.append(errors.PushOutcomeUnknown(write=True))
    drain.push(first)
    assert (state_of("A"), state_of("B")) == (JobState.SUPERSEDED, JobState.PENDING)


def test_going_back_to_the_first_content_withdraws_the_waiting_correction(
    platform: Any, fact: Any, store: Any
) -> None:
    ask(fact())
    claimed(store)
    ask(fact(content="B"))
    assert ask(fact()) == [RequestOutcome.ALREADY_QUEUED]
    assert (state_of("A"), state_of("B")) == (JobState.CLAIMED, JobState.SUPERSEDED)


def test_done_content_is_reopened_when_other_content_was_done_later(
    platform: Any, fact: Any, store: Any
) -> None:
    for content in ("A", "B"):
        ask(fact(content=content))
        run(store)
    assert ask(fact(content="B")) == [RequestOutcome.ALREADY_DONE]
    assert ask(fact(content="A")) == [RequestOutcome.REOPENED]
    run(store)
    assert [content for _, content in platform.sent] == ["A", "B", "A"]
    assert ask(fact(content="A")) == [RequestOutcome.ALREADY_DONE]


@pytest.mark.parametrize("unknown", [False, True])
def test_done_content_is_reopened_when_other_content_may_have_arrived_since(
    platform: Any, fact: Any, store: Any, unknown: bool
) -> None:
    ask(fact())
    run(store)
    ask(fact(content="B"))
    rival = claimed(store)
    if unknown:
        platform.answers.append(errors.PushOutcomeUnknown(write=True))
        drain.push(rival)
    assert ask(fact()) == [RequestOutcome.REOPENED]
    assert PushJob.objects.get(idempotency_key__endswith=":A").needs_verification


def test_several_requests_of_one_subject_in_one_call_end_with_the_last(platform: Any, fact: Any) -> None:
    assert ask(fact(), fact(content="B"), fact(), fact(subject="901"), fact(subject="901")) == [
        RequestOutcome.QUEUED,
        RequestOutcome.QUEUED,
        RequestOutcome.REOPENED,
        RequestOutcome.QUEUED,
        RequestOutcome.ALREADY_QUEUED,
    ]
    assert (state_of("900:A"), state_of("B"), PushJob.objects.count()) == ("pending", "superseded", 3)


def test_kinds_and_stores_do_not_disturb_each_other(platform: Any, fact: Any, make_store: Any) -> None:
    other = make_store()
    ask(fact(), fact(kind="delivery"), fact(store_id=other.pk))
    assert ask(fact(content="B")) == [RequestOutcome.QUEUED]
    assert PushJob.objects.filter(state=JobState.PENDING).count() == 3


def test_long_content_keeps_a_unique_key(platform: Any, fact: Any) -> None:
    long = "x" * 400
    assert ask(fact(content=long), fact(content=long + "y"), fact(content=long)) == [
        RequestOutcome.QUEUED,
        RequestOutcome.QUEUED,
        RequestOutcome.REOPENED,
    ]


def test_unknown_kind_is_a_programming_error(platform: Any, fact: Any, state: Any) -> None:
    with pytest.raises(handlers.UnknownKind):
        facts_request(requests=[fact(kind="stock")])
    with pytest.raises(handlers.UnknownKind):
        states_request(requests=[state(kind="tracking")])


def statements(action: Any) -> int:
    with CaptureQueriesContext(connection) as queries:
        action()
    return len(queries)


def test_facts_cost_the_same_statements_for_1_and_50(platform: Any, fact: Any, store: Any) -> None:
    def batch(count: int, start: int, content: str) -> Any:
        return lambda: facts_request(
            requests=[fact(subject=str(start + n), content=content) for n in range(count)]
        )

    # SQLite takes 999 values a statement, which is 35 new rows: a second INSERT, never one a row.
    extra = 1 if connection.vendor == "sqlite" else 0
    batch(1, 0, "warm")()
    assert statements(batch(50, 1000, "A")) <= statements(batch(1, 2000, "A")) + extra
    assert statements(batch(50, 1000, "A")) == statements(batch(1, 2000, "A"))
    assert statements(batch(50, 1000, "B")) <= statements(batch(1, 2000, "B")) + extra
    assert statements(batch(50, 1000, "A")) <= statements(batch(1, 2000, "A")) + extra
    assert PushJob.objects.filter(state=JobState.PENDING).count() == 52


def test_states_coalesce_while_queued_and_keep_the_first_window(platform: Any, state: Any) -> None:
    states_request(requests=[state(n=1), state(kind="price")])
    before = PushJob.objects.get(kind="stock")
    assert states_request(requests=[state(n=2), state(n=3)]) == 1
    job = PushJob.objects.get(kind="stock")
    assert (job.pk, job.not_before, job.payload) == (before.pk, before.not_before, {"n": 3})
    wait = (job.not_before - job.created_at).total_seconds()
    assert 1.9 <= wait <= 2.1
    assert job.waiting_for == WaitReason.WINDOW
    assert PushJob.objects.count() == 2


def due(**filters: Any) -> None:
    from datetime import timedelta

    from erp.clock import after

    PushJob.objects.filter(**filters).update(not_before=after(timedelta(seconds=-1)))


def test_a_request_during_the_send_is_a_new_row(platform: Any, state: Any, store: Any) -> None:
    states_request(requests=[state()])
    due()
    job = claimed(store)
    states_request(requests=[state()])
    assert PushJob.objects.filter(state=JobState.PENDING).count() == 1
    drain.push(job)
    assert PushJob.objects.get(pk=job.pk).state == JobState.DONE
    due(state=JobState.PENDING)
    run(store)
    assert len(platform.sent) == 2


def test_state_going_back_takes_its_key_again(platform: Any, state: Any, store: Any) -> None:
    states_request(requests=[state()])
    due()
    platform.answers.append(errors.PushNotSent())
    run(store)
    job = PushJob.objects.get()
    assert (job.state, job.coalesce_key, job.attempts) == (JobState.PENDING, f"{store.pk}:stock:L1", 1)


@pytest.mark.parametrize("error", [errors.PushNotSent(), errors.PushRefused("não")])
def test_state_going_back_is_superseded_by_a_newer_request(
    platform: Any, state: Any, store: Any, error: Any
) -> None:
    states_request(requests=[state()])
    due()
    old = claimed(store)
    states_request(requests=[state()])
    platform.answers.append(error)
    drain.push(old)
    assert PushJob.objects.get(pk=old.pk).state == JobState.SUPERSEDED
    assert PushJob.objects.get(state=JobState.PENDING).coalesce_key


def test_newer_state_request_supersedes_the_blocked_one_of_its_kind_only(
    platform: Any, state: Any, store: Any
) -> None:
    states_request(requests=[state(), state(subject="L2")])
    due()
    platform.answers.extend([errors.PushRefused("não"), errors.PushRefused("não")])
    run(store)
    run(store)
    states_request(requests=[state(), state(kind="price", subject="L2")])
    assert {job.subject: job.state for job in PushJob.objects.exclude(state=JobState.PENDING)} == {
        "L1": JobState.SUPERSEDED,
        "L2": JobState.BLOCKED,
    }


def test_states_cost_the_same_statements_for_1_and_50(platform: Any, state: Any) -> None:
    def batch(count: int) -> Any:
        return lambda: states_request(requests=[state(subject=f"L{n}") for n in range(count)])

    extra = 1 if connection.vendor == "sqlite" else 0
    batch(1)()
    one = statements(batch(1))
    assert statements(batch(50)) <= one + extra
    assert statements(batch(50)) <= one + extra


def test_retry_sends_blocked_and_cancelled_again_and_refuses_the_rest(
    platform: Any, fact: Any, store: Any, admin: Any
) -> None:
    platform.answers.append(errors.PushRefused("não"))
    blocked = facts_request(requests=[fact(subject="1")])[0].job_id
    run(store)
    done = facts_request(requests=[fact(subject="2")])[0].job_id
    run(store)
    running = facts_request(requests=[fact(subject="3")])[0].job_id
    claimed(store)
    cancelled = facts_request(requests=[fact(subject="4")])[0].job_id
    jobs_cancel(job_ids=[cancelled])
    old = facts_request(requests=[fact(subject="5")])[0].job_id
    facts_request(requests=[fact(subject="5", content="B")])
    results = jobs_retry(job_ids=[blocked, done, running, cancelled, old, 10**9], requested_by=admin)
    assert [result.accepted for result in results] == [True, False, False, True, False, False]
    job = PushJob.objects.get(pk=blocked)
    assert (job.state, job.requested_by, job.failure_mode) == (JobState.PENDING, admin, "")
    assert all(result.text.endswith((".", "aquele.")) for result in results)


def test_retry_of_a_cancelled_fact_gives_way_to_the_newer_one(platform: Any, fact: Any) -> None:
    old = facts_request(requests=[fact()])[0].job_id
    jobs_cancel(job_ids=[old])
    ask(fact(content="B"))
    assert not jobs_retry(job_ids=[old])[0].accepted


def test_retry_bwakes_a_waiting_one_forward(platform: Any, fact: Any, store: Any) -> None:
    platform.answers.append(errors.PushNotSent())
    job_id = facts_request(requests=[fact()])[0].job_id
    run(store)
    assert claim.claim_in_store(store_id=store.pk) is None
    jobs_retry(job_ids=[job_id])
    run(store)
    assert PushJob.objects.get(pk=job_id).state == JobState.DONE


def test_retry_of_a_blocked_state_takes_its_key_again(platform: Any, state: Any, store: Any) -> None:
    states_request(requests=[state()])
    due()
    platform.answers.append(errors.PushRefused("não"))
    run(store)
    job = PushJob.objects.get()
    assert jobs_retry(job_ids=[job.pk])[0].accepted
    job.refresh_from_db()
    assert job.coalesce_key == f"{store.pk}:stock:L1"


def test_cancel_stops_waiting_and_blocked_only(platform: Any, fact: Any, state: Any, store: Any) -> None:
    states_request(requests=[state()])
    waiting = PushJob.objects.get().pk
    running = facts_request(requests=[fact()])[0].job_id
    claimed(store)
    results = jobs_cancel(job_ids=[waiting, running])
    assert [result.accepted for result in results] == [True, False]
    assert PushJob.objects.get(pk=waiting).state == JobState.CANCELLED
    assert jobs_cancel(job_ids=[waiting])[0].text == "Este envio já terminou: cancelado."


def test_pause_says_once_that_it_paused_and_resume_requeues(platform: Any, fact: Any, store: Any) -> None:
    ask(fact())
    platform.answers.append(errors.CredentialRevoked())
    run(store)
    ask(fact(subject="901"))
    assert StoreQueue.objects.get(store=store).paused_mode == PauseMode.CREDENTIAL
    # Blocked by an earlier version, for a reason that is gone with the pause.
    PushJob.objects.filter(subject="901").update(state=JobState.BLOCKED, failure_mode=FailureMode.CONFIG)
    assert not queue_pause(store_id=store.pk, mode=PauseMode.CREDENTIAL, reason="x")
    assert claim.claim_in_store(store_id=store.pk) is None
    assert queue_resume(store_id=store.pk) == 1
    run(store)
    run(store)
    assert len(platform.sent) == 2


def test_a_refused_application_pauses_every_store_of_its_channel_and_blocks_nothing(
    platform: Any, fact: Any, store: Any, make_store: Any
) -> None:
    other, counter = make_store("B"), make_store("Balcão")
    Store.objects.filter(pk=counter.pk).update(channel="")
    facts_request(requests=[fact(), fact(store_id=other.pk), fact(store_id=counter.pk)])
    platform.answers.append(errors.ChannelRefused("Relógio errado."))
    run(store)
    assert PushJob.objects.filter(state=JobState.BLOCKED).count() == 0
    assert ChannelPause.objects.get().reason == "Relógio errado."
    assert [claim.claim_in_store(store_id=one.pk) for one in (store, other)] == [None, None]
    assert not StoreQueue.objects.exclude(paused_mode="").exists()
    run(counter)
    assert channel_resume(channel=store.channel)
    assert not channel_resume(channel=store.channel)
    run(store)
    run(other)
    assert len(platform.sent) == 3


def test_the_probe_has_one_turn_a_minute_over_all_workers(store: Any) -> None:
    assert not channel_probe_due(channel=store.channel)
    assert channel_pause(channel=store.channel, reason="a")
    assert not channel_pause(channel=store.channel, reason="b")
    assert ChannelPause.objects.get().reason == "b"
    assert not channel_probe_take(channel=store.channel)
    ChannelPause.objects.update(lease_until=clock.after(timedelta(seconds=-1)))
    assert channel_probe_due(channel=store.channel)
    assert [channel_probe_take(channel=store.channel) for _ in range(3)] == [True, False, False]


def test_a_call_that_was_not_granted_waits_alone_until_a_new_consent(
    platform: Any, fact: Any, store: Any, make_store: Any
) -> None:
    other = make_store("B")
    ask(fact("tracking"))
    platform.answers.append(errors.CallDenied(call="tracking"))
    run(store)
    ask(fact("tracking", subject="901"), fact("cancel"), fact("tracking", store_id=other.pk))
    run(store)
    assert claim.claim_in_store(store_id=store.pk) is None
    run(other)
    assert [kind for kind, _ in platform.sent] == ["cancel", "tracking"]
    assert selectors.calls_denied(store_ids=[store.pk, other.pk]) == {store.pk: ["tracking"]}
    calls_restore(store_id=store.pk)
    assert selectors.calls_denied(store_ids=[store.pk]) == {}
    run(store)
    run(store)
    assert len(platform.sent) == 4


def test_a_code_nobody_named_lets_the_queue_rest_and_one_push_test_it(
    platform: Any, fact: Any, store: Any
) -> None:
    facts_request(requests=[fact(subject="900"), fact(subject="901")])
    for rest in (30, 60):
        platform.answers.append(errors.PushAccessUnclear("Código 448.", write=True))
        run(store)
        queue = StoreQueue.objects.get(store=store)
        assert (queue.breaker_state, queue.rest_reason) == (BreakerState.OPEN, "Código 448.")
        assert (queue.reopen_at - queue.opened_at).total_seconds() == pytest.approx(rest, abs=1)
        assert selectors.queue_rests(store_ids=[store.pk]) == {store.pk: "Código 448."}
        assert claim.claim_in_store(store_id=store.pk) is None
        StoreQueue.objects.update(reopen_at=clock.after(timedelta(seconds=-1)))
    assert PushJob.objects.filter(state=JobState.PENDING, attempts=0).count() == 2
    run(store)
    assert StoreQueue.objects.get(store=store).rest_reason == ""
    run(store)
    assert len(platform.sent) == 2
