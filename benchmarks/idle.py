"""What lists cost that somebody leaves open: the product's web server over HTTP, and its database."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from django.db import connection

from benchmarks.open_list import ASKS_NEWER, HAS_ROWS, rows_header, rows_of, stamp_of
from erp.web.lists import LIVE_SECONDS

ROOT = Path(__file__).resolve().parent.parent
CHANGE_SECONDS = 5
# As `manage.py up` starts it.
WEB = ("-k", "gthread", "--workers", "1", "--threads", "8", "--preload", "--no-control-socket")


def idle_figures(
    addresses: Sequence[str], session: str, change: Callable[[], None], seconds: int
) -> dict[str, float]:
    """What these open lists cost in percent of one core: while nothing is newer, and with a `change` every
    five seconds, which each of them then fetches. Nothing where the system does not tell processor times as
    Linux does."""
    if seconds <= 0 or not Path("/proc/self/stat").exists():
        return {}
    found = {}
    with _served() as (port, pids):
        lists = [_OpenList(port, session, address) for address in addresses]
        for key, changing in (("idle_core_percent", None), ("busy_core_percent", change)):
            before = processor_seconds(pids)
            _watched(lists, seconds, changing)
            found[key] = round((processor_seconds(pids) - before) / seconds * 100, 2)
    return found


def _watched(lists: Sequence[_OpenList], seconds: int, change: Callable[[], None] | None) -> None:
    began = time.monotonic()
    for turn in range(seconds // LIVE_SECONDS):
        if change is not None and turn * LIVE_SECONDS % CHANGE_SECONDS < LIVE_SECONDS:
            change()
        for each in lists:
            each.look()
        time.sleep(max(0.0, began + (turn + 1) * LIVE_SECONDS - time.monotonic()))


class _OpenList:
    """A list in a browser, as `lists.js` keeps it fresh."""

    def __init__(self, port: int, session: str, address: str) -> None:
        self.address = address
        self.port = port
        self.headers = {"Cookie": f"sessionid={session}"}
        text = self._get({})[1]
        self.stamp, self.rows = stamp_of(text), rows_of(text)

    def look(self) -> None:
        status, _ = self._get({ASKS_NEWER: self.stamp})
        if status == 200:
            raise SystemExit(f"{self.address} sends the whole page to who asks for newer rows")
        if status == 204:
            _, text = self._get({HAS_ROWS: rows_header(self.rows)})
            self.stamp = stamp_of(text)
            self.rows |= rows_of(text)

    def _get(self, headers: Mapping[str, str]) -> tuple[int, str]:
        # The web server keeps a connection as long as a list waits between two looks: none is found again.
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request("GET", self.address, headers={**self.headers, **headers})
            answer = connection.getresponse()
            text = answer.read().decode()
        if answer.status not in (200, 204, 304):
            raise SystemExit(f"{self.address} answered {answer.status}")
        return answer.status, text


@contextmanager
def _served() -> Iterator[tuple[int, list[int]]]:
    """The web server over the database at hand: its port and processes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "erp.wsgi", "-b", f"127.0.0.1:{port}", *WEB]
    environment = os.environ | {"DATABASE_URL": database_url()}
    process = subprocess.Popen([*command, "--log-level", "warning"], cwd=ROOT, env=environment)
    try:
        _wait_for(port)
        yield port, [process.pid, *children_of(process.pid)]
    finally:
        process.terminate()
        process.wait(30)


def database_url() -> str:
    name = str(connection.settings_dict["NAME"])
    given = os.environ.get("DATABASE_URL")
    return urlsplit(given)._replace(path=f"/{name}").geturl() if given else f"sqlite:///{name}"


def _wait_for(port: int) -> None:
    ends = time.monotonic() + 60
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=2):
                return
        except OSError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.1)


def processor_seconds(pids: Iterable[int], *, backends: bool = True) -> float:
    """Of these processes and of what serves them in PostgreSQL on this machine."""
    return sum(map(_seconds_of, [*pids, *(_backends() if backends else ())]))


def _backends() -> list[int]:
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return [row[0] for row in cursor.fetchall()]


def children_of(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(each) for each in found]


def postgres_seconds() -> float:
    """Processor time of the PostgreSQL at hand, connections that have ended included."""
    fields = _stat(_backend())
    server = int(fields[1])
    ended = sum(int(each) for each in _stat(server)[13:15]) / os.sysconf("SC_CLK_TCK")
    return ended + sum(map(_seconds_of, [server, *children_of(server)]))


def _backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def _seconds_of(pid: int) -> float:
    try:
        fields = _stat(pid)
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    """The fields of proc(5) behind the name of the program."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
