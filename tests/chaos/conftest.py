"""The emulator that the killed workers of this folder talk to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from erp import scheduling
from erp.accounts.models import Store
from kwai_integration.client import gateway
from kwai_integration.connection import account_store_pair
from kwai_integration.models import ConnectionHealth, KwaiAccount, KwaiSettings
from kwai_sandbox.server import RunningSandbox, running
from tests.chaos.world import MERCHANT


@pytest.fixture
def sandbox(store: Store, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSandbox]:
    """The emulator with one seller, connected to `store`. Nobody is woken: the sweep must find the work."""
    monkeypatch.setattr(scheduling, "_send", lambda task, kwargs: None)
    with running() as emulator:
        settings.KWAI_API_URL = emulator.url
        emulator.control("POST", "merchants", {"merchantId": MERCHANT, "shopName": "Loja"})
        code = emulator.control("POST", "grants", {"merchantId": MERCHANT})["code"]
        KwaiSettings.objects.create(store=store)
        account = KwaiAccount(store=store, merchant_id=MERCHANT, health=ConnectionHealth.OK)
        account_store_pair(account, gateway.exchange_code(gateway.client_config(), code=code))
        account.save()
        yield emulator
