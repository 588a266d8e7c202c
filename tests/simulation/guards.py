"""What keeps a promise, each taken away by itself: the histories must find every one missing.

A removal changes the product only while it is in force and only in this process.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from typing import Any
from unittest import mock

from django.db import transaction
from django.db.models import QuerySet

from erp.outbox import drain, limits, models, request, settle
from erp.outbox import tasks as outbox_tasks
from erp.outbox.attempts import AttemptContext
from erp.outbox.errors import PushLeaseLost
from erp.outbox.models import PushJob
from erp.outbox.push_requests import FactRequest
from erp.outbox.statuses import JobState
from kwai_integration import connection as pairs
from kwai_integration.client.writes import Permit
from kwai_integration.connection import StoreTokens
from kwai_integration.inbound import staging
from kwai_integration.inbound.cursor import CursorLease
from kwai_integration.inbound.poll import _Poll
from kwai_integration.limiter import StoreLimiter
from kwai_integration.models import KwaiAccount
from kwai_integration.outbound import permits
from kwai_integration.wire import errors
from tests.simulation.world import noted

Removal = Callable[[], AbstractContextManager[Any]]
# By what it keeps: the theme of the histories that look for it, and the removal.
GUARDS: dict[str, tuple[str, Removal]] = {}


def guard(name: str, theme: str = "pushes") -> Callable[[Removal], Removal]:
    def add(removal: Removal) -> Removal:
        GUARDS[name] = (theme, removal)
        return removal

    return add


def without(target: Any, name: str, stand_in: Any) -> AbstractContextManager[Any]:
    return mock.patch.object(target, name, stand_in)


@guard("settling is fenced by the lease token")
def _fence() -> AbstractContextManager[Any]:
    return without(settle, "_fenced", lambda job: settle.locked(PushJob.objects.filter(pk=job.pk)).first())


@guard("the lease is renewed right before the write")
def _confirm() -> AbstractContextManager[Any]:
    return without(AttemptContext, "confirm", noted(lambda context: None, lambda args: args[0].job.subject))


@guard("an unknown outcome is read back before the next write")
def _verification() -> AbstractContextManager[Any]:
    return without(drain, "_sent", drain._written)


@guard("what a dead worker held is read back")
def _reaped_verification() -> AbstractContextManager[Any]:
    return without(outbox_tasks, "reap", lambda: _reap(PushJob.objects.free(), is_verified=False))


@guard("only a lease that ran out is reaped")
def _reaped_early() -> AbstractContextManager[Any]:
    return without(outbox_tasks, "reap", lambda: _reap(PushJob.objects.all(), is_verified=True))


@transaction.atomic
def _reap(rows: Any, *, is_verified: bool) -> None:
    for row in settle.locked(rows.filter(state=JobState.CLAIMED)):
        settle.give_back(row=row, error=PushLeaseLost())
        if not is_verified:
            PushJob.objects.filter(pk=row.pk).update(needs_verification=False)


@guard("a fact is one row for ever, by its key")
def _idempotency() -> AbstractContextManager[Any]:
    stack = ExitStack()
    real = request._rows_by_topic

    def forgetful(requests: list[FactRequest]) -> Any:
        topics = real(requests)
        for jobs in topics.values():
            for job in jobs:
                # What was pushed is not known by its key any more.
                if job.state == JobState.DONE:
                    PushJob.objects.filter(pk=job.pk).update(
                        idempotency_key=f"{job.idempotency_key}#{job.pk}"
                    )
            jobs[:] = [job for job in jobs if job.state != JobState.DONE]
        return topics

    stack.enter_context(without(request, "_rows_by_topic", forgetful))
    return stack


@guard("the steps of one order go in their order")
def _steps() -> AbstractContextManager[Any]:
    nothing: Callable[[], QuerySet[PushJob]] = lambda: PushJob.objects.filter(pk__isnull=True)  # noqa: E731
    return without(models, "_lower_steps", nothing)


@guard("the order is read and judged right before the write")
def _allow_list() -> AbstractContextManager[Any]:
    return without(permits, "may", lambda *args, **more: Permit.YES)


@guard("one worker renews a pair, by a lease", "pair")
def _pair_lease() -> AbstractContextManager[Any]:
    real = pairs._lease_take

    def anyway(account: KwaiAccount, *, goes_on: bool) -> Any:
        KwaiAccount.objects.filter(pk=account.pk).revoke()
        return real(account, goes_on=goes_on)

    return without(pairs, "_lease_take", anyway)


@guard("a pair is renewed by its version", "pair")
def _pair_version() -> AbstractContextManager[Any]:
    real = pairs._lease_take

    def of_any_version(account: KwaiAccount, *, goes_on: bool) -> Any:
        account.token_version = KwaiAccount.objects.get(pk=account.pk).token_version
        return real(account, goes_on=goes_on)

    return without(pairs, "_lease_take", of_any_version)


@guard("who finds a new pair takes it", "pair")
def _pair_compared() -> AbstractContextManager[Any]:
    def renew(tokens: StoreTokens, stale: Any) -> Any:
        return pairs._renewed(pairs._connected_account(tokens.store_id), goes_on=False)

    return without(StoreTokens, "renew", renew)


@guard("a refused access token is known to be dead", "pair")
def _dead_token() -> AbstractContextManager[Any]:
    real = StoreTokens.judge

    def judge(tokens: StoreTokens, used: Any, error: errors.KwaiError) -> None:
        if not isinstance(error, errors.TokenExpired):
            real(tokens, used, error)

    return without(StoreTokens, "judge", judge)


@guard("a new pair is stored under its lease before it is used", "pair")
def _pair_stored() -> AbstractContextManager[Any]:
    def used_unstored(account: KwaiAccount, lease: Any, pair: Any) -> Any:
        credentials = pairs.KwaiCredentials(merchant_id=account.merchant_id, access_token=pair.access_token)
        pairs._lease_give_back(account, lease)
        return credentials

    return without(pairs, "_pair_commit", used_unstored)


@guard("a wait that one caller was told holds for all", "both")
def _told_wait() -> AbstractContextManager[Any]:
    return without(StoreLimiter, "learn", lambda limiter, call, error: None)


@guard("a call is counted before it leaves")
def _limiter() -> AbstractContextManager[Any]:
    return without(limits, "acquire", lambda **_: limits.Go())


@guard("the watermark moves after the window is stored", "reads")
def _watermark() -> AbstractContextManager[Any]:
    real = _Poll.window_store

    def too_early(poll: _Poll, begin: datetime, end: datetime) -> None:
        poll.lease.watermark_move(end)
        real(poll, begin, end)

    return without(_Poll, "window_store", too_early)


@guard("the watermark is fenced by the lease token", "reads")
def _watermark_fence() -> AbstractContextManager[Any]:
    stack = ExitStack()
    stack.enter_context(without(CursorLease, "renew", lambda lease: None))
    stack.enter_context(
        without(CursorLease, "_write", lambda lease, **changes: lease._row().update(**changes))
    )
    return stack


@guard("an older answer never replaces a newer one", "reads")
def _newer_wins() -> AbstractContextManager[Any]:
    return without(staging, "_loses", lambda answer, row, fetch_started_at: False)
