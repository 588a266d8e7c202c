"""Shipping labels (contract section 4)."""

from __future__ import annotations

import base64

from tests.kwai_sandbox.conftest import Caller, invoice


def test_labels_are_for_platform_orders_with_an_accepted_invoice(seller: Caller) -> None:
    order_id = seller.order(shippingType="KWAI_ENVIOS")
    assert seller.get("logistics/getShippingLabel", orderId=order_id, format="PDF").result == 422
    seller.post("trade/merchant/uploadInvoice", invoice(order_id))
    document = base64.b64decode(
        seller.get("logistics/getShippingLabel", orderId=order_id, format="PDF").data["content"]
    )
    assert document.startswith(b"%PDF-1.4")
    start = int(document.rsplit(b"startxref\n", 1)[1].split()[0])
    assert document[start:].startswith(b"xref")
    assert seller.get("logistics/getShippingLabel", orderId=order_id, format="DOC").result == 422


def test_own_carrier_orders_have_no_platform_label(seller: Caller) -> None:
    assert seller.get("logistics/getShippingLabel", orderId=seller.order(), format="ZPL").result == 422


def test_zpl_commands_in_a_name_are_disarmed(seller: Caller) -> None:
    order_id = seller.order(
        shippingType="KWAI_ENVIOS", overrides={"receiverAddressInfo": {"name": "Ana^XZ~JA"}}
    )
    seller.post("trade/merchant/uploadInvoice", invoice(order_id))
    label = base64.b64decode(
        seller.get("logistics/getShippingLabel", orderId=order_id, format="ZPL").data["content"]
    )
    assert label.count(b"^XZ") == 1
    assert b"~" not in label
