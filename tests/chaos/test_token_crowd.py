"""K7. Eight worker processes meet an access token that has ended, and the one renewal that is allowed is lost
once: its request, so that Kwai knows of none, or its answer, so that the only copy of the new pair is gone."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from erp.accounts.models import Store, User
from erp.outbox.models import PushJob
from erp.outbox.queues import queue_pause, queue_resume
from erp.outbox.statuses import JobState, Origin, PauseMode
from kwai_integration.client import gateway
from kwai_integration.models import ConnectionHealth, KwaiAccount
from kwai_integration.outbound.push_requests import deliveries_request
from kwai_integration.setup.consent import _account_bind
from kwai_sandbox.server import RunningSandbox
from tests.chaos.world import (
    DRAIN_SECONDS,
    MERCHANT,
    Trial,
    all_done,
    limits_lift,
    of_sandbox,
    shipped,
    started,
    wait_for,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.chaos]

WORKERS = 8
PUSHES = 80
RENEWAL_SECONDS = 3
# The code that the emulator answers to an access token that has ended.
TOKEN_INVALID = "444"


@pytest.mark.parametrize("lost", ["request", "answer"])
def test_k7_eight_workers_meet_an_expired_token(
    sandbox: RunningSandbox, store: Store, admin: User, tmp_path: Path, lost: str
) -> None:
    trial = Trial(f"K7 {lost} lost")
    deliveries_request(shipped(sandbox, store, PUSHES), user=None, origin=Origin.BUTTON)
    # Nobody begins before all are there.
    queue_pause(store_id=store.pk, mode=PauseMode.CREDENTIAL, reason="")
    settings = {
        "OUTBOX_LEASE_SECONDS": "5",
        "OUTBOX_THREADS": "1",
        "OUTBOX_STORE_CONCURRENCY": str(WORKERS),
        **of_sandbox(sandbox),
        **limits_lift(sandbox),
    }
    command = ["-m", "tests.chaos.wrapped", "engine", str(store.pk), "1"]
    plan = {"renewal": RENEWAL_SECONDS, "ready": str(tmp_path)}
    with ExitStack() as stack:
        workers = [stack.enter_context(started(command, settings, plan)) for _ in range(WORKERS)]
        wait_for(lambda: len(list(tmp_path.iterdir())) == WORKERS, DRAIN_SECONDS)
        effect = {"request": "after", "answer": "before"}[lost]
        fault = {"path": "refreshToken", "kind": "timeout", "rate": 1, "count": 1, "delayMs": 0}
        sandbox.control("PUT", "faults", fault | {"effect": effect})
        sandbox.control("PATCH", f"grants/{MERCHANT}", {"expired": "access"})
        queue_resume(store_id=store.pk)
        if lost == "answer":
            # The old pair is dead, the new one was never seen: tried once more, then a person is asked.
            wait_for(lambda: KwaiAccount.objects.get().health != ConnectionHealth.OK, DRAIN_SECONDS)
            time.sleep(2)
            assert not PushJob.objects.filter(state=JobState.BLOCKED).exists()
            code = sandbox.control("POST", "grants", {"merchantId": MERCHANT})["code"]
            pair = gateway.exchange_code(gateway.client_config(), code=code)
            _account_bind(store_id=store.pk, pair=pair, user=admin)
        trial.last_fault()
        wait_for(all_done, DRAIN_SECONDS)
        assert [process.wait(timeout=30) for process in workers] == [0] * WORKERS
    account = KwaiAccount.objects.get()
    assert (account.health, account.lease_until) == (ConnectionHealth.OK, None)
    paths = sandbox.control("GET", "stats")["paths"]
    refused = sum(counts["results"].get(TOKEN_INVALID, 0) for counts in paths.values())
    # One call more per worker at most, with the token that one of them had learned to be dead.
    assert 1 <= refused <= WORKERS, refused
    trial.judge(sandbox, PUSHES, workers=WORKERS, refused=refused)
