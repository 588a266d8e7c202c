"""The policy: the table row by row, then the delays."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from erp.outbox import errors
from erp.outbox.policy import DELAYS, READ_DELAYS, PushCase, PushOutcome, attempt_outcome, decide
from erp.outbox.statuses import (
    LONGEST_WAITS,
    AttemptOutcome,
    FailureMode,
    JobState,
    PauseMode,
    WaitReason,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
RESET = NOW + timedelta(hours=9)
CASE = PushCase(
    attempts=0,
    requested_at=NOW - timedelta(minutes=1),
    first_attempt_at=NOW,
    deadline=None,
    uncertain=False,
    now=NOW,
    random=lambda: 0.5,
    horizon=timedelta(hours=72),
    quota_reset=RESET,
)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def retry(**more: object) -> PushOutcome:
    values = {"not_before": after(5), "waiting_for": WaitReason.RETRY, "counts": True} | more
    return PushOutcome(state=JobState.PENDING, **values)  # type: ignore[arg-type]


def wait(until: datetime, reason: WaitReason, **more: object) -> PushOutcome:
    return PushOutcome(  # type: ignore[arg-type]
        state=JobState.PENDING, counts=False, not_before=until, waiting_for=reason, **more
    )


def block(mode: FailureMode, **more: object) -> PushOutcome:
    return PushOutcome(state=JobState.BLOCKED, failure_mode=mode, **{"counts": True} | more)  # type: ignore[arg-type]


TABLE = [
    (errors.PushNotSent(), retry(healthy=False)),
    (errors.PushOutcomeUnknown(write=True), retry(healthy=False, verify=True)),
    (errors.PushOutcomeUnknown(write=False), retry(healthy=False, is_read=True)),
    (errors.PushLeaseLost(), retry(verify=True, not_before=NOW)),
    (errors.Throttled(retry_after=7), wait(after(7), WaitReason.LIMIT, hold_until=after(7))),
    (
        errors.Throttled(retry_after=7, resume_at=after(60)),
        wait(after(60), WaitReason.LIMIT, hold_until=after(60)),
    ),
    (errors.PushQuotaSpent(), wait(RESET, WaitReason.QUOTA, hold_until=RESET)),
    (errors.PushQuotaSpent(resume_at=after(99)), wait(after(99), WaitReason.QUOTA, hold_until=after(99))),
    (errors.QueueWait(), wait(NOW, WaitReason.LIMIT, hold_until=after(2), holds_all=True)),
    (errors.CredentialExpired(), retry()),
    (errors.CredentialRevoked(), wait(NOW, WaitReason.QUEUE, pause=PauseMode.CREDENTIAL)),
    (errors.ChannelRefused(), wait(NOW, WaitReason.QUEUE, pause_channel=True)),
    (errors.CallDenied(), wait(after(3600), WaitReason.GRANT, hold_until=after(3600))),
    (errors.CallDenied(resume_at=after(90)), wait(after(90), WaitReason.GRANT, hold_until=after(90))),
    (errors.PushAccessUnclear(write=True), wait(NOW, WaitReason.QUEUE, rest=True, verify=True)),
    (errors.PushAccessUnclear(write=False), wait(NOW, WaitReason.QUEUE, rest=True)),
    (errors.PushRefused("Pedido já cancelado"), block(FailureMode.REJECTED, healthy=True)),
    (errors.NotFoundOnWrite(), block(FailureMode.REJECTED, healthy=True)),
    (errors.PushAlreadyDone(), PushOutcome(state=JobState.DONE, counts=True, healthy=True)),
    (errors.UnknownAnswer("777", write=False), retry(healthy=True, is_read=True)),
    (errors.UnknownAnswer("777", write=True), block(FailureMode.INTERNAL, verify=True, healthy=True)),
    (errors.Broken(write=True), block(FailureMode.INTERNAL, verify=True)),
    (errors.Broken(write=False), block(FailureMode.INTERNAL)),
    (errors.NotYet(after(600)), wait(after(600), WaitReason.CHECK, healthy=True)),
]


FAR = NOW + timedelta(days=30)


@pytest.mark.parametrize(
    "error",
    [
        errors.Throttled(resume_at=FAR),
        errors.PushQuotaSpent(resume_at=FAR),
        errors.QueueWait(seconds=30 * 86_400),
        errors.CallDenied(resume_at=FAR),
        errors.NotYet(FAR),
    ],
    ids=lambda error: type(error).__name__,
)
def test_no_wait_is_longer_than_its_reason_allows(error: errors.PushError) -> None:
    outcome = decide(error, replace(CASE, deadline=FAR))
    longest = NOW + LONGEST_WAITS[outcome.waiting_for]
    assert outcome.hold_until in (None, longest)
    assert outcome.not_before == (NOW if outcome.holds_all else longest)


@pytest.mark.parametrize(("error", "outcome"), TABLE, ids=lambda part: type(part).__name__)
def test_row(error: errors.PushError, outcome: PushOutcome) -> None:
    assert decide(error, CASE) == outcome


def test_every_error_has_a_row() -> None:
    def kinds(base: type[errors.PushError]) -> set[type[errors.PushError]]:
        return {base}.union(*(kinds(sub) for sub in base.__subclasses__()))

    assert kinds(errors.PushError) - {errors.PushError} == {type(error) for error, _ in TABLE}


def test_an_error_without_a_row_is_a_programming_error() -> None:
    with pytest.raises(TypeError):
        decide(errors.PushError(), CASE)


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(0, 5), (1, 30), (2, 60), (3, 300), (4, 1200), (5, 3600), (6, 14400)]
)
def test_delays_grow(attempts: int, seconds: int) -> None:
    assert decide(errors.PushNotSent(), replace(CASE, attempts=attempts)).not_before == after(seconds)


@pytest.mark.parametrize(("drawn", "hours"), [(0.0, 0.0), (0.25, 3.0), (0.999, 11.988)])
def test_late_delays_are_half_a_day_with_full_jitter(drawn: float, hours: float) -> None:
    case = replace(CASE, attempts=len(DELAYS), random=lambda: drawn)
    assert decide(errors.PushNotSent(), case).not_before == NOW + timedelta(hours=12) * drawn
    assert timedelta(hours=12) * drawn == timedelta(hours=hours)


def test_the_last_try_is_at_the_horizon() -> None:
    case = replace(CASE, attempts=9, first_attempt_at=NOW - timedelta(hours=71), random=lambda: 0.9)
    assert decide(errors.PushNotSent(), case).not_before == NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("error", "uncertain", "mode"),
    [
        (errors.PushNotSent(), False, FailureMode.EXHAUSTED),
        (errors.PushNotSent(), True, FailureMode.UNCERTAIN),
        (errors.PushOutcomeUnknown(write=True), False, FailureMode.UNCERTAIN),
        (errors.PushOutcomeUnknown(write=False), False, FailureMode.EXHAUSTED),
        (errors.PushLeaseLost(), False, FailureMode.UNCERTAIN),
    ],
)
def test_after_the_horizon_somebody_must_look(
    error: errors.PushError, uncertain: bool, mode: FailureMode
) -> None:
    case = replace(CASE, attempts=9, first_attempt_at=NOW - timedelta(hours=72), uncertain=uncertain)
    outcome = decide(error, case)
    assert (outcome.state, outcome.failure_mode) == (JobState.BLOCKED, mode)


@pytest.mark.parametrize(("failed", "state"), [(1, JobState.PENDING), (2, JobState.BLOCKED)])
def test_reads_with_an_unknown_code_are_retried_twice(failed: int, state: JobState) -> None:
    case = replace(CASE, failed_reads=failed, attempts=5)
    assert decide(errors.UnknownAnswer("777", write=False), case).state == state


@pytest.mark.parametrize(
    "kind",
    [errors.PushNotSent, errors.PushOutcomeUnknown, errors.CredentialExpired],
    ids=lambda kind: kind.__name__,
)
def test_reads_and_writes_climb_ladders_of_their_own(kind: Any) -> None:
    case = replace(CASE, attempts=4, failed_reads=1)
    read, write = decide(kind(write=False), case), decide(kind(write=True), case)
    assert (read.not_before, read.is_read) == (after(10), True)
    assert (write.not_before, write.is_read) == (after(1200), False)


def test_a_read_that_fails_for_long_is_tried_seldom() -> None:
    waits = [
        decide(errors.PushOutcomeUnknown(write=False), replace(CASE, failed_reads=failed)).not_before
        for failed in range(len(READ_DELAYS) + 1)
    ]
    assert waits[:4] == [after(5), after(10), after(20), after(40)]
    assert waits[-2:] == [after(5 * 2**11), NOW + timedelta(hours=6)]


def test_recoveries_of_a_killer_push_slow_down() -> None:
    third = decide(errors.PushLeaseLost(), replace(CASE, attempts=3))
    assert third.not_before == after(300)


def test_not_yet_waits_no_longer_than_the_deadline_and_ends_there() -> None:
    case = replace(CASE, deadline=after(60))
    assert decide(errors.NotYet(after(600)), case).not_before == after(60)
    late = decide(errors.NotYet(after(600)), replace(case, now=after(60)))
    assert (late.state, late.failure_mode, late.counts) == (JobState.BLOCKED, FailureMode.EXHAUSTED, False)
    without = replace(CASE, now=CASE.requested_at + CASE.horizon)
    assert decide(errors.NotYet(after(600)), without).state == JobState.BLOCKED


HORIZON = CASE.horizon


@pytest.mark.parametrize(
    ("asked_ago", "began_ago", "late"),
    [
        (timedelta(hours=96), timedelta(minutes=1), False),
        (timedelta(hours=96), HORIZON - timedelta(seconds=1), False),
        (timedelta(hours=96), HORIZON, True),
        (timedelta(hours=96), None, True),
        (timedelta(hours=96), -timedelta(days=9), False),
        (timedelta(minutes=1), timedelta(hours=96), False),
    ],
)
def test_not_yet_is_late_by_what_it_waits_for(
    asked_ago: timedelta, began_ago: timedelta | None, late: bool
) -> None:
    case = replace(CASE, requested_at=NOW - asked_ago)
    error = errors.NotYet(after(60), since=None if began_ago is None else NOW - began_ago)
    assert decide(error, case).state == (JobState.BLOCKED if late else JobState.PENDING)


def test_what_a_person_has_to_say_is_waited_for_without_an_end() -> None:
    case = replace(CASE, requested_at=NOW - timedelta(days=400))
    error = errors.NotYet(after(60), asks_person=True)
    assert decide(error, case) == wait(after(60), WaitReason.CHECK, healthy=True)


def test_a_time_in_the_past_never_moves_a_push_back() -> None:
    for error in (errors.Throttled(resume_at=after(-9), retry_after=0), errors.PushQuotaSpent(resume_at=after(-9)),
                  errors.NotYet(after(-9))):  # fmt: skip
        assert decide(error, CASE).not_before == NOW


def test_attempts_are_named_by_error() -> None:
    assert attempt_outcome(errors.NotFoundOnWrite()) == AttemptOutcome.REFUSED
    assert attempt_outcome(errors.UnknownAnswer("1", write=True)) == AttemptOutcome.UNEXPECTED
    assert {attempt_outcome(error) for error, _ in TABLE} == set(AttemptOutcome) - {
        AttemptOutcome.RUNNING,
        AttemptOutcome.NOT_YET_THERE,
    }
