"""Why a copy is not made, not taken or not put back."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


class BackupRefused(Exception):
    """The text says in Portuguese what happened and what to do next."""


class BackupBusy(BackupRefused):
    """Another copy is being made, restored or checked."""

    def __init__(self) -> None:
        super().__init__("Outra cópia está em andamento: espere que ela termine e execute de novo.")


@contextmanager
def disk_told(what: str) -> Iterator[None]:
    """Word what the disk refuses; `what` is the sentence that says what did not happen."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise full_disk(what) from error
        raise BackupRefused(
            f"{what}: {error.filename or 'o disco'} não pôde ser lido ou gravado ({error.strerror or error})."
        ) from error
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
            raise full_disk(what) from error
        raise BackupRefused(f"{what}: o SQLite respondeu {error}.") from error


def full_disk(what: str) -> BackupRefused:
    return BackupRefused(
        f"{what}: o disco está cheio. Nada ficou pela metade; libere espaço e execute de novo."
    )
