"""The copy of a PostgreSQL database, by its own programs."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from django.db import Error, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.client import DatabaseClient

from erp.runtime.backup.refusals import BackupRefused, full_disk
from erp.runtime.backup.sqlite import require_equal

TABLES = (
    "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace "
    "AND relkind IN ('r', 'p') ORDER BY relname"
)
# Owners and rights are those of whoever restores; comments are of extensions, which may be another's.
PLAIN = ("--no-owner", "--no-privileges", "--no-comments")
# Names of libpq's variables: nothing secret stands in arguments, which every user of the machine can read.
VARIABLES = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER"}


class PostgresCopies:
    """Of the database that DATABASE_URL names."""

    member = "database.dump"

    def dump(self, target: Path) -> dict[str, int]:
        """Copy one snapshot and count its rows in the same; nobody who writes waits."""
        _require_program("pg_dump")
        target.touch(mode=0o600)
        with _session(_name()) as session, session.cursor() as cursor:
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SELECT pg_export_snapshot()")
            (snapshot,) = cursor.fetchone()
            options = ("--format=custom", f"--snapshot={snapshot}", f"--file={target}")
            _run("A cópia não foi feita", _name(), "pg_dump", *options, *PLAIN)
            return _counts(cursor)

    def require_empty(self) -> None:
        with _session(_name()) as session, session.cursor() as cursor:
            cursor.execute(TABLES)
            if cursor.fetchone():
                raise BackupRefused(
                    f"O banco {_name()} do PostgreSQL já tem tabelas, e nada foi restaurado: crie um banco "
                    "vazio e escreva o nome dele em DATABASE_URL."
                )

    def load(self, file: Path, tables: Mapping[str, int]) -> None:
        """All of it or, when anything fails, nothing."""
        _load(file, _name(), tables)

    def check(self, file: Path, tables: Mapping[str, int]) -> None:
        """Restore into a database of its own, which is gone afterwards."""
        name = f"erp_check_{os.getpid()}"
        with _session(_name()) as session, session.cursor() as cursor:
            try:
                cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
            except Error as error:
                raise BackupRefused(
                    f"O usuário do PostgreSQL não pode criar o banco de conferência ({_line(str(error))}): "
                    "como superusuário execute ALTER ROLE … CREATEDB e tente de novo."
                ) from error
            try:
                _load(file, name, tables)
            finally:
                cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _load(file: Path, name: str, tables: Mapping[str, int]) -> None:
    _require_program("pg_restore")
    options = (f"--dbname={name}", "--single-transaction", "--exit-on-error", *PLAIN, str(file))
    _run("Nada foi restaurado", name, "pg_restore", *options)
    with _session(name) as session, session.cursor() as cursor:
        require_equal(tables, _counts(cursor))


def _name() -> str:
    return str(connection.settings_dict["NAME"])


@contextmanager
def _session(name: str) -> Iterator[BaseDatabaseWrapper]:
    """A connection of its own, outside every transaction."""
    fresh = connection.copy()
    fresh.settings_dict["NAME"] = name
    with closing(fresh):
        yield fresh


def _counts(cursor: Any) -> dict[str, int]:
    cursor.execute(TABLES)
    names = [name for (name,) in cursor.fetchall()]
    found = {}
    for name in names:
        cursor.execute(f'SELECT COUNT(*) FROM "{name}"')  # noqa: S608 - the catalogue's own
        (found[name],) = cursor.fetchone()
    return found


def _require_program(program: str) -> None:
    """Raises BackupRefused where it is missing or older than the server, whose tables it then cannot read."""
    with _session(_name()) as session:
        session.ensure_connection()
        server = session.connection.info.server_version // 10_000
    needed = (
        f"instale o pacote postgresql-client-{server} (em https://apt.postgresql.org para qualquer Debian ou "
        "Ubuntu) e execute de novo."
    )
    try:
        said = subprocess.run(  # noqa: S603 - one of two names
            [program, "--version"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        raise BackupRefused(f"O programa {program} não foi encontrado: {needed}") from None
    found = re.search(r"\) (\d+)", said)
    if not found or int(found[1]) < server:
        raise BackupRefused(
            f"O {program} instalado ({said.strip()}) é mais antigo que o servidor PostgreSQL "
            f"{server}: {needed}"
        )


def _run(what: str, name: str, *command: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own words and the settings'
        command, env=_environment(name), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if not done.returncode:
        return
    if "No space left on device" in done.stderr:
        raise full_disk(what)
    raise BackupRefused(f"{what}: o {command[0]} respondeu {_line(done.stderr)}")


def _environment(name: str) -> dict[str, str]:
    given = connection.settings_dict
    _, further = DatabaseClient.settings_to_cmd_args_env(given, [])
    own = {variable: str(given[key]) for variable, key in VARIABLES.items() if given[key]}
    return os.environ | own | (further or {}) | {"PGDATABASE": name, "PGCONNECT_TIMEOUT": "5", "LC_ALL": "C"}


def _line(text: str) -> str:
    """The first line of what a program said, which names the cause."""
    return (text.strip().splitlines() or ["nada"])[0][:300]
