"""From *receber* to *concluir* by the buttons that are offered, without looking for an order a second time."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, expect
from pytest_django.live_server_helper import LiveServer

from erp.sales.models import Order
from expedition.models import GroupStatus, ShipmentGroup
from invoices.models import Invoice, InvoiceStatus
from kwai_integration.inbound.poll import store_poll
from kwai_integration.models import KwaiAccount, KwaiSettings
from kwai_sandbox.server import RunningSandbox
from tests.e2e.conftest import Problems
from tests.e2e.test_live import connected  # noqa: F401
from tests.e2e.test_loop import MERCHANT, Operator

CODES = ("AA123456785BR", "AA473124829BR", "BR000000005BR")


@pytest.mark.django_db(transaction=True)
def test_the_same_orders_go_from_step_to_step(
    context: BrowserContext,
    live_server: LiveServer,
    kwai: RunningSandbox,
    connected: None,
    problems: Problems,
) -> None:
    KwaiSettings.objects.update(auto_receive=False)
    body = {"merchantId": MERCHANT, "count": 3, "shippingType": "SELLER"}
    remote_ids = kwai.control("POST", "orders", body)["orderIds"]
    store_poll(KwaiAccount.objects.get().pk)
    operator = Operator(context.new_page(), live_server.url)
    page = operator.page
    page.set_default_timeout(30_000)
    operator.sign_in()
    operator.open("Pedidos no e-commerce")
    for remote_id in remote_ids:
        operator.tick(remote_id)
    operator.click("receber pedidos")
    operator.click("definir forma de envio (3)")
    page.get_by_label("Forma de envio", exact=True).select_option("Correios PAC")
    operator.click("Salvar")
    expect(operator.heading()).to_have_text("Pedidos no e-commerce")
    operator.click("gerar nota fiscal (3)")
    operator.click("gerar NF-e de demonstração (3 de 3)")
    with context.expect_page() as paper:
        operator.click("imprimir DANFE (3)")
    paper.value.close()
    operator.click("agrupar (3)")
    expect(page.locator('input[name="orders"]:checked')).to_have_count(3)
    for field, code in zip(page.locator("td .tracking-input").all(), CODES, strict=True):
        field.fill(code)
    operator.click("salvar")
    operator.click("concluir expedição")
    operator.confirm()
    expect(operator.heading()).to_contain_text("Concluída", ignore_case=True)
    assert ShipmentGroup.objects.get().status == GroupStatus.CONCLUDED
    assert set(Invoice.objects.values_list("status", flat=True)) == {InvoiceStatus.DANFE_ISSUED}
    assert set(Order.objects.values_list("status", flat=True)) == {"ready_to_ship"}
    assert problems == []
