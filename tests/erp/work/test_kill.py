"""A process dies by SIGKILL inside a slice: its rows are undone with it, and whoever comes next does each once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from erp.work.models import Work, WorkState
from erp.work.running import work_run_next
from tests.erp.outbox.test_kill import database_url

ROOT = Path(__file__).resolve().parents[3]
LEASE_SECONDS = 2


@pytest.mark.chaos
@pytest.mark.django_db(transaction=True)
def test_every_row_is_done_once_although_its_worker_died(
    make_work: Callable[..., Work], counted: Callable[[], dict[str, int]], settings: Any
) -> None:
    settings.WORK_LEASE_SECONDS = LEASE_SECONDS
    work = make_work(40)
    command = [sys.executable, "-m", "tests.erp.work.killed_worker", str(work.pk)]
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "erp.settings.test",
        "DATABASE_URL": database_url(),
        "WORK_LEASE_SECONDS": str(LEASE_SECONDS),
    }
    assert subprocess.run(command, cwd=ROOT, env=environment, timeout=120).returncode == -signal.SIGKILL
    work.refresh_from_db()
    assert (work.done, work.state) == (10, WorkState.RUNNING)
    assert counted() == {f"r{number}": 1 for number in range(10)}
    ends = time.monotonic() + LEASE_SECONDS + 10
    while work.state is not WorkState.FINISHED:
        assert time.monotonic() < ends
        work_run_next()
        time.sleep(0.1)
        work.refresh_from_db()
    assert counted() == {f"r{number}": 1 for number in range(40)}
