"""K8. Two schedulers at once, workers that are told to stop and replaced under load, and a worker whose clock jumps
by an hour and by a day, both ways."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from erp.accounts.models import Store
from erp.outbox.statuses import Origin
from kwai_integration.outbound.push_requests import deliveries_request
from kwai_sandbox.server import RunningSandbox
from tests.chaos.world import (
    DRAIN_SECONDS,
    Trial,
    all_done,
    done,
    limits_lift,
    of_sandbox,
    queue_of_shape,
    shipped,
    wait_for,
    worker_process,
)
from tests.conftest import missing
from tests.kwai_integration.test_wrong_clock_process import LIBRARY

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.chaos, pytest.mark.long]

PUSHES = 300
BATCH = 40
SETTINGS = {"OUTBOX_LEASE_SECONDS": "10", "OUTBOX_THREADS": "4", "OUTBOX_STORE_CONCURRENCY": "8"}
JUMPS = ("+3600", "-3600", "+86400", "-86400")
JUMPED_SECONDS = 4
STOP_SECONDS = 30


def test_k8_two_schedulers_and_workers_replaced_under_load(
    sandbox: RunningSandbox, store: Store, tmp_path: Path
) -> None:
    trial = Trial("K8 replaced")
    deliveries_request(shipped(sandbox, store, PUSHES), user=None, origin=Origin.BUTTON)
    with ExitStack() as stack, queue_of_shape() as queue:
        broker = tmp_path / "broker"
        for name in ("messages", "control"):
            (broker / name).mkdir(parents=True)

        def begin(number: int):
            """Each with a scheduler of its own, all on one queue."""
            folder = tmp_path / str(number)
            folder.mkdir()
            values = {**SETTINGS, **of_sandbox(sandbox), "BROKER_DIR": str(broker), **queue}
            return stack.enter_context(worker_process(folder, values, wrapped={}))

        running = [begin(0), begin(1)]
        for number in range(2, 6):
            wait_for(lambda: done() >= (number - 1) * PUSHES // 6, DRAIN_SECONDS)  # noqa: B023 - asked at once
            time.sleep(trial.chance.uniform(0, 1))
            running.append(begin(number))
            ending = running.pop(0)
            ending.send_signal(signal.SIGTERM)
            assert ending.wait(timeout=STOP_SECONDS) == 0
            trial.kills += 1
        assert not all_done()
        trial.last_fault()
        wait_for(all_done, DRAIN_SECONDS)
    trial.judge(sandbox, PUSHES)


def test_k8_a_worker_whose_clock_jumps(sandbox: RunningSandbox, store: Store, tmp_path: Path) -> None:
    if not LIBRARY:
        missing("libfaketime não encontrada: instale o pacote `libfaketime` (apt-get install libfaketime)")
    trial = Trial("K8 clock")
    # So slowly that each jump and the way back meet work.
    sandbox.control("PUT", "faults", {"path": "confirmDelivery", "kind": "slow", "rate": 1, "delayMs": 250})
    lifted = limits_lift(sandbox)
    offset = tmp_path / "offset"
    offset.write_text("+0")
    with queue_of_shape() as queue:
        wrong = {
            **SETTINGS,
            **of_sandbox(sandbox),
            **lifted,
            **queue,
            "OUTBOX_THREADS": "1",
            "LD_PRELOAD": LIBRARY,
            "FAKETIME_TIMESTAMP_FILE": str(offset),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        with worker_process(tmp_path, wrong, wrapped={"faked": True}) as process:
            for number, jump in enumerate(trial.chance.sample(JUMPS, len(JUMPS))):
                batch = shipped(sandbox, store, BATCH, first=number * BATCH + 1)
                deliveries_request(batch, user=None, origin=Origin.BUTTON)
                wait_for(lambda: done() > number * BATCH, DRAIN_SECONDS)  # noqa: B023 - asked at once
                offset.write_text(jump)
                time.sleep(JUMPED_SECONDS)
                offset.write_text("+0")
                time.sleep(trial.chance.uniform(1, JUMPED_SECONDS))
                trial.kills += 1
            assert process.poll() is None
            sandbox.control("DELETE", "faults")
            trial.last_fault()
            wait_for(all_done, DRAIN_SECONDS)
    trial.judge(sandbox, BATCH * len(JUMPS), jumps=JUMPS)
