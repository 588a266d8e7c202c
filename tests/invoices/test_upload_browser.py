"""The upload page in a real browser: files dropped on the form, one answer per file, sending from *mais ações*."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from erp.accounts.models import User
from erp.channels import ChannelAction
from erp.sales.models import Order
from invoices.models import Invoice
from tests.conftest import PASSWORD
from tests.invoices.conftest import FakeShop
from tests.invoices.factory import access_key, event_xml, nfe_xml
from tests.invoices.intake.test_archives import zipped

DROP = """([files]) => {
    const data = new DataTransfer();
    for (const [name, text] of files) data.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name));
    document.querySelector("[data-drop-zone]").dispatchEvent(
        new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
}"""


@pytest.mark.django_db(transaction=True)
def test_drop_files_read_the_answers_and_send(
    live_server: LiveServer, page: Page, operator: User, make_order: Callable[..., Order], shop: FakeShop
) -> None:
    order = make_order()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.goto(live_server.url + reverse("invoices:upload"))
    page.fill("input[name=username]", operator.username)
    page.fill("input[name=password]", PASSWORD)
    page.locator("form button").first.click()
    expect(page.get_by_role("heading", name="Enviar notas fiscais")).to_be_visible()
    page.wait_for_load_state("load")  # the deferred script listens from here on

    files = {
        "nota.xml": nfe_xml(order_reference=order.external_id),
        "lixo.xml": b"texto",
        "lote.zip": zipped({"cancelamento.xml": event_xml(key=access_key(number=9))}),
        "outro.xml": b"texto",
    }
    page.evaluate(DROP, [[[name, base64.b64encode(content).decode()] for name, content in files.items()]])
    expect(page.locator("[data-drop-list] li")).to_have_text(list(files))
    page.get_by_role("button", name="Enviar e conferir").click()
    results = page.locator("#results tbody tr")
    expect(results.nth(0)).to_contain_text("vinculada")
    expect(results.nth(1)).to_contain_text("não é um XML")
    expect(results.nth(2)).to_contain_text("lote.zip/cancelamento.xml")
    expect(page.get_by_role("status").filter(has_text="Pronto")).to_have_text(
        "Pronto: 1 vinculada, 2 recusadas, 1 evento guardado."
    )
    assert Invoice.objects.get().document.read() == files["nota.xml"]
    page.reload()
    expect(results).to_have_count(4)
    expect(results.nth(0)).to_contain_text("vinculada")

    page.get_by_role("link", name="Notas Fiscais").first.click()
    tab = page.get_by_role("link", name="emitidas")
    tab.click()
    expect(tab).to_have_attribute("aria-current", "page")
    page.get_by_label("Marcar NF-e 123 série 1").check()
    page.get_by_role("button", name="mais ações").click()
    page.locator("#bulk-menu").get_by_role("button", name="enviar dados da NFe para e-commerce").click()
    expect(page.locator("#results")).to_contain_text("NF-e 123 série 1")
    assert shop.asked == [(ChannelAction.SEND_INVOICE, [Invoice.objects.get().pk])]
    assert problems == []
