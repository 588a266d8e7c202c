"""Trigram indexes on PostgreSQL: any part of a text is found without reading the table.

They need the extension pg_trgm, which the owner of a database may create himself. Where that was forbidden,
search reads the tables instead and takes its time; `manage.py search_indexes` builds them later. SQLite reads
its tables always: 100,000 names take it some 40 ms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.operations.base import Operation
from django.db.models import Model
from django.db.models.sql import Query

from erp.search.lookups import SearchText


def extension_create(connection: BaseDatabaseWrapper) -> bool:
    """Whether pg_trgm is there, created now where that was missing and this role may."""
    with connection.cursor() as cursor:
        try:
            with transaction.atomic(using=connection.alias):
                cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        except DatabaseError:
            return False
    return True


def index_build(
    connection: BaseDatabaseWrapper, model: type[Model], name: str, columns: Sequence[str]
) -> bool:
    """Build the index without keeping anybody from writing; False where there is no pg_trgm.

    Outside a transaction. One that is there stays; one that a killed build left half done is made anew.
    """
    if connection.vendor != "postgresql" or not extension_create(connection):
        return False
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [quote(name)])
        if (found := cursor.fetchone()) is not None and found[0]:
            return True
        cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {quote(name)}")
        # Tables and columns come from the models alone.
        cursor.execute(
            f"CREATE INDEX CONCURRENTLY {quote(name)} ON {quote(model._meta.db_table)}"
            f" USING gin (erp_fold({_text_sql(connection, model, columns)}) gin_trgm_ops)"
        )
    return True


def _text_sql(connection: BaseDatabaseWrapper, model: type[Model], columns: Sequence[str]) -> str:
    """The very expression that a search asks for, without the name of the table."""
    query = Query(model, alias_cols=False)
    compiler = query.get_compiler(connection=connection)
    sql, _ = compiler.compile(SearchText(*columns).resolve_expression(query))
    return str(sql)


class AddSearchIndex(Operation):
    """Adds the trigram index of `columns` where the database can have one. The migration is not atomic."""

    atomic = False
    reduces_to_sql = True
    reversible = True

    def __init__(self, model_name: str, name: str, columns: Sequence[str]) -> None:
        self.model_name, self.name, self.columns = model_name, name, tuple(columns)

    def state_forwards(self, app_label: str, state: Any) -> None:
        """No part of the models: SQLite has none of it, nor has every PostgreSQL."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        connection = schema_editor.connection
        model = to_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(connection.alias, model):
            index_build(connection, model, self.name, self.columns)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        connection = schema_editor.connection
        if connection.vendor == "postgresql":
            name = connection.ops.quote_name(self.name)
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")

    def describe(self) -> str:
        return f"Search index {self.name} on {self.model_name}"
