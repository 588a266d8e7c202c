"""The whole loop by hand: connect, receive, NF-e, PLP, tracking, delivered; then what the platform got."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now
from playwright.sync_api import BrowserContext, Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

import kwai_sandbox
from erp.outbox.models import PushJob
from erp.outbox.statuses import JobState, WaitReason
from expedition.models import Shipment
from invoices.models import Invoice, InvoiceDocument
from kwai_sandbox.server import RunningSandbox
from kwai_sandbox.wire import RESULTS
from tests.conftest import PASSWORD
from tests.e2e.conftest import Problems
from tests.kwai_integration.codes import RECEIVED, SHIPPED

MERCHANT = "100000000000000101"
TRACKING_CODE = "AA123456785BR"
BRASILIA = timezone(timedelta(hours=-3))
SEND_TRACKING = "enviar código de rastreio para o e-commerce"
SEND_KEY = "enviar chave de acesso para o e-commerce"
SEND_INVOICE = "enviar dados da NFe para e-commerce"
LOST_ANSWER = {"kind": "bad_gateway", "path": "confirmDelivery", "count": 1, "effect": "before"}
MARK_DELIVERED = "marcar pedidos como entregue"


@dataclass
class Operator:
    """Somebody at the screen: finds things by what is written on them."""

    page: Page
    home: str

    def sign_in(self) -> None:
        self.page.goto(self.home)
        self.page.get_by_label("Usuário").fill("demo")
        self.page.locator("input[name=password]").fill(PASSWORD)
        self.click("Entrar")

    def click(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def follow(self, name: str) -> None:
        self.page.get_by_role("link", name=name, exact=True).first.click()

    def open(self, name: str) -> None:
        """An entry of the sidebar."""
        self.page.locator("aside, .navbar-vertical").get_by_role(
            "link", name=re.compile(f"^{name}")
        ).first.click()
        expect(self.page.get_by_role("heading", level=1)).to_have_text(name)

    def heading(self) -> Locator:
        return self.page.get_by_role("heading", level=1)

    def row(self, text: str) -> Locator:
        return self.page.locator("#list-rows tbody tr", has_text=text)

    def search(self, text: str) -> None:
        self.page.get_by_label("Buscar", exact=True).last.fill(text)
        expect(self.page.locator("#list-rows tbody tr")).to_have_count(1)

    def tick(self, text: str) -> None:
        self.row(text).get_by_role("checkbox").check()

    def menu(self, text: str) -> None:
        """Open the (...) of a row."""
        self.row(text).get_by_title("(...)").click()

    def choose(self, name: str) -> None:
        """Click an entry of the menu that is open, and answer its question if it asks one."""
        self.page.locator(":popover-open").get_by_role(
            "button", name=re.compile(f"^{re.escape(name)}")
        ).click()

    def confirm(self) -> None:
        self.page.locator("dialog[open] [data-confirm-yes]").click()

    def results(self) -> Locator:
        return self.page.locator("#results")


@pytest.fixture
def operator_page(page: Page, live_server: LiveServer) -> Operator:
    page.set_default_timeout(30_000)
    return Operator(page, live_server.url)


INVENTED = json.loads((Path(kwai_sandbox.__file__).parent / "dialects" / "invented.json").read_text())
# Its results are numbered otherwise too, success included.
INVENTED["results"] = {str(code): 7000 + code for code in RESULTS}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kwai", [{}, INVENTED], ids=["contract", "dialect"], indirect=True)
def test_whole_loop(
    problems: Problems,
    operator_page: Operator,
    context: BrowserContext,
    kwai: RunningSandbox,
    shop: None,
    work: Callable[[], None],
) -> None:
    operator_page.sign_in()
    tour_expect(operator_page, 0, "Instalar a integração")
    connect(operator_page, context)
    tour_expect(operator_page, 3, "Criar um pedido no Kwai simulado")
    remote_id = order_place(kwai)
    tour_order_appears(operator_page, work)
    receive(operator_page, work, remote_id)
    xml = invoice_generate(operator_page, remote_id)
    shipping_choose(operator_page, remote_id)
    tour_expect(operator_page, 7, "Concluir a expedição")
    group_conclude(operator_page, remote_id)
    tracking_send(operator_page, work, remote_id)
    invoice_send(operator_page)
    tour_expect(operator_page, 9, "Marcar como entregue")
    collect(kwai, work, remote_id)
    kwai.control("PUT", "faults", LOST_ANSWER)
    deliver(operator_page, work, remote_id)
    tour_expect(operator_page, 12, "Programar um envio do Kwai Envios")
    platform_check(kwai.control("GET", f"orders/{remote_id}"), xml)
    assert kwai.control("GET", "ledger")["doubled"] == []
    assert problems == []


def tour_expect(operator: Operator, done: int, then: str) -> None:
    """What the guided tour on the home page has ticked, and what it points to."""
    operator.page.goto(operator.home)
    tour = operator.page.locator("#tour")
    expect(tour.locator(".is-done")).to_have_count(done)
    expect(tour.locator(".tour-next strong")).to_have_text(then)


def tour_order_appears(operator: Operator, work: Callable[[], None]) -> None:
    """The open home page ticks the order by itself, without a reload."""
    expect(operator.page.locator("#tour .is-done")).to_have_count(3)
    work()
    expect(operator.page.locator("#tour .is-done")).to_have_count(4)


def order_place(kwai: RunningSandbox) -> str:
    body = {
        "merchantId": MERCHANT,
        "shippingType": "SELLER",
        "skus": [{"number": "CAM-BAS-M", "quantity": 2}],
    }
    return str(kwai.control("POST", "orders", body)["orderIds"][0])


def connect(operator: Operator, context: BrowserContext) -> None:
    """The whole wizard, with one *continuar depois*; the first tab notices the consent by itself."""
    page = operator.page
    operator.open("Integrações")
    operator.follow("adicionar integração")
    operator.click("instalar")
    with context.expect_page() as opened:
        operator.click("conectar com Kwai")
    consent = opened.value
    consent.get_by_role("radio", name="Loja Aurora").check()
    expect(consent.get_by_role("heading", name="Termos da autorização")).to_be_visible()
    consent.get_by_role("button", name="autorizar").click()
    expect(consent.get_by_text(MERCHANT)).to_be_visible()
    consent.get_by_role("button", name="usar esta conta").click()
    expect(consent.get_by_role("heading", name="Conexão feita")).to_be_visible()
    consent.close()
    expect(page.get_by_role("button", name="desconectar")).to_be_visible()
    advance(operator, "Produtos")
    advance(operator, "Pedidos")
    page.get_by_label("Pedidos anteriores à ativação").select_option("dos últimos 7 dias")
    operator.click("continuar depois")
    expect(page.get_by_text("Em configuração (etapa 3 de 5)")).to_be_visible()
    operator.follow("continuar configuração")
    expect(page.get_by_label("Pedidos anteriores à ativação")).to_have_value("7")
    advance(operator, "Mapeamentos")
    page.get_by_label("Outro código do Kwai (Formas de recebimento)").press("Enter")
    expect(page.locator("[aria-current=step]")).to_contain_text("Revisão e ativação")
    expect(page.get_by_text("pedidos dos últimos 7 dias, contados no Kwai agora")).to_be_visible()
    expect(page.get_by_text("/kwai/webhook/ responde e é deste ERP")).to_be_visible()
    operator.click("ativar")
    expect(operator.heading()).to_have_text("Como usar no dia a dia")


def advance(operator: Operator, step: str) -> None:
    operator.click("salvar e avançar")
    expect(operator.page.locator("[aria-current=step]")).to_contain_text(step)


def receive(operator: Operator, work: Callable[[], None], remote_id: str) -> None:
    operator.open("Pedidos no e-commerce")
    work()
    operator.search(remote_id)
    operator.tick(remote_id)
    operator.click("receber pedidos")
    expect(operator.results()).to_contain_text(remote_id)
    expect(operator.row(remote_id)).to_contain_text("Recebido")
    operator.tick(remote_id)
    operator.click("sincronizar situação")
    expect(operator.results()).to_contain_text("Sincronizar situação")
    operator.open("Pedidos de venda")
    expect(operator.row(remote_id)).to_contain_text("Aprovado")


def invoice_generate(operator: Operator, remote_id: str) -> bytes:
    """The demonstration's note of the order; answers the file's bytes."""
    operator.row(remote_id).get_by_role("link").first.click()
    operator.follow("Gerar nota fiscal")
    operator.click("gerar NF-e de demonstração")
    expect(operator.heading()).to_contain_text("NF-e 1 série 1")
    expect(operator.page.get_by_text(remote_id).first).to_be_visible()
    return InvoiceDocument.objects.get().read()


def shipping_choose(operator: Operator, remote_id: str) -> None:
    operator.open("Pedidos de venda")
    operator.search(remote_id)
    operator.menu(remote_id)
    operator.choose("definir forma de envio")
    operator.page.get_by_label("Forma de envio", exact=True).select_option("Correios PAC")
    operator.click("Salvar")
    expect(operator.page.get_by_text("Forma de envio definida em 1 pedido.")).to_be_visible()


def group_conclude(operator: Operator, remote_id: str) -> None:
    page = operator.page
    operator.open("Expedição")
    operator.follow("incluir expedição")
    page.get_by_label("Forma de envio", exact=True).select_option("Correios PAC")
    operator.click("Mostrar pedidos")
    row = page.locator("tbody tr", has_text=remote_id)
    row.get_by_role("textbox").fill(TRACKING_CODE)
    row.get_by_role("checkbox").check()
    operator.click("salvar")
    expect(operator.heading()).to_contain_text("PLP 1")
    operator.click("concluir expedição")
    operator.confirm()
    expect(operator.heading()).to_contain_text("Concluída", ignore_case=True)


def tracking_send(operator: Operator, work: Callable[[], None], remote_id: str) -> None:
    """Asking queues; the order is *Enviado* only once Kwai has confirmed."""
    operator.open("Expedição")
    operator.page.get_by_label("Agrupamentos").select_option("visão por pedidos")
    expect(operator.row(remote_id)).to_contain_text(TRACKING_CODE)
    operator.menu(remote_id)
    operator.choose(SEND_TRACKING)
    expect(operator.results()).to_contain_text("na fila")
    expect(operator.row(remote_id)).to_contain_text("rastreio: aguardando Kwai")
    settle(work)
    operator.page.reload()
    expect(operator.row(remote_id)).to_contain_text("rastreio enviado")
    expect(operator.row(remote_id)).to_contain_text("dados da NF-e enviados")
    operator.menu(remote_id)
    operator.choose(SEND_KEY)
    expect(operator.results()).to_contain_text("já estava feito")
    status_expect(operator, remote_id, "Enviado")


def settle(work: Callable[[], None]) -> None:
    """Work until no push waits for Kwai to accept the note."""
    for _ in range(20):
        work()
        if not PushJob.objects.filter(waiting_for=WaitReason.CHECK).update(not_before=Now()):
            return
        time.sleep(0.5)
    raise AssertionError("Kwai never accepted the note")


def collect(kwai: RunningSandbox, work: Callable[[], None], remote_id: str) -> None:
    """Where a code sent leads first to waiting for the pickup, the carrier comes; the ERP hears of it."""
    if kwai.control("GET", f"orders/{remote_id}")["status"] != SHIPPED:
        kwai.control("PATCH", f"orders/{remote_id}", {"status": SHIPPED})
        work()


def invoice_send(operator: Operator) -> None:
    operator.open("Notas Fiscais")
    tab = operator.page.locator("#list-tabs").get_by_role("link", name="emitidas")
    tab.click()
    # The answer replaces the list; a menu opened before it arrives would go with the old one.
    expect(tab).to_have_attribute("aria-current", "page")
    operator.tick("série 1")
    operator.click("mais ações")
    operator.choose(SEND_INVOICE)
    expect(operator.results()).to_contain_text("já estava feito")


def deliver(operator: Operator, work: Callable[[], None], remote_id: str) -> None:
    operator.open("Expedição")
    operator.page.get_by_label("Agrupamentos").select_option("visão por pedidos")
    expect(operator.row(remote_id)).to_be_visible()
    operator.menu(remote_id)
    operator.choose(MARK_DELIVERED)
    operator.confirm()
    expect(operator.results()).to_contain_text("na fila")
    work()
    # The answer was lost; once the wait is over Kwai is read first, and the delivery is not sent again.
    waiting = PushJob.objects.filter(state=JobState.PENDING, needs_verification=True)
    assert waiting.update(not_before=Now()) == 1
    work()
    operator.page.reload()
    expect(operator.row(remote_id)).to_contain_text("entregue e sincronizado")
    status_expect(operator, remote_id, "Entregue")


def status_expect(operator: Operator, remote_id: str, status: str) -> None:
    operator.open("Pedidos de venda")
    expect(operator.row(remote_id)).to_contain_text(status)


def platform_check(known: dict[str, Any], xml: bytes) -> None:
    """What the platform received is what the note and the shipment say."""
    invoice, shipment = known["invoice"], known["shipment"]
    note = Invoice.objects.get()
    assert (invoice["accessKey"], invoice["number"], invoice["series"]) == (note.access_key, 1, 1)
    assert invoice["issuedAt"] == int(note.issued_at.timestamp() * 1000)
    assert base64.b64decode(invoice["xml"]) == xml
    assert (shipment["carrierCode"], shipment["trackingNumber"]) == ("CORREIOS", TRACKING_CODE)
    expected = Shipment.objects.get().expected_delivery_on
    estimated = datetime.fromtimestamp(shipment["estimatedDeliveryAt"] / 1000, BRASILIA)
    assert estimated.date() == expected
    assert known["status"] == RECEIVED
    assert set(PushJob.objects.values_list("state", flat=True)) == {JobState.DONE}
