"""Whatever a test puts into an order, the pages open and the calls answer."""

from __future__ import annotations

from typing import Any

import pytest

from kwai_sandbox.actions import ACTIONS
from tests.kwai_sandbox.conftest import Caller, invoice, send, shipment
from tests.kwai_sandbox.test_centre import press

FIELDS = (
    "orderStatus", "currency", "createTime", "updateTime", "paidTime", "totalAmount", "shippingFee",
    "productSellerDiscount", "productPlatformDiscount", "orderItemView", "receiverAddressInfo", "shipByTime",
    "shippingType", "carrierCode", "trackingNumber", "payments", "invoiceStatus", "invoiceRefusalReason",
    "holdReason", "canceledAt", "refundStatus", "shippedAt", "deliveredAt",
)  # fmt: skip
VALUES: tuple[Any, ...] = (None, -1, 10**18, 1.5, True, "x", [], [1], ["x", None], {}, {"a": [1]})


@pytest.mark.parametrize("field", FIELDS)
def test_any_value_in_any_field(seller: Caller, field: str) -> None:
    for value in VALUES:
        order_id = seller.order(overrides={field: value})
        url = seller.sandbox.url
        statuses = [
            send(url, "GET", f"/_sandbox/{path}").status
            for path in (f"centre/orders/{order_id}", f"orders/{order_id}")
        ]
        assert statuses == [200, 200], value
        results = [
            seller.post("trade/queryOrderDetails", {"orderList": [order_id]}).result,
            seller.post("trade/merchant/uploadInvoice", invoice(order_id)).result,
            seller.post("trade/merchant/shipOrder", shipment(order_id)).result,
            seller.post("logistics/arrangeShipment", {"orderId": order_id, "handover": "PICKUP"}).result,
            seller.get("logistics/getShippingLabel", orderId=order_id).result,
            seller.post(
                "trade/merchant/confirmDelivery", {"orderId": order_id, "deliveredAt": 1_767_900_000_000}
            ).result,
            seller.post("trade/merchant/cancelOrder", {"orderId": order_id, "reason": "x"}).result,
        ]
        assert 500 not in results, value
        for action in ACTIONS:
            assert press(seller, f"orders/{order_id}/{action}").status in (303, 409), value
    assert (
        send(seller.sandbox.url, "GET", "/_sandbox/centre/orders?q=Ana&status=101&shippingType=SELLER").status
        == 200
    )
    assert send(seller.sandbox.url, "GET", "/_sandbox/centre/orders").status == 200
