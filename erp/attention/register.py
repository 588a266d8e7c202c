"""The register of what needs a person. Apps add their sources from `AppConfig.ready()`; `board` reads them.

A key is stable English (`invoices.without_order`), one in the product and never shown. There are three ways
to know of something: rows that are counted, things that are read out one by one, and `Condition` rows that
somebody opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django.urls import reverse

from erp.accounts.models import User
from erp.accounts.permissions import Permission, holds

if TYPE_CHECKING:
    from erp.attention.models import Condition

# More rows than that are not counted: "1000+" says as much, and costs the same in a shop of any size.
MOST = 1000


# The rows, within the reach of a person, that a source is read from (`erp.stamps`).
Watched = Callable[[User], Sequence[QuerySet[Any]]]


class Severity(StrEnum):
    """The worst first."""

    DANGER = "danger"  # something stands still until somebody acts
    WARNING = "warning"  # it will, or a part of it does
    INFO = "info"  # to be read once
    WORK = "work"  # the day's work, waiting

    @property
    def colour(self) -> str:
        return {"danger": "red", "warning": "orange"}.get(self.value, "blue")


@dataclass(frozen=True, slots=True)
class Repair:
    """What to do about it: a button and where it leads."""

    label: str
    url: str
    new_tab: bool = False


@dataclass(frozen=True, slots=True)
class MailText:
    """Sent to the company's administrators once for each `occurrence` of an item's key and subject: a text
    that stays while the same thing lasts and changes when it begins anew."""

    occurrence: str
    subject: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that needs a person. `url` shows exactly the `count` rows it is about (0: something is
    missing); `subject` names them in a stable way (`store:7`), empty for all rows of a source. `label` and
    `icon` head its card on Início. `mail` is for what stands above every page."""

    key: str
    sentence: str
    url: str
    repair: Repair
    count: int = 1
    subject: str = ""
    label: str = ""
    icon: str = ""
    mail: MailText | None = None

    @property
    def severity(self) -> Severity:
        return _severities[self.key]

    @property
    def figure(self) -> str:
        """The count as it is shown; empty when something is missing."""
        return f"{MOST}+" if self.count > MOST else str(self.count or "")


@dataclass(frozen=True, kw_only=True, eq=False)
class RowsSource:
    """Rows that wait: a card on Início and, by its key, the figure of a sidebar entry.

    `rows(user)` answers those within the user's reach; all sources are counted in one statement, again once
    one of the rows that `watched(user)` names was written. A query that `rows` must itself read something to
    build is built again only once one of the rows of `built_from(user)` was written. `url_name` with `query`
    is the list of exactly these rows. `one` and `many` follow the figure; `repair` names the button.
    """

    key: str
    label: str
    icon: str
    rows: Callable[[User], QuerySet[Any]]
    one: str
    many: str
    repair: str
    url_name: str
    query: str = ""
    watched: Watched
    built_from: Watched | None = None
    severity: Severity = Severity.WORK
    permission: Permission = Permission.VIEW
    order: int = 50

    @property
    def severities(self) -> Mapping[str, Severity]:
        return {self.key: self.severity}

    def item(self, count: int) -> Item:
        url = reverse(self.url_name) + (f"?{self.query}" if self.query else "")
        return Item(
            key=self.key,
            sentence=self.one if count == 1 else self.many,
            url=url,
            repair=Repair(self.repair, url),
            count=count,
            label=self.label,
            icon=self.icon,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class ItemsSource:
    """Things that are told one by one, above every page; `on_home` makes cards of Início of them instead.

    `items(user)` yields items of the keys in `severities`, at the cost of a statement or two whatever their
    number: it is asked on every page. Where there can only be any while certain rows exist,
    `only_while(user)` names these: without one nothing is asked.
    """

    severities: Mapping[str, Severity]
    items: Callable[[User], Iterable[Item]]
    watched: Watched
    only_while: Watched | None = None
    permission: Permission
    on_home: bool = False
    order: int = 50


@dataclass(frozen=True, kw_only=True, eq=False)
class ConditionSource:
    """`Condition` rows of this key, above every page until withdrawn. `leads_to` is where what it tells of is
    looked at or mended."""

    key: str
    label: str
    leads_to: Callable[[Condition], Repair]
    severity: Severity
    permission: Permission
    # Its rows are watched for all of these sources together.
    watched: Watched = field(default=lambda user: ())

    @property
    def severities(self) -> Mapping[str, Severity]:
        return {self.key: self.severity}


def store_subject(store_id: int) -> str:
    """The subject of what is about one store."""
    return f"store:{store_id}"


Source = RowsSource | ItemsSource | ConditionSource

_sources: dict[str, Source] = {}
_severities: dict[str, Severity] = {}


def register(source: Source) -> None:
    """Add a source; one that names a known key takes its place."""
    for key, severity in source.severities.items():
        _sources[key] = source
        _severities[key] = severity


def rows_sources(user: User) -> list[RowsSource]:
    """Those whose permission `user` holds, in the order of their cards."""
    return sorted(
        (source for source in sources_of(user) if isinstance(source, RowsSource)),
        key=lambda source: source.order,
    )


def items_sources(user: User, *, on_home: bool) -> list[ItemsSource]:
    found = (source for source in sources_of(user) if isinstance(source, ItemsSource))
    return [source for source in found if source.on_home == on_home]


def condition_sources(user: User) -> dict[str, ConditionSource]:
    return {source.key: source for source in sources_of(user) if isinstance(source, ConditionSource)}


def condition_source(key: str) -> ConditionSource:
    """Raises LookupError for a key that names no condition."""
    source = _sources.get(key)
    if not isinstance(source, ConditionSource):
        raise LookupError(f"No condition is registered as {key!r}")
    return source


def sources_of(user: User) -> list[Source]:
    """Every source whose permission `user` holds."""
    return [source for source in dict.fromkeys(_sources.values()) if holds(user, source.permission)]
