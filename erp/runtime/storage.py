"""Whether what the ERP writes is taken: a full disk and a read-only database, told before anybody asks why
nothing goes on.

Reading tells neither, so one row is written, by each process at most once a minute and never per request; the
free space is looked at each time.
"""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from enum import Enum
from pathlib import Path

from django.conf import settings
from django.db import Error, connection
from django.urls import reverse
from django.utils import timezone

from erp.accounts.models import User
from erp.attention.register import Item, Repair

logger = logging.getLogger(__name__)

KEY = "runtime.storage"
# Below it SQLite cannot even tidy up; labels and logs need some too.
LEAST_FREE_BYTES = 10 * 1024 * 1024
OFTEN_SECONDS, TROUBLED_SECONDS = 60.0, 5.0
WAIT_MS, CONNECT_SECONDS = 1500, 3
PROBE = (
    "INSERT INTO runtime_writeprobe (id, written_at) VALUES (1, %s) "
    "ON CONFLICT (id) DO UPDATE SET written_at = excluded.written_at"
)
# PostgreSQL's `disk_full` and `read_only_sql_transaction`.
SQL_STATES = {"53100": "FULL", "25006": "READ_ONLY"}


class StorageTrouble(Enum):
    """What keeps the ERP from writing."""

    FULL = "disk_full"
    READ_ONLY = "read_only"

    @property
    def label(self) -> str:
        if self is StorageTrouble.FULL:
            return "O disco do servidor do ERP está cheio"
        return "O banco de dados do ERP está somente para leitura"

    @property
    def repair(self) -> str:
        if self is StorageTrouble.FULL:
            return "Libere espaço"
        return "Devolva a permissão de gravação ao disco ou ao banco"

    @property
    def sentence(self) -> str:
        """For a person, while the ERP runs."""
        return (
            f"{self.label}: nada é gravado e nada é enviado. {self.repair}; o que já foi gravado não se "
            "perde, e o ERP continua sozinho."
        )


_known: StorageTrouble | None = None
_looked_at = _logged_at = float("-inf")
_looking = threading.Lock()


def storage_trouble() -> StorageTrouble | None:
    """What is known by now. At most once a minute, while something is wrong every five seconds, one caller
    finds out by writing; the others are not kept waiting."""
    global _known, _looked_at
    if _is_low():
        return StorageTrouble.FULL
    due = _looked_at + (TROUBLED_SECONDS if _known else OFTEN_SECONDS)
    if time.monotonic() >= due and _looking.acquire(blocking=False):
        try:
            _known, _looked_at = _written(), time.monotonic()
        finally:
            _looking.release()
    return _known


def trouble_seen(error: BaseException | None) -> StorageTrouble | None:
    """The trouble that made this fail, None for another fault. Pages tell it from now on, the log once a
    minute."""
    global _known, _looked_at, _logged_at
    trouble = trouble_of(error)
    if trouble is not None:
        _known, _looked_at = trouble, time.monotonic()
        if time.monotonic() >= _logged_at + OFTEN_SECONDS:
            _logged_at = time.monotonic()
            logger.error("%s", trouble.sentence)
    return trouble


def trouble_of(error: BaseException | None) -> StorageTrouble | None:
    """Which of the two made this fail, None for whatever else it was."""
    if isinstance(error, Error):
        return _database_trouble(error.__cause__)
    if isinstance(error, OSError):
        return _system_trouble(error.errno)
    return None


def _database_trouble(cause: BaseException | None) -> StorageTrouble | None:
    if not isinstance(cause, sqlite3.Error):
        name = SQL_STATES.get(getattr(cause, "sqlstate", None) or "")
        return StorageTrouble[name] if name else None
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return StorageTrouble.FULL
    if code == sqlite3.SQLITE_READONLY:
        return StorageTrouble.READ_ONLY
    # The files beside the database could not be made or grow, which SQLite calls by other names.
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        if _is_low():
            return StorageTrouble.FULL
        return StorageTrouble.READ_ONLY if any(_is_read_only(folder) for folder in _folders()) else None
    return None


def _system_trouble(number: int | None) -> StorageTrouble | None:
    if number in (errno.ENOSPC, errno.EDQUOT):
        return StorageTrouble.FULL
    return StorageTrouble.READ_ONLY if number == errno.EROFS else None


def items(user: User) -> Iterable[Item]:
    """What stands above every page while nothing can be written."""
    if trouble := storage_trouble():
        url = reverse("web:readyz")
        repair = Repair("ver a situação", url, new_tab=True)
        yield Item(key=KEY, sentence=trouble.sentence, url=url, repair=repair)


def _written() -> StorageTrouble | None:
    """Over a connection of its own, as `readyz` reads: another may hang, or be in a transaction."""
    fresh = connection.copy()
    if fresh.vendor == "postgresql":
        fresh.settings_dict["OPTIONS"]["connect_timeout"] = CONNECT_SECONDS
    try:
        with closing(fresh), fresh.cursor() as cursor:
            if fresh.vendor == "postgresql":
                cursor.execute("SELECT set_config('statement_timeout', %s, false)", [str(WAIT_MS)])
            else:
                cursor.execute(f"PRAGMA busy_timeout={WAIT_MS}")
            cursor.execute(PROBE, [timezone.now()])
    except Error as error:
        # A database that is gone, busy or not migrated is told by other checks.
        return trouble_of(error)
    return None


def _folders() -> Iterator[Path]:
    """Where this process writes."""
    yield Path(settings.LABELS_DIR)
    if settings.EMBEDDED:
        yield Path(settings.BROKER_DIR)
    if connection.vendor == "sqlite":
        yield Path(connection.settings_dict["NAME"]).parent


def _is_low() -> bool:
    return any(_free_bytes(folder) < LEAST_FREE_BYTES for folder in _folders())


def _free_bytes(folder: Path) -> int:
    state = _state(folder)
    return state.f_bavail * state.f_frsize


def _is_read_only(folder: Path) -> bool:
    return bool(_state(folder).f_flag & os.ST_RDONLY)


def _state(folder: Path) -> os.statvfs_result:
    """Of the file system that `folder` lies on, or will once it is made."""
    return os.statvfs(next(path for path in (folder, *folder.parents) if path.exists()))
