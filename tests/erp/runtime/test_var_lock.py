"""Two supervisors in one folder: the second says so and ends; after a killed one it waits for the children."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from erp.runtime import var_lock as locks
from erp.runtime.var_lock import VarTaken, var_lock

HOLDER = (
    "import os, subprocess, sys, time; from pathlib import Path; from erp.runtime.var_lock import var_lock\n"
    "held = var_lock(Path(sys.argv[1]), print)\n"
    "subprocess.Popen(['sleep', sys.argv[2]], pass_fds=[held], stdout=subprocess.DEVNULL)\n"
    "print('held', flush=True); time.sleep(60)"
)


def holder(folder: Path, *, child_lives: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLDER, str(folder), str(child_lives)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_beside_one_that_lives_the_second_is_refused_at_once(tmp_path: Path) -> None:
    process = holder(tmp_path, child_lives=0)
    try:
        began = time.monotonic()
        with pytest.raises(
            VarTaken, match=rf"Outro ERP já trabalha em {tmp_path} \(processo {process.pid}\)"
        ):
            var_lock(tmp_path, print)
        assert time.monotonic() - began < 1
    finally:
        process.kill()
        process.communicate()


def test_after_one_that_was_killed_its_children_are_waited_for(tmp_path: Path) -> None:
    process = holder(tmp_path, child_lives=2)
    process.kill()
    process.communicate()
    said: list[str] = []
    began = time.monotonic()
    os.close(var_lock(tmp_path, said.append))
    assert 0.5 < time.monotonic() - began < 8
    assert said == ["Esperando que os processos do ERP anterior terminem..."]


def test_children_that_never_end_are_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "PATIENCE_SECONDS", 0.3)
    process = holder(tmp_path, child_lives=5)
    process.kill()
    process.communicate()
    with pytest.raises(VarTaken):
        var_lock(tmp_path, lambda line: None)


def test_the_file_is_private_and_may_stay(tmp_path: Path) -> None:
    os.close(var_lock(tmp_path, print))
    assert (tmp_path / locks.NAME).stat().st_mode & 0o777 == 0o600
    os.close(var_lock(tmp_path, print))
