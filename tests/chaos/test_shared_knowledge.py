"""K10. What one caller learns about a shared resource, all callers know at once: a wait that the platform told,
and an access token that it refused. A real worker of eight threads pushes; the emulator counts."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from erp.accounts.models import Store
from erp.outbox.statuses import Origin
from kwai_integration.client.gateway import KwaiClient
from kwai_integration.connection import client_for
from kwai_integration.models import ConnectionHealth, KwaiAccount
from kwai_integration.outbound.push_requests import deliveries_request
from kwai_integration.wire.errors import NotFound, RateLimited
from kwai_integration.wire.types import DeliveryNotice
from kwai_sandbox.server import RunningSandbox
from tests.chaos.world import MERCHANT, all_done, done, judged, shipped, wait_for, worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.chaos]

CALLERS = 8
PUSHES = 40
WAIT_SECONDS = 6
LEASE = {"OUTBOX_LEASE_SECONDS": "60", "OUTBOX_STORE_CONCURRENCY": str(CALLERS)}
# The code that the emulator answers to an access token that has ended.
TOKEN_INVALID = "444"


def pushes(sandbox: RunningSandbox, store: Store) -> None:
    deliveries_request(shipped(sandbox, store, PUSHES), user=None, origin=Origin.BUTTON)


def told_once(sandbox: RunningSandbox, call: str) -> None:
    fault = {"path": call, "kind": "rate_limit", "rate": 1, "count": 1, "retryAfter": WAIT_SECONDS}
    sandbox.control("PUT", "faults", fault)


def calls(sandbox: RunningSandbox, path: str) -> int:
    paths = sandbox.control("GET", "stats")["paths"]
    return sum(counts["total"] for name, counts in paths.items() if name.endswith(path))


@pytest.mark.parametrize(
    ("path", "ask"),
    [
        ("listItem", lambda client: client.list_items(page=1)),
        ("confirmDelivery", lambda client: client.confirm_delivery(DeliveryNotice("26", timezone.now()))),
    ],
    ids=["read", "write"],
)
def test_eight_callers_who_never_rest_keep_a_wait_that_one_of_them_was_told(
    sandbox: RunningSandbox, store: Store, path: str, ask: Callable[[KwaiClient], object]
) -> None:
    ends = time.monotonic() + WAIT_SECONDS + 5

    def caller(number: int) -> None:
        try:
            client = client_for(store.pk, share="push" if number % 2 else "import")
            while time.monotonic() < ends:
                # No such order: the platform refuses the write, and is asked again all the same.
                with suppress(RateLimited, NotFound):
                    ask(client)
                time.sleep(0.05)
        finally:
            connection.close()

    with ThreadPoolExecutor(CALLERS) as pool:
        callers = [pool.submit(caller, number) for number in range(CALLERS)]
        # All are at work when it comes.
        wait_for(lambda: calls(sandbox, path) > 2 * CALLERS, 30)
        told_once(sandbox, path)
        wait_for(lambda: all(one.done() for one in callers), 60)
    assert [one.result() for one in callers] == [None] * CALLERS
    assert sandbox.control("GET", "stats")["early_calls"] == {"total": 0, "paths": {}}
    # They went on when it was over.
    seen = sandbox.sandbox.stats.calls_since(0)
    told_at = next(call.time for call in seen if call.fault)
    assert any(call.time > told_at + WAIT_SECONDS * 1000 for call in seen)


def test_pushes_keep_a_told_wait_and_all_arrive(
    sandbox: RunningSandbox, store: Store, tmp_path: Path
) -> None:
    pushes(sandbox, store)
    with worker(sandbox, tmp_path, CALLERS, **LEASE):
        # All are at work when it comes, not only the first.
        wait_for(lambda: done() >= CALLERS, 60)
        told_once(sandbox, "queryOrderDetails")
        told_once(sandbox, "confirmDelivery")
        wait_for(all_done, 90)
    assert sandbox.control("GET", "stats")["early_calls"] == {"total": 0, "paths": {}}
    assert judged(sandbox, PUSHES).is_clean


@pytest.mark.long
def test_a_refused_token_is_sent_by_nobody_again_while_its_renewal_is_lost(
    sandbox: RunningSandbox, store: Store, tmp_path: Path
) -> None:
    pushes(sandbox, store)
    # Kwai ends the token early, and the answer of the first renewal is lost without having changed anything.
    sandbox.control("PATCH", f"grants/{MERCHANT}", {"expired": "access"})
    lost = {"path": "refreshToken", "kind": "timeout", "rate": 1, "count": 1, "effect": "after", "delayMs": 0}
    sandbox.control("PUT", "faults", lost)
    started = timezone.now()
    with worker(sandbox, tmp_path, CALLERS, **LEASE):
        wait_for(all_done, 120)
    paths = sandbox.control("GET", "stats")["paths"]
    refused = sum(counts["results"].get(TOKEN_INVALID, 0) for counts in paths.values())
    assert 1 <= refused <= CALLERS, refused
    account = KwaiAccount.objects.get()
    assert (account.health, account.lease_until) == (ConnectionHealth.OK, None)
    # The queue went on as soon as the lost renewal could be tried again, not at the end of waits of its own.
    seconds = (timezone.now() - started).total_seconds()
    assert seconds < KwaiAccount.lease_length().total_seconds() + 45, seconds
    assert judged(sandbox, PUSHES).is_clean
