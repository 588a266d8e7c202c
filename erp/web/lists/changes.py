"""Whether anything that a list shows is newer than what a page holds: one statement over indexes.

Rows that lists show are `Stamped`: `updated_at` moves with every write. The stamp of a list is a digest of
the newest rows it watches, and not of the last instant alone: a transaction may end after a later one began.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from django.core.cache import cache
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from erp.web.lists.counting import TabCounts

# More changes than that between two looks of a page also change the newest ones.
NEWEST = 40
COUNTS_SECONDS = 600


def stamp_read(watched: Sequence[QuerySet[Any]]) -> str:
    """A short text that is another once a row of `watched` was added or changed; empty for nothing to
    watch."""
    if not watched:
        return ""
    parts, parameters = [], []
    for place, rows in enumerate(watched):
        newest = rows.order_by("-updated_at").values_list("pk", "updated_at")[:NEWEST]
        try:
            sql, own = newest.query.sql_with_params()
        except EmptyResultSet:  # of nothing, nothing can be newer
            continue
        # Only SQL of Django's own, put side by side: SQLite takes no LIMIT in a part of a UNION otherwise.
        parts.append(f"SELECT {place}, newest.* FROM ({sql}) AS newest")  # noqa: S608
        parameters += own
    if not parts:
        return ""
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), parameters)
        rows_found = sorted(map(str, cursor.fetchall()))
    return hashlib.blake2s("\n".join(rows_found).encode(), digest_size=9).hexdigest()


def counts_kept(key: str, stamp: str) -> TabCounts | None:
    """The counts of a view of a list as long as nothing it shows has changed."""
    return cache.get(_name(key, stamp)) if stamp else None


def counts_keep(key: str, stamp: str, counts: TabCounts) -> None:
    if stamp:
        cache.set(_name(key, stamp), counts, COUNTS_SECONDS)


def _name(key: str, stamp: str) -> str:
    return f"list:{hashlib.blake2s(key.encode(), digest_size=12).hexdigest()}:{stamp}"
