"""The copy of an SQLite database."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from django.db import connection

from erp.runtime.backup.refusals import BackupRefused

NAMES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
# Beside the database; a copy that is put back must meet none of them.
ENDS = ("", "-wal", "-shm", "-journal")


class SqliteCopies:
    """Of the file that DATABASE_URL names."""

    member = "database.sqlite3"

    def dump(self, target: Path) -> dict[str, int]:
        """Copy what was committed when this began; nobody who writes waits. Raises sqlite3.Error."""
        place = _place()
        if not place.exists():
            raise BackupRefused(f"Não há banco em {place}: não há nada a copiar.")
        target.touch(mode=0o600)
        with closing(_opened(place, "rw")) as live, closing(sqlite3.connect(target)) as copy:
            # All pages in one step are one snapshot of the write-ahead log.
            live.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        return self.counted(target)

    def counted(self, file: Path) -> dict[str, int]:
        """Rows by table, once SQLite has found the file whole. Raises BackupRefused."""
        with closing(_opened(file, "ro")) as copy:
            (said,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
            if said != "ok":
                raise BackupRefused(f"O banco SQLite está corrompido: {said}.")
            names = [name for (name,) in copy.execute(NAMES)]
            asked = (f'SELECT COUNT(*) FROM "{name}"' for name in names)  # noqa: S608 - the catalogue's own
            counts = (copy.execute(question).fetchone()[0] for question in asked)
            return dict(zip(names, counts, strict=True))

    def require_empty(self) -> None:
        place = _place()
        for path in (place.with_name(place.name + end) for end in ENDS):
            if path.exists():
                raise BackupRefused(
                    f"Já existe um banco em {path}, e nada foi restaurado: pare o ERP e guarde esse arquivo "
                    "em outra pasta, ou escreva outro lugar em DATABASE_URL."
                )

    def load(self, file: Path, tables: Mapping[str, int]) -> None:
        """Put `file` where the database belongs, whole or not at all."""
        require_equal(tables, self.counted(file))
        place = _place()
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = place.with_name(f"{place.name}.restoring")
        try:
            shutil.move(file, draft)
            draft.rename(place)
        finally:
            draft.unlink(missing_ok=True)

    def check(self, file: Path, tables: Mapping[str, int]) -> None:
        require_equal(tables, self.counted(file))


def require_equal(wanted: Mapping[str, int], found: Mapping[str, int]) -> None:
    """Raises BackupRefused, with the table whose rows are not as many as were copied."""
    for name in sorted({*wanted, *found}):
        if wanted.get(name) != found.get(name):
            raise BackupRefused(
                f"A tabela {name} tem {found.get(name, 'nenhuma')} linhas e a cópia diz "
                f"{wanted.get(name, 'nenhuma')}: use outra cópia."
            )


def _place() -> Path:
    return Path(connection.settings_dict["NAME"])


def _opened(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode={mode}", uri=True, timeout=20)
