"""What the platform remembers: one SQLite database, in a file or in memory.

A transaction is committed before its answer leaves, so `kill -9` loses nothing that was answered.

The table `meta (key, value)` has a row `edition`: the edition of the wire contract as JSON, `2`. A file
without that row is of edition 1. Whoever wants to know before starting the emulator asks
`SELECT value FROM meta WHERE key = 'edition'` with the standard library, as `edition_of` does here.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS merchants (merchant_id TEXT PRIMARY KEY, shop_name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS codes (
    code TEXT PRIMARY KEY, merchant_id TEXT NOT NULL, scopes TEXT NOT NULL, expires_at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS grants (
    merchant_id TEXT PRIMARY KEY, scopes TEXT NOT NULL,
    access_token TEXT NOT NULL UNIQUE, refresh_token TEXT NOT NULL UNIQUE,
    access_expires_at INTEGER NOT NULL, refresh_expires_at INTEGER NOT NULL,
    revoked INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS retired_tokens (refresh_token TEXT PRIMARY KEY, merchant_id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS orders (
    order_id TEXT PRIMARY KEY, merchant_id TEXT NOT NULL,
    create_time INTEGER NOT NULL, update_time INTEGER NOT NULL,
    detail TEXT NOT NULL, received TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS orders_by_update ON orders (merchant_id, update_time, order_id);
CREATE INDEX IF NOT EXISTS orders_by_create ON orders (merchant_id, create_time, order_id);
CREATE TABLE IF NOT EXISTS refunds (
    refund_id TEXT PRIMARY KEY, order_id TEXT NOT NULL UNIQUE, merchant_id TEXT NOT NULL,
    status INTEGER NOT NULL, amount INTEGER NOT NULL, reason TEXT NOT NULL,
    create_time INTEGER NOT NULL, update_time INTEGER NOT NULL, recorded TEXT NOT NULL DEFAULT '{}');
CREATE TABLE IF NOT EXISTS items (
    item_id TEXT PRIMARY KEY, merchant_id TEXT NOT NULL, update_time INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS items_by_update ON items (merchant_id, update_time, item_id);
CREATE TABLE IF NOT EXISTS ledger (
    id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, merchant_id TEXT NOT NULL,
    call TEXT NOT NULL, subject TEXT NOT NULL, digest TEXT NOT NULL, content TEXT NOT NULL,
    applied INTEGER NOT NULL, repeat INTEGER NOT NULL, result INTEGER NOT NULL, fault TEXT);
CREATE INDEX IF NOT EXISTS ledger_by_time ON ledger (time);
CREATE INDEX IF NOT EXISTS ledger_by_subject ON ledger (subject);
CREATE TABLE IF NOT EXISTS last_applied (
    merchant_id TEXT NOT NULL, call TEXT NOT NULL, subject TEXT NOT NULL, digest TEXT NOT NULL,
    PRIMARY KEY (merchant_id, call, subject));
CREATE TABLE IF NOT EXISTS pushes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, due_at INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    payload TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS reviews (
    order_id TEXT PRIMARY KEY, due_at INTEGER NOT NULL, refusal TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS pushes_by_due ON pushes (due_at);
"""
EMPTIED = (
    "merchants", "codes", "grants", "retired_tokens", "orders", "refunds", "items", "ledger", "last_applied",
    "pushes", "reviews",
)  # fmt: skip
CREDENTIALS, INITIALISED, EDITION_KEY = "credentials", "initialised", "edition"
EDITION = 2


class OtherEdition(Exception):
    """The file holds the state of another edition of the contract, or no state at all."""


def edition_of(path: Path) -> int | None:
    """The edition that wrote the file: 1 for one without the mark, None when there is nothing in it yet.

    Raises `OtherEdition` for a file that is no database.
    """
    if not path.exists() or not path.stat().st_size:
        return None
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone() is None:
            return None
        row = connection.execute("SELECT value FROM meta WHERE key = ?", (EDITION_KEY,)).fetchone()
    except sqlite3.DatabaseError as error:
        raise OtherEdition(
            f"{path} não é um estado do simulador ({error}): guarde-o em outro lugar."
        ) from None
    finally:
        connection.close()
    return 1 if row is None else int(json.loads(row[0]))


class State:
    """One connection behind one lock; every method may be called from any thread.

    `renew` empties a file that another edition wrote, but for the app's credentials and the number counters;
    without it such a file raises `OtherEdition`.
    """

    def __init__(self, path: Path | None = None, *, renew: bool = False) -> None:
        edition = EDITION
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            edition = edition_of(path) or EDITION
        if edition != EDITION and not renew:
            raise OtherEdition(
                f"{path} é da edição {edition} do contrato e este simulador é da edição {EDITION}:"
                " guarde o arquivo em outro lugar ou use --reset."
            )
        # What a dialect makes of the settings' defaults; kept nowhere.
        self.usual_settings: dict[str, Any] = {}
        self._lock = threading.RLock()
        self._depth = 0
        self._connection = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        if edition != EDITION:
            self._drop_tables()
        self._connection.executescript(TABLES)
        self.meta_set(EDITION_KEY, EDITION)

    def _drop_tables(self) -> None:
        """Leave nothing of another edition but what `clear` keeps."""
        for row in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'"):
            if row["name"] != "meta" and not row["name"].startswith("sqlite_"):
                self.run(f"DROP TABLE {row['name']}")
        self._forget_meta()

    def _forget_meta(self) -> None:
        kept = (CREDENTIALS, INITIALISED, EDITION_KEY)
        self.run("DELETE FROM meta WHERE key NOT IN (?, ?, ?) AND key NOT LIKE 'next_%'", *kept)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; inside another transaction it joins that one."""
        with self._lock:
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._connection.execute("COMMIT")

    def run(self, sql: str, *values: Any) -> None:
        """Execute a statement without an answer."""
        with self._lock:
            self._connection.execute(sql, values)

    def run_many(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Execute a statement once for every row."""
        with self._lock:
            self._connection.executemany(sql, rows)

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Every row of a query."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """The first row of a query."""
        found = self.rows(sql, *values)
        return found[0] if found else None

    def count(self, sql: str, *values: Any) -> int:
        """The single number that a `SELECT count(*)` answers."""
        return int(self.rows(sql, *values)[0][0])

    def meta(self, key: str, default: Any = None) -> Any:
        """A named JSON value."""
        row = self.row("SELECT value FROM meta WHERE key = ?", key)
        return default if row is None else json.loads(row["value"])

    def meta_set(self, key: str, value: Any) -> None:
        """Replace a named JSON value."""
        self.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", key, json.dumps(value))

    def next_ids(self, kind: str, count: int = 1) -> range:
        """`count` fresh numbers of one kind; they survive a restart and a reset never repeats them."""
        with self.transaction():
            first = int(self.meta(f"next_{kind}", 1))
            self.meta_set(f"next_{kind}", first + count)
        return range(first, first + count)

    def clear(self) -> None:
        """Forget everything but the app's credentials and the number counters."""
        with self.transaction():
            for table in EMPTIED:
                self.run(f"DELETE FROM {table}")  # noqa: S608 - our own names
            self._forget_meta()

    def close(self) -> None:
        """Close the database; the file then holds everything."""
        with self._lock:
            self._connection.close()
