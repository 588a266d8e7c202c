"""A run with services: both servers answer, the command's exit code comes back, nothing stays behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
INSIDE = """
import os, psycopg, redis
with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
    connection.execute("CREATE DATABASE left_behind_%d" % os.getpid())
redis.Redis.from_url(os.environ["REDIS_URL"]).set("left", "behind")
print(os.environ["DATABASE_URL"], os.environ["REDIS_URL"])
raise SystemExit(7)
"""


@pytest.mark.services
def test_services_are_lent_and_taken_back() -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
    command = [sys.executable, "-m", "scripts.services", sys.executable, "-c", INSIDE]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    database, _queue = done.stdout.split()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(database)


def test_an_address_that_is_given_is_used_as_it_is() -> None:
    given = {"DATABASE_URL": "postgres://somewhere/else", "REDIS_URL": "redis://somewhere/3"}
    code = "import os; print(os.environ['DATABASE_URL'], os.environ['REDIS_URL'])"
    command = [sys.executable, "-m", "scripts.services", sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | given, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == list(given.values())
