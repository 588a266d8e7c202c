"""Every name that a settings module reads may stand in `.env`, and the real environment wins."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
REAL = "https://api-shop.kwai.com"
NEEDED = {"SECRET_KEY": "needed-secret", "FIELD_KEYS": "k1:needed"}
# A value other than the default, for every name that a settings module reads.
VALUES = {
    "ALLOWED_HOSTS": "erp.example",
    "BEHIND_TLS_PROXY": "on",
    "BROKER_DIR": "/srv/broker",
    "DATABASE_URL": "sqlite:////srv/other.sqlite3",
    "DEBUG": "on",
    "EMAIL_FROM": "erp@example.com",
    "EMAIL_URL": "smtp://ana:word@smtp.example.com:465?ssl=on",
    "ERP_DEMO": "1",
    "FIELD_KEYS": "k2:other",
    "KWAI_API_URL": "https://other.example",
    "KWAI_APP_KEY": "ks1",
    "KWAI_APP_RATE": "7",
    "KWAI_APP_SECRET": "app-word",
    "KWAI_CONFIRM_FIRST_PUSH": "off",
    "KWAI_CONSENT_URL": "https://consent.example",
    "KWAI_DAILY_CALLS": "12",
    "KWAI_FIELDS": '{"order.status": "state"}',
    "KWAI_MESSAGE_KEY": "AAECAwQFBgcICQoLDA0ODw==",
    "KWAI_PATHS": '{"ship_order": "/rest/other"}',
    "KWAI_POLL_OVERLAP_SECONDS": "13",
    "KWAI_POLL_SECONDS": "14",
    "KWAI_RESULT_ROLES": '{"448": "clock_wrong"}',
    "KWAI_SIGN_ACCESS_TOKEN": "on",
    "KWAI_SIGN_HOST": "sign.example",
    "KWAI_SIGN_SECRET": "sign-word",
    "KWAI_STATUS_ROLES": '{"77": {"role": "to_arrange", "label": "A programar"}}',
    "KWAI_STORE_RATE": "3",
    "LABELS_DIR": "/srv/labels",
    "LOG_FORMAT": "json",
    "LOG_LEVEL": "DEBUG",
    "NFE_OTHER_CERTIFICATE": "refuse",
    "OUTBOX_COALESCE_SECONDS": "5",
    "OUTBOX_DAY_STARTS_UTC_HOUR": "4",
    "OUTBOX_LEASE_SECONDS": "61",
    "OUTBOX_RETRY_HOURS": "8",
    "OUTBOX_STORE_CONCURRENCY": "9",
    "PUBLIC_URL": "https://erp.example",
    "READY_OLDEST_JOB_SECONDS": "10",
    "REDIS_URL": "redis://redis.example:6379/0",
    "SECRET_KEY": "other-secret",
}
# Loads the settings anew for each set of values on standard input and prints them, or what ended the start.
LOADER = """
import json, os, sys
from pathlib import Path
from django.core.exceptions import ImproperlyConfigured
clean, found = dict(os.environ), []
for case in json.load(sys.stdin):
    os.environ.clear()
    os.environ.update(clean | case["environment"])
    Path(".env").write_text("".join(f"{name}='{value}'\\n" for name, value in case["file"].items()))
    for name in [name for name in sys.modules if name.startswith("erp.settings")]:
        del sys.modules[name]
    try:
        from erp.settings import base
    except ImproperlyConfigured as error:
        found.append({"refused": str(error)})
        continue
    found.append({name: repr(value) for name, value in vars(base).items() if name.isupper()})
print(json.dumps(found))
"""
Case = dict[str, dict[str, str]]


def case(file: dict[str, str] | None = None, **environment: str) -> Case:
    return {"file": NEEDED | (file or {}), "environment": environment}


def names_read() -> set[str]:
    """What the modules pass to `env.…(…)` and to their own readers: the first argument, in capitals."""
    calls = [
        node
        for path in (ROOT / "erp" / "settings").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and node.args and is_reader(node.func)
    ]
    firsts = [node.args[0] for node in calls]
    return {
        str(first.value) for first in firsts if isinstance(first, ast.Constant) and str(first.value).isupper()
    }


def is_reader(function: ast.expr) -> bool:
    if isinstance(function, ast.Attribute):
        return isinstance(function.value, ast.Name) and function.value.id == "env"
    return isinstance(function, ast.Name)


class Folder:
    """A copy of what the settings import, with a `.env` of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for package in ("erp", "kwai_integration"):
            shutil.copytree(ROOT / package, path / package, ignore=shutil.ignore_patterns("__pycache__"))

    def loaded(self, *cases: Case) -> list[dict[str, str]]:
        own = (*VALUES, "ERP_READ_ENV", "ERP_PORT", "DJANGO_SETTINGS_MODULE", "PYTHONPATH")
        kept = {name: value for name, value in os.environ.items() if name not in own}
        run = subprocess.run(
            [sys.executable, "-c", LOADER], cwd=self.path, env=kept, input=json.dumps(cases),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr
        found: list[dict[str, str]] = json.loads(run.stdout)
        return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return Folder(tmp_path_factory.mktemp("copy"))


@pytest.fixture(scope="module")
def loads(folder: Folder) -> dict[str, list[dict[str, str]]]:
    """Per name: the defaults, and the settings with its value in the file, and in the environment over
    another in the file."""
    cases = [case()]
    for name, value in VALUES.items():
        cases += [case({name: value}), case({name: "from-the-file"}, **{name: value})]
    default, *rest = folder.loaded(*cases)
    return {name: [default, *rest[2 * place : 2 * place + 2]] for place, name in enumerate(VALUES)}


def test_every_name_that_is_read_has_a_value_here() -> None:
    assert names_read() == set(VALUES)


def test_every_name_that_is_read_is_explained() -> None:
    text = (ROOT / ".env.example").read_text()
    assert [name for name in sorted(VALUES) if f"# {name}=" not in text] == []


@pytest.mark.parametrize("name", sorted(VALUES))
def test_a_name_in_the_file_counts_and_one_in_the_environment_wins(
    loads: dict[str, list[dict[str, str]]], name: str
) -> None:
    default, from_file, from_environment = loads[name]
    assert "refused" not in default
    assert from_file != default
    assert from_file == from_environment


def test_the_file_is_left_alone_when_it_should_not_be_read(folder: Folder) -> None:
    values = {name: value for name, value in VALUES.items() if name not in NEEDED}
    unread, plain = folder.loaded(
        case(values, ERP_READ_ENV="0", **NEEDED), case(None, ERP_READ_ENV="0", **NEEDED)
    )
    assert unread == plain
    (refused,) = folder.loaded(case(ERP_READ_ENV="0"))
    assert "Falta SECRET_KEY" in refused["refused"]


def test_the_demonstration_chosen_in_the_file_has_its_own_defaults(folder: Folder) -> None:
    demonstration, real = folder.loaded(case({"ERP_DEMO": "1"}), case({"ERP_DEMO": "0"}))
    names = ("KWAI_API_URL", "KWAI_CONFIRM_FIRST_PUSH")
    assert [demonstration[name] for name in names] == ["'http://127.0.0.1:8100'", "False"]
    assert [real[name] for name in names] == [repr(REAL), "True"]


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ({"KWAI_STATUS_ROLES": '{"77": "no_role"}'}, "KWAI_STATUS_ROLES: "),
        ({"KWAI_RESULT_ROLES": '{"448": "nothing"}'}, "KWAI_RESULT_ROLES: "),
        ({"KWAI_PATHS": '{"no_call": "/x"}'}, "KWAI_PATHS: "),
        ({"KWAI_FIELDS": "{"}, "KWAI_FIELDS não é um objeto JSON"),
        ({"EMAIL_URL": "imap://x.example"}, "EMAIL_URL começa com imap://"),
        ({"ERP_DEMO": "1", "KWAI_API_URL": REAL}, f"ERP_DEMO=1 não usa {REAL}: "),
    ],
)
def test_what_cannot_be_used_in_the_file_ends_the_start(
    folder: Folder, file: dict[str, str], said: str
) -> None:
    (refused,) = folder.loaded(case(file))
    assert refused["refused"].startswith(said)
