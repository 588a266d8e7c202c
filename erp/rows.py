"""Writing many rows at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from enum import Enum
from typing import Any, TypeAlias, TypeVar

from django.db import connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import AutoField, Field, Model
from django.db.models.expressions import DatabaseDefault
from django.db.models.functions import Now

from erp.accounts.models import AppendOnlyError, AppendOnlyModel
from erp.stamps import Stamped

NOW = Now()

Row = TypeVar("Row", bound=Model)
# Primary key -> name of a field -> its value.
Snapshot: TypeAlias = Mapping[Any, Mapping[str, Any]]


def rows_update(
    rows: Iterable[Model], fields: Sequence[str], *, before: Snapshot | None = None, while_empty: str = ""
) -> int:
    """Write `fields` of these stored rows of one model in a single UPDATE; how many rows were written.

    In place of Django's `bulk_update`, which builds a CASE with a WHEN for every row and field: that costs
    the client more than everything else an import does. Here the values travel as one table that the UPDATE
    joins (`unnest` on PostgreSQL, `VALUES` on SQLite). A field that holds an expression, such as `Now()`,
    holds the same one in every row. As with `bulk_update`, no signal is sent and a row that is gone is left
    out; `updated_at` of stamped rows moves (`erp.stamps`).

    With `before`, which `rows_values` took, rows that did not change are left out, and so are fields that
    changed in no row. With `while_empty`, the name of a field, rows that have a value there by now are left
    as they are.
    """
    wanted = list({row.pk: row for row in rows}.values())
    names = list(dict.fromkeys(fields))
    if before is not None:
        wanted, names = _changed(wanted, names, before)
    if not wanted or not names:
        return 0
    model = type(wanted[0])
    if issubclass(model, AppendOnlyModel):
        raise AppendOnlyError(f"{model.__name__} is append-only")
    if issubclass(model, Stamped):
        names = _stamp(wanted, names)
    connection = connections[router.db_for_write(model)]
    columns = [model._meta.pk, *(_column(model, name) for name in names)]
    most = (connection.features.max_query_params or len(wanted) * len(columns)) // len(columns)
    statements = [
        _statement(connection, columns, wanted[start : start + most], while_empty)
        for start in range(0, len(wanted), most)
    ]
    written = 0
    with transaction.atomic(using=connection.alias, savepoint=False), connection.cursor() as cursor:
        for sql, parameters in statements:
            cursor.execute(sql, parameters)
            written += cursor.rowcount
    return written


def _stamp(rows: Sequence[Any], names: Sequence[str]) -> list[str]:
    for row in rows:
        row.updated_at = NOW
    return [*(name for name in names if name != "updated_at"), "updated_at"]


def rows_insert(rows: Iterable[Row], *, ids: bool = True) -> list[Row]:
    """Insert these new rows of one model at once; the rows, with their ids unless `ids` is False.

    In place of Django's `bulk_create`, whose compiler costs the client more than the rows do: on PostgreSQL
    the values go by COPY, and ids that somebody needs are drawn from the sequence before. Constraints,
    `auto_now` and columns that the database fills in are as with `bulk_create`, and no signal is sent either.
    A conflict is an error.
    """
    new = list(rows)
    if not new:
        return new
    model = type(new[0])
    connection = connections[router.db_for_write(model)]
    if connection.vendor != "postgresql":
        return list(model._default_manager.bulk_create(new))
    columns = list(model._meta.concrete_fields)
    if isinstance(model._meta.pk, AutoField):
        if ids:
            _ids_draw(connection, new)
        else:
            columns.remove(model._meta.pk)
    given = [column for column in columns if not _is_left_to_database(column, new)]
    _copy(connection, given, new)
    for row in new:
        row._state.adding, row._state.db = False, connection.alias
    return new


def _is_left_to_database(column: Field[Any, Any], rows: Sequence[Model]) -> bool:
    return all(isinstance(getattr(row, column.attname), DatabaseDefault) for row in rows)


def _copy(connection: BaseDatabaseWrapper, columns: Sequence[Field[Any, Any]], rows: Sequence[Model]) -> None:
    values = [_stored_values(connection, column, rows) for column in columns]
    quote = connection.ops.quote_name
    names = ", ".join(quote(str(column.column)) for column in columns)
    sql = f"COPY {quote(rows[0]._meta.db_table)} ({names}) FROM STDIN"
    with (
        transaction.atomic(using=connection.alias, savepoint=False),
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(sql) as target,
    ):
        for row_values in zip(*values, strict=True):
            target.write_row(row_values)


def _ids_draw(connection: BaseDatabaseWrapper, rows: Sequence[Model]) -> None:
    """Give each row its id from the sequence, in their order."""
    meta = rows[0]._meta
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)",
            [connection.ops.quote_name(meta.db_table), str(meta.pk.column), len(rows)],
        )
        for row, (pk,) in zip(rows, cursor.fetchall(), strict=True):
            row.pk = pk


def _stored_values(
    connection: BaseDatabaseWrapper, column: Field[Any, Any], rows: Sequence[Model]
) -> Sequence[Any]:
    """What the column holds in each row, as the database takes it. Raises ValueError for an expression, and
    as `save` does for a related row that was never stored."""
    _related_check(column, rows)
    if getattr(column, "auto_now", False) or getattr(column, "auto_now_add", False):
        found = [column.pre_save(row, add=True) for row in rows]
    else:
        found = [getattr(row, column.attname) for row in rows]
    # Most columns of new rows hold the same default in all of them.
    first = found[0]
    if all(value is first for value in found):
        return [_stored_value(connection, column, first)] * len(found)
    return [_stored_value(connection, column, value) for value in found]


def _stored_value(connection: BaseDatabaseWrapper, column: Field[Any, Any], value: Any) -> Any:
    if hasattr(value, "resolve_expression"):
        raise ValueError(f"{column.name} holds an expression")
    return _plain(column.get_db_prep_save(value, connection))


def _related_check(column: Any, rows: Sequence[Any]) -> None:
    """A related row that was stored after it was set lends its id; one that was not is refused."""
    if column.remote_field is not None:
        for row in rows:
            if getattr(row, column.attname) is None and column.is_cached(row):
                row._prepare_related_fields_for_save(operation_name="rows_insert", fields=[column])


def rows_values(rows: Iterable[Model], fields: Sequence[str]) -> Snapshot:
    """What `fields` of these rows, all of one model, hold now, for a later `rows_update(…, before=…)`."""
    found = list(rows)
    names = _attributes(type(found[0]), fields) if found else {}
    return {
        row.pk: {name: _kept(getattr(row, attribute)) for name, attribute in names.items()} for row in found
    }


def _attributes(model: type[Model], fields: Sequence[str]) -> dict[str, str]:
    """The attribute of each field that holds what its column does."""
    return {name: _column(model, name).attname for name in fields}


def _kept(value: Any) -> Any:
    """Only JSON can be changed in place; the rest need not be copied for every row of a page."""
    return deepcopy(value) if isinstance(value, dict | list) else value


def _column(model: type[Model], name: str) -> Field[Any, Any]:
    field = model._meta.get_field(name)
    if not isinstance(field, Field):
        raise TypeError(f"{model.__name__}.{name} is no column")
    return field


def _changed(rows: Sequence[Model], fields: Sequence[str], before: Snapshot) -> tuple[list[Model], list[str]]:
    """The rows and the fields in which something differs from `before`; what it does not hold differs."""
    names = _attributes(type(rows[0]), fields) if rows else {}
    differing: set[str] = set()
    kept = []
    for row in rows:
        then = before[row.pk]
        changed = [
            name
            for name, attribute in names.items()
            if name not in then or getattr(row, attribute) != then[name]
        ]
        if changed:
            kept.append(row)
            differing.update(changed)
    return kept, [name for name in fields if name in differing]


def _statement(
    connection: BaseDatabaseWrapper,
    columns: Sequence[Field[Any, Any]],
    rows: Sequence[Model],
    while_empty: str,
) -> tuple[str, list[Any]]:
    """The UPDATE and its parameters; the primary key is the first of `columns`."""
    row: Any
    related = [column for column in columns if column.remote_field is not None]
    for row in rows if related else ():
        # As bulk_update does: a related object that was saved after it was set lends its id, and one that was
        # not saved is refused.
        row._prepare_related_fields_for_save(operation_name="rows_update", fields=related)
    model, quote = type(rows[0]), connection.ops.quote_name
    given = [column for column in columns if not _is_computed(column, rows)]
    names, source, parameters = _table(connection, given, rows)
    changes = [f"{quote(str(each.column))} = given.{names[each.attname]}" for each in given[1:]]
    computed: list[Any] = []
    for column in columns:
        if column not in given:
            expression, values = _compiled(connection, model, getattr(rows[0], column.attname))
            changes.append(f"{quote(str(column.column))} = {expression}")
            computed += values
    table, key = quote(model._meta.db_table), quote(str(columns[0].column))
    condition = f"{table}.{key} = given.{names[columns[0].attname]}"
    if while_empty:
        condition += f" AND {table}.{quote(str(_column(model, while_empty).column))} IS NULL"
    # Names come from the models alone; every value is a parameter.
    sql = f"UPDATE {table} SET {', '.join(changes)} FROM {source} WHERE {condition}"  # noqa: S608
    return sql, [*computed, *parameters]


def _table(
    connection: BaseDatabaseWrapper, columns: Sequence[Field[Any, Any]], rows: Sequence[Model]
) -> tuple[dict[str, str], str, list[Any]]:
    """The values of `rows` as a table called given: the name of each of its columns, SQL and parameters."""
    values = [
        [_plain(column.get_db_prep_save(getattr(row, column.attname), connection)) for row in rows]
        for column in columns
    ]
    attributes = [column.attname for column in columns]
    if connection.vendor == "postgresql":
        names = [f"v{place}" for place in range(len(columns))]
        arrays = ", ".join(f"%s::{_array_type(column, connection)}[]" for column in columns)
        return (
            dict(zip(attributes, names, strict=True)),
            f"unnest({arrays}) AS given({', '.join(names)})",
            values,
        )
    names = [f"column{place + 1}" for place in range(len(columns))]
    one = f"({', '.join(['%s'] * len(columns))})"
    source = f"(VALUES {', '.join([one] * len(rows))}) AS given"
    flat = [value for row_values in zip(*values, strict=True) for value in row_values]
    return dict(zip(attributes, names, strict=True)), source, flat


def _is_computed(column: Field[Any, Any], rows: Sequence[Model]) -> bool:
    """Whether every row holds the same expression there. Raises ValueError when some rows hold one."""
    found = [getattr(row, column.attname) for row in rows]
    if not any(hasattr(value, "resolve_expression") for value in found):
        return False
    if any(value != found[0] for value in found):
        raise ValueError(f"{column.name} holds an expression in some rows and something else in others")
    return True


def _compiled(
    connection: BaseDatabaseWrapper, model: type[Model], expression: Any
) -> tuple[str, Sequence[Any]]:
    query = model._default_manager.all().query
    sql, parameters = query.get_compiler(connection=connection).compile(expression.resolve_expression(query))
    return sql, parameters


def _array_type(column: Field[Any, Any], connection: BaseDatabaseWrapper) -> str:
    """The type of the values on their way. Without its length: a cast to `varchar(40)` cuts silently what
    the assignment to the column refuses."""
    stored = (column.rel_db_type(connection) if column.primary_key else column.db_type(connection)) or "text"
    base = stored.partition("(")[0]
    return "text" if base == "varchar" else base


def _plain(value: Any) -> Any:
    """PostgreSQL takes an array of one type only, so that a member of an enumeration goes as its value."""
    return value.value if isinstance(value, Enum) else value
