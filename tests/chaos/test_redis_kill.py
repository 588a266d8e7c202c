"""K2. Redis dies in the middle of the work and comes back empty, is emptied under the workers, and dies again:
messages only wake, so that nothing is lost with them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import redis

from erp.accounts.models import Store
from erp.outbox.statuses import Origin
from kwai_integration.outbound.push_requests import deliveries_request
from kwai_sandbox.server import RunningSandbox
from scripts.services import RedisServer
from tests.chaos.world import (
    DRAIN_SECONDS,
    Trial,
    all_done,
    done,
    of_sandbox,
    shipped,
    wait_for,
    worker_process,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.chaos,
    pytest.mark.services,
    pytest.mark.long,
]

PUSHES = 400
SETTINGS = {"OUTBOX_LEASE_SECONDS": "5", "OUTBOX_THREADS": "4", "OUTBOX_STORE_CONCURRENCY": "8"}


def test_k2_redis_killed_restarted_empty_and_flushed(
    sandbox: RunningSandbox, store: Store, tmp_path: Path
) -> None:
    trial = Trial("K2")
    deliveries_request(shipped(sandbox, store, PUSHES), user=None, origin=Origin.BUTTON)
    moments = sorted(trial.chance.uniform(0.05, 0.85) * PUSHES for _ in range(4))
    with RedisServer() as server:
        settings = {**SETTINGS, **of_sandbox(sandbox), "REDIS_URL": server.url}
        with worker_process(tmp_path, settings, wrapped={}) as process:
            for number, moment in enumerate(moments):
                wait_for(lambda: done() >= moment, DRAIN_SECONDS)  # noqa: B023 - asked at once
                if number % 2:
                    redis.Redis.from_url(server.url).flushall()
                    continue
                server.kill()
                trial.kills += 1
                time.sleep(trial.chance.uniform(0, 6))
                server.start()
            assert not all_done()
            trial.last_fault()
            wait_for(all_done, DRAIN_SECONDS)
            assert process.poll() is None
    trial.judge(sandbox, PUSHES)
