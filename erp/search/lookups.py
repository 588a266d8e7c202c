"""What the ORM needs to look for words: texts put together, the lookups `holds` and `any_of`,
few values among many rows."""

from __future__ import annotations

import json
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, F, Func, IntegerField, Lookup, Subquery, TextField

from erp.search.folding import glob_pattern, like_pattern, regex_pattern


class SearchText(Func):
    """Texts of a row one after the other with a blank between them; none of the columns may be NULL."""

    template = "(%(expressions)s)"
    arg_joiner = " || ' ' || "
    output_field = TextField()

    def __init__(self, *columns: str, **extra: Any) -> None:
        super().__init__(*(F(column) for column in columns), **extra)


class Holds(Lookup[str]):
    """`name__holds="joao"`: the word stands anywhere in the text, whatever its accents and case. Reads every
    row it is asked about."""

    lookup_name = "holds"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        text, parameters = self.process_lhs(compiler, connection)
        condition, pattern = word_condition(connection, text, str(self.rhs))
        return condition, (*parameters, pattern)


class IndexHolds(Holds):
    """The same from the trigram index of the very text on the left (`erp.search.indexes`)."""

    lookup_name = "index_holds"

    def as_postgresql(self, compiler: Any, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        text, parameters = self.process_lhs(compiler, connection)
        return f"erp_fold({text}) LIKE %s", (*parameters, like_pattern(str(self.rhs)))


def word_condition(connection: BaseDatabaseWrapper, text: str, word: str) -> tuple[str, str]:
    """SQL that is true where the SQL expression `text` holds the word, and its parameter."""
    if connection.vendor == "postgresql":
        return f"{text} ~ %s", regex_pattern(word)
    return f"{text} GLOB %s", glob_pattern(word)


class AnyOf(Lookup[Any]):
    """`pk__any_of=[…]`: as `in`, with one parameter however many values, which are ids or texts.

    PostgreSQL knows how many there are and reads them by the index of the column.
    """

    lookup_name = "any_of"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        return f"{column} IN (SELECT value FROM json_each(%s))", (  # noqa: S608 - the ORM's own name
            *parameters,
            json.dumps(self.values),
        )

    def as_postgresql(self, compiler: Any, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        kind = "text" if self.values and isinstance(self.values[0], str) else "bigint"
        return f"{column} = ANY(%s::{kind}[])", (*parameters, self.values)

    @property
    def values(self) -> list[int | str]:
        return list(self.rhs)


class RowsCounted(Subquery):
    """How many rows a query has, as a column of another; cut it, and the count stops there."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()
    empty_result_set_value = 0


class IsAmong(Func):
    """Whether a column holds one of the few values that a query answers: `IsAmong(F("pk"), Subquery(…))`.

    As a join PostgreSQL takes them for many, or does not come to it among many joins, and reads whole tables.
    As an array they are read once, and then looked up by the index of the column.
    """

    output_field = BooleanField()
    conditional = True

    def as_sql(  # type: ignore[override]
        self, compiler: Any, connection: Any, **context: Any
    ) -> tuple[str, tuple[Any, ...]]:
        return self._compiled(compiler, "IN ")

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, tuple[Any, ...]]:
        sql, parameters = self._compiled(compiler, "= ANY(ARRAY")
        return f"{sql})", parameters

    def _compiled(self, compiler: Any, way: str) -> tuple[str, tuple[Any, ...]]:
        (column, own), (values, more) = (compiler.compile(each) for each in self.get_source_expressions())
        return f"{column} {way}{values}", (*own, *more)
