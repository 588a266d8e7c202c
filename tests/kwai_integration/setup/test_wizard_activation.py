"""*Revisão e ativação*: what forbids it, what only warns, and what the first import would bring."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from pytest_httpserver import HTTPServer
from werkzeug import Response

from erp import tracing
from erp.accounts.models import AuditEntry, Store, StoreLifecycle, User
from erp.stock.models import Warehouse
from kwai_integration.models import (
    ConnectionHealth,
    KwaiAccount,
    KwaiOrder,
    KwaiSettings,
    ShippingMapping,
    StatusMapping,
    SyncCursor,
)
from kwai_integration.setup.step import Level
from kwai_integration.setup.step_review import _windows, webhook_check
from kwai_integration.setup.stores import store_deactivate
from kwai_sandbox.server import RunningSandbox
from tests.kwai_integration.codes import COMPLETED, PAID
from tests.kwai_integration.setup.conftest import WIZARD_MERCHANT, Person

pytestmark = pytest.mark.django_db


def activate(person: Person) -> Any:
    return person.client.post(
        reverse("kwai:store_switch", args=[person.store.pk]), {"to": "active"}, follow=True
    )


def live(person: Person) -> str:
    return person.client.get(reverse("kwai:store_live", args=[person.store.pk])).text


def lifecycle(store: Store) -> str:
    return str(Store.objects.values_list("lifecycle", flat=True).get(pk=store.pk))


def levels(person: Person) -> dict[str, Level]:
    return {check.title: check.level for check in person.open("revisao").context["checks"]}  # type: ignore[attr-defined]


def calls(platform: RunningSandbox) -> int:
    paths = platform.control("GET", "stats")["paths"]
    return sum(found["total"] for path, found in paths.items() if path.endswith("queryOrderList"))


def test_a_store_that_is_ready_becomes_active_and_shows_the_daily_tasks(
    ana: Person, connected: Store, admin: User
) -> None:
    page = activate(ana)
    assert "Como usar no dia a dia" in page.text
    for name in (
        "kwai:orders",
        "kwai:links",
        "sales:orders",
        "invoices:list",
        "expedition:list",
        "kwai:jobs",
    ):
        assert reverse(name) in page.text
    assert lifecycle(connected) == StoreLifecycle.ACTIVE
    assert AuditEntry.objects.filter(action="store.activated", actor=admin).count() == 1
    # From now on the same pages are tabs.
    tab = ana.open("pedidos").text
    assert "continuar depois" not in tab
    assert "Verificações" in tab
    assert ana.resume() == "conexao"


def test_a_store_without_an_account_is_refused_without_a_call(ana: Person, platform: RunningSandbox) -> None:
    assert levels(ana)["Conta do Kwai"] is Level.BLOCKING
    page = activate(ana)
    assert "não foi ativada" in page.text
    assert "Use conectar com Kwai" in page.text
    assert lifecycle(ana.store) == StoreLifecycle.DRAFT
    assert calls(platform) == 0
    assert not SyncCursor.objects.exists()


@pytest.mark.parametrize("kind", ["revoked", "bad_gateway"])
def test_a_call_that_fails_forbids_the_activation(
    ana: Person, connected: Store, platform: RunningSandbox, kind: str
) -> None:
    platform.control("PUT", "faults", {"path": "queryOrderList", "kind": kind, "rate": 1})
    assert "Impede a ativação" in live(ana)
    page = activate(ana)
    assert page.status_code == 200
    assert "não foi ativada" in page.text
    assert lifecycle(connected) == StoreLifecycle.DRAFT
    platform.control("DELETE", "faults")
    if kind == "revoked":
        assert KwaiAccount.objects.get().health == ConnectionHealth.REVOKED
        assert levels(ana)["Conta do Kwai"] is Level.BLOCKING
    else:
        assert "Como usar no dia a dia" in activate(ana).text


def test_a_missing_scope_forbids_or_warns(ana: Person, connected: Store) -> None:
    KwaiAccount.objects.update(scopes="user_info,merchant_order")
    assert levels(ana)["Permissão merchant_item"] is Level.WARNING
    KwaiAccount.objects.update(scopes="user_info,merchant_item")
    assert levels(ana)["Permissão merchant_order"] is Level.BLOCKING
    activate(ana)
    assert lifecycle(connected) == StoreLifecycle.DRAFT


def test_a_missing_warehouse_forbids(ana: Person, connected: Store) -> None:
    assert levels(ana)["Depósito"] is Level.OK
    closed = Warehouse.objects.create(company=connected.company, name="Fechado", is_active=False)
    KwaiSettings.objects.update(warehouse=closed)
    assert levels(ana)["Depósito"] is Level.BLOCKING
    KwaiSettings.objects.update(warehouse=None)
    Warehouse.objects.all().delete()
    assert levels(ana)["Depósito"] is Level.BLOCKING


def test_mappings_forbid_or_warn(ana: Person, connected: Store) -> None:
    assert levels(ana)["Situações de pedidos"] is Level.OK
    StatusMapping.objects.filter(remote_code=str(COMPLETED)).delete()
    assert levels(ana)["Situações de pedidos"] is Level.WARNING
    StatusMapping.objects.filter(remote_code=str(PAID)).delete()
    assert levels(ana)["Situações de pedidos"] is Level.BLOCKING
    assert levels(ana)["Formas de envio"] is Level.OK
    ShippingMapping.objects.all().delete()
    assert levels(ana)["Formas de envio"] is Level.WARNING


def test_a_warning_forbids_nothing(ana: Person, connected: Store) -> None:
    ShippingMapping.objects.all().delete()
    activate(ana)
    assert lifecycle(connected) == StoreLifecycle.ACTIVE


@pytest.mark.parametrize(
    ("message_key", "public", "api", "level"),
    [
        ("", "https://erp.exemplo.com.br", "https://api-shop.kwai.com", Level.WARNING),
        ("AAECAwQFBgcICQoLDA0ODw==", "http://erp.exemplo.com.br", "https://api-shop.kwai.com", Level.WARNING),
        ("AAECAwQFBgcICQoLDA0ODw==", "http://127.0.0.1:8000", "https://api-shop.kwai.com", Level.WARNING),
        ("AAECAwQFBgcICQoLDA0ODw==", "http://127.0.0.1:8000", "http://127.0.0.1:8100", Level.OK),
        ("AAECAwQFBgcICQoLDA0ODw==", "https://erp.exemplo.com.br", "https://api-shop.kwai.com", Level.OK),
    ],
)
def test_the_webhook_is_reachable_or_said_not_to_be(
    settings: Any, message_key: str, public: str, api: str, level: Level
) -> None:
    settings.KWAI_MESSAGE_KEY, settings.PUBLIC_URL, settings.KWAI_API_URL = message_key, public, api
    assert webhook_check().level is level


def test_the_public_address_is_asked_and_only_our_own_answer_counts(
    ana: Person, connected: Store, settings: Any, httpserver: HTTPServer
) -> None:
    """Here a stranger answers; the browser test of the whole wizard stands at a real address of ours."""
    assert "http://127.0.0.1:9/kwai/webhook/ não trouxe resposta deste ERP" in live(ana)
    httpserver.expect_request("/kwai/webhook/").respond_with_data("bem-vindo")
    settings.PUBLIC_URL = httpserver.url_for("").rstrip("/")
    assert "não trouxe resposta deste ERP" in live(ana)
    httpserver.clear()
    httpserver.expect_request("/kwai/webhook/").respond_with_handler(
        lambda asked: Response(status=405, headers={tracing.HEADER: asked.headers[tracing.HEADER]})
    )
    assert "responde e é deste ERP" in live(ana)
    settings.PUBLIC_URL = "http://erp.exemplo.com.br"
    before = len(httpserver.log)
    assert "Endereço público" not in live(ana)
    assert len(httpserver.log) == before


def test_every_check_that_is_not_right_leads_to_its_field(ana: Person) -> None:
    page = ana.open("revisao")
    for check in page.context["checks"]:  # type: ignore[attr-defined]
        if check.step:
            target = ana.client.get(ana.address(check.slug)).text
            assert f'id="{check.anchor}"' in target
            assert f"/etapa/{check.slug}/#{check.anchor}" in page.text


@pytest.mark.parametrize(("days", "count"), [(7, 2), (30, 3), (90, 4)])
def test_the_dry_run_counts_what_the_first_import_would_bring_and_writes_nothing(
    ana: Person, connected: Store, platform: RunningSandbox, days: int, count: int
) -> None:
    body = {"merchantId": WIZARD_MERCHANT, "skus": [{"number": "CAM-BAS-M", "quantity": 1}]}
    now = int(timezone.now().timestamp() * 1000)
    for age in (1, 6, 20, 70, 400):
        (order_id,) = platform.control("POST", "orders", {**body, "count": 1})["orderIds"]
        changed = now - age * 86_400_000
        platform.sandbox.state.run("UPDATE orders SET update_time = ? WHERE order_id = ?", changed, order_id)
    KwaiSettings.objects.update(history_days=days)
    assert f"{count} pedidos dos últimos {days} dias" in live(ana)
    assert not KwaiOrder.objects.exists()
    assert not SyncCursor.objects.exists()


def test_without_history_the_call_is_made_all_the_same(
    ana: Person, connected: Store, platform: RunningSandbox
) -> None:
    KwaiSettings.objects.update(history_days=0)
    page = live(ana)
    assert "O Kwai respondeu" in page
    assert "Nenhum pedido anterior" in page
    assert calls(platform) == 1


def test_windows_are_never_longer_than_the_platform_answers() -> None:
    now = timezone.now()
    windows = list(_windows(now, timedelta(days=90)))
    assert (windows[0][0], windows[-1][1]) == (now - timedelta(days=90), now)
    assert all(end - begin <= timedelta(days=31) for begin, end in windows)
    assert all(end == begin for (_, end), (begin, _) in itertools.pairwise(windows))


def test_the_page_works_without_javascript(ana: Person, connected: Store) -> None:
    page = ana.client.get(ana.address("revisao"), {"verificar": "1"})
    assert "O Kwai respondeu e aceitou as credenciais" in page.text


@pytest.mark.parametrize(("days", "reach"), [(0, 0), (7, 7), (30, 30), (90, 90)])
def test_the_history_window_is_where_the_first_read_begins(
    ana: Person, connected: Store, days: int, reach: int
) -> None:
    ana.post("pedidos", history_days=str(days))
    activate(ana)
    begun = timezone.now() - SyncCursor.objects.get().watermark
    assert timedelta(days=reach) <= begun < timedelta(days=reach, minutes=5)
    # What has been read cannot be chosen again.
    ana.post("pedidos", "save", history_days="90" if days != 90 else "7")
    assert KwaiSettings.objects.get().history_days == days


def test_a_store_that_was_switched_off_is_checked_before_it_comes_back(
    ana: Person, connected: Store, platform: RunningSandbox, admin: User
) -> None:
    activate(ana)
    store_deactivate(store=connected, user=admin)
    assert "reativar" in ana.open("conexao").text
    platform.control("PUT", "faults", {"path": "queryOrderList", "kind": "revoked", "rate": 1})
    activate(ana)
    assert lifecycle(connected) == StoreLifecycle.INACTIVE
