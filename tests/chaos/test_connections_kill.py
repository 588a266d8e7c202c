"""K5. PostgreSQL ends sessions at random moments during import and push, as a failover or an administrator does:
every order arrives once, every push too."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from django.db import connection

from erp.channels import ChannelAction
from erp.sales.models import Order
from kwai_integration.models import KwaiSettings
from tests.chaos.world import DRAIN_SECONDS, Trial, all_done, done, of_sandbox, wait_for, worker_process
from tests.kwai_integration.outbound.conftest import Desk, desk, kwai, kwai_store, labels_dir, sku, wakes

__all__ = ["desk", "kwai", "kwai_store", "labels_dir", "sku", "wakes"]

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.chaos,
    pytest.mark.services,
    pytest.mark.long,
]

SHIPPED = 80
ARRIVING = 120
BATCHES = 12
SETTINGS = {"OUTBOX_LEASE_SECONDS": "5", "OUTBOX_THREADS": "4", "OUTBOX_STORE_CONCURRENCY": "8"}


def sessions() -> list[int]:
    """Those of the workers: every one of this database but our own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return [pid for (pid,) in cursor.fetchall()]


def terminate(pid: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
        (ended,) = cursor.fetchone()
    return bool(ended)


def test_k5_connections_end_during_import_and_push(desk: Desk, tmp_path: Path) -> None:
    trial, sandbox = Trial("K5"), desk.kwai.sandbox
    shipments = desk.shipped(desk.orders(SHIPPED))
    desk.ask(ChannelAction.SEND_TRACKING, *(shipment.pk for shipment in shipments))
    arriving: list[str] = []
    with worker_process(tmp_path, {**SETTINGS, **of_sandbox(sandbox)}, wrapped={}) as process:
        wait_for(lambda: done() > 0, DRAIN_SECONDS)
        for _ in range(BATCHES):
            arriving += desk.kwai.orders(ARRIVING // BATCHES)
            desk.kwai.due()
            for _ in range(4):
                time.sleep(trial.chance.uniform(0, 0.8))
                if found := sessions():
                    trial.kills += terminate(trial.chance.choice(found))
        trial.last_fault()
        desk.kwai.due()
        wait_for(all_done, DRAIN_SECONDS)
        here = Order.objects.filter(external_id__in=arriving)
        wait_for(lambda: here.count() == ARRIVING, DRAIN_SECONDS)
        assert process.poll() is None
    assert KwaiSettings.objects.get().auto_receive
    assert set(Order.objects.filter(lines__isnull=True)) == set()
    assert trial.kills > BATCHES
    trial.judge(sandbox, 2 * SHIPPED, imported=ARRIVING)
