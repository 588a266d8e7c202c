"""An order of the platform comes to the pages somebody has open: pushed, fetched, received, shown."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, expect
from pytest_django.live_server_helper import LiveServer

from erp import scheduling
from erp.accounts.models import User
from erp.celery import app
from kwai_integration.client import gateway
from kwai_integration.connection import account_store_pair
from kwai_integration.inbound.poll import store_poll
from kwai_integration.models import ConnectionHealth, KwaiAccount, KwaiSettings
from kwai_integration.setup.stores import store_activate, store_install
from kwai_sandbox.server import RunningSandbox
from tests.e2e.conftest import Problems
from tests.e2e.test_loop import MERCHANT, Operator

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def connected(shop: None, kwai: RunningSandbox) -> None:
    """An active store that receives by itself; its history is empty."""
    user = User.objects.get(username="demo")
    assert user.company is not None
    store = store_install(company=user.company, name="Kwai Shop", user=user)
    code = kwai.control("POST", "grants", {"merchantId": MERCHANT})["code"]
    account = KwaiAccount.objects.get(pk=store.pk)
    account.merchant_id, account.health = MERCHANT, ConnectionHealth.OK
    account_store_pair(account, gateway.exchange_code(gateway.client_config(), code=code))
    account.save()
    KwaiSettings.objects.update(auto_receive=True)
    store_activate(store=store, user=user)


def test_a_pushed_order_appears_without_a_reload(
    context: BrowserContext,
    live_server: LiveServer,
    kwai: RunningSandbox,
    connected: None,
    problems: Problems,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = Operator(context.new_page(), live_server.url)
    first.sign_in()
    first.open("Pedidos no e-commerce")
    second = context.new_page()
    second.goto(f"{live_server.url}/pedidos/")
    # The worker's part, done by whoever would wake it.
    monkeypatch.setattr(scheduling, "_send", lambda task, kwargs: app.tasks[task](**kwargs))
    kwai.control("PUT", "pushes", {"url": f"{live_server.url}/kwai/webhook/"})
    (order_id,) = kwai.control("POST", "orders", {"merchantId": MERCHANT, "count": 1})["orderIds"]
    for page in (first.page, second):
        expect(page.locator("#list-rows tbody tr", has_text=order_id)).to_be_visible(timeout=60_000)
    assert problems == []


def test_home_counts_without_a_reload(
    context: BrowserContext,
    live_server: LiveServer,
    kwai: RunningSandbox,
    connected: None,
    problems: Problems,
) -> None:
    KwaiSettings.objects.update(auto_receive=False)
    operator = Operator(context.new_page(), live_server.url)
    operator.sign_in()
    card = operator.page.get_by_role("region", name="Pedidos a receber")
    expect(card).to_have_count(0)
    kwai.control("POST", "orders", {"merchantId": MERCHANT, "count": 1})
    store_poll(KwaiAccount.objects.get().pk)
    expect(card).to_be_visible(timeout=60_000)
    assert problems == []
