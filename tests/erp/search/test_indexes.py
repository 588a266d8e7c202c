"""The trigram indexes: as the sources declare them, made where the database lets us, missed by nobody else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection
from django.db.migrations.state import ProjectState

from erp.accounts.models import Branch, Company
from erp.search.finding import text_sources
from erp.search.indexes import AddSearchIndex, extension_create, index_build

NAME = "branch_test_search"


def definition(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_indexdef(to_regclass(%s))", [name])
        return str(cursor.fetchone()[0] or "")


@pytest.mark.services
@pytest.mark.django_db
def test_every_source_of_a_long_table_has_its_index() -> None:
    """Declared in the app, made by its migration: the one must say what the other does."""
    indexed = [source for source in text_sources() if source.index]
    assert len(indexed) == 5
    for source in indexed:
        built = definition(source.index)
        assert f"ON public.{source.model._meta.db_table} USING gin (erp_fold(" in built
        assert [built.find(column) > 0 for column in source.columns] == [True] * len(source.columns)


def half_build(company: Company) -> None:
    """What a concurrent build that failed leaves behind: an index that nobody reads."""
    for number in range(2):
        Branch.objects.create(company=company, name="A", tax_id=f"{number:014d}", state_code="SP", city="A")
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX {NAME}")
        with pytest.raises(IntegrityError):
            cursor.execute(f"CREATE UNIQUE INDEX CONCURRENTLY {NAME} ON accounts_branch (city)")
    assert "UNIQUE" in definition(NAME)


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_it_comes_goes_and_takes_the_place_of_a_half_built_one(company: Company) -> None:
    state = ProjectState.from_apps(apps)
    operation = AddSearchIndex("branch", NAME, ["name", "city"])
    operation.state_forwards("accounts", state)
    try:
        for _ in range(2):
            with connection.schema_editor(atomic=False) as editor:
                operation.database_forwards("accounts", editor, state, state)
            assert "gin_trgm_ops" in definition(NAME)
        half_build(company)
        assert index_build(connection, Branch, NAME, ["name", "city"])
        with connection.cursor() as cursor:
            cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [NAME])
            assert cursor.fetchone() == (True,)
    finally:
        with connection.schema_editor(atomic=False) as editor:
            operation.database_backwards("accounts", editor, state, state)
    assert definition(NAME) == ""


@pytest.fixture
def without_extension(db: None) -> Iterator[None]:
    """A database without pg_trgm whose role may not create it; undone with the test's transaction."""
    with connection.cursor() as cursor:
        cursor.execute("DROP EXTENSION IF EXISTS pg_trgm CASCADE")
        cursor.execute(
            "SELECT current_database(), current_user, rolsuper FROM pg_roles WHERE rolname = current_user"
        )
        database, role, is_superuser = cursor.fetchone()
        if is_superuser:
            # A superuser may anything; the role of PostgreSQL's own that may read everything stands in for him.
            cursor.execute("SET LOCAL ROLE pg_read_all_data")
        else:
            cursor.execute(f'REVOKE CREATE ON DATABASE "{database}" FROM "{role}", PUBLIC')
        yield
        cursor.execute("RESET ROLE")


@pytest.mark.services
def test_a_role_that_may_not_create_extensions_goes_without(without_extension: None) -> None:
    """The migration goes on, the command says what to ask for, and the search reads the table."""
    assert extension_create(connection) is False
    assert index_build(connection, Branch, NAME, ["name"]) is False
    with pytest.raises(CommandError, match="CREATE EXTENSION pg_trgm"):
        call_command("search_indexes")
    sources = [source for source in text_sources() if source.index]
    assert [list(source.holding(["joao"])) for source in sources] == [[]] * len(sources)


@pytest.mark.django_db
def test_the_command_builds_what_is_missing(capsys: pytest.CaptureFixture[str], company: Company) -> None:
    if connection.vendor != "postgresql":
        with pytest.raises(CommandError, match="SQLite"):
            call_command("search_indexes")
        return
    call_command("search_indexes")
    assert "buyer_search: pronto" in capsys.readouterr().out
