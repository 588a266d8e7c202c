"""Statements that are sent many times a second: made once by Django, then sent with new values.

Making the SQL of a large condition costs the client several times what the database takes to answer it. A
statement is kept under a key; placeholders stand for values that differ from one time to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeAlias

from django.db import connection
from django.db.models import QuerySet
from django.db.models.sql import UpdateQuery

# SQL and its parameters, placeholders among them.
Statement: TypeAlias = tuple[str, Sequence[Any]]

# Stands for the id of a row; no row has it.
SOME_ID = -(2**62)
_kept: dict[Hashable, Statement] = {}


def kept(key: Hashable, make: Callable[[], Statement]) -> Statement:
    """The statement of `key`, from `make` at its first use. Whatever shapes the SQL beside the placeholders
    must be part of the key."""
    key = (connection.vendor, key)
    if key not in _kept:
        _kept[key] = make()
    return _kept[key]


def select_of(rows: QuerySet[Any]) -> Statement:
    """The statement that reads `rows`."""
    sql, parameters = rows.query.sql_with_params()
    return sql, tuple(parameters)


def update_of(rows: QuerySet[Any], values: Mapping[str, Any]) -> Statement:
    """The statement that writes `values` into `rows`, as `QuerySet.update` would."""
    query: Any = rows.query.chain(UpdateQuery)
    query.add_update_values(dict(values))
    sql, parameters = query.get_compiler(connection=connection).as_sql()
    return sql, tuple(parameters)


def filled(parameters: Sequence[Any], given: Mapping[Any, Any]) -> list[Any]:
    """The parameters with a value in the place of each placeholder."""
    return [given.get(value, value) for value in parameters]
