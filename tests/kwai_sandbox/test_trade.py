"""Orders read and written over the open API (contract sections 3 and 4)."""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest

from kwai_sandbox.clock import DAY
from tests.kwai_sandbox.conftest import Caller, access_key, invoice, shipment

UPLOAD, SHIP = "trade/merchant/uploadInvoice", "trade/merchant/shipOrder"
CONFIRM, CANCEL = "trade/merchant/confirmDelivery", "trade/merchant/cancelOrder"
MOMENT = 1_767_900_000_000


def window(**changes: Any) -> dict[str, Any]:
    now = time.time_ns() // 1_000_000
    base = {"page": 1, "size": 50, "timeFrom": now - 30 * DAY, "timeTo": now + 1000}
    return base | {"timeRangeField": "UPDATE_TIME"} | changes


def ids(seller: Caller, **changes: Any) -> list[int]:
    return [
        row["orderId"] for row in seller.post("trade/queryOrderList", window(**changes)).data["orderList"]
    ]


def last_write(seller: Caller) -> tuple[bool, bool, int]:
    row = seller.ledger()[-1]
    return row["applied"], row["repeat"], row["result"]


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
    order_id = seller.order(status=10)
    assert seller.detail(order_id)["receiverAddressInfo"]["cpf"] == "***"
    seller.sandbox.control("PATCH", f"orders/{order_id}", {"orderStatus": 30})
    assert seller.detail(order_id)["receiverAddressInfo"]["cpf"].isdigit()
    assert seller.detail(order_id)["paidTime"] > MOMENT


def test_payment_brings_the_deadline_and_the_platforms_own_number(seller: Caller) -> None:
    order_id = seller.order(status=10, shippingType="KWAI_ENVIOS")
    assert (seller.detail(order_id)["trackingNumber"], seller.detail(order_id)["shipByTime"]) == ("", None)
    seller.sandbox.control("PATCH", f"orders/{order_id}", {"status": 30})
    detail = seller.detail(order_id)
    assert detail["shipByTime"] > detail["paidTime"]
    assert (detail["carrierCode"], detail["trackingNumber"]) == ("KWAI_ENVIOS", f"KE{order_id[-9:]}BR")
    told = seller.order(status=10, shippingType="KWAI_ENVIOS")
    seller.sandbox.control(
        "PATCH", f"orders/{told}", {"status": 30, "trackingNumber": "KE1", "shipByTime": 5}
    )
    assert (seller.detail(told)["trackingNumber"], seller.detail(told)["shipByTime"]) == ("KE1", 5)


def test_the_whole_way_is_kept_as_it_was_sent(seller: Caller) -> None:
    order_id = seller.order()
    sent = invoice(order_id)
    assert seller.post(UPLOAD, sent).result == 200
    assert seller.detail(order_id)["invoiceStatus"] == 2
    assert seller.post(SHIP, shipment(order_id)).result == 200
    assert seller.post(CONFIRM, {"orderId": order_id, "deliveredAt": MOMENT}).result == 200
    known = seller.known(order_id)
    assert base64.b64decode(known["invoice"]["xml"]) == base64.b64decode(sent["xml"])
    assert known["invoice"]["accessKey"] == sent["accessKey"]
    assert known["shipment"]["estimatedDeliveryAt"] == shipment(order_id)["estimatedDeliveryAt"]
    assert known["delivery"]["deliveredAt"] == MOMENT
    assert known["status"] == 50
    assert [row["applied"] for row in known["writes"]] == [True, True, True]


def test_the_same_invoice_is_409_and_another_replaces_it_until_shipped(seller: Caller) -> None:
    order_id = seller.order()
    seller.post(UPLOAD, invoice(order_id))
    assert seller.post(UPLOAD, invoice(order_id)).result == 409
    assert last_write(seller) == (False, True, 409)
    assert seller.post(UPLOAD, invoice(order_id, 2)).result == 200
    assert seller.post(UPLOAD, invoice(order_id)).result == 200
    assert last_write(seller) == (True, False, 200)
    seller.post(SHIP, shipment(order_id))
    assert seller.post(UPLOAD, invoice(order_id, 2)).result == 422


@pytest.mark.parametrize("changes", [
    {"accessKey": access_key()[:-1] + "x"},
    {"accessKey": access_key()[:-1] + str((int(access_key()[-1]) + 1) % 10)},
    {"accessKey": access_key()[:43]},
    {"number": 9},
    {"series": "x"},
    {"xml": "not base64!"},
    {"xml": base64.b64encode(b"<NFe/>").decode()},
    {"issuedAt": 1_767_312_000},
    {"totalAmount": 170.0},
])  # fmt: skip
def test_a_wrong_invoice_is_refused_and_nothing_is_kept(seller: Caller, changes: dict[str, Any]) -> None:
    order_id = seller.order()
    assert seller.post(UPLOAD, invoice(order_id) | changes).result == 422
    assert seller.known(order_id)["invoice"] is None
    assert last_write(seller)[0] is False


@pytest.mark.parametrize("status", [10, 80, 99])
def test_unpaid_cancelled_and_unknown_orders_take_nothing(seller: Caller, status: int) -> None:
    order_id = seller.order(status=status)
    assert seller.post(UPLOAD, invoice(order_id)).result == 422
    with_invoice = shipment(order_id) | {"invoice": {"accessKey": access_key(), "number": 1, "series": 1}}
    assert seller.post(SHIP, with_invoice).result == 422
    assert seller.post(CONFIRM, {"orderId": order_id, "deliveredAt": MOMENT}).result == 422


def test_shipping_needs_an_invoice_uploaded_or_told(seller: Caller) -> None:
    order_id = seller.order()
    assert seller.post(SHIP, shipment(order_id)).result == 422
    told = {"accessKey": access_key(7), "number": 7, "series": 1, "issuedAt": MOMENT}
    assert seller.post(SHIP, shipment(order_id) | {"invoice": told}).result == 200
    assert seller.known(order_id)["invoice"] == told


def test_the_told_invoice_must_be_the_one_received(seller: Caller) -> None:
    order_id = seller.order()
    seller.post(UPLOAD, invoice(order_id))
    told = {"accessKey": access_key(7), "number": 7, "series": 1, "issuedAt": MOMENT}
    assert seller.post(SHIP, shipment(order_id) | {"invoice": told}).result == 422


def test_shipping_again_with_the_same_number_changes_nothing(seller: Caller) -> None:
    order_id = seller.order()
    seller.post(UPLOAD, invoice(order_id))
    seller.post(SHIP, shipment(order_id))
    assert seller.post(SHIP, shipment(order_id)).result == 200
    assert last_write(seller) == (False, True, 200)
    refused = seller.post(SHIP, shipment(order_id, "AA987654325BR"))
    assert refused.result == 422
    assert "AA123456785BR" in refused.json["message"]


@pytest.mark.parametrize("change", [{"holdReason": "análise"}, {"refundStatus": 10}, {"refundStatus": 60}])
def test_held_and_refunded_orders_do_not_ship(seller: Caller, change: dict[str, Any]) -> None:
    order_id = seller.order()
    seller.post(UPLOAD, invoice(order_id))
    seller.sandbox.control("PATCH", f"orders/{order_id}", change)
    assert seller.post(SHIP, shipment(order_id)).result == 422
    assert seller.known(order_id)["status"] == 30


def test_platform_logistics_must_repeat_its_own_number(seller: Caller) -> None:
    order_id = seller.order(shippingType="KWAI_ENVIOS")
    seller.post(UPLOAD, invoice(order_id))
    assert seller.post(SHIP, shipment(order_id)).result == 422
    detail = seller.detail(order_id)
    own = {name: detail[name] for name in ("carrierCode", "trackingNumber")}
    assert seller.post(SHIP, shipment(order_id) | own).result == 200


@pytest.mark.parametrize("changes", [
    {"shippedAt": 1_767_312_000}, {"estimatedDeliveryAt": 1_767_311_999_999}, {"trackingNumber": " "},
    {"carrierName": None}, {"trackingUrl": 5},
])  # fmt: skip
def test_incomplete_shipments_are_refused(seller: Caller, changes: dict[str, Any]) -> None:
    order_id = seller.order()
    seller.post(UPLOAD, invoice(order_id))
    assert seller.post(SHIP, shipment(order_id) | changes).result == 422


def test_delivery_is_confirmed_once_and_only_when_shipped(seller: Caller) -> None:
    order_id = seller.order()
    body = {"orderId": order_id, "deliveredAt": MOMENT}
    assert seller.post(CONFIRM, body).result == 422
    seller.post(UPLOAD, invoice(order_id))
    seller.post(SHIP, shipment(order_id))
    assert seller.post(CONFIRM, body).result == 200
    assert seller.post(CONFIRM, body).result == 409
    assert last_write(seller) == (False, True, 409)


def test_cancelling_stops_at_shipment(seller: Caller) -> None:
    order_id = seller.order()
    body = {"orderId": order_id, "reason": "sem estoque"}
    assert seller.post(CANCEL, body).result == 200
    assert seller.detail(order_id)["cancelReason"] == "sem estoque"
    assert seller.post(CANCEL, body).result == 409
    shipped = seller.order(status=40)
    assert seller.post(CANCEL, body | {"orderId": shipped}).result == 422


def test_orders_of_another_seller_do_not_exist(seller: Caller, other_seller: Caller) -> None:
    order_id = other_seller.order()
    assert seller.post(UPLOAD, invoice(order_id)).result == 404
    assert seller.post(UPLOAD, invoice("9" * 20)).result == 422


def test_refunds_are_listed(seller: Caller) -> None:
    order_id = seller.order()
    seller.sandbox.control("PATCH", f"orders/{order_id}", {"refundStatus": 10})
    (refund,) = seller.post("trade/queryRefundList", window(timeTo=window()["timeTo"] + 1000)).data[
        "refundList"
    ]
    assert (refund["orderId"], refund["status"]) == (int(order_id), 10)
    assert refund["amount"] == seller.detail(order_id)["totalAmount"]


def test_invoice_review_can_wait_or_refuse(seller: Caller) -> None:
    first, second = seller.order(), seller.order()
    seller.sandbox.control("PUT", "settings", {"invoiceReview": "wait"})
    seller.post(UPLOAD, invoice(first))
    assert seller.detail(first)["invoiceStatus"] == 1
    seller.sandbox.control("PUT", "settings", {"invoiceReview": "refuse", "invoiceRefusalReason": "Vencida."})
    refused = seller.post(UPLOAD, invoice(second))
    assert refused.result == 422
    assert "Vencida." in refused.json["message"]
    assert seller.known(second)["invoice"] is None


def test_a_refused_invoice_must_be_replaced(seller: Caller) -> None:
    order_id = seller.order()
    seller.post(UPLOAD, invoice(order_id))
    seller.sandbox.control("PATCH", f"orders/{order_id}", {"invoiceStatus": 3, "invoiceRefusalReason": "CPF"})
    assert seller.post(SHIP, shipment(order_id)).result == 422
    assert seller.post(UPLOAD, invoice(order_id)).result == 422
    assert seller.post(UPLOAD, invoice(order_id, 2)).result == 200
    assert seller.post(SHIP, shipment(order_id)).result == 200
