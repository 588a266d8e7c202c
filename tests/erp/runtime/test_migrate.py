"""A start that is killed between a migration and its record goes on at the next one."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
# Killed as the record of this migration is about to be written.
KILLED = """
import os, signal, sys
import django
django.setup()
from django.core.management import call_command
from django.db.migrations.recorder import MigrationRecorder
write = MigrationRecorder.record_applied
def record_applied(self, app, name):
    if (app, name) == ("{app}", "{name}"):
        os.kill(os.getpid(), signal.SIGKILL)
    write(self, app, name)
MigrationRecorder.record_applied = record_applied
call_command("migrate", "{app}", "{name}", verbosity=0)
"""


def migrate(database: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "erp.settings.test",
        "DATABASE_URL": f"sqlite:///{database}",
    }
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("app", "name"),
    # With a foreign key, so that statements are left for its end; and one that is not atomic on PostgreSQL.
    [("attention", "0001_initial"), ("sales", "0006_newest_first")],
)
def test_a_kill_between_a_migration_and_its_record(tmp_path: Path, app: str, name: str) -> None:
    database = tmp_path / "erp.sqlite3"
    killed = migrate(database, "-c", KILLED.format(app=app, name=name))
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    again = migrate(database, "manage.py", "migrate", app, name, "--verbosity=0")
    assert again.returncode == 0, again.stderr
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(
            "SELECT COUNT(*) FROM django_migrations WHERE app = ? AND name = ?", (app, name)
        ).fetchone()
    assert rows == (1,)
