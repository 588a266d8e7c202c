"""After activation: switch off and on, disconnect and come back, and two Kwai stores side by side."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from erp.accounts.models import Store, StoreLifecycle, User
from kwai_integration.inbound.poll import store_poll
from kwai_integration.models import ConnectionHealth, KwaiAccount, KwaiOrder, KwaiSettings, SyncCursor
from kwai_integration.setup.stores import store_activate, store_install
from kwai_sandbox.server import RunningSandbox
from tests.kwai_integration.setup.conftest import WIZARD_MERCHANT, Person

pytestmark = pytest.mark.django_db


@pytest.fixture
def active(connected: Store, admin: User) -> Store:
    """Without history: one window is read, which the rate limit lets through at once."""
    KwaiSettings.objects.update(history_days=0)
    return store_activate(store=connected, user=admin)


def press(person: Person, name: str, **fields: Any) -> Any:
    return person.client.post(reverse(name, args=[person.store.pk]), fields, follow=True)


def card(person: Person) -> str:
    return person.client.get(reverse("kwai:stores")).text


def order_make(platform: RunningSandbox) -> None:
    skus = [{"number": "CAM-BAS-M", "quantity": 1}]
    platform.control("POST", "orders", {"merchantId": WIZARD_MERCHANT, "count": 1, "skus": skus})


def poll(store: Store) -> object:
    """Poll now; a month of windows may meet the limit of calls, then as often as it takes."""
    for _ in range(20):
        SyncCursor.objects.update(due_at=timezone.now())
        result = store_poll(store.pk)
        if "limite de requisições" not in SyncCursor.objects.get(store=store).last_error:
            break
        time.sleep(0.3)
    return result


def consent(person: Person, platform: RunningSandbox, merchant_id: str) -> Any:
    """The way through Kwai's page: what the browser is told on its return."""
    sent = person.client.post(reverse("kwai:store_connect", args=[person.store.pk]))
    status = parse_qs(urlsplit(sent["Location"]).query)["status"][0]
    code = platform.control("POST", "grants", {"merchantId": merchant_id})["code"]
    return person.client.get(reverse("kwai:oauth_callback"), {"code": code, "status": status})


def test_disconnecting_and_coming_back_catches_up_what_was_missed(
    ana: Person, active: Store, platform: RunningSandbox
) -> None:
    ana.post("pedidos", "save", auto_send_invoice="on", history_days=None)
    order_make(platform)
    poll(active)
    assert KwaiOrder.objects.count() == 1
    page = press(ana, "kwai:store_disconnect")
    assert "Loja desconectada" in page.text
    assert "conectar com Kwai" in page.text
    assert "Não conectada" in card(ana)
    order_make(platform)
    assert poll(active) is None
    back = consent(ana, platform, WIZARD_MERCHANT)
    assert "Conexão feita" in back.text
    assert "Não conectada" not in card(ana)
    poll(active)
    assert KwaiOrder.objects.count() == 2
    assert KwaiSettings.objects.get().auto_send_invoice is True


def test_another_account_cannot_take_over_the_orders_of_a_store(
    ana: Person, active: Store, platform: RunningSandbox
) -> None:
    order_make(platform)
    poll(active)
    press(ana, "kwai:store_disconnect")
    platform.control("POST", "merchants", {"merchantId": "700000000000000002", "shopName": "Loja Dois"})
    refused = consent(ana, platform, "700000000000000002")
    assert refused.status_code == 409
    assert "pertence à conta Kwai Loja Um" in refused.text


def test_switching_off_and_on_keeps_the_settings(ana: Person, active: Store) -> None:
    ana.post("pedidos", "save", format_names="on")
    assert "Inativa" in press(ana, "kwai:store_switch", to="inactive").text
    assert "Inativa" in card(ana)
    assert "Como usar no dia a dia" in press(ana, "kwai:store_switch", to="active").text
    assert "Ativa" in card(ana)
    assert KwaiSettings.objects.get().format_names is True


def test_two_stores_stand_side_by_side_and_one_account_serves_one_of_them(
    ana: Person, active: Store, platform: RunningSandbox, admin: User
) -> None:
    second = Person(ana.client, store_install(company=active.company, user=admin))
    refused = consent(second, platform, WIZARD_MERCHANT)
    assert refused.status_code == 409
    assert f"já está conectada em {active.name}" in refused.text
    page = card(ana)
    assert "Kwai Shop 2" in page
    assert "Em configuração (etapa 1 de 5)" in page
    platform.control("POST", "merchants", {"merchantId": "700000000000000002", "shopName": "Loja Dois"})
    assert "Loja Dois" in consent(second, platform, "700000000000000002").text
    # Either tab may say yes; here it is the first, which has noticed by itself.
    waiting = second.client.get(reverse("kwai:store_connection", args=[second.store.pk])).text
    assert "usar esta conta" in waiting
    press(second, "kwai:store_account", do="use")
    assert set(KwaiAccount.objects.values_list("shop_name", "health")) == {
        ("Loja Um", ConnectionHealth.OK),
        ("Loja Dois", ConnectionHealth.OK),
    }


def test_choosing_another_account_binds_none(ana: Person, platform: RunningSandbox) -> None:
    consent(ana, platform, WIZARD_MERCHANT)
    page = press(ana, "kwai:store_account", do="other")
    assert "Nenhuma conta foi ligada" in page.text
    assert KwaiAccount.objects.get().merchant_id == ""
    assert "usar esta conta" not in ana.open("conexao").text


def test_cards_cost_the_same_for_one_store_and_for_ten(ana: Person, active: Store, admin: User) -> None:
    def cost() -> int:
        cache.clear()
        with CaptureQueriesContext(connection) as statements:
            assert ana.client.get(reverse("kwai:stores")).status_code == 200
        return len(statements)

    cost()
    one = cost()
    for _ in range(9):
        store_install(company=active.company, user=admin)
    SyncCursor.objects.bulk_create(
        SyncCursor(store=store, watermark=timezone.now(), due_at=timezone.now())
        for store in Store.objects.exclude(pk=active.pk)
    )
    KwaiAccount.objects.exclude(pk=active.pk).update(health=ConnectionHealth.REVOKED)
    Store.objects.update(lifecycle=StoreLifecycle.ACTIVE)
    assert cost() == one
    assert card(ana).count("Consentimento revogado") == 9


def test_a_card_counts_what_waits_and_what_failed(ana: Person, active: Store) -> None:
    for number, state in enumerate(("quarantined", "unlinked", "staged")):
        KwaiOrder.objects.create(
            store=active, external_id=str(number), state=state, fetch_started_at=timezone.now()
        )
    shown = ana.client.get(reverse("kwai:stores")).context["cards"][0]
    assert (shown["open_orders"], shown["jobs"]) == (2, {})
    assert shown["cursor"].pk == active.pk


def test_the_card_tells_the_truth_when_consent_is_revoked(
    ana: Person, active: Store, platform: RunningSandbox
) -> None:
    platform.control("PUT", "faults", {"path": "queryOrderList", "kind": "revoked", "rate": 1})
    poll(active)
    page = card(ana)
    assert "Consentimento revogado" in page
    assert reverse("kwai:reauthorise", args=[active.pk]) in page
    assert "Ativa" in page
