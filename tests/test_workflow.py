"""The workflow of GitHub, read without GitHub: what it calls exists here."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

from erp.settings.background import QUEUES
from kwai_sandbox.__main__ import options_parse
from scripts.commands import COMMANDS
from tests.compose import ROOT, services

FOLDER = ROOT / ".github"
WORKFLOW = yaml.safe_load((FOLDER / "workflows" / "ci.yml").read_text())
STEPS: list[dict[str, Any]] = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]
RUNS: list[str] = [step["run"] for step in STEPS if "run" in step]
TEXT = "\n".join(RUNS)
SERVICES = set(services({"POSTGRES_PASSWORD": "x"}))


def test_it_does_what_it_is_for_in_order() -> None:
    wanted = (
        "make setup", "python -m kwai_sandbox", "docker compose build", "docker compose up -d", "/readyz",
        "python -m scripts.first_order",
    )  # fmt: skip
    places = [TEXT.index(each) for each in wanted]
    assert places == sorted(places)
    assert WORKFLOW["jobs"]["checks"]["steps"][-1]["run"] == ".ci/run"


def test_the_readme_says_that_nobody_has_seen_it_run() -> None:
    assert "this workflow has not run yet" in (ROOT / "README.md").read_text()


def test_what_it_takes_from_github_has_a_version() -> None:
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"]) for step in STEPS if "uses" in step)


@pytest.mark.parametrize("run", RUNS)
def test_each_step_is_a_script_that_bash_reads(run: str) -> None:
    subprocess.run(["bash", "-n"], input=run, text=True, check=True)


def test_every_target_module_and_command_is_there() -> None:
    assert set(re.findall(r"\bmake (\S+)", TEXT)) <= set(COMMANDS)
    assert all(os.access(ROOT / name, os.X_OK) for name in re.findall(r"^\.ci/\S+", TEXT, re.MULTILINE))
    modules = re.findall(r"python -m (\S+)", TEXT)
    assert modules
    assert all(importlib.util.find_spec(name) for name in modules)
    commands = re.findall(r"manage\.py (\w+)", TEXT)
    assert commands
    assert set(commands) <= set(get_commands())


def test_the_sandbox_takes_the_options_it_is_given() -> None:
    (line,) = [run for run in RUNS if "kwai_sandbox" in run]
    words = shlex.split(line.replace("\\\n", " ").split(">", 1)[0])
    options = options_parse(words[words.index("kwai_sandbox") + 1 :])
    assert (options.host, options.port) == ("0.0.0.0", 8100)


def test_the_compose_files_it_names_fit_together() -> None:
    names = WORKFLOW["jobs"]["image"]["env"]["COMPOSE_FILE"].split(":")
    assert names[0] == "docker-compose.yml"
    added = yaml.safe_load((ROOT / names[1]).read_text())["services"]
    assert set(added) == {"web", *QUEUES}
    assert set(re.findall(r"docker compose run (?:-\S+ )*(\w+)", TEXT)) <= SERVICES
    assert all("host.docker.internal:host-gateway" in service["extra_hosts"] for service in added.values())
    assert "KWAI_API_URL=http://host.docker.internal:8100" in TEXT


def test_every_value_the_compose_file_asks_for_is_written() -> None:
    written = set(re.findall(r"^([A-Z_]+)=", TEXT, re.MULTILINE))
    assert "POSTGRES_PASSWORD" in written
    explained = set(re.findall(r"^# ([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert written <= explained
