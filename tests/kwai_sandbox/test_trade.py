"""Orders and refunds read over the open API (contract sections 3 and 4)."""

from __future__ import annotations

import time
from typing import Any

import pytest

from kwai_sandbox.clock import DAY
from kwai_sandbox.statuses import Status
from tests.kwai_sandbox.conftest import Caller


def window(**changes: Any) -> dict[str, Any]:
    now = time.time_ns() // 1_000_000
    base = {"page": 1, "size": 50, "timeFrom": now - 30 * DAY, "timeTo": now + 1000}
    return base | {"timeRangeField": "UPDATE_TIME"} | changes


def ids(seller: Caller, **changes: Any) -> list[int]:
    return [
        row["orderId"] for row in seller.post("trade/queryOrderList", window(**changes)).data["orderList"]
    ]


def test_the_list_is_in_update_order_and_pages(seller: Caller) -> None:
    everything = ids(seller)
    assert len(everything) == 25
    assert ids(seller, size=10) + ids(seller, size=10, page=2) + ids(seller, size=10, page=3) == everything
    seller.sandbox.control("PATCH", f"orders/{everything[3]}", {"buyerRemark": "presente"})
    assert ids(seller)[-1] == everything[3]
    assert ids(seller, timeRangeField="CREATE_TIME")[-1] != everything[3]


@pytest.mark.parametrize("changes", [
    {"size": 51}, {"size": 0}, {"page": 0}, {"timeRangeField": "PAID_TIME"}, {"timeFrom": 1},
    {"timeFrom": 1_767_312_000}, {"timeTo": 1_767_312_000_000}, {"page": True}, {"size": "50"},
])  # fmt: skip
def test_odd_windows_are_refused(seller: Caller, changes: dict[str, Any]) -> None:
    assert seller.post("trade/queryOrderList", window(**changes)).result == 422


def test_windows_up_to_31_days(seller: Caller) -> None:
    now = time.time_ns() // 1_000_000
    assert seller.post("trade/queryOrderList", window(timeFrom=now - 31 * DAY, timeTo=now)).result == 200
    assert seller.post("trade/queryOrderList", window(timeFrom=now - 31 * DAY - 1, timeTo=now)).result == 422


def test_details_take_numbers_and_text_and_come_in_both_shapes(seller: Caller, other_seller: Caller) -> None:
    order_id, foreign = seller.order(), other_seller.order()
    asked = {"orderList": [int(order_id), order_id, foreign, "42"]}
    wrapped = seller.post("trade/queryOrderDetails", asked).data
    seller.sandbox.control("PUT", "settings", {"detailShape": "list", "idsAs": "text"})
    plain = seller.post("trade/queryOrderDetails", asked).data
    assert [entry["orderId"] for entry in wrapped["orderInfoDetailList"]] == [int(order_id)]
    assert [entry["orderId"] for entry in plain] == [order_id]
    assert seller.post("trade/queryOrderDetails", {"orderList": list(range(51))}).result == 422


def test_totals_follow_the_contract_formula(seller: Caller) -> None:
    for order_id in ids(seller):
        detail = seller.detail(str(order_id))
        goods = sum(line["skuPrice"] * line["skuQuantity"] for line in detail["orderItemView"])
        discounts = detail["productSellerDiscount"] + detail["productPlatformDiscount"]
        assert detail["totalAmount"] == goods + detail["shippingFee"] - discounts


def test_the_buyer_is_masked_until_payment(seller: Caller) -> None:
    order_id = seller.order(status=Status.AWAITING_PAYMENT)
    assert seller.detail(order_id)["receiverAddressInfo"]["cpf"] == "***"
    seller.sandbox.control("PATCH", f"orders/{order_id}", {"orderStatus": Status.AWAITING_INVOICE})
    assert seller.detail(order_id)["receiverAddressInfo"]["cpf"].isdigit()


def refunds(seller: Caller) -> list[dict[str, Any]]:
    answer = seller.post("trade/queryRefundList", window(timeTo=window()["timeTo"] + 1000)).data
    assert answer["total"] == len(answer["refundList"])
    found: list[dict[str, Any]] = answer["refundList"]
    return found


def test_refunds_are_listed_and_every_change_moves_their_time(seller: Caller, other_seller: Caller) -> None:
    order_id = seller.order()
    assert refunds(seller) == []
    seen = []
    for status in (10, 60, 70):
        seller.sandbox.control("PATCH", f"orders/{order_id}", {"refundStatus": status})
        (refund,) = refunds(seller)
        assert (refund["orderId"], refund["status"]) == (int(order_id), status)
        assert refund["amount"] == seller.detail(order_id)["totalAmount"]
        assert refund["reason"]
        seen.append((refund["refundId"], refund["updateTime"]))
    assert len({refund_id for refund_id, _ in seen}) == 1
    assert seen[0][1] < seen[1][1] < seen[2][1]
    assert refunds(other_seller) == []


def test_amount_and_reason_of_a_refund_may_be_told(seller: Caller) -> None:
    order_id = seller.order()
    told = {"refundStatus": 10, "refundAmount": 150, "refundReason": "Veio rasgado"}
    seller.sandbox.control("PATCH", f"orders/{order_id}", told)
    seller.sandbox.control("PATCH", f"orders/{order_id}", {"refundStatus": 60})
    (refund,) = refunds(seller)
    assert (refund["status"], refund["amount"], refund["reason"]) == (60, 150, "Veio rasgado")
    assert "refundAmount" not in seller.detail(order_id)
