"""Carry out claimed pushes: load, read back when the past is unclear, send, settle."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import InterfaceError, OperationalError

from erp import scheduling, tracing
from erp.outbox import breaker, claim, clearance, handlers, policy, settle
from erp.outbox.attempts import AttemptContext
from erp.outbox.crew import Crew
from erp.outbox.errors import (
    Broken,
    PushAlreadyDone,
    PushError,
    PushLeaseLost,
)
from erp.outbox.handlers import Handler, Obsolete, Sent
from erp.outbox.models import PushAttempt, PushJob
from erp.outbox.statuses import AttemptAction, AttemptOutcome
from erp.outbox.waking import wake_stores

logger = logging.getLogger(__name__)

# New pushes are started for so long; a call started last still ends before the task's limit of 55 s.
DRAIN_SECONDS = 20.0


def drain(*, store_id: int, seconds: float = DRAIN_SECONDS) -> int:
    """Push what is due, beginning with `store_id` and then in turn over all stores; returns how many were
    tried. Wakes another worker when more waits, and one again when its time is over or its worker stops.

    Up to OUTBOX_THREADS pushes are under way at once: a push waits for the platform nearly all of its time.
    """
    ends = time.monotonic() + seconds
    jobs = claim.claim_some(most=settings.OUTBOX_THREADS, first_store_id=store_id)
    if jobs and claim.more_waits(store_id=jobs[0].store_id):
        wake_stores([jobs[0].store_id])
    count = 0
    with Crew(settings.OUTBOX_THREADS, _push_traced) as crew:
        while jobs:
            count += len(jobs)
            last = jobs[-1].store_id
            crew.take(jobs)
            if time.monotonic() >= ends or scheduling.is_stopping():
                wake_stores([last])
                break
            jobs = _claimed(crew)
    return count


def _claimed(crew: Crew[PushJob]) -> list[PushJob]:
    """The next pushes for whoever has nothing to do; none once nobody has and nothing is due."""
    while True:
        free = crew.wait_free()
        if jobs := claim.claim_some(most=free):
            return jobs
        if free == crew.size:
            return []
        crew.wait_end()


def _push_traced(job: PushJob) -> None:
    with tracing.bound(job.request_id or tracing.current()):
        push(job)


def push(job: PushJob) -> None:
    """Carry out one claimed job to its end; raises only what a reaper must clean up after (a database
    that is gone) or what ends the whole task (the soft time limit)."""
    context = AttemptContext(job=job, uncertain=job.needs_verification)
    handler = handlers.find(job.kind)
    call = handler.call if handler else ""
    try:
        if handler is None:
            raise Broken(f"O ERP não conhece o tipo de envio {job.kind}. Avise o suporte.", write=False)
        _carry_out(handler, context)
    except PushLeaseLost:
        logger.warning("Push job %s lost its lease", job.pk)
    except PushError as error:
        settle.settle_failure(job=job, error=error, call=call, context=context)
    except SoftTimeLimitExceeded:
        settle.settle_failure(job=job, error=context.interrupted(), call=call, context=context)
        raise
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        _log_bug(job, error)
        broken = Broken(write=context.writing)
        settle.settle_failure(job=job, error=broken, call=call, context=context)


def _carry_out(handler: Handler, context: AttemptContext) -> None:
    job = context.job
    loaded = handler.load(job)
    if isinstance(loaded, Obsolete):
        settle.settle_obsolete(job=job, reason=loaded.reason)
        return
    try:
        sent = _sent(handler, loaded, context)
    except PushAlreadyDone as answer:
        context.remote_code = answer.remote_code
        sent = Sent(already=True)
    if sent is None:
        # Loaded once more: some pushes go on only until it is known that nothing arrived.
        context.uncertain = job.needs_verification = False
        _carry_out(handler, context)
        return

    def record() -> None:
        handler.record(job, loaded, sent)
        if sent.already:
            clearance.unwritten(job)

    if not settle.settle_done(job=job, code=context.remote_code, record=record):
        raise PushLeaseLost


def _sent(handler: Handler, loaded: Any, context: AttemptContext) -> Sent | None:
    """None when the platform was read back and holds nothing."""
    read_back = handler.is_satisfied
    if context.uncertain and read_back is not None:
        there = _verified(lambda: read_back(loaded, context), context)
        return Sent(verified=True) if there else None
    return _written(handler, loaded, context)


def _verified(read_back: Callable[[], bool], context: AttemptContext) -> bool:
    with _attempt(context, AttemptAction.VERIFY) as row:
        satisfied = read_back()
        row.outcome = AttemptOutcome.DONE if satisfied else AttemptOutcome.NOT_YET_THERE
    if context.is_answered:
        # Whatever it found: the platform is there. A write that follows is another test.
        breaker.learn(store_id=context.job.store_id, healthy=True)
    return satisfied


def _written(handler: Handler, loaded: Any, context: AttemptContext) -> Sent:
    with _attempt(context, AttemptAction.SEND) as row:
        if not handler.confirms:
            context.confirm()
        clearance.seen_check(context.job)
        context.writing = handler.write
        sent = handler.send(loaded, context)
        row.outcome = AttemptOutcome.DONE
    return sent


@contextmanager
def _attempt(context: AttemptContext, action: AttemptAction) -> Iterator[PushAttempt]:
    """The attempt's row exists before the call, so that a killed worker leaves a trace."""
    context.notes, context.http_status, context.remote_code = [], None, ""
    row = PushAttempt.objects.create(job=context.job, action=action)
    started = time.monotonic()
    try:
        yield row
    except PushError as error:
        _take_error(row, context, error)
        raise
    except Exception as error:
        row.outcome, row.text = AttemptOutcome.UNEXPECTED, type(error).__name__
        raise
    finally:
        row.duration_ms = round((time.monotonic() - started) * 1000)
        _attempt_save(row, context)


def _take_error(row: PushAttempt, context: AttemptContext, error: PushError) -> None:
    row.outcome = policy.attempt_outcome(error)
    row.text = settle.clean_text(error.text)[:500]
    if error.exchange is not None:
        context.notes.append(error.exchange)
    context.http_status = error.http_status or context.http_status
    context.remote_code = error.remote_code or context.remote_code


def _attempt_save(row: PushAttempt, context: AttemptContext) -> None:
    row.http_status = context.http_status
    row.remote_code = settle.clean_text(context.remote_code)[:40]
    row.exchange = settle.clean_exchange(context.notes) if context.notes else None
    row.save(update_fields=["duration_ms", "http_status", "remote_code", "outcome", "text", "exchange"])


def _log_bug(job: PushJob, error: Exception) -> None:
    """Where it broke, without the error's text: that may quote a buyer."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "?"
    logger.error("Push job %s (%s) broke: %s at %s", job.pk, job.kind, type(error).__name__, where)
