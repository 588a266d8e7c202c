"""Shipping labels (contract section 4)."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from kwai_sandbox.statuses import ARRANGED, Status
from tests.kwai_sandbox.conftest import Caller, send

LABEL = "logistics/getShippingLabel"


def arranged(seller: Caller, **fields: Any) -> str:
    return seller.order(status=Status.AWAITING_PICKUP, shippingType="KWAI_ENVIOS", **fields)


@pytest.mark.parametrize("kind", ["SELLER", "KWAI_ENVIOS"])
@pytest.mark.parametrize("status", Status)
def test_only_arranged_platform_orders_have_a_label(seller: Caller, status: Status, kind: str) -> None:
    answer = seller.get(LABEL, orderId=seller.order(status=status, shippingType=kind), format="ZPL")
    has_label = kind == "KWAI_ENVIOS" and status in ARRANGED
    assert answer.result == (200 if has_label else 422)
    assert (
        has_label
        or "transportadora própria" in answer.json["message"]
        or status.label in answer.json["message"]
    )


def test_a_note_that_was_not_accepted_holds_the_label_back(seller: Caller) -> None:
    for status in (0, 1, 3):
        order_id = arranged(seller, overrides={"invoiceStatus": status})
        assert seller.get(LABEL, orderId=order_id, format="PDF").result == 422


@pytest.mark.parametrize("change", [{"holdReason": "em análise"}, {"refundStatus": 10}])
def test_a_hold_or_a_refund_holds_the_label_back(seller: Caller, change: dict[str, Any]) -> None:
    order_id = arranged(seller)
    seller.sandbox.control("PATCH", f"orders/{order_id}", change)
    assert seller.get(LABEL, orderId=order_id, format="PDF").result == 422


@pytest.mark.parametrize(("form", "status"), [("PDF", 200), ("ZPL", 200), ("DOC", 404)])
def test_the_page_of_an_order_leads_to_its_label(seller: Caller, form: str, status: int) -> None:
    order_id = arranged(seller)
    path = f"/_sandbox/centre/orders/{order_id}/label/{form}"
    assert (path in send(seller.sandbox.url, "GET", f"/_sandbox/centre/orders/{order_id}").text) is (
        status == 200
    )
    assert send(seller.sandbox.url, "GET", path).status == status
    seller.sandbox.control("PATCH", f"orders/{order_id}", {"status": Status.SHIPPED})
    assert send(seller.sandbox.url, "GET", path).status == 404


def test_a_label_is_a_whole_pdf(seller: Caller) -> None:
    order_id = arranged(seller)
    document = base64.b64decode(seller.get(LABEL, orderId=order_id, format="PDF").data["content"])
    assert document.startswith(b"%PDF-1.4")
    start = int(document.rsplit(b"startxref\n", 1)[1].split()[0])
    assert document[start:].startswith(b"xref")
    assert seller.get(LABEL, orderId=order_id, format="DOC").result == 422


def test_zpl_commands_in_a_name_are_disarmed(seller: Caller) -> None:
    order_id = arranged(seller, overrides={"receiverAddressInfo": {"name": "Ana^XZ~JA"}})
    label = base64.b64decode(seller.get(LABEL, orderId=order_id, format="ZPL").data["content"])
    assert label.count(b"^XZ") == 1
    assert b"~" not in label
