"""What follows from an error: the policy table as one pure function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import singledispatch

from erp.outbox import errors
from erp.outbox.statuses import (
    GRANT_REST,
    LONGEST_WAITS,
    AttemptOutcome,
    FailureMode,
    JobState,
    PauseMode,
    WaitReason,
)

DELAYS = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 60, 5 * 60, 20 * 60, 3600, 4 * 3600))
LATE_DELAY = LONGEST_WAITS[WaitReason.RETRY]
# A read that failed harms nothing, and says of an earlier write nothing: it comes again sooner.
READ_DELAYS = tuple(timedelta(seconds=5 * 2**doublings) for doublings in range(12))
READ_RETRIES = 2
# A worker that died says nothing about the platform: the first recoveries do not wait.
QUICK_RECOVERIES = 3


ATTEMPTS = (
    (errors.PushNotSent, AttemptOutcome.NOT_SENT),
    (errors.PushOutcomeUnknown, AttemptOutcome.UNKNOWN),
    (errors.PushLeaseLost, AttemptOutcome.LOST),
    ((errors.Throttled, errors.PushQuotaSpent), AttemptOutcome.LIMITED),
    ((errors.CredentialExpired, errors.CredentialRevoked), AttemptOutcome.CREDENTIAL),
    ((errors.ChannelRefused, errors.PushAccessUnclear), AttemptOutcome.CONFIG),
    (errors.CallDenied, AttemptOutcome.CREDENTIAL),
    (errors.PushRefused, AttemptOutcome.REFUSED),
    (errors.PushAlreadyDone, AttemptOutcome.DONE),
    ((errors.QueueWait, errors.NotYet), AttemptOutcome.WAITING),
    (errors.PushError, AttemptOutcome.UNEXPECTED),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PushCase:
    """The past of a job and the present. `attempts` counts failures before this one, but for reads,
    `failed_reads` those in a row; `uncertain` says that
    an earlier write may have been applied; `random` draws from [0, 1); `quota_reset` is the next start of
    the platform's day."""

    attempts: int
    failed_reads: int = 0
    requested_at: datetime
    first_attempt_at: datetime | None
    deadline: datetime | None
    uncertain: bool
    now: datetime
    random: Callable[[], float]
    horizon: timedelta
    quota_reset: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PushOutcome:
    """What to write. `is_read`: what failed was a read, and counts as such. `verify`: read back before the
    next write. `pause`: the store's queue stops until somebody acts; `pause_channel`: every store's, until a
    probe succeeds; `rest`: the store's, until one push does. `hold_until`: the queue waits for the call, with
    `holds_all` for any. `healthy`: what the breaker learns (None: nothing); True only where a call of this
    try was answered (`settle_failure`)."""

    state: JobState
    counts: bool
    is_read: bool = False
    failure_mode: str = ""
    not_before: datetime | None = None
    waiting_for: WaitReason = WaitReason.NOTHING
    verify: bool = False
    pause: PauseMode | None = None
    pause_channel: bool = False
    rest: bool = False
    hold_until: datetime | None = None
    holds_all: bool = False
    healthy: bool | None = None


def decide(error: errors.PushError, case: PushCase) -> PushOutcome:
    """The outcome of `error`; pure, so that every row of the table is a test."""
    return _decide(error, case)


def attempt_outcome(error: errors.PushError) -> AttemptOutcome:
    """How the attempt's row names `error`, whatever the job's past."""
    return next(outcome for kind, outcome in ATTEMPTS if isinstance(error, kind))


@singledispatch
def _decide(error: errors.PushError, case: PushCase) -> PushOutcome:
    raise TypeError(f"No policy for {type(error).__name__}")


@_decide.register
def _(error: errors.PushNotSent, case: PushCase) -> PushOutcome:
    return _retry(case, is_read=not error.write, healthy=False)


@_decide.register
def _(error: errors.PushOutcomeUnknown, case: PushCase) -> PushOutcome:
    return _retry(case, is_read=not error.write, verify=error.write, healthy=False)


@_decide.register
def _(error: errors.PushLeaseLost, case: PushCase) -> PushOutcome:
    delay = timedelta() if case.attempts < QUICK_RECOVERIES else None
    return _retry(case, verify=True, delay=delay)


@_decide.register
def _(error: errors.Throttled, case: PushCase) -> PushOutcome:
    until = max(case.now + timedelta(seconds=error.retry_after), error.resume_at or case.now)
    return _wait(case, until, WaitReason.LIMIT, hold=True)


@_decide.register
def _(error: errors.PushQuotaSpent, case: PushCase) -> PushOutcome:
    return _wait(case, error.resume_at or case.quota_reset, WaitReason.QUOTA, hold=True)


@_decide.register
def _(error: errors.QueueWait, case: PushCase) -> PushOutcome:
    # The queue waits, not this push: when it goes on earlier, this one does.
    until = min(case.now + timedelta(seconds=error.seconds), case.now + LONGEST_WAITS[WaitReason.LIMIT])
    return replace(_wait(case, case.now, WaitReason.LIMIT, hold=True), hold_until=until, holds_all=True)


@_decide.register
def _(error: errors.CredentialExpired, case: PushCase) -> PushOutcome:
    return _retry(case, is_read=not error.write)


@_decide.register
def _(error: errors.CredentialRevoked, case: PushCase) -> PushOutcome:
    return PushOutcome(
        state=JobState.PENDING,
        counts=False,
        not_before=case.now,
        waiting_for=WaitReason.QUEUE,
        pause=PauseMode.CREDENTIAL,
    )


@_decide.register
def _(error: errors.ChannelRefused, case: PushCase) -> PushOutcome:
    return PushOutcome(
        state=JobState.PENDING,
        counts=False,
        not_before=case.now,
        waiting_for=WaitReason.QUEUE,
        pause_channel=True,
    )


@_decide.register
def _(error: errors.CallDenied, case: PushCase) -> PushOutcome:
    return _wait(case, error.resume_at or case.now + GRANT_REST, WaitReason.GRANT, hold=True)


@_decide.register
def _(error: errors.PushAccessUnclear, case: PushCase) -> PushOutcome:
    # Behind the others when the queue opens, so that a push that alone meets the code does not hold them up.
    return PushOutcome(
        state=JobState.PENDING,
        counts=False,
        not_before=case.now,
        waiting_for=WaitReason.QUEUE,
        verify=error.write,
        rest=True,
    )


@_decide.register
def _(error: errors.PushRefused, case: PushCase) -> PushOutcome:
    return _block(FailureMode.REJECTED, healthy=True)


@_decide.register
def _(error: errors.PushAlreadyDone, case: PushCase) -> PushOutcome:
    return PushOutcome(state=JobState.DONE, counts=True, healthy=True)


@_decide.register
def _(error: errors.UnknownAnswer, case: PushCase) -> PushOutcome:
    if not error.write and case.failed_reads < READ_RETRIES:
        return _retry(case, is_read=True, healthy=True)
    # Nobody knows what the code means, so neither whether the write was applied.
    return _block(FailureMode.INTERNAL, verify=error.write, healthy=True)


@_decide.register
def _(error: errors.Broken, case: PushCase) -> PushOutcome:
    return _block(FailureMode.INTERNAL, verify=error.write)


@_decide.register
def _(error: errors.NotYet, case: PushCase) -> PushOutcome:
    if error.asks_person:
        return _wait(case, error.check_at, WaitReason.CHECK, healthy=True)
    # Asked for long before there was anything to wait for (the store was disconnected): not late yet.
    began = max(case.requested_at, min(error.since or case.requested_at, case.now))
    deadline = case.deadline or began + case.horizon
    if case.now >= deadline:
        return _block(FailureMode.EXHAUSTED, counts=False, healthy=True)
    return _wait(case, min(error.check_at, deadline), WaitReason.CHECK, healthy=True)


def _retry(
    case: PushCase,
    *,
    is_read: bool = False,
    verify: bool = False,
    healthy: bool | None = None,
    delay: timedelta | None = None,
) -> PushOutcome:
    """Again after the next delay; the last try is at the horizon itself, after that somebody must look."""
    ends = (case.first_attempt_at or case.now) + case.horizon
    if case.now >= ends:
        mode = FailureMode.UNCERTAIN if verify or case.uncertain else FailureMode.EXHAUSTED
        return _block(mode, verify=verify, healthy=healthy)
    wait = _delay(case, is_read=is_read) if delay is None else delay
    return PushOutcome(
        state=JobState.PENDING,
        counts=True,
        is_read=is_read,
        not_before=min(case.now + wait, ends),
        waiting_for=WaitReason.RETRY,
        verify=verify,
        healthy=healthy,
    )


def _delay(case: PushCase, *, is_read: bool) -> timedelta:
    delays, tries = (READ_DELAYS, case.failed_reads) if is_read else (DELAYS, case.attempts)
    return delays[tries] if tries < len(delays) else LATE_DELAY * case.random()


def _wait(
    case: PushCase,
    until: datetime,
    reason: WaitReason,
    *,
    hold: bool = False,
    healthy: bool | None = None,
) -> PushOutcome:
    """Until that instant, but never longer than this reason waits at most."""
    until = min(max(until, case.now), case.now + LONGEST_WAITS[reason])
    return PushOutcome(
        state=JobState.PENDING,
        counts=False,
        not_before=until,
        waiting_for=reason,
        hold_until=until if hold else None,
        healthy=healthy,
    )


def _block(
    mode: FailureMode,
    *,
    verify: bool = False,
    counts: bool = True,
    healthy: bool | None = None,
) -> PushOutcome:
    return PushOutcome(
        state=JobState.BLOCKED,
        counts=counts,
        failure_mode=mode,
        verify=verify,
        healthy=healthy,
    )
