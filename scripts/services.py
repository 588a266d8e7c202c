"""Run a command with PostgreSQL and Redis: `python -m scripts.services pytest -n 2`.

Takes DATABASE_URL and REDIS_URL when they are set, else the servers that run on this machine (as root a
role of our own is made there and removed again), else starts its own in a temporary folder.
"""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

import redis

START_SECONDS = 30
REDIS_DATABASES = range(15, 8, -1)


class ServiceMissing(Exception):
    """A server is neither running nor installed; the text says which package to install."""


def main(command: Sequence[str]) -> int:
    try:
        with ExitStack() as stack:
            os.environ["DATABASE_URL"] = stack.enter_context(database_url())
            os.environ["REDIS_URL"] = stack.enter_context(redis_url())
            return subprocess.call(command)
    except ServiceMissing as error:
        print(error, file=sys.stderr)
        return 1


@contextmanager
def database_url() -> Iterator[str]:
    given = os.environ.get("DATABASE_URL", "")
    if given:
        yield given
    elif _answers(5432) and os.geteuid() == 0 and _psql("SELECT 1") is not None:
        with _own_role() as url:
            yield url
    else:
        with _own_cluster() as url:
            yield url


@contextmanager
def _own_role() -> Iterator[str]:
    name, password = f"erp_test_{os.getpid()}", secrets.token_hex(12)
    if _psql(f"CREATE ROLE {name} LOGIN CREATEDB PASSWORD '{password}'") is None:
        raise ServiceMissing("O PostgreSQL desta máquina não aceita criar um usuário: defina DATABASE_URL.")
    # Databases of a run that was killed belong to its role, which this one may not touch.
    os.environ.setdefault("TEST_DB_SUFFIX", f"_{os.getpid()}")
    try:
        yield f"postgres://{name}:{password}@127.0.0.1:5432/postgres"
    finally:
        # A run that was killed leaves its databases behind.
        owned = f"SELECT datname FROM pg_database WHERE datdba = '{name}'::regrole"
        for database in (_psql(owned) or "").split():
            _psql(f'DROP DATABASE "{database}" WITH (FORCE)')
        _psql(f"DROP ROLE {name}")


def _psql(statement: str) -> str | None:
    """What `statement` answers when the machine's PostgreSQL takes it from us, else None."""
    command = ["runuser", "-u", "postgres", "--", "psql", "-qtAX", "-v", "ON_ERROR_STOP=1", "-c", statement]
    try:
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


@contextmanager
def _own_cluster() -> Iterator[str]:
    """A cluster in a temporary folder that answers on a socket there. PostgreSQL refuses to run as root, so
    root lends it to the system user postgres."""
    programs = _postgres_programs()
    user = "postgres" if os.geteuid() == 0 else getpass.getuser()
    prefix = ["runuser", "-u", user, "--"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="erp-pg-", ignore_cleanup_errors=True) as folder:
        if prefix:
            shutil.chown(folder, user)
        data = f"{folder}/data"
        shape = ["-U", user, "-A", "trust", "-E", "UTF8", "--no-sync"]
        _quiet([*prefix, f"{programs}/initdb", "-D", data, *shape])
        options = f"-k {folder} -c listen_addresses= -c fsync=off -c max_connections=60"
        start = [f"{programs}/pg_ctl", "-D", data, "-l", f"{folder}/log", "-w", "-o", options, "start"]
        _quiet([*prefix, *start])
        try:
            yield f"postgres://{user}@{folder.replace('/', '%2F')}/postgres"
        finally:
            _quiet([*prefix, f"{programs}/pg_ctl", "-D", data, "-m", "immediate", "stop"])


def _postgres_programs() -> Path:
    """The folder of the newest installed server programs; Debian keeps them off PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    if not found and not on_path:
        raise ServiceMissing(
            "O PostgreSQL não foi encontrado: instale o pacote postgresql ou defina DATABASE_URL."
        )
    return (found[-1] if found else Path(str(on_path))).parent


@contextmanager
def redis_url() -> Iterator[str]:
    given = os.environ.get("REDIS_URL", "")
    if given:
        yield given
    elif _answers(6379):
        with _empty_database() as url:
            yield url
    else:
        with own_redis() as url:
            yield url


@contextmanager
def _empty_database() -> Iterator[str]:
    """A database of the running Redis that holds nothing; what the suite leaves there is removed."""
    for number in REDIS_DATABASES:
        url = f"redis://127.0.0.1:6379/{number}"
        client = redis.Redis.from_url(url)
        if client.dbsize() == 0:
            yield url
            client.flushdb()
            return
    raise ServiceMissing("O Redis desta máquina não tem um banco vazio (9 a 15): defina REDIS_URL.")


@contextmanager
def own_redis() -> Iterator[str]:
    """The address of a Redis of our own, empty, for as long as this lasts."""
    with RedisServer() as server:
        yield server.url


class RedisServer:
    """A Redis of our own on the loopback address that keeps nothing: each start is an empty one, at the same
    address."""

    def __init__(self) -> None:
        self._program = shutil.which("redis-server") or shutil.which("valkey-server")
        if not self._program:
            raise ServiceMissing(
                "O Redis não foi encontrado: instale o pacote redis-server ou defina REDIS_URL."
            )
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Until it answers."""
        options = ["--port", str(self._port), "--bind", "127.0.0.1", "--save", "", "--dir", self._folder.name]
        self._process = subprocess.Popen([self._program or "", *options], stdout=subprocess.DEVNULL)
        _wait_for(self._port)

    def kill(self) -> None:
        """By SIGKILL: what it held is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="erp-redis-")
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._folder.cleanup()


def _quiet(command: Sequence[str]) -> None:
    # A file, not a pipe: the server that pg_ctl leaves running would hold the pipe open.
    with tempfile.TemporaryFile("w+") as output:
        code = subprocess.call(command, cwd="/", stdout=output, stderr=subprocess.STDOUT)
        output.seek(0)
        said = output.read()
    if code:
        raise ServiceMissing(f"O PostgreSQL de teste não iniciou: {said[-500:].strip()}")


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers(port):
        if time.monotonic() > deadline:
            raise ServiceMissing("O Redis de teste não respondeu a tempo.")
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
