"""Kwai Envios by hand: paid, NF-e, *programar envio*, label, group, collected by the carrier, *enviado*."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from erp.outbox.models import PushJob
from expedition.models import LabelState, Shipment, ShippingLabel
from kwai_integration.outbound.kinds import Kind
from kwai_sandbox.server import RunningSandbox
from tests.e2e.conftest import Problems
from tests.e2e.test_loop import (
    MERCHANT,
    Operator,
    connect,
    invoice_generate,
    receive,
    status_expect,
)
from tests.kwai_integration.codes import SHIPPED, TO_ARRANGE

ARRANGE = "programar envio"


@pytest.fixture
def operator_page(page: Page, live_server: LiveServer) -> Operator:
    page.set_default_timeout(30_000)
    return Operator(page, live_server.url)


@pytest.mark.django_db(transaction=True)
def test_kwai_envios_from_paid_to_sent(
    problems: Problems,
    operator_page: Operator,
    context: BrowserContext,
    kwai: RunningSandbox,
    shop: None,
    work: Callable[[], None],
) -> None:
    operator_page.sign_in()
    connect(operator_page, context)
    remote_id = order_place(kwai)
    receive(operator_page, work, remote_id)
    invoice_generate(operator_page, remote_id)
    order_page_offers_it(operator_page, remote_id)
    group_asks_for_the_number(operator_page, remote_id)
    arrange_and_wait_for_the_note(operator_page, kwai, work, remote_id)
    number_and_label_arrive(operator_page, kwai, work, remote_id)
    group_conclude(operator_page)
    nothing_is_left_to_send(operator_page, remote_id)
    kwai.control("PATCH", f"orders/{remote_id}", {"orderStatus": SHIPPED})
    sent_by_the_scan(operator_page, work, remote_id)
    assert kwai.control("GET", "ledger")["doubled"] == []
    assert not PushJob.objects.filter(kind=Kind.SEND_TRACKING).exists()
    assert problems == []


def order_place(kwai: RunningSandbox) -> str:
    """Its note is looked at by a person, as the real platform may take minutes."""
    kwai.control("PUT", "settings", {"invoiceReview": "wait"})
    body = {
        "merchantId": MERCHANT,
        "shippingType": "KWAI_ENVIOS",
        "skus": [{"number": "CAM-BAS-M", "quantity": 1}],
    }
    return str(kwai.control("POST", "orders", body)["orderIds"][0])


def order_page_offers_it(operator: Operator, remote_id: str) -> None:
    operator.open("Pedidos de venda")
    operator.row(remote_id).get_by_role("link").first.click()
    expect(operator.page.get_by_role("button", name=ARRANGE)).to_be_enabled()


def group_asks_for_the_number(operator: Operator, remote_id: str) -> None:
    page = operator.page
    operator.open("Expedição")
    operator.follow("incluir expedição")
    page.get_by_label("Forma de envio", exact=True).select_option("Kwai Envios")
    operator.click("Mostrar pedidos")
    row = page.locator("tbody tr", has_text=remote_id)
    expect(row).to_contain_text("o Kwai Envios dá o número")
    row.get_by_role("checkbox").check()
    operator.click("salvar")
    expect(operator.heading()).to_contain_text("Coleta 1")
    expect(page.locator("tbody")).to_contain_text("Falta o número do Kwai Envios. Use programar envio.")
    expect(page.locator("tbody").get_by_role("textbox")).to_have_count(0)


def arrange_and_wait_for_the_note(
    operator: Operator, kwai: RunningSandbox, work: Callable[[], None], remote_id: str
) -> None:
    operator.page.locator("tbody").get_by_role("button", name="Programar o envio").click()
    expect(operator.results()).to_contain_text("na fila")
    work()
    operator.page.goto(operator.page.url.removesuffix("programar/"))
    marker = operator.page.get_by_text("programação: aguardando Kwai")
    expect(marker).to_be_visible()
    assert (
        "aguardando o Kwai aceitar a NF-e, enviada às "
        in PushJob.objects.get(kind=Kind.ARRANGE_SHIPMENT).last_error
    )
    kwai.control("PATCH", f"orders/{remote_id}", {"invoiceStatus": 2, "orderStatus": TO_ARRANGE})


def number_and_label_arrive(
    operator: Operator, kwai: RunningSandbox, work: Callable[[], None], remote_id: str
) -> None:
    for _ in range(3):  # read the acceptance, arrange, fetch the label
        work()
    number = str(kwai.control("GET", f"orders/{remote_id}")["order"]["trackingNumber"])
    assert Shipment.objects.get().channel_number == number
    assert ShippingLabel.objects.get().state == LabelState.READY
    operator.page.reload()
    expect(operator.page.locator("tbody")).to_contain_text(number)
    with operator.page.expect_response(lambda answer: answer.url.endswith("/etiquetas/")) as printed:
        operator.page.evaluate(PRINT_HERE)
    assert printed.value.headers["content-type"] == "application/pdf"


# A PDF that opens in its own tab has no response a test could read: the same form, fetched by its page.
PRINT_HERE = """() => {
  const button = document.querySelector('button[formaction$="/etiquetas/"]');
  return fetch(button.formAction, {method: 'POST', body: new FormData(button.form)}).then(answer => answer.status);
}"""


def group_conclude(operator: Operator) -> None:
    operator.click("concluir expedição")
    operator.confirm()
    expect(operator.heading()).to_contain_text("Concluída", ignore_case=True)


def nothing_is_left_to_send(operator: Operator, remote_id: str) -> None:
    operator.open("Expedição")
    operator.page.get_by_label("Agrupamentos").select_option("visão por pedidos")
    expect(operator.row(remote_id)).to_contain_text("envio programado")
    operator.menu(remote_id)
    operator.choose("enviar código de rastreio para o e-commerce")
    expect(operator.results()).to_contain_text("O Kwai Envios cuida do rastreio: nada a enviar.")
    expect(operator.results()).to_contain_text("já estava feito")


def sent_by_the_scan(operator: Operator, work: Callable[[], None], remote_id: str) -> None:
    expect(operator.row(remote_id)).not_to_contain_text("rastreio enviado")
    work()
    operator.page.reload()
    expect(operator.row(remote_id)).to_contain_text("rastreio enviado")
    status_expect(operator, remote_id, "Enviado")
