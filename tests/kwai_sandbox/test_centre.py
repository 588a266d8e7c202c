"""The seller centre for people."""

from __future__ import annotations

import base64
from urllib.parse import urlencode

import pytest

from tests.kwai_sandbox.conftest import MERCHANT, Answer, Caller, invoice, send, shipment

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def get(seller: Caller, path: str) -> Answer:
    return send(seller.sandbox.url, "GET", f"/_sandbox/{path}")


def press(seller: Caller, action: str, /, **form: str) -> Answer:
    return send(seller.sandbox.url, "POST", f"/_sandbox/centre/{action}", urlencode(form).encode(), FORM)


@pytest.mark.parametrize(
    "path", ["", "centre/listings", "centre/faults", "centre/calls", f"?merchantId={MERCHANT}"]
)
def test_every_page_opens(seller: Caller, path: str) -> None:
    page = get(seller, path)
    assert page.status == 200
    assert "Central do vendedor" in page.text
    assert "style=" not in page.text
    assert "<script" not in page.text


def test_an_order_page_shows_what_was_received(seller: Caller) -> None:
    order_id = seller.order()
    sent = invoice(order_id)
    seller.post("trade/merchant/uploadInvoice", sent)
    seller.post("trade/merchant/shipOrder", shipment(order_id))
    page = get(seller, f"centre/orders/{order_id}").text
    assert sent["accessKey"] in page
    assert "AA123456785BR" in page
    xml = get(seller, f"centre/orders/{order_id}/xml")
    assert xml.text.encode() == base64.b64decode(sent["xml"])
    assert xml.headers["Content-Type"].startswith("text/plain")


def test_buttons_change_the_order(seller: Caller) -> None:
    order_id = seller.order(status=10, shippingType="KWAI_ENVIOS")
    for action in ("pay", "hold", "release", "refund", "refund_close", "dispatch", "deliver"):
        assert press(seller, f"orders/{order_id}/{action}").status == 303
    assert seller.known(order_id)["status"] == 50
    assert seller.detail(order_id)["trackingNumber"]
    assert press(seller, f"orders/{order_id}/cancel").status == 409


def test_dispatch_outside_takes_the_typed_number(seller: Caller) -> None:
    order_id = seller.order()
    press(seller, f"orders/{order_id}/dispatch", trackingNumber="OUTRO-1")
    seller.post("trade/merchant/uploadInvoice", invoice(order_id))
    answer = seller.post("trade/merchant/shipOrder", shipment(order_id))
    assert answer.result == 422
    assert "OUTRO-1" in answer.json["message"]


def test_orders_faults_and_listings_from_forms(seller: Caller) -> None:
    before = len(seller.sandbox.control("GET", "orders")["orders"])
    press(seller, "orders", merchantId=MERCHANT, count="3", status="30", shippingType="SELLER")
    assert len(seller.sandbox.control("GET", "orders")["orders"]) == before + 3
    press(seller, "faults", kind="server_error", path="listItem", rate="100", count="", effect="after")
    assert seller.post("product/listItem", {"currentPage": 1, "pageSize": 1}).result == 500
    press(seller, "faults/clear")
    created = seller.post(
        "product/addItem",
        {"title": "Vaso", "categoryId": "2201", "skus": [{"number": "V", "salePrice": 1, "stock": 0}]},
    )
    press(seller, f"listings/{created.data['itemId']}/approve")
    assert seller.sandbox.control("GET", f"items/{created.data['itemId']}")["activeStatus"] == 1
    assert press(seller, "pushes", url="ftp://x").status == 400


def test_hostile_text_stays_text(seller: Caller) -> None:
    order_id = seller.order(
        overrides={"receiverAddressInfo": {"name": "<b>Ana</b>"}, "orderItemView": None, "totalAmount": "x"}
    )
    for path in ("", f"centre/orders/{order_id}"):
        page = get(seller, path)
        assert page.status == 200
        assert "<b>Ana</b>" not in page.text
