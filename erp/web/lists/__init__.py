"""List pages as declarations: tabs with counts, orders, filters, search, paging, bulk and row actions.

A view subclasses `ListPage` and declares its columns. The same address answers the page, or only the list
when htmx asks for it; actions are POSTed back to it and answered with the list under a panel of results.
`docs/screens.md` has an example.
"""

from erp.web.lists.declarations import (
    ChoiceFilter,
    Column,
    DateFilter,
    Empty,
    Filter,
    Link,
    ListAction,
    Sort,
    Tab,
    since,
    until,
)
from erp.web.lists.page import LIVE_SECONDS, ListPage, action_asked
from erp.web.lists.paging import Count
from erp.web.results import NextListStep

__all__ = [
    "LIVE_SECONDS",
    "ChoiceFilter",
    "Column",
    "Count",
    "DateFilter",
    "Empty",
    "Filter",
    "Link",
    "ListAction",
    "ListPage",
    "NextListStep",
    "Sort",
    "Tab",
    "action_asked",
    "since",
    "until",
]
