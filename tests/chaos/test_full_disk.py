"""The disk fills up under a running worker: it says so, stays, writes and sends nothing, and goes on by itself
once there is room."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from django.db import connection

from erp.accounts.models import Store
from erp.outbox.statuses import Origin
from kwai_integration.outbound.push_requests import deliveries_request
from kwai_sandbox.server import RunningSandbox
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
from tests.erp.runtime.test_storage import FULL, small_disk

__all__ = ["small_disk"]

pytestmark = [pytest.mark.chaos, pytest.mark.long]

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120
# A connected store whose poll is due, and no platform that answers: a poll ends as an error on its row.
STORE = """
from datetime import timedelta
from django.utils import timezone
from erp.accounts.models import Company, Store, StoreLifecycle
from kwai_integration.connection import account_store_pair
from kwai_integration.wire.types import TokenPair
from kwai_integration.models import ConnectionHealth, KwaiAccount, KwaiSettings, SyncCursor
company = Company.objects.create(name="Loja", tax_id="11222333000181", state_code="SP", city="São Paulo")
store = Store.objects.create(company=company, name="Kwai", channel="kwai", lifecycle=StoreLifecycle.ACTIVE)
KwaiSettings.objects.create(store=store)
account = KwaiAccount(store=store, merchant_id="7", health=ConnectionHealth.OK)
account_store_pair(account, TokenPair("7", "Loja", "access", "refresh", None, None, ()))
account.save()
SyncCursor.objects.create(store=store, watermark=timezone.now(), due_at=timezone.now() + timedelta(hours=1))
"""


def until(check: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE
    while not check():
        assert time.monotonic() < ends, "waited too long"
        time.sleep(0.2)


def test_a_worker_outlives_a_full_disk(small_disk: Path, tmp_path: Path) -> None:
    database = small_disk / "erp.sqlite3"
    broker = tmp_path / "broker"
    for name in ("messages", "control"):
        (broker / name).mkdir(parents=True)
    environment = {name: value for name, value in os.environ.items() if name != "REDIS_URL"} | {
        "DJANGO_SETTINGS_MODULE": "erp.settings.test",
        "DATABASE_URL": f"sqlite:///{database}",
        "BROKER_DIR": str(broker),
        "LABELS_DIR": str(tmp_path / "labels"),
    }
    for command in (["migrate", "--verbosity=0"], ["shell", "--no-imports", "-c", STORE]):
        subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, env=environment, check=True)
    log = tmp_path / "worker.log"
    worker = [
        *(sys.executable, "-m", "celery", "-A", "erp", "worker", "-B", "-s", str(tmp_path / "schedule")),
        *("-P", "threads", "-c", "2", "--without-mingle", "--without-gossip", "-l", "WARNING"),
    ]
    with log.open("wb") as said:
        process = subprocess.Popen(
            worker, cwd=ROOT, env=environment, stdout=said, stderr=said, start_new_session=True
        )
    try:
        # It works: what is due is polled.
        poll_now(database)
        until(lambda: poll_error(database) != "")
        poll_now(database)
        filler = small_disk / "filler"
        fill(filler)
        until(lambda: FULL in log.read_text())
        assert process.poll() is None
        filler.unlink()
        poll_now(database)
        until(lambda: poll_error(database) != "")
        assert process.poll() is None
        with closing(sqlite3.connect(database, timeout=30)) as opened:
            assert opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        os.killpg(process.pid, 9)
        process.wait()


PUSHES = 120
FULL_SECONDS = 8
SETTINGS = {"OUTBOX_LEASE_SECONDS": "5", "OUTBOX_THREADS": "4", "OUTBOX_STORE_CONCURRENCY": "8"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("where", ["var", "database"])
def test_k11_pushes_outlive_a_full_disk(
    sandbox: RunningSandbox, store: Store, small_disk: Path, tmp_path: Path, where: str
) -> None:
    """Queue and schedule on a disk that is full for a while; or no byte more for any file of the worker, its
    database included (RLIMIT_FSIZE)."""
    if where == "database" and connection.vendor != "sqlite":
        pytest.skip("o servidor do PostgreSQL não é do teste")
    trial = Trial(f"K11 {where}")
    deliveries_request(shipped(sandbox, store, PUSHES), user=None, origin=Origin.BUTTON)
    folder = small_disk if where == "var" else tmp_path
    with worker_process(folder, {**SETTINGS, **of_sandbox(sandbox)}, wrapped={}) as process:
        wait_for(lambda: done() >= trial.chance.uniform(0.1, 0.5) * PUSHES, DRAIN_SECONDS)
        if where == "var":
            fill(small_disk / "filler")
            time.sleep(FULL_SECONDS)
            (small_disk / "filler").unlink()
        else:
            limits = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in group(process.pid)}
            for pid, (_, hard) in limits.items():
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
            time.sleep(FULL_SECONDS)
            assert not all_done()
            for pid, limit in limits.items():
                resource.prlimit(pid, resource.RLIMIT_FSIZE, limit)
        trial.last_fault()
        wait_for(all_done, DRAIN_SECONDS)
        assert process.poll() is None
    trial.judge(sandbox, PUSHES)


def group(leader: int) -> list[int]:
    """The processes that `started` made and their children."""
    found = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [pid for pid in found if _group_of(pid) == leader]


def _group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def fill(path: Path) -> None:
    """Take every byte, also those that are given back meanwhile."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def poll_now(database: Path) -> None:
    with closing(sqlite3.connect(database, timeout=30)) as opened, opened:
        opened.execute(
            "UPDATE kwai_integration_synccursor SET last_error = '', lease_token = NULL, lease_until = NULL,"
            " due_at = '2026-01-01 00:00:00'"
        )


def poll_error(database: Path) -> str:
    with closing(sqlite3.connect(database, timeout=30)) as opened:
        return str(opened.execute("SELECT last_error FROM kwai_integration_synccursor").fetchone()[0])
