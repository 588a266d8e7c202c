"""Building an index on a table in use, also after a try that was killed."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import connection, models
from django.db.migrations.state import ProjectState

from erp.accounts.models import Store
from erp.indexes import AddIndexLive

INDEX = models.Index(fields=["company", "-id"], name="store_test_live")


def names() -> list[str]:
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, Store._meta.db_table)
    return [name for name, each in found.items() if each["index"]]


@pytest.mark.django_db(transaction=True)
def test_it_comes_goes_and_takes_the_place_of_a_half_built_one() -> None:
    state = ProjectState.from_apps(apps)
    operation = AddIndexLive("store", INDEX)
    after = state.clone()
    operation.state_forwards("accounts", after)
    try:
        for _ in range(2 if connection.vendor == "postgresql" else 1):
            with connection.schema_editor(atomic=False) as editor:
                operation.database_forwards("accounts", editor, state, after)
        assert "store_test_live" in names()
    finally:
        with connection.schema_editor(atomic=False) as editor:
            operation.database_backwards("accounts", editor, after, state)
    assert "store_test_live" not in names()
