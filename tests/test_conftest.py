"""What the suite itself relies on."""

from __future__ import annotations

import psycopg
import pytest
from django.db import connection

from tests.conftest import others_disconnect


@pytest.mark.services
@pytest.mark.django_db
def test_no_forgotten_session_keeps_the_database() -> None:
    parameters = connection.get_connection_params()
    names = ("host", "port", "user", "password", "dbname")
    with psycopg.connect(**{name: parameters[name] for name in names if name in parameters}) as forgotten:
        others_disconnect()
        with pytest.raises(psycopg.OperationalError):
            forgotten.execute("SELECT 1")


@pytest.mark.django_db
def test_a_test_that_asks_a_database_runs_on_postgresql_too(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("database")


def test_one_that_asks_none_runs_once(request: pytest.FixtureRequest) -> None:
    assert not request.node.get_closest_marker("database")
