"""A Kwai store in its set-up, with the emulator behind it and people at its pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from erp.accounts.models import Company, Store, User
from erp.sales.defaults import company_defaults_create
from erp.stock.services import warehouse_default_create
from kwai_integration.client import gateway
from kwai_integration.connection import account_store_pair
from kwai_integration.models import ConnectionHealth, KwaiAccount
from kwai_integration.setup.step_mappings import SITUATIONS
from kwai_integration.setup.stores import store_install
from kwai_integration.situations import default_situations
from kwai_integration.wire.codes import KwaiRole
from kwai_sandbox.server import RunningSandbox, running

WIZARD_MERCHANT = "700000000000000001"
# What each step's form sends when nobody changes anything.
FORMS: dict[str, dict[str, Any]] = {
    "conexao": {"name": "Kwai Shop"},
    "produtos": {"warehouse": "", "stock_exit_at": "invoiced"},
    "pedidos": {
        "history_days": "30",
        "import_roles": [role.value for role in KwaiRole],
        "import_freight": "on",
        "unknown_shipping": "unknown",
        "arrange_handover": "PICKUP",
        "label_format": "PDF",
    },
    "mapeamentos": {SITUATIONS.field_name(code): status for code, status in default_situations().items()},
    "revisao": {},
}


@dataclass
class Person:
    """Somebody's browser at the steps of one store."""

    client: Client
    store: Store

    def address(self, step: str) -> str:
        return reverse("kwai:store_step", args=[self.store.pk, step])

    def open(self, step: str) -> HttpResponse:
        return self.client.get(self.address(step))  # type: ignore[return-value]

    def resume(self) -> str:
        """Where *continuar configuração* leads to: the name of the step."""
        answer = self.client.get(reverse("kwai:store", args=[self.store.pk]))
        return str(answer["Location"]).rstrip("/").rsplit("/", 1)[-1]

    def version(self, step: str) -> int:
        return int(self.open(step).context["version"])  # type: ignore[attr-defined]

    def post(self, step: str, do: str = "next", version: int | None = None, **changes: Any) -> HttpResponse:
        """Open the step, change fields and press a button; a field of None is not sent."""
        seen = self.version(step) if version is None else version
        fields = {**FORMS[step], **changes, "do": do, "version": seen}
        sent = {name: value for name, value in fields.items() if value is not None}
        return self.client.post(self.address(step), sent)  # type: ignore[return-value]


@pytest.fixture
def draft(company: Company, admin: User) -> Store:
    company_defaults_create(company)
    warehouse_default_create(company)
    return store_install(company=company, user=admin)


@pytest.fixture
def ana(draft: Store, admin: User, sign_in: Any) -> Person:
    return Person(sign_in(admin), draft)


@pytest.fixture
def bruno(draft: Store, make_user: Any, sign_in: Any) -> Person:
    return Person(sign_in(make_user("admin", username="bruno")), draft)


@pytest.fixture
def platform(settings: Any) -> Iterator[RunningSandbox]:
    with running() as emulator:
        settings.KWAI_API_URL = emulator.url
        # Where nobody listens, whatever runs on this machine.
        settings.PUBLIC_URL = "http://127.0.0.1:9"
        settings.KWAI_CONSENT_URL = f"{emulator.url}/shop/b/authorize"
        emulator.control("POST", "merchants", {"merchantId": WIZARD_MERCHANT, "shopName": "Loja Um"})
        yield emulator


@pytest.fixture
def connected(draft: Store, platform: RunningSandbox) -> Store:
    """The draft store with a real token pair of the emulator."""
    code = platform.control("POST", "grants", {"merchantId": WIZARD_MERCHANT})["code"]
    account = KwaiAccount.objects.get(pk=draft.pk)
    account.merchant_id, account.health = WIZARD_MERCHANT, ConnectionHealth.OK
    account_store_pair(account, gateway.exchange_code(gateway.client_config(), code=code))
    account.save()
    return Store.objects.get(pk=draft.pk)
