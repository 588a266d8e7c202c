"""Seeded histories: the product keeps every promise, and without any one of its guards it does not.

Each test is a process of its own, because clock, network and database of the simulation are not the suite's.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
HISTORIES = 100
# Found within a few histories.
SOON_MISSED = (
    "by its key",
    "go in their order",
    "judged right before the write",
    "who finds a new pair",
    "stored under its lease before",
    "counted before it leaves",
    "after the window is stored",
)


@pytest.fixture(autouse=True)
def _once() -> None:
    if connection.vendor == "postgresql":
        pytest.skip("a simulação usa o SQLite em qualquer forma: a parte padrão já a executa")


def simulated(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.simulation", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_histories_keep_every_promise() -> None:
    done = simulated("--histories", str(HISTORIES))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"histories={HISTORIES} failed=0" in done.stdout


def test_a_guard_is_missed_when_it_is_gone() -> None:
    done = simulated("--guards", "--only", ",".join(SOON_MISSED))
    findings = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(findings) == len(SOON_MISSED)
    assert [line for line in findings if "\tseed " not in line] == []


def test_a_seed_tells_the_same_history_again() -> None:
    first, second = (simulated("--seed", "6", "--histories", "1", "-v").stdout for _ in range(2))
    steps = [text.rsplit("histories=", 1)[0] for text in (first, second)]
    assert steps[0] == steps[1]
    assert "start 1:" in steps[0]
