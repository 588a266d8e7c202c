"""On a small desktop screen the menu of a row covers nothing of the row."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.urls import reverse
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from erp.sales.models import Order
from kwai_integration.models import KwaiOrder
from kwai_sandbox.server import RunningSandbox
from tests.conftest import PASSWORD
from tests.e2e.conftest import Problems
from tests.e2e.test_pages import notes_bring, orders_bring

SCREEN = {"width": 1280, "height": 720}
LISTS = (
    "sales:orders",
    "kwai:orders",
    "kwai:links",
    "kwai:jobs",
    "invoices:list",
    "invoices:unlinked",
    "expedition:list",
    "catalog:products",
    "stock:balances",
    "sales:carriers",
    "sales:shipping_methods",
    "sales:payment_methods",
    "users",
)
# How far the content of each row's last cell reaches under its menu, in pixels; only what does.
COVERED = """() => [...document.querySelectorAll('.list-table tr:has(> .menu-cell)')].flatMap(row => {
  const menu = row.querySelector(':scope > .menu-cell'), cell = menu.previousElementSibling;
  const range = document.createRange();
  range.selectNodeContents(cell);
  const by = range.getBoundingClientRect().right - menu.getBoundingClientRect().left;
  return by > 0 ? [`${cell.textContent.trim()}: ${by}`] : [];
})"""


@pytest.mark.django_db(transaction=True)
def test_a_menu_covers_nothing(
    problems: Problems,
    page: Page,
    live_server: LiveServer,
    kwai: RunningSandbox,
    shop: None,
    work: Callable[[], None],
) -> None:
    orders_bring(kwai, work)
    kwai_order = KwaiOrder.objects.filter(order__isnull=False).earliest("pk")
    notes_bring(Order.objects.get(pk=kwai_order.order_id))
    Order.objects.update(total=123_456_78)
    page.set_viewport_size(SCREEN)  # type: ignore[arg-type]
    page.goto(live_server.url)
    page.get_by_label("Usuário").fill("demo")
    page.locator("input[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Entrar").click()
    page.wait_for_url(live_server.url + "/")
    covered = {}
    for name in LISTS:
        page.goto(live_server.url + reverse(name))
        if found := page.evaluate(COVERED):
            covered[name] = found[:3]
    assert covered == {}
