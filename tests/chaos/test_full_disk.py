"""The disk fills up under a running worker: it says so, stays, writes and sends nothing, and goes on by itself
once there is room."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.erp.runtime.test_storage import FULL, small_disk

__all__ = ["small_disk"]

pytestmark = pytest.mark.chaos

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
        with closing(sqlite3.connect(database, timeout=30)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def fill(path: Path) -> None:
    """Take every byte, also those that are given back meanwhile."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def poll_now(database: Path) -> None:
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        connection.execute(
            "UPDATE kwai_integration_synccursor SET last_error = '', lease_token = NULL, lease_until = NULL,"
            " due_at = '2026-01-01 00:00:00'"
        )


def poll_error(database: Path) -> str:
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        return str(connection.execute("SELECT last_error FROM kwai_integration_synccursor").fetchone()[0])
