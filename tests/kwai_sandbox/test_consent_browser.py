"""The pages in a real browser: headers such as Origin are the browser's own there."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from kwai_sandbox.server import RunningSandbox
from kwai_sandbox.statuses import Status
from tests.kwai_sandbox.conftest import MERCHANT, Caller


@pytest.mark.parametrize(("button", "has_code"), [("autorizar", True), ("recusar", False)])
def test_consent_leads_back(sandbox: RunningSandbox, page: Page, button: str, has_code: bool) -> None:
    back = f"{sandbox.url}/_sandbox/"
    query = {
        "appKey": sandbox.credentials.app_key,
        "scope": "user_info,merchant_order",
        "redirect_uri": back.removeprefix("http://"),
        "status": "s1",
    }
    page.goto(f"{sandbox.url}/shop/b/authorize?{urlencode(query)}")
    page.get_by_label("Casa Ipê").check()
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.get_by_role("heading", name="Kwai Shop simulado")).to_be_visible()
    assert "status=s1" in page.url
    assert ("code=" in page.url) is has_code


def test_buttons_of_the_seller_centre(sandbox: RunningSandbox, page: Page) -> None:
    seller = Caller(sandbox, MERCHANT)
    order_id = seller.order(status=Status.AWAITING_PAYMENT)
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(f"{sandbox.url}/_sandbox/")
    page.get_by_role("link", name=order_id).click()
    page.get_by_role("button", name="pagar").click()
    expect(page.get_by_text(Status.AWAITING_INVOICE.label, exact=True)).to_be_visible()
    page.get_by_role("button", name="despachar fora do ERP").click()
    expect(page.get_by_text("fora do ERP")).to_be_visible()
    assert seller.known(order_id)["status"] == Status.SHIPPED
    assert refused == []
