"""Fixtures every test may ask for: a company with its store, a user of each role, the sandbox, and the browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from playwright.sync_api import expect

from erp.accounts.models import Company, FiscalEnvironment, Role, Store, StoreLifecycle, StoreMembership, User

# What no test may skip in CI: there a missing browser or database is a failure, not a skip.
MUST_RUN = os.environ.get("CI") == "true" or bool(os.environ.get("KWAI_REQUIRE_SERVICES"))
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""
DATABASE_FIXTURES = {"db", "transactional_db"}
PASSWORD = "correct-horse-battery"


def missing(reason: str) -> None:
    """Skip the test with `reason`, or fail where nothing may be skipped."""
    if MUST_RUN:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks a database; mark what drives a browser and put it last.

    Playwright keeps an event loop running in the test thread for the rest of the session, and Django refuses
    database work beside a running loop; only the tests after that point get DJANGO_ALLOW_ASYNC_UNSAFE.
    """
    for item in items:
        if item.get_closest_marker("django_db") or DATABASE_FIXTURES & {*getattr(item, "fixturenames", ())}:
            item.add_marker(pytest.mark.database)
        if "page" in getattr(item, "fixturenames", ()) or "context" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.fixture(autouse=True)
def _services(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("services") and connection.vendor != "postgresql":
        missing("precisa do PostgreSQL e do Redis: execute `make test-services`")


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    """Row ids of one test come again in the next: what was kept under them is not theirs."""
    cache.clear()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A page that polls may have asked once more as its browser closed: its session must not keep PostgreSQL
    from dropping the test database."""
    yield
    with django_db_blocker.unblock():
        # The session at hand may itself be one that a test has ended.
        connection.close()
        others_disconnect()


def others_disconnect() -> None:
    """End every other session of this database; SQLite knows none."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture(scope="session")
def browser_type_launch_args(
    browser_type_launch_args: dict[str, Any], django_db_setup: None
) -> Iterator[dict[str, Any]]:
    """Debian's chromium, never a download. The database exists before the browser's event loop does."""
    if not CHROMIUM:
        missing(
            "chromium não encontrado: instale o pacote `chromium` (apt-get install chromium) ou defina CHROMIUM"
        )
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    # Playwright's five seconds ask how fast the machine is, not whether the page comes.
    expect.set_options(timeout=30_000)
    yield browser_type_launch_args | {
        "executable_path": CHROMIUM,
        "args": ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
    }
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return browser_context_args | {"locale": "pt-BR", "timezone_id": "America/Sao_Paulo"}


@pytest.fixture
def company(db: None) -> Company:
    return Company.objects.create(
        name="Loja Exemplo Comércio Ltda",
        trade_name="Loja Exemplo",
        tax_id="11222333000181",
        state_code="SP",
        city="São Paulo",
        fiscal_environment=FiscalEnvironment.HOMOLOGATION,
    )


@pytest.fixture
def other_company(db: None) -> Company:
    """A second tenant: nothing of it may ever show."""
    return Company.objects.create(
        name="Outra Empresa Ltda", tax_id="12345678000195", state_code="MG", city="Belo Horizonte"
    )


@pytest.fixture
def store(company: Company) -> Store:
    """An ACTIVE Kwai store of `company`."""
    return Store.objects.create(
        company=company, name="Kwai Shop", channel="kwai", lifecycle=StoreLifecycle.ACTIVE
    )


@pytest.fixture
def make_user(company: Company) -> Callable[..., User]:
    """`make_user(role, stores=[...])`: a user of `company` whose password is `PASSWORD`."""

    def make(role: str, *, username: str = "", stores: list[Store] | None = None) -> User:
        user = User.objects.create_user(
            username=username or str(role), password=PASSWORD, company=company, role=role
        )
        StoreMembership.objects.bulk_create(StoreMembership(user=user, store=store) for store in stores or ())
        return user

    return make


@pytest.fixture
def admin(make_user: Callable[..., User]) -> User:
    return make_user(Role.ADMIN)


@pytest.fixture
def operator(make_user: Callable[..., User], store: Store) -> User:
    return make_user(Role.OPERATOR, stores=[store])


@pytest.fixture
def viewer(make_user: Callable[..., User], store: Store) -> User:
    return make_user(Role.VIEWER, stores=[store])


@pytest.fixture
def sign_in() -> Callable[[User], Client]:
    """`sign_in(user)`: a test client with that user's session."""

    def signed_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return signed_in
