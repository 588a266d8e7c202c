"""Every write the platform received, for counting what was lost or doubled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from kwai_sandbox.clock import now_ms
from kwai_sandbox.state import State

FACT_CALLS = ("uploadInvoice", "shipOrder", "confirmDelivery", "cancelOrder")


@dataclass(frozen=True)
class Identity:
    """What a write is about and which content makes two of them equal."""

    call: str
    subject: str
    content: dict[str, Any]

    @property
    def digest(self) -> str:
        text = json.dumps(self.content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


IdentityReader = Callable[[dict[str, Any]], Identity]


def ledger_add(
    state: State, *, merchant_id: str, identity: Identity, applied: bool, result: int, fault: str | None
) -> None:
    """Record one write. `result` is the platform's own verdict, 0 when it never got to one.

    `repeat` is true when the content applied last for this subject and call is the same.
    """
    key = (merchant_id, identity.call, identity.subject)
    last = state.row(
        "SELECT digest FROM last_applied WHERE merchant_id = ? AND call = ? AND subject = ?", *key
    )
    repeat = last is not None and last["digest"] == identity.digest
    state.run(
        "INSERT INTO ledger"
        " (time, merchant_id, call, subject, digest, content, applied, repeat, result, fault)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        now_ms(), *key, identity.digest, json.dumps(identity.content), applied, repeat, result, fault,
    )  # fmt: skip
    if applied:
        state.run("INSERT OR REPLACE INTO last_applied VALUES (?, ?, ?, ?)", *key, identity.digest)


def ledger_read(
    state: State, *, since: int = 0, after: int = 0, subject: str | None = None
) -> list[dict[str, Any]]:
    """Rows from `since` (ms, inclusive) and with an id above `after`, oldest first."""
    sql = "SELECT * FROM ledger WHERE time >= ? AND id > ?"
    values: list[Any] = [since, after]
    if subject is not None:
        sql += " AND subject = ?"
        values.append(subject)
    return [_as_json(dict(row)) for row in state.rows(f"{sql} ORDER BY id", *values)]


def ledger_latest(
    state: State, limit: int, *, applied: bool = False, ids: Collection[int] | None = None
) -> list[dict[str, Any]]:
    """The newest rows first; only those that changed something, or only those of `ids`."""
    chosen = None if ids is None else json.dumps(sorted(ids))
    rows = state.rows(
        "SELECT * FROM ledger WHERE applied >= ? AND (? IS NULL OR id IN (SELECT value FROM json_each(?)))"
        " ORDER BY id DESC LIMIT ?",
        applied, chosen, chosen, limit,
    )  # fmt: skip
    return [_as_json(dict(row)) for row in rows]


def _as_json(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "time": row["time"],
        "merchantId": row["merchant_id"],
        "call": row["call"],
        "subject": row["subject"],
        "digest": row["digest"],
        "content": json.loads(row["content"]),
        "applied": bool(row["applied"]),
        "repeat": bool(row["repeat"]),
        "result": row["result"],
        "fault": row["fault"],
    }


def ledger_doubled(state: State, *, since: int = 0, after: int = 0) -> list[int]:
    """Ids of the doubled rows of `ledger_read`, judged against all rows."""
    rows = state.rows(
        "SELECT id FROM ledger AS row WHERE time >= ? AND id > ?"
        " AND ((repeat = 1 AND call IN (SELECT value FROM json_each(?)))"
        " OR (call = 'addItem' AND applied = 1 AND EXISTS ("
        " SELECT 1 FROM ledger AS earlier WHERE earlier.subject = row.subject AND earlier.call = 'addItem'"
        " AND earlier.merchant_id = row.merchant_id AND earlier.applied = 1 AND earlier.id < row.id)))"
        " ORDER BY id",
        since, after, json.dumps(FACT_CALLS),
    )  # fmt: skip
    return [row["id"] for row in rows]
