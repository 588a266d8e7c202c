"""Write what became of a claimed push, in a short transaction fenced by the lease token."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from erp.accounts.models import Store
from erp.outbox import breaker, limits, policy, queues
from erp.outbox.attempts import AttemptContext
from erp.outbox.errors import PushError
from erp.outbox.models import PushJob, PushJobQuerySet
from erp.outbox.policy import PushOutcome
from erp.outbox.push_requests import coalesce_key
from erp.outbox.statuses import FINISHED_STATES, JobState, WaitReason

EXCHANGE_LIMIT = 20_000


def settle_done(*, job: PushJob, code: str, record: Callable[[], None]) -> bool:
    """Run `record` and mark the job done, both or neither; False when the lease went to somebody else."""
    with transaction.atomic():
        row = _fenced(job)
        if row is None:
            return False
        record()
        row.attempts += 1
        row.failed_reads = 0
        row.needs_verification = False
        row.last_error, row.last_code = "", code[:40]
        _finish(row, JobState.DONE)
    breaker.learn(store_id=job.store_id, healthy=True)
    return True


def settle_obsolete(*, job: PushJob, reason: str) -> bool:
    """Close a push whose reason is gone; `reason` is shown."""
    with transaction.atomic():
        row = _fenced(job)
        if row is None:
            return False
        row.last_error = clean_text(reason)[:500]
        _finish(row, JobState.CANCELLED)
    return True


def settle_failure(*, job: PushJob, error: PushError, call: str, context: AttemptContext) -> bool:
    """Apply the policy to `error`; False when the lease went to somebody else.

    A refusal or a wait of our own, raised before any call was answered, tells the breaker nothing.
    """
    with transaction.atomic():
        row = _fenced(job)
        if row is None:
            return False
        row.needs_verification = context.uncertain
        outcome = give_back(row=row, error=error)
    _queue_learns(job.store_id, call, error, outcome)
    is_answered = context.is_answered or error.http_status is not None
    if outcome.healthy is not None and (is_answered or not outcome.healthy):
        breaker.learn(store_id=job.store_id, healthy=outcome.healthy)
    return True


def give_back(*, row: PushJob, error: PushError) -> PushOutcome:
    """Write the policy's answer to a locked CLAIMED row annotated with `database_now`."""
    outcome = policy.decide(error, _case(row))
    row.attempts += outcome.counts and not outcome.is_read
    if outcome.is_read:
        row.failed_reads += 1
    elif outcome.healthy is not None:
        # The platform was read before it was written to.
        row.failed_reads = 0
    if row.attempts == row.failed_reads == 0:
        # Waiting is not trying: the 72 hours start with the first try that counts.
        row.first_attempt_at = None
    row.needs_verification = row.needs_verification or outcome.verify
    row.failure_mode = outcome.failure_mode
    row.waiting_for = outcome.waiting_for
    row.last_error, row.last_code = clean_text(error.text)[:500], clean_text(error.remote_code)[:40]
    row.cause = error.cause if outcome.failure_mode else ""
    if outcome.not_before is not None:
        row.not_before = outcome.not_before
    _release(row, outcome.state)
    return outcome


def locked(rows: PushJobQuerySet, *, skip_locked: bool = False) -> Any:
    """Rows to be settled, with the database's clock beside them."""
    return rows.lock_for_update(skip_locked=skip_locked).annotate(database_now=Now())


def _fenced(job: PushJob) -> PushJob | None:
    held = PushJob.objects.filter(pk=job.pk, state=JobState.CLAIMED).held(job.lease_token)
    row: PushJob | None = locked(held).first()
    return row


def _case(row: PushJob) -> policy.PushCase:
    now: datetime = row.database_now  # type: ignore[attr-defined]
    return policy.PushCase(
        attempts=row.attempts,
        failed_reads=row.failed_reads,
        requested_at=min(row.requested_at, now),
        first_attempt_at=row.first_attempt_at and min(row.first_attempt_at, now),
        deadline=row.deadline,
        uncertain=row.needs_verification,
        now=now,
        random=random.random,
        horizon=timedelta(hours=settings.OUTBOX_RETRY_HOURS),
        quota_reset=limits.quota_reset(now),
    )


def _release(row: PushJob, state: JobState) -> None:
    """Leave the claim for `state`, unless a newer request took the place meanwhile: then it is superseded."""
    if state in FINISHED_STATES:
        _finish(row, state)
        return
    if not row.is_fact:
        row.coalesce_key = coalesce_key((row.store_id, row.kind, row.subject))
    try:
        with transaction.atomic():
            if not row.is_fact and state == JobState.BLOCKED:
                _refuse_when_newer(row)
            _write(row, state)
    except IntegrityError:
        row.failure_mode = row.waiting_for = row.cause = ""
        _finish(row, JobState.SUPERSEDED)


def _refuse_when_newer(row: PushJob) -> None:
    """A blocked state takes no key, so no index notices the newer request."""
    newer = PushJob.objects.filter(coalesce_key=row.coalesce_key).exists()
    row.coalesce_key = None
    if newer:
        raise IntegrityError("newer request")


def _finish(row: PushJob, state: JobState) -> None:
    row.coalesce_key = None
    row.finished_at = Now()
    _write(row, state)


def _write(row: PushJob, state: JobState) -> None:
    row.state = state
    row.lease_drop()
    row.updated_at = Now()
    row.save(update_fields=SETTLED_FIELDS)


SETTLED_FIELDS = [
    "state", "failure_mode", "waiting_for", "attempts", "failed_reads", "first_attempt_at", "not_before",
    "coalesce_key", "needs_verification", "last_error", "last_code", "cause", "lease_token",
    "lease_until", "finished_at", "updated_at",
]  # fmt: skip


def _queue_learns(store_id: int, call: str, error: PushError, outcome: PushOutcome) -> None:
    if outcome.pause is not None:
        queues.queue_pause(store_id=store_id, mode=outcome.pause, reason=clean_text(error.text))
    if outcome.pause_channel:
        channel = Store.objects.values_list("channel", flat=True).get(pk=store_id)
        queues.channel_pause(channel=channel, reason=clean_text(error.text))
    if outcome.rest:
        breaker.rest_now(store_id=store_id, reason=clean_text(error.text))
    if outcome.hold_until is not None:
        reason = WaitReason(outcome.waiting_for)
        held = limits.ANY_CALL if outcome.holds_all else error.call or call
        limits.hold(store_id=store_id, call=held, until=outcome.hold_until, reason=reason)


def clean_text(text: str) -> str:
    """Without NUL and lone surrogates, which PostgreSQL refuses and SQLite swallows."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def clean_exchange(exchange: Mapping[str, Any] | list[Any] | None) -> Any:
    """A copy fit to store: clean text, and a note instead of a body over 20 kB."""
    if exchange is None:
        return None
    text = json.dumps(_clean(exchange), ensure_ascii=False, default=str)
    if len(text) > EXCHANGE_LIMIT:
        return {"truncated": True, "start": text[:EXCHANGE_LIMIT]}
    return json.loads(text)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, Mapping):
        return {clean_text(str(name)): _clean(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(part) for part in value]
    return value
