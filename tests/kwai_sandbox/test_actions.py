"""Buttons of the seller centre and their JSON calls: which fit where, and what they do."""

from __future__ import annotations

import urllib.error
from typing import Any

import pytest

from kwai_sandbox.actions import ACTIONS
from kwai_sandbox.statuses import SHIPPED_ONCE, TO_SHIP, Status
from tests.kwai_sandbox.conftest import Caller, invoice
from tests.kwai_sandbox.test_centre import press

PLATFORM = "KWAI_ENVIOS"
LABELS = {
    "arrange": "programar", "pack": "embalado", "collect": "coletado pelo transportador", "receive": "recebido",
    "complete": "concluído", "close": "encerrado", "reissue": "reemitir rastreio", "pay": "pagar",
    "dispatch": "despachar fora do ERP",
}  # fmt: skip
# The way of an order by its buttons: where each fits and where it leads.
WAY = {
    "pay": ((Status.AWAITING_PAYMENT,), Status.AWAITING_INVOICE),
    "arrange": ((Status.TO_ARRANGE,), Status.AWAITING_PICKUP),
    "pack": ((Status.AWAITING_PICKUP,), Status.PACKED),
    "collect": ((Status.AWAITING_PICKUP, Status.PACKED), Status.SHIPPED),
    "dispatch": (tuple(TO_SHIP), Status.SHIPPED),
    "receive": ((Status.SHIPPED,), Status.DELIVERED),
    "complete": ((Status.DELIVERED,), Status.COMPLETED),
    "cancel": ((Status.AWAITING_PAYMENT, Status.AWAITING_INVOICE, Status.TO_ARRANGE), Status.CLOSED),
    "close": (tuple(set(Status) - {Status.CLOSED}), Status.CLOSED),
}


def act(seller: Caller, order_id: str, action: str, body: Any = None) -> int:
    try:
        seller.sandbox.control("POST", f"orders/{order_id}/{action}", body)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    return 200


@pytest.mark.parametrize(("action", "label"), LABELS.items())
def test_buttons_bear_the_words_of_the_trade(action: str, label: str) -> None:
    assert ACTIONS[action].label == label


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("action", WAY)
def test_an_order_moves_where_the_button_fits_and_stays_elsewhere(
    seller: Caller, action: str, status: Status
) -> None:
    order_id = seller.order(status=status, shippingType=PLATFORM)
    before = seller.detail(order_id)
    fits, leads_to = WAY[action]
    assert act(seller, order_id, action) == (200 if status in fits else 409)
    after = seller.detail(order_id)
    assert after["orderStatus"] == (leads_to if status in fits else status)
    assert (after["updateTime"] > before["updateTime"]) is (status in fits)


def test_own_carrier_orders_have_nothing_to_arrange_or_reissue(seller: Caller) -> None:
    assert act(seller, seller.order(status=Status.TO_ARRANGE), "arrange") == 409
    assert act(seller, seller.order(status=Status.AWAITING_PICKUP), "reissue") == 409


def test_every_reissue_gives_another_number(seller: Caller) -> None:
    order_id = seller.order(status=Status.AWAITING_PICKUP, shippingType=PLATFORM)
    numbers = [seller.detail(order_id)["trackingNumber"]]
    for _ in range(3):
        assert press(seller, f"orders/{order_id}/reissue").status == 303
        numbers.append(seller.detail(order_id)["trackingNumber"])
    assert len(set(numbers)) == 4
    arranged = seller.post("logistics/arrangeShipment", {"orderId": order_id, "handover": "PICKUP"}).data
    assert arranged["trackingNumber"] == numbers[-1]


@pytest.mark.parametrize("shipping_type", ["SELLER", PLATFORM])
def test_a_dispatch_outside_gives_a_number_or_takes_the_typed_one(seller: Caller, shipping_type: str) -> None:
    plain, typed = (seller.order(shippingType=shipping_type) for _ in range(2))
    act(seller, plain, "dispatch")
    act(seller, typed, "dispatch", {"trackingNumber": "OUTRO-1"})
    assert seller.detail(plain)["trackingNumber"]
    assert seller.detail(typed)["trackingNumber"] == "OUTRO-1"
    assert seller.detail(plain)["carrierCode"] == (PLATFORM if shipping_type == PLATFORM else "CORREIOS")


@pytest.mark.parametrize(
    ("steps", "status"), [(("refund",), 10), (("refund", "refund_pay"), 60), (("refund", "refund_close"), 70)]
)
def test_refunds_are_asked_paid_and_closed(seller: Caller, steps: tuple[str, ...], status: int) -> None:
    order_id = seller.order(status=next(iter(SHIPPED_ONCE)))
    for step in steps:
        assert act(seller, order_id, step) == 200
    assert seller.detail(order_id)["refundStatus"] == status
    assert act(seller, order_id, steps[-1]) == 409


def test_a_person_accepts_or_refuses_a_note(seller: Caller) -> None:
    seller.sandbox.control("PUT", "settings", {"invoiceReview": "wait"})
    order_id = seller.order()
    assert act(seller, order_id, "accept_invoice") == 409
    seller.post("trade/merchant/uploadInvoice", invoice(order_id))
    assert act(seller, order_id, "refuse_invoice", {"reason": "CFOP errado"}) == 200
    detail = seller.detail(order_id)
    assert (detail["orderStatus"], detail["invoiceRefusalReason"]) == (Status.AWAITING_INVOICE, "CFOP errado")
    assert act(seller, order_id, "accept_invoice") == 200
    assert seller.detail(order_id)["orderStatus"] == Status.TO_ARRANGE


def test_an_unknown_button_is_404(seller: Caller) -> None:
    assert act(seller, seller.order(), "explode") == 404
    assert act(seller, "1", "pay") == 404
