"""What the ERP writes to an order (contract sections 3.2 and 4): every write in every situation."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from kwai_sandbox.statuses import ARRANGED, DELIVERED_ONCE, SHIPPED_ONCE, WITH_INVOICE, Status
from tests.kwai_sandbox.conftest import Answer, Caller, access_key, invoice, shipment

UPLOAD, SHIP = "trade/merchant/uploadInvoice", "trade/merchant/shipOrder"
CONFIRM, CANCEL = "trade/merchant/confirmDelivery", "trade/merchant/cancelOrder"
ARRANGE, LABEL = "logistics/arrangeShipment", "logistics/getShippingLabel"
MOMENT = 1_767_900_000_000
PLATFORM = "KWAI_ENVIOS"
AWAITING_INVOICE, TO_ARRANGE = Status.AWAITING_INVOICE, Status.TO_ARRANGE
UNKNOWN = 77
SITUATIONS = (*Status, UNKNOWN)
# Each write with the situations that permit it and where each of them leads.
TAKES = {
    UPLOAD: {
        AWAITING_INVOICE: TO_ARRANGE,
        TO_ARRANGE: TO_ARRANGE,
        Status.AWAITING_PICKUP: Status.AWAITING_PICKUP,
        Status.PACKED: Status.PACKED,
    },
    SHIP: dict.fromkeys((TO_ARRANGE, *ARRANGED), Status.SHIPPED),
    CONFIRM: {Status.SHIPPED: Status.DELIVERED},
    CANCEL: dict.fromkeys((Status.AWAITING_PAYMENT, AWAITING_INVOICE, TO_ARRANGE), Status.CLOSED),
    ARRANGE: {TO_ARRANGE: Status.AWAITING_PICKUP},
}
FROZEN = ({"holdReason": "em análise"}, {"refundStatus": 10})


def write(seller: Caller, call: str, order_id: str) -> Answer:
    bodies: dict[str, dict[str, Any]] = {
        UPLOAD: invoice(order_id),
        SHIP: shipment(order_id),
        CONFIRM: {"orderId": order_id, "deliveredAt": MOMENT},
        CANCEL: {"orderId": order_id, "reason": "sem estoque"},
        ARRANGE: {"orderId": order_id, "handover": "PICKUP"},
    }
    return seller.post(call, bodies[call])


def order_for(seller: Caller, call: str, status: int, **fields: Any) -> str:
    """An order that this write may be about; the seller's own carriers have given no number yet."""
    if call == ARRANGE:
        return seller.order(status=status, shippingType=PLATFORM, **fields)
    overrides = {"trackingNumber": "", "carrierCode": ""} | fields
    return seller.order(status=status, overrides=overrides)


def last_write(seller: Caller) -> tuple[bool, bool, int]:
    row = seller.ledger()[-1]
    return row["applied"], row["repeat"], row["result"]


@pytest.mark.parametrize("status", SITUATIONS)
@pytest.mark.parametrize("call", TAKES)
def test_every_write_in_every_situation(seller: Caller, call: str, status: int) -> None:
    order_id = order_for(seller, call, status)
    before = seller.detail(order_id)
    answer = write(seller, call, order_id)
    after = seller.detail(order_id)
    if status in TAKES[call]:
        assert (answer.result, after["orderStatus"]) == (200, TAKES[call][Status(status)])
        assert after["updateTime"] > before["updateTime"]
        assert last_write(seller) == (True, False, 200)
    elif call == ARRANGE and status in ARRANGED:
        assert (answer.result, answer.data["trackingNumber"]) == (200, before["trackingNumber"])
        assert after == before
    else:
        assert answer.result == 422
        named = Status(status).label if status in list(Status) else str(status)
        assert named in answer.json["message"]
        assert after == before
        assert last_write(seller) == (False, False, 422)


@pytest.mark.parametrize("change", FROZEN)
@pytest.mark.parametrize("call", TAKES)
def test_a_hold_or_a_refund_forbids_all_but_cancelling(
    seller: Caller, call: str, change: dict[str, Any]
) -> None:
    order_id = order_for(seller, call, next(iter(TAKES[call])))
    seller.sandbox.control("PATCH", f"orders/{order_id}", change)
    before = seller.known(order_id)["status"]
    answer = write(seller, call, order_id)
    assert answer.result == (200 if call == CANCEL else 422)
    assert (seller.known(order_id)["status"] == before) is (call != CANCEL)
    if call != CANCEL:
        assert "retido" in answer.json["message"] or "reembolso" in answer.json["message"]


@pytest.mark.parametrize("call", TAKES)
def test_a_released_order_takes_the_write(seller: Caller, call: str) -> None:
    order_id = order_for(seller, call, next(iter(TAKES[call])))
    for change in ({"holdReason": "x"}, {"refundStatus": 10}, {"holdReason": "", "refundStatus": 70}):
        seller.sandbox.control("PATCH", f"orders/{order_id}", change)
    assert write(seller, call, order_id).result == 200


@pytest.mark.parametrize(
    ("call", "result"), [(UPLOAD, 409), (SHIP, 200), (CONFIRM, 409), (CANCEL, 409), (ARRANGE, 200)]
)
def test_a_repeat_changes_nothing(seller: Caller, call: str, result: int) -> None:
    order_id = order_for(seller, call, next(iter(TAKES[call])))
    first = write(seller, call, order_id)
    before = seller.detail(order_id)
    again = write(seller, call, order_id)
    assert (first.result, again.result) == (200, result)
    assert seller.detail(order_id) == before
    assert last_write(seller) == (False, True, result)
    if result == 200:
        assert again.data == first.data


@pytest.mark.parametrize("status", Status)
def test_a_platform_order_never_takes_a_number_of_ours(seller: Caller, status: Status) -> None:
    order_id = seller.order(status=status, shippingType=PLATFORM)
    own = seller.detail(order_id)["trackingNumber"] or "KE000000001BR"
    answer = seller.post(SHIP, shipment(order_id, own) | {"carrierCode": PLATFORM})
    assert answer.result == 422
    assert "Kwai Envios" in answer.json["message"]


@pytest.mark.parametrize("status", Status)
def test_an_own_carrier_order_is_not_arranged(seller: Caller, status: Status) -> None:
    assert seller.post(ARRANGE, {"orderId": seller.order(status=status), "handover": "PICKUP"}).result == 422


@pytest.mark.parametrize(("begins", "ends"), [
    (TO_ARRANGE, Status.AWAITING_PICKUP), (Status.AWAITING_PICKUP, Status.AWAITING_PICKUP), (Status.PACKED, Status.PACKED),
])  # fmt: skip
def test_shipping_may_first_lead_to_waiting_for_the_pickup(
    seller: Caller, begins: Status, ends: Status
) -> None:
    seller.sandbox.control("PUT", "settings", {"shipLeadsTo": 200})
    order_id = order_for(seller, SHIP, begins)
    assert write(seller, SHIP, order_id).result == 200
    assert seller.detail(order_id)["orderStatus"] == ends
    assert write(seller, SHIP, order_id).result == 200
    assert seller.post(SHIP, shipment(order_id, "AA987654325BR")).result == 422
    seller.sandbox.control("PATCH", f"orders/{order_id}", {"status": Status.SHIPPED})
    assert seller.detail(order_id)["trackingNumber"] == "AA123456785BR"
    assert write(seller, CONFIRM, order_id).result == 200


@pytest.mark.parametrize("status", [*ARRANGED, *SHIPPED_ONCE])
def test_another_number_is_refused_and_the_known_one_is_told(seller: Caller, status: Status) -> None:
    order_id = seller.order(status=status, overrides={"trackingNumber": "BR-1", "carrierCode": "CORREIOS"})
    answer = seller.post(SHIP, shipment(order_id))
    assert answer.result == 422
    assert "BR-1" in answer.json["message"]
    assert status.label in answer.json["message"]
    assert seller.post(SHIP, shipment(order_id, "BR-1")).result == 200


@pytest.mark.parametrize("status", DELIVERED_ONCE)
def test_a_delivery_known_from_elsewhere_is_not_confirmed_again(seller: Caller, status: Status) -> None:
    assert write(seller, CONFIRM, seller.order(status=status)).result == 422


@pytest.mark.parametrize("status", WITH_INVOICE)
def test_what_is_past_the_invoice_has_it_accepted(seller: Caller, status: Status) -> None:
    created, moved = seller.order(status=status), seller.order()
    seller.sandbox.control("PATCH", f"orders/{moved}", {"status": status})
    for order_id in (created, moved):
        assert seller.detail(order_id)["invoiceStatus"] == 2


@pytest.mark.parametrize("handover", ["PICKUP", "DROP_OFF"])
def test_an_arranged_shipment_has_carrier_number_and_label(seller: Caller, handover: str) -> None:
    order_id = seller.order(shippingType=PLATFORM)
    assert seller.post(UPLOAD, invoice(order_id)).result == 200
    assert seller.detail(order_id)["trackingNumber"] == ""
    answer = seller.post(ARRANGE, {"orderId": order_id, "handover": handover}).data
    detail = seller.detail(order_id)
    assert set(answer) == {"carrierCode", "carrierName", "trackingNumber"}
    assert (detail["carrierCode"], detail["trackingNumber"]) == (
        answer["carrierCode"],
        answer["trackingNumber"],
    )
    assert answer["trackingNumber"].startswith("KE")
    assert seller.known(order_id)["arrangement"]["handover"] == handover
    assert seller.get(LABEL, orderId=order_id, format="PDF").result == 200


@pytest.mark.parametrize("handover", ["", "pickup", None, 1])
def test_a_senseless_handover_is_refused(seller: Caller, handover: Any) -> None:
    order_id = seller.order(status=TO_ARRANGE, shippingType=PLATFORM)
    assert seller.post(ARRANGE, {"orderId": order_id, "handover": handover}).result == 422


def test_a_refused_replacement_blocks_arranging_with_its_reason(seller: Caller) -> None:
    order_id = seller.order(status=TO_ARRANGE, shippingType=PLATFORM)
    seller.sandbox.control(
        "PATCH", f"orders/{order_id}", {"invoiceStatus": 3, "invoiceRefusalReason": "CFOP"}
    )
    answer = seller.post(ARRANGE, {"orderId": order_id, "handover": "PICKUP"})
    assert answer.result == 422
    assert "CFOP" in answer.json["message"]


def test_payment_brings_the_deadline_and_arranging_the_platforms_own_number(seller: Caller) -> None:
    order_id = seller.order(status=Status.AWAITING_PAYMENT, shippingType=PLATFORM)
    assert (seller.detail(order_id)["trackingNumber"], seller.detail(order_id)["shipByTime"]) == ("", None)
    seller.sandbox.control("PATCH", f"orders/{order_id}", {"status": AWAITING_INVOICE})
    detail = seller.detail(order_id)
    assert detail["shipByTime"] > detail["paidTime"]
    assert detail["trackingNumber"] == ""
    seller.sandbox.control("PATCH", f"orders/{order_id}", {"status": Status.AWAITING_PICKUP})
    detail = seller.detail(order_id)
    assert (detail["carrierCode"], detail["trackingNumber"]) == (PLATFORM, f"KE{order_id[-9:]}BR")
    told = seller.order(shippingType=PLATFORM)
    changes = {"status": Status.AWAITING_PICKUP, "trackingNumber": "KE1", "shipByTime": 5}
    seller.sandbox.control("PATCH", f"orders/{told}", changes)
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
    assert known["status"] == Status.DELIVERED
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


def test_shipping_needs_an_invoice_uploaded_or_told(seller: Caller) -> None:
    order_id = seller.order(status=TO_ARRANGE, overrides={"invoiceStatus": 0})
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


@pytest.mark.parametrize("changes", [
    {"shippedAt": 1_767_312_000}, {"estimatedDeliveryAt": 1_767_311_999_999}, {"trackingNumber": " "},
    {"carrierName": None}, {"trackingUrl": 5},
])  # fmt: skip
def test_incomplete_shipments_are_refused(seller: Caller, changes: dict[str, Any]) -> None:
    order_id = seller.order()
    seller.post(UPLOAD, invoice(order_id))
    assert seller.post(SHIP, shipment(order_id) | changes).result == 422


def test_the_reason_of_a_cancellation_is_kept(seller: Caller) -> None:
    order_id = seller.order()
    write(seller, CANCEL, order_id)
    detail = seller.detail(order_id)
    assert (detail["cancelReason"], detail["canceledAt"] > MOMENT) == ("sem estoque", True)


def test_orders_of_another_seller_do_not_exist(seller: Caller, other_seller: Caller) -> None:
    order_id = other_seller.order()
    assert seller.post(UPLOAD, invoice(order_id)).result == 404
    assert seller.post(UPLOAD, invoice("9" * 20)).result == 422


def test_invoice_review_can_wait_or_refuse(seller: Caller) -> None:
    first, second = seller.order(), seller.order()
    seller.sandbox.control("PUT", "settings", {"invoiceReview": "wait"})
    seller.post(UPLOAD, invoice(first))
    assert (seller.detail(first)["invoiceStatus"], seller.detail(first)["orderStatus"]) == (
        1,
        AWAITING_INVOICE,
    )
    assert seller.post(SHIP, shipment(first)).result == 422
    seller.sandbox.control("PUT", "settings", {"invoiceReview": "refuse", "invoiceRefusalReason": "Vencida."})
    refused = seller.post(UPLOAD, invoice(second))
    assert refused.result == 422
    assert "Vencida." in refused.json["message"]
    assert seller.detail(second)["orderStatus"] == AWAITING_INVOICE
    assert seller.known(second)["invoice"] is None


def test_a_refused_invoice_must_be_replaced(seller: Caller) -> None:
    order_id = seller.order()
    seller.post(UPLOAD, invoice(order_id))
    seller.sandbox.control("PATCH", f"orders/{order_id}", {"invoiceStatus": 3, "invoiceRefusalReason": "CPF"})
    assert seller.post(SHIP, shipment(order_id)).result == 422
    assert seller.post(UPLOAD, invoice(order_id)).result == 422
    assert seller.post(UPLOAD, invoice(order_id, 2)).result == 200
    assert seller.post(SHIP, shipment(order_id)).result == 200
