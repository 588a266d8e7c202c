"""The seller centre in a real browser: quiet console, nothing axe calls serious, no sideways scroll on a phone."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, Page

from tests.e2e.conftest import Problems, problems  # noqa: F401
from tests.e2e.test_pages import faults_of
from tests.kwai_sandbox.conftest import MERCHANT, Caller, invoice, shipment

PAGES = (
    "", "centre/orders", "centre/listings", "centre/faults", "centre/calls?pausa=1", "centre/writes",
    "centre/connections",
)  # fmt: skip


def test_every_page(problems: Problems, page: Page, context: BrowserContext, seller: Caller) -> None:
    seller.sandbox.control(
        "PUT", "faults", {"kind": "bad_gateway", "path": "uploadInvoice", "effect": "before", "count": 2}
    )
    order_id = seller.order()
    for _ in range(2):
        seller.post("trade/merchant/uploadInvoice", invoice(order_id))
    seller.post("trade/merchant/shipOrder", shipment(order_id))
    seller.sandbox.control("PUT", "faults", {"kind": "slow", "path": "getCategoryList"})
    found = {}
    for path in (*PAGES, f"centre/orders/{order_id}"):
        page.goto(f"{seller.sandbox.url}/_sandbox/{path}")
        found[path] = faults_of(page)
    assert {path: faults for path, faults in found.items() if faults} == {}
    page.goto(f"{seller.sandbox.url}/_sandbox/")
    page.get_by_role("button", name="criar um pedido pago").click()
    page.get_by_role("heading", name="Pedido 26").wait_for()
    page.get_by_role("button", name="despachar fora do ERP").click()
    page.get_by_text("fora do ERP", exact=True).wait_for()
    assert seller.merchant_id == MERCHANT
    assert problems == []
