"""The words behind `make`: named where people look for them, and together the whole suite."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

import erp
from scripts import commands

ROOT = commands.ROOT
NAMES = ("browser", "chaos", "services", "long")


@pytest.mark.parametrize("marks", list(itertools.product([False, True], repeat=4)))
def test_every_test_is_in_one_part_or_needs_services_or_long(marks: Sequence[bool]) -> None:
    """Only tests that kill processes are `long`."""
    given = dict(zip(NAMES, marks, strict=True))
    if given["long"] and not given["chaos"]:
        return
    parts = [name for name, expression in commands.PARTS.items() if eval(expression, {}, given)]
    assert len(parts) == (0 if given["services"] or given["long"] else 1)


def test_every_command_is_a_target_with_its_help_and_its_line_in_the_readme() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (targets,) = re.findall(r"^(setup .+):$", makefile, re.MULTILINE)
    assert set(targets.split()) == set(commands.COMMANDS)
    helped = re.findall(r'@echo "make (\S+)', makefile)
    assert set(helped) == set(commands.COMMANDS)
    readme = (ROOT / "README.md").read_text()
    assert set(re.findall(r"^\| `make (\S+)` \|", readme, re.MULTILINE)) == set(commands.COMMANDS)


def test_ci_runs_every_part_on_both_databases_and_the_readme_s_command_first() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    called = re.findall(r'^part ".*" make (\S+)$', script, re.MULTILINE)
    assert called == [*commands.PARTS, "test-services", "lint"]
    assert called[0] == "test"
    assert "CI=true" in script


def pytest_started(monkeypatch: pytest.MonkeyPatch, name: str, *rest: str, cores: int) -> list[str]:
    """The words with which `make NAME ARGS="REST"` starts pytest on a machine with that many cores."""
    started: list[list[str]] = []
    monkeypatch.setattr(commands, "prepare", lambda lock: None)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cores)))
    monkeypatch.setattr(subprocess, "call", lambda command, cwd: started.append(command) or 0)
    monkeypatch.setenv("CHROMIUM", "/usr/bin/true")
    monkeypatch.setenv("KWAI_REQUIRE_SERVICES", "")
    monkeypatch.setenv("CHAOS_RESULTS", "")
    for service in commands.SERVICE_NAMES:
        monkeypatch.setenv(service, "postgres://somewhere")
    assert commands.main([name, *rest]) == 0
    embedded = name != "test-services"
    assert all((service not in os.environ) is embedded for service in commands.SERVICE_NAMES)
    (command,) = started
    return command


@pytest.mark.parametrize("name", [*commands.PARTS, "test-services"])
@pytest.mark.parametrize(("cores", "workers"), [(1, "2"), (6, "6")])
def test_tests_use_the_cores_and_tell_the_slowest(
    monkeypatch: pytest.MonkeyPatch, name: str, cores: int, workers: str
) -> None:
    command = pytest_started(monkeypatch, name, "-k", "outbox", cores=cores)
    assert command[command.index("-n") + 1] == workers
    assert "--durations=10" in command
    assert command[-2:] == ["-k", "outbox"]
    marks = command[command.index("pytest") :]
    assert marks[marks.index("-m") + 1] == commands.PARTS.get(name, commands.SERVICES_PART)


def test_the_last_line_of_the_killed_processes_is_their_sum(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"case": "K1", "lost": 1, "doubled": 0, "kills": 6},
        {"case": "K4", "lost": 0, "doubled": 2, "kills": 9},
    ]

    def started(command: list[str], cwd: Path) -> int:
        Path(os.environ["CHAOS_RESULTS"]).write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        return 1

    monkeypatch.setattr(commands, "prepare", lambda lock: None)
    monkeypatch.setattr(subprocess, "call", started)
    monkeypatch.setenv("CHAOS_RESULTS", "")
    assert commands.main(["chaos-short"]) == 1
    *told, total = map(json.loads, capsys.readouterr().out.splitlines())
    assert told == rows
    assert total == {"lost": 1, "doubled": 2, "kills": 15, "cases": 2, "passed": False}


def test_the_version_stands_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == erp.__version__
