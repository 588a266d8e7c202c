"""The merchant revokes the consent: the ERP says so on every page, and one click brings everything back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from erp.accounts.models import User
from kwai_integration.client import gateway
from kwai_integration.models import ConnectionHealth, KwaiAccount, KwaiOrder
from kwai_integration.setup.consent import _account_bind
from kwai_integration.setup.stores import store_activate, store_install
from kwai_sandbox.server import RunningSandbox
from tests.e2e.conftest import Problems
from tests.e2e.test_loop import MERCHANT, Operator, operator_page, order_place

__all__ = ["operator_page"]


@pytest.mark.django_db(transaction=True)
def test_one_click_from_the_notice_and_all_goes_on(
    problems: Problems,
    operator_page: Operator,
    context: BrowserContext,
    kwai: RunningSandbox,
    shop: None,
    work: Callable[[], None],
) -> None:
    connected(kwai)
    kwai.control("DELETE", f"grants/{MERCHANT}")
    missed = order_place(kwai)
    work()
    operator_page.sign_in()
    notice = operator_page.page.get_by_role("region", name="Avisos importantes")
    expect(notice).to_contain_text("o consentimento da loja no Kwai foi revogado")
    operator_page.open("Pedidos de venda")
    with context.expect_page() as opened:
        notice.get_by_role("link", name="conectar com Kwai").click()
    consent = opened.value
    consent.get_by_role("radio", name="Loja Aurora").check()
    consent.get_by_role("button", name="autorizar").click()
    expect(consent.get_by_role("heading", name="Conexão feita")).to_be_visible()
    operator_page.open("Pedidos de venda")
    expect(notice).to_have_count(0)
    assert KwaiAccount.objects.get().health == ConnectionHealth.OK
    work()
    assert KwaiOrder.objects.filter(external_id=missed).exists()
    assert problems == []


def connected(kwai: RunningSandbox) -> None:
    """An active store of the demonstration's company, connected to the emulator's first seller."""
    admin = User.objects.select_related("company").get(username="demo")
    assert admin.company is not None
    store = store_install(company=admin.company, name="Kwai Shop", user=admin)
    code = kwai.control("POST", "grants", {"merchantId": MERCHANT})["code"]
    pair = gateway.exchange_code(gateway.client_config(), code=code)
    store_activate(store=_account_bind(store_id=store.pk, pair=pair, user=admin), user=admin)
