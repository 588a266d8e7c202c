"""A shop in a real browser: the emulator, the demonstration's company, and a worker that works when told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from playwright.sync_api import BrowserContext, Page
from pytest_django.live_server_helper import LiveServer

from erp import scheduling
from erp.accounts import issuers as choices
from erp.celery import app
from erp.outbox import tasks as outbox
from invoices.issuing import issuers
from invoices.issuing.demonstration.issuer import DemonstrationIssuer
from kwai_integration import tasks as inbound
from kwai_integration.client.dialect import dialect_settings
from kwai_sandbox.dialect import dialect_parse, last_word
from kwai_sandbox.gateway import CALLS
from kwai_sandbox.server import RunningSandbox, running
from tests.conftest import PASSWORD

Problems = list[str]


@pytest.fixture
def kwai(settings: Any, live_server: LiveServer, request: pytest.FixtureRequest) -> Iterator[RunningSandbox]:
    """The emulator with its seed; the ERP asks it as often as the worker works. With a dialect as
    parameter both speak it: the emulator by itself, the ERP by settings alone."""
    content: dict[str, Any] = getattr(request, "param", {})
    for name, value in dialect_settings(content).items():
        setattr(settings, name, value)
    with running(seed=1, dialect=dialect_parse(content, {last_word(call) for call in CALLS})) as sandbox:
        for name, value in sandbox.credentials.as_environment().items():
            setattr(settings, name, value)
        settings.KWAI_API_URL = sandbox.url
        settings.KWAI_CONSENT_URL = f"{sandbox.url}/shop/b/authorize"
        settings.PUBLIC_URL = live_server.url
        settings.KWAI_POLL_SECONDS = 0
        yield sandbox


@pytest.fixture
def shop(transactional_db: None, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Company, login `demo`, products and issuer as `make run` makes them."""
    settings.ERP_DEMO = True
    settings.VAR_DIR = tmp_path
    settings.LABELS_DIR = tmp_path / "labels"
    monkeypatch.setattr(issuers, "_issuers", dict(issuers._issuers))
    monkeypatch.setattr(choices, "_choices", dict(choices._choices))
    issuers.issuer_register(DemonstrationIssuer())
    call_command("kwai_demo", password=PASSWORD)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """One tick of scheduler and worker: the very tasks they run, in this process.

    Between ticks the broker is dead: what a click asks for must wait in rows.
    """
    silent = float("inf")
    monkeypatch.setattr(scheduling, "_silent_until", silent)
    # Every task by its name, as a worker knows them.
    app.loader.import_default_modules()

    def tick() -> None:
        with monkeypatch.context() as alive:
            # Sent by name, a task is never eager: here whoever sends one runs it.
            alive.setattr(scheduling, "_send", lambda task, kwargs: app.tasks[task].apply(kwargs=kwargs))
            inbound.plan.run()
            outbox.sweep.run()

    return tick


@pytest.fixture
def problems(context: BrowserContext) -> Problems:
    """What any tab complained about: errors on the console (a CSP refusal is one) and uncaught exceptions."""
    found: Problems = []

    def listen(page: Page) -> None:
        page.on(
            "console",
            lambda message: found.append(f"{page.url}: {message.text}") if message.type == "error" else None,
        )
        page.on("pageerror", lambda error: found.append(f"{page.url}: {error}"))

    context.on("page", listen)
    return found
