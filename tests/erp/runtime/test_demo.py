"""What the demonstration keeps for itself and what it refuses."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from django.conf import settings

from erp.runtime import demo
from erp.settings.checks import EXIT_CODE

ROOT = Path(__file__).resolve().parents[3]
REAL = "https://api-shop.kwai.com"


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    first = demo.secrets_read(tmp_path / "var")
    assert demo.secrets_read(tmp_path / "var") == first
    assert demo.secrets_read(tmp_path / "other") != first
    assert (tmp_path / "var" / "demo.json").stat().st_mode & 0o777 == 0o600


def test_environment_holds_the_sandbox_and_not_the_password(tmp_path: Path) -> None:
    values = demo.environment(tmp_path, web_port=8000, sandbox_port=8100)
    assert values["KWAI_API_URL"] == "http://127.0.0.1:8100"
    assert values["DATABASE_URL"] == f"sqlite:///{tmp_path / 'demo.sqlite3'}"
    assert demo.secrets_read(tmp_path)["password"] not in values.values()


def api_url(**environment: str) -> subprocess.CompletedProcess[str]:
    """What a process started with `environment` takes as the platform's address."""
    base = {name: value for name, value in os.environ.items() if not name.startswith(("KWAI_", "ERP_DEMO"))}
    own = {
        "ERP_READ_ENV": "0",
        "SECRET_KEY": settings.SECRET_KEY,
        "FIELD_KEYS": settings.FIELD_KEYS,
        "DJANGO_SETTINGS_MODULE": "erp.settings.base",
    }
    code = "from django.conf import settings; print(settings.KWAI_API_URL)"
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", code]
    return subprocess.run(
        command, cwd=ROOT, env=base | own | environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(("mode", "expected"), [("0", REAL), ("1", "http://127.0.0.1:8100")])
def test_default_address_of_the_platform(mode: str, expected: str) -> None:
    assert api_url(ERP_DEMO=mode).stdout.strip() == expected


def test_demonstration_refuses_the_real_platform_in_one_sentence() -> None:
    answer = api_url(ERP_DEMO="1", KWAI_API_URL=REAL)
    assert answer.returncode == EXIT_CODE
    assert answer.stderr.startswith("KWAI_API_URL não leva ao Kwai simulado")
    assert answer.stderr.count("\n") == 1


def entered(folder: Path, *lines: str) -> tuple[dict[str, str], list[str]]:
    """What `make run` in a folder with this `.env` hands on once its settings are read, its environment; and which
    of them cannot be used."""
    for package in ("erp", "kwai_integration"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".env").write_text("\n".join(("ERP_DEMO=1", *lines)))
    own = ("KWAI_", "ERP_", "DATABASE_URL", "REDIS_URL", "PUBLIC_URL", "DJANGO_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    code = (
        "import json, os; from erp.runtime import demo; demo.enter(); from erp.settings import base; "
        "print(json.dumps([dict(os.environ), [*base.env.problems]]))"
    )
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    environment, problems = json.loads(run.stdout)
    return environment, problems


def test_what_somebody_wrote_in_the_file_is_told_to_the_simulated_kwai(tmp_path: Path) -> None:
    lines = ("PUBLIC_URL=http://erp.example", "KWAI_SIGN_HOST=sign.example", "KWAI_SIGN_ACCESS_TOKEN=on")
    shop = ("KWAI_APP_KEY=of-the-shop", "REDIS_URL=redis://of.the.shop:6379/0", "DATABASE_URL=sqlite:///shop")
    handed, problems = entered(tmp_path, *lines, *shop)
    assert problems == []
    assert [
        f"{name}={handed[name]}" for name in ("PUBLIC_URL", "KWAI_SIGN_HOST", "KWAI_SIGN_ACCESS_TOKEN")
    ] == [*lines]
    assert handed["KWAI_API_URL"] == "http://127.0.0.1:8100"
    assert "shop" not in handed["KWAI_APP_KEY"] + handed["REDIS_URL"] + handed["DATABASE_URL"]


def test_the_real_platform_named_in_the_file_is_refused_too(tmp_path: Path) -> None:
    assert entered(tmp_path, f"KWAI_API_URL={REAL}")[1] == ["KWAI_API_URL"]


def made(path: Path, *statements: str) -> None:
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


MIGRATIONS = "CREATE TABLE django_migrations (app TEXT, name TEXT)"
META = "CREATE TABLE meta (key TEXT, value TEXT)"
SECOND = "INSERT INTO django_migrations VALUES ('kwai_integration', '0008_edition_two')"
EDITION = "INSERT INTO meta VALUES ('edition', '2')"
DAY = date(2026, 11, 28)


@pytest.mark.parametrize(
    ("database", "sandbox"),
    [([MIGRATIONS], [META]), ([MIGRATIONS, SECOND], [META]), ([MIGRATIONS], [META, EDITION])],
    ids=["both", "sandbox", "database"],
)
def test_a_demonstration_of_the_first_edition_is_set_aside_whole(
    tmp_path: Path, database: list[str], sandbox: list[str]
) -> None:
    made(tmp_path / "demo.sqlite3", *database)
    made(tmp_path / "sandbox.sqlite3", *sandbox)
    (tmp_path / "demo.sqlite3-wal").write_text("")
    made(tmp_path / "erp.sqlite3", MIGRATIONS)
    said = demo.former_set_aside(tmp_path, DAY)
    folder = tmp_path / "demo-2026-11-28"
    assert str(folder) in said
    assert said.count("\n") == 0
    assert {path.name for path in folder.iterdir()} == {"demo.sqlite3", "demo.sqlite3-wal", "sandbox.sqlite3"}
    assert {path.name for path in tmp_path.iterdir()} == {"demo-2026-11-28", "erp.sqlite3"}
    assert demo.former_set_aside(tmp_path, DAY) == ""


def test_two_of_one_day_get_two_folders(tmp_path: Path) -> None:
    for _ in range(2):
        made(tmp_path / "demo.sqlite3", MIGRATIONS)
        demo.former_set_aside(tmp_path, DAY)
    assert {path.name for path in tmp_path.iterdir()} == {"demo-2026-11-28", "demo-2026-11-28-2"}


def test_what_is_of_this_edition_or_new_stays(tmp_path: Path) -> None:
    assert demo.former_set_aside(tmp_path, DAY) == ""
    made(tmp_path / "demo.sqlite3", MIGRATIONS, SECOND)
    made(tmp_path / "sandbox.sqlite3", META, EDITION)
    assert demo.former_set_aside(tmp_path, DAY) == ""
    assert len(list(tmp_path.iterdir())) == 2
