"""Reading the register for one person: what their role and their stores let them see."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar, cast

from django.core.cache import cache
from django.db.models import QuerySet
from django.urls import reverse

from erp.accounts.models import Company, Role, StoreMembership, User
from erp.attention import register
from erp.attention.models import Condition
from erp.attention.register import Item, Repair, Severity
from erp.search.lookups import RowsCounted
from erp.stamps import NO_ROWS, stamps_plan

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

KEPT_SECONDS = 30
CONDITIONS = "conditions"
WORST_FIRST = {severity: rank for rank, severity in enumerate(Severity)}


class Board:
    """What needs `user`. A source is read when somebody asks for it and one of its rows was written since, or
    `KEPT_SECONDS` have passed: some sentences name a time."""

    def __init__(self, user: User) -> None:
        self.user = user

    @property
    def watched(self) -> dict[str, Sequence[QuerySet[Any]]]:
        """The rows that each source is read from, by a name of the source."""
        found: dict[str, Sequence[QuerySet[Any]]] = {CONDITIONS: [Condition.objects.open_for(self.user)]}
        for source in register.sources_of(self.user):
            if isinstance(source, register.ConditionSource):
                continue
            found[_name(source)] = source.watched(self.user)
            if (basis := _basis(source)) is not None:
                found[_basis_name(source)] = basis(self.user)
        return found

    @cached_property
    def stamps(self) -> Mapping[str, str]:
        """By the same names (`erp.stamps`); whoever has read them already sets them."""
        return stamps_plan((Board, self.reach), lambda: self.watched).read()

    @property
    def reach_rows(self) -> Sequence[QuerySet[Any]]:
        """Whose coming and going changes what `user` reaches."""
        return [StoreMembership.objects.filter(user=self.user)]

    @property
    def reach(self) -> Hashable:
        """Equal for boards that watch the same rows."""
        user = self.user
        return user.pk, user.company_id, user.role, user.is_active, *register.sources_of(user)

    @cached_property
    def banners(self) -> list[Item]:
        """What stands above every page, the worst first."""
        found = [
            item
            for source in register.items_sources(self.user, on_home=False)
            for item in self._items(source)
        ]
        found += self._kept(CONDITIONS, lambda: [condition_item(row) for row in conditions_of(self.user)])
        return sorted(found, key=lambda item: WORST_FIRST[item.severity])

    @cached_property
    def cards(self) -> list[Item]:
        """What Início shows, in the order the apps chose."""
        sources, counts = register.rows_sources(self.user), self._counts
        ordered = [(each.order, each.item(counts[each.key])) for each in sources if counts[each.key]]
        for source in register.items_sources(self.user, on_home=True):
            ordered += [(source.order, item) for item in self._items(source)]
        return [item for _, item in sorted(ordered, key=lambda pair: pair[0])]

    def figures(self, keys: Collection[str]) -> dict[str, str]:
        """The counts of these rows sources as they are shown; what counts nothing is missing."""
        sources = [source for source in register.rows_sources(self.user) if source.key in keys]
        counts = self._counts
        return {each.key: each.item(counts[each.key]).figure for each in sources if counts[each.key]}

    def counted_with(self, others: Mapping[str, QuerySet[Any]]) -> dict[str, int]:
        """How many rows each of `others` has, by the same names, in the statement that counts anew what must
        be of the sources."""
        kept, anew = self._counts_kept()
        counts = rows_count(
            {(True, key): rows for key, rows in anew.items()}
            | {(False, name): rows for name, rows in others.items()},
            self.user,
        )
        self._counts_keep(kept, {key: counts[True, key] for key in anew})
        return {name: counts[False, name] for name in others}

    @cached_property
    def _counts(self) -> dict[str, int]:
        """Of every rows source; those that must be counted anew in one statement."""
        kept, anew = self._counts_kept()
        return self._counts_keep(kept, rows_count(anew, self.user))

    def _counts_kept(self) -> tuple[dict[str, int], dict[str, QuerySet[Any]]]:
        """What is known of the rows sources, by key, and what has to be counted."""
        sources = {source.key: source for source in register.rows_sources(self.user)}
        names = {self._cache_key(_name(source)): key for key, source in sources.items()}
        kept = {names[name]: count for name, count in cache.get_many(names).items()}
        anew = {key: self._rows(source) for key, source in sources.items() if key not in kept}
        return kept, {key: rows.order_by()[: register.MOST + 1] for key, rows in anew.items()}

    def _counts_keep(self, kept: Mapping[str, int], fresh: Mapping[str, int]) -> dict[str, int]:
        names = {source.key: _name(source) for source in register.rows_sources(self.user)}
        cache.set_many({self._cache_key(names[key]): fresh[key] for key in fresh}, KEPT_SECONDS)
        self._counts = {**kept, **fresh}
        return self._counts

    def _rows(self, source: register.RowsSource) -> QuerySet[Any]:
        if source.built_from is None:
            return source.rows(self.user)
        query = self._kept(_basis_name(source), lambda: source.rows(self.user).query)
        return QuerySet(model=query.model, query=query)

    def _items(self, source: register.ItemsSource) -> list[Item]:
        if source.only_while is not None and self.stamps[_basis_name(source)] in NO_ROWS:
            return []
        return self._kept(_name(source), lambda: list(source.items(self.user)))

    def _kept(self, name: str, read: Callable[[], T]) -> T:
        key = self._cache_key(name)
        if (found := cache.get(key)) is None:
            found = read()
            cache.set(key, found, KEPT_SECONDS)
        return cast(T, found)

    def _cache_key(self, name: str) -> str:
        return f"board:{self.user.pk}:{self.user.company_id}:{self.user.role}:{name}:{self.stamps[name]}"


def _name(source: register.Source) -> str:
    """One in the product: a key names a single source."""
    return next(iter(source.severities))


def _basis(source: register.RowsSource | register.ItemsSource) -> register.Watched | None:
    return source.built_from if isinstance(source, register.RowsSource) else source.only_while


def _basis_name(source: register.Source) -> str:
    return f"{_name(source)}:basis"


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


def rows_count(wanted: Mapping[K, QuerySet[Any]], user: User) -> dict[K, int]:
    """How many rows each of these has, by the same names; one statement. Cut what may hold very many
    (`rows[: most + 1]`): the count then stops there."""
    if not wanted:
        return {}
    columns = [RowsCounted(rows.values("pk")) for rows in wanted.values()]
    # A statement needs a row to answer with, and the company is there for everybody.
    counts = Company.objects.filter(pk=user.company_id or 0).values_list(*columns).first()
    return dict(zip(wanted, counts or [0] * len(wanted), strict=True))
