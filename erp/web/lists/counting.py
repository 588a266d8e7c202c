"""How many rows each tab holds, as far as people read: one statement, at most `MOST_COUNTED` rows a tab."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from django.db.models import QuerySet

from erp.accounts.models import User
from erp.attention.board import rows_count
from erp.web.lists.declarations import Tab
from erp.web.lists.paging import MOST_COUNTED, Count

TabCounts: TypeAlias = Mapping[str, Count]


def tabs_count(found: QuerySet[Any], tabs: Sequence[Tab], user: User) -> dict[str, Count]:
    """The rows of `found` in each tab, by its key."""
    wanted = {tab.key: found.filter(tab.condition) for tab in tabs}
    return {key: Count(known) for key, known in rows_count(wanted, user, most=MOST_COUNTED).items()}
