"""Reading the register for one person: what their role and their stores let them see."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping
from functools import cached_property
from typing import Any, TypeVar, cast

from django.core.cache import cache
from django.db.models import IntegerField, QuerySet, Subquery
from django.urls import reverse

from erp.accounts.models import Company, Role, User
from erp.attention import register
from erp.attention.models import Condition
from erp.attention.register import Item, Repair, Severity
from erp.stamps import stamps_read

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

KEPT_SECONDS = 30
WORST_FIRST = {severity: rank for rank, severity in enumerate(Severity)}


class Board:
    """What needs `user`. A source is read when somebody asks for it and something changed since."""

    def __init__(self, user: User) -> None:
        self.user = user

    @property
    def watched(self) -> list[QuerySet[Any]]:
        """Rows that any of it is read from."""
        own = [rows for source in register.sources_of(self.user) for rows in source.watched(self.user)]
        return [Condition.objects.open_for(self.user), *own]

    @cached_property
    def stamp(self) -> str:
        """Another once anything changed that this person may be told of; whoever read it already sets it."""
        return stamps_read({"board": self.watched})["board"]

    def kept(self, name: str, read: Callable[[], T]) -> T:
        """What `read` answers, kept for a moment as long as nothing of it changed; sentences that name a time
        are told anew every `KEPT_SECONDS`."""
        key = f"board:{self.user.pk}:{self.user.role}:{name}:{self.stamp}"
        if (found := cache.get(key)) is None:
            found = read()
            cache.set(key, found, KEPT_SECONDS)
        return cast(T, found)

    @cached_property
    def banners(self) -> list[Item]:
        """What stands above every page, the worst first."""
        return self.kept("banners", self._banners_read)

    def _banners_read(self) -> list[Item]:
        found = [
            item
            for source in register.items_sources(self.user, on_home=False)
            for item in source.items(self.user)
        ]
        found += [condition_item(row) for row in conditions_of(self.user)]
        return sorted(found, key=lambda item: WORST_FIRST[item.severity])

    @cached_property
    def cards(self) -> list[Item]:
        """What Início shows, in the order the apps chose."""
        return self.kept("cards", self._cards_read)

    def _cards_read(self) -> list[Item]:
        sources = register.rows_sources(self.user)
        counts = self._counts
        ordered = [(each.order, each.item(counts[each.key])) for each in sources if counts[each.key]]
        for source in register.items_sources(self.user, on_home=True):
            ordered += [(source.order, item) for item in source.items(self.user)]
        return [item for _, item in sorted(ordered, key=lambda pair: pair[0])]

    def figures(self, keys: Collection[str]) -> dict[str, str]:
        """The counts of these rows sources as they are shown; what counts nothing is missing."""
        sources = [source for source in register.rows_sources(self.user) if source.key in keys]
        counts = self._counts
        return {each.key: each.item(counts[each.key]).figure for each in sources if counts[each.key]}

    @cached_property
    def _counts(self) -> dict[str, int]:
        return self.kept("counts", self._counts_read)

    def _counts_read(self) -> dict[str, int]:
        sources = register.rows_sources(self.user)
        return rows_count({each.key: each.rows(self.user) for each in sources}, self.user)


def everything_of(company: Company) -> User:
    """A person who sees all of a company, for reading on nobody's behalf: administrators see every store."""
    return User(company=company, role=Role.ADMIN)


def conditions_of(user: User) -> QuerySet[Condition]:
    """The open conditions `user` may see, oldest first."""
    rows = Condition.objects.open_for(user).filter(key__in=register.condition_sources(user))
    return rows.select_related("store").order_by("opened_at", "pk")


def condition_item(row: Condition) -> Item:
    """The condition as it is told; its own page is where it is read and ended."""
    url = reverse("attention:condition", args=[row.pk])
    sentence = f"{row.store.name}: {row.text}" if row.store else row.text
    repair = Repair("ver e confirmar", url)
    return Item(key=row.key, subject=row.subject, sentence=sentence, url=url, repair=repair)


class _Counted(Subquery):
    """How many rows a query has, as a column of another."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()
    empty_result_set_value = 0


def rows_count(wanted: Mapping[K, QuerySet[Any]], user: User, *, most: int | None = None) -> dict[K, int]:
    """How many rows each of these has, by the same names, `most` + 1 (of `MOST`) standing for more; one
    statement."""
    if not wanted:
        return {}
    limit = (register.MOST if most is None else most) + 1
    columns = [_Counted(rows.order_by().values("pk")[:limit]) for rows in wanted.values()]
    # A statement needs a row to answer with, and the company is there for everybody.
    counts = Company.objects.filter(pk=user.company_id or 0).values_list(*columns).first()
    return dict(zip(wanted, counts or [0] * len(wanted), strict=True))
