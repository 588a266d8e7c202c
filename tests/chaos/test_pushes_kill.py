"""K1. A worker and its scheduler die by SIGKILL, again and again at random moments, while they push: what others
take up after them is neither lost nor doubled."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from erp.channels import ChannelAction
from erp.outbox.models import PushJob
from tests.chaos.world import (
    DRAIN_SECONDS,
    Trial,
    all_done,
    done,
    group_kill,
    limits_lift,
    of_sandbox,
    queue_of_shape,
    wait_for,
    worker_process,
)
from tests.kwai_integration.outbound.conftest import Desk, desk, kwai, kwai_store, labels_dir, sku, wakes

__all__ = ["desk", "kwai", "kwai_store", "labels_dir", "sku", "wakes"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.chaos]

# Two drains, each with threads of its own.
WORKERS = 2
SETTINGS = {"OUTBOX_LEASE_SECONDS": "5", "OUTBOX_THREADS": "4", "OUTBOX_STORE_CONCURRENCY": "8"}
# No kill meets a queue that is empty already: the last comes before this part of the pushes is through.
LAST = 0.9
SLOWEST_STEP = 0.6


def asked(desk: Desk, orders: int) -> int:
    """Notes and tracking codes of so many orders are waiting; how many pushes that are."""
    shipments = desk.shipped(desk.orders(orders))
    desk.ask(ChannelAction.SEND_TRACKING, *(shipment.pk for shipment in shipments))
    assert PushJob.objects.count() == 2 * orders
    return 2 * orders


@pytest.mark.parametrize(
    ("orders", "kills"),
    [(150, 6), pytest.param(1000, 50, marks=pytest.mark.long)],
    ids=["300 pushes", "2000 pushes"],
)
def test_k1_workers_killed_at_random_moments(desk: Desk, tmp_path: Path, orders: int, kills: int) -> None:
    trial, sandbox = Trial("K1"), desk.kwai.sandbox
    pushes = asked(desk, orders)
    settings: dict[str, str] = {**SETTINGS, **of_sandbox(sandbox), **limits_lift(sandbox)}
    # Answers that keep a write waiting, before or after it took effect.
    for call in ("uploadInvoice", "shipOrder"):
        slow = {"path": call, "kind": "slow", "rate": 0.5, "delayMs": 150, "effect": "random"}
        sandbox.control("PUT", "faults", slow)
    moments = sorted(trial.chance.uniform(0, LAST * pushes) for _ in range(kills))
    with queue_of_shape() as queue:
        plan: dict[str, Any] = {}
        for moment in moments:
            with worker_process(tmp_path, {**settings, **queue}, WORKERS, plan) as process:
                wait_for(lambda: done() >= moment, DRAIN_SECONDS)  # noqa: B023 - asked at once
                time.sleep(trial.chance.uniform(0, SLOWEST_STEP))
                assert process.poll() is None
                group_kill(process)
                trial.kills += 1
        trial.last_fault()
        with worker_process(tmp_path, {**settings, **queue}, WORKERS, plan):
            wait_for(all_done, DRAIN_SECONDS)
    trial.judge(sandbox, pushes)
