"""How many rows each tab holds, as far as people read: one statement, at most `MOST_COUNTED` rows a tab, kept
as long as nothing changed that the list shows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, TypeAlias

from django.core.cache import cache
from django.db.models import QuerySet

from erp.attention.board import Board, rows_count
from erp.web.lists.paging import MOST_COUNTED, Count

TabCounts: TypeAlias = Mapping[str, Count]
KEPT_SECONDS = 600


def counts_read(wanted: Mapping[str, QuerySet[Any]], board: Board, *, with_shell: bool) -> dict[str, Count]:
    """The rows of each tab, by its key; with what the shell of a whole page counts in the same statement."""
    rows = {key: found.order_by()[: MOST_COUNTED + 1] for key, found in wanted.items()}
    known = board.counted_with(rows) if with_shell else rows_count(rows, board.user)
    return {key: Count(count) for key, count in known.items()}


def counts_kept(key: str, stamp: str) -> TabCounts | None:
    """What `counts_keep` was given for the view `key` of a list under this stamp."""
    return cache.get(_name(key, stamp)) if stamp else None


def counts_keep(key: str, stamp: str, counts: TabCounts) -> None:
    if stamp:
        cache.set(_name(key, stamp), counts, KEPT_SECONDS)


def _name(key: str, stamp: str) -> str:
    return f"list:{hashlib.blake2s(key.encode(), digest_size=12).hexdigest()}:{stamp}"
