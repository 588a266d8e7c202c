"""How many rows each tab holds, as far as people read: one statement, at most `MOST_COUNTED` rows a tab, kept
as long as nothing changed that the list shows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from django.core.cache import cache
from django.db.models import QuerySet

from erp.accounts.models import User
from erp.attention.board import rows_count
from erp.web.lists.declarations import Tab
from erp.web.lists.paging import MOST_COUNTED, Count

TabCounts: TypeAlias = Mapping[str, Count]
KEPT_SECONDS = 600


def tabs_count(found: QuerySet[Any], tabs: Sequence[Tab], user: User) -> dict[str, Count]:
    """The rows of `found` in each tab, by its key."""
    wanted = {tab.key: found.filter(tab.condition) for tab in tabs}
    return {key: Count(known) for key, known in rows_count(wanted, user, most=MOST_COUNTED).items()}


def counts_kept(key: str, stamp: str) -> TabCounts | None:
    """What `counts_keep` was given for the view `key` of a list under this stamp."""
    return cache.get(_name(key, stamp)) if stamp else None


def counts_keep(key: str, stamp: str, counts: TabCounts) -> None:
    if stamp:
        cache.set(_name(key, stamp), counts, KEPT_SECONDS)


def _name(key: str, stamp: str) -> str:
    return f"list:{hashlib.blake2s(key.encode(), digest_size=12).hexdigest()}:{stamp}"
