"""Ids of the rows that hold the typed words, at a cost that does not grow with the table.

Rare words come from a trigram index; of words that very many rows hold, and of those too short for trigrams,
the newest rows alone are looked through.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from django.db import connections
from django.db.models import Case, F, IntegerField, Model, Q, QuerySet, When

from erp.accounts.models import User
from erp.search.lookups import SearchText, word_condition
from erp.search.reading import Typed, typed_read

M = TypeVar("M", bound=Model)

# How many newest rows are looked through for words that no index can or should serve.
WINDOW = 10_000
# The same of a table that is always read.
WHOLE = 200_000
# Of these newest rows so many show that a word is common: an index would list most of the table.
SAMPLE, COMMON = 2_000, 40
# The most ids out of the index, and out of the newest rows.
MOST, MOST_OF_NEWEST = 2_000, 1_000
# A trigram needs three characters.
SHORTEST_INDEXED = 3


@dataclass(frozen=True, slots=True)
class Matches:
    """Ids that match. `exact` of them are what the text names; older ones are missing unless `complete`."""

    ids: Sequence[int] = ()
    exact: Sequence[int] = ()
    complete: bool = True

    def __or__(self, other: Matches) -> Matches:
        return Matches(
            _once([*self.ids, *other.ids]),
            _once([*self.exact, *other.exact]),
            self.complete and other.complete,
        )

    @property
    def condition(self) -> Q:
        """For the rows themselves; never more than one parameter."""
        return Q(pk__any_of=self.ids) if self.ids else Q(pk__in=[])


@dataclass(frozen=True, slots=True)
class TextSource:
    """Texts of one table in which words are looked for.

    `leads_to` is its column with the id of the row that is wanted, `seen_from` what that row calls the same
    texts. `index` is the name of its trigram index; a table without one is small enough to be read.
    """

    model: type[Model]
    columns: tuple[str, ...]
    index: str = ""
    leads_to: str = "pk"
    seen_from: tuple[str, ...] = ()

    def holding(self, words: Sequence[str]) -> QuerySet[Any, int]:
        """The ids it leads to, of rows whose text holds every word."""
        rows = self.model._default_manager.alias(found_text=SearchText(*self.columns))
        for word in words:
            # A short one in the index's condition would make it list the whole table.
            lookup = "index_holds" if len(word) >= SHORTEST_INDEXED else "holds"
            rows = rows.filter(**{f"found_text__{lookup}": word})
        return rows.order_by().values_list(self.leads_to, flat=True)


_sources: list[TextSource] = []


def text_source(
    model: type[Model],
    *columns: str,
    index: str = "",
    leads_to: str = "pk",
    seen_from: Sequence[str] = (),
) -> TextSource:
    """Declare a source; a migration makes its index: `AddSearchIndex` with the same name and columns."""
    source = TextSource(model, columns, index, leads_to, tuple(seen_from) or columns)
    _sources.append(source)
    return source


def text_sources() -> list[TextSource]:
    """Every declared source."""
    return list(_sources)


@dataclass
class Search:
    """One search of one user; what one list found serves the next."""

    user: User
    text: str
    _answers: dict[Any, Matches] = field(default_factory=dict)

    @cached_property
    def typed(self) -> Typed:
        return typed_read(self.text)

    def once(self, ask: Callable[[Search], Matches]) -> Matches:
        if ask not in self._answers:
            self._answers[ask] = ask(self)
        return self._answers[ask]


def search_of(request: Any, text: str) -> Search:
    """The search of this request for this text, kept for as long as the request lasts."""
    kept: dict[str, Search] = vars(request).setdefault("_searches", {})
    return kept.setdefault(text, Search(request.user, text))


def rows_found(source: TextSource, words: Sequence[str], scope: QuerySet[M]) -> Matches:
    """Rows of `scope`, which is what the user may see and newest first, whose text holds every word.

    The ids may also name rows out of the scope: whoever shows rows asks his own query for them.
    """
    if not words:
        return Matches()
    if not source.index:
        return _of_newest(source, words, scope)
    indexed = any(len(word) >= SHORTEST_INDEXED for word in words)
    if not indexed or len(_newest(source, words, scope, SAMPLE, COMMON)) >= COMMON:
        return _of_newest(source, words, scope)
    held = list(source.holding(words)[: MOST + 1])
    return Matches(_once(held)) if len(held) <= MOST else _of_newest(source, words, scope)


def rows_named(*rows: QuerySet[Any]) -> Matches:
    """The rows that a number, key or code names, in one statement, each query by its own index."""
    ids = ids_of(*rows)
    return Matches(ids, ids, len(ids) < MOST)


def rows_linked(found: Matches, rows: QuerySet[Any], *columns: str) -> Matches:
    """The rows that have one of what was found in one of these columns."""
    if not found.ids:
        return Matches(complete=found.complete)
    ids = ids_of(*(rows.filter(**{f"{column}__any_of": found.ids}) for column in columns))
    return Matches(ids, complete=found.complete and len(ids) < MOST)


def ids_of(*rows: QuerySet[Any]) -> list[int]:
    """The primary keys of all these rows in one statement, `MOST` at the most."""
    if not rows:
        return []
    first, *others = (each.order_by().values_list("pk", flat=True) for each in rows)
    return _once((first.union(*others, all=True) if others else first)[:MOST])


def newest_first(scope: QuerySet[M], found: Matches, most: int) -> list[M]:
    """Rows for the search box: what the text names before what merely holds it."""
    if not found.ids:
        return []
    rows = scope.filter(found.condition)
    if found.exact:
        named = Case(When(pk__any_of=found.exact, then=0), default=1, output_field=IntegerField())
        rows = rows.order_by(named, *scope.query.order_by)
    return list(rows[:most])


def _of_newest(source: TextSource, words: Sequence[str], scope: QuerySet[M]) -> Matches:
    window = WINDOW if source.index else WHOLE
    ids = _newest(source, words, scope, window, MOST_OF_NEWEST + 1)
    complete = len(ids) <= MOST_OF_NEWEST and not scope[window : window + 1].exists()
    return Matches(_once(ids[:MOST_OF_NEWEST]), complete=complete)


def _newest(
    source: TextSource, words: Sequence[str], scope: QuerySet[M], window: int, most: int
) -> list[int]:
    """Up to `most` ids among the `window` newest rows of the scope."""
    texts = SearchText(*source.seen_from)
    newest = scope.annotate(found_pk=F("pk"), found_text=texts).values("found_pk", "found_text")[:window]
    connection = connections[scope.db]
    sql, parameters = newest.query.sql_with_params()
    conditions = [word_condition(connection, "found_text", word) for word in words]
    held = " AND ".join(condition for condition, _ in conditions)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT found_pk FROM ({sql}) newest WHERE {held} LIMIT %s",  # noqa: S608 - the ORM's own SQL
            [*parameters, *(pattern for _, pattern in conditions), most],
        )
        return [row[0] for row in cursor.fetchall()]


def _once(ids: Sequence[int] | QuerySet[Any, int]) -> list[int]:
    return list(dict.fromkeys(ids))
