"""Recorded answers are served as they were, and wrong recordings load nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kwai_sandbox.dialect import Dialect
from kwai_sandbox.recordings import recording_load
from kwai_sandbox.server import running
from kwai_sandbox.statuses import Status
from tests.kwai_sandbox.conftest import Answer, Caller, invoice, send
from tests.kwai_sandbox.test_main import Start, start  # noqa: F401
from tests.kwai_sandbox.test_pushes import Receiver, configure, messages, receiver, wait_for  # noqa: F401
from tests.kwai_sandbox.test_state import run as run_module
from tests.kwai_sandbox.test_trade import ids, window

MERCHANT = "700000000000000001"
ORDER = {
    "orderId": 7_100_000_000_000_000_001,
    "orderStatus": 101,
    "createTime": 1_760_000_000_000,
    "updateTime": "1760000000001",
    "totalAmount": "17000",
    "orderItemView": [
        {"skuId": "9", "skuNumber": "X", "skuQuantity": None, "parentId": "77", "extra": {"a": 1.50}}
    ],
    "receiverAddressInfo": {"cpf": "***", "novelty": True},
    "neverSeen": [None, {"orderId": "0012"}],
}
TEXT_ORDER = {
    "orderId": "7100000000000000002",
    "orderStatus": 10,
    "receiverAddressInfo": {"cpf": "52998224725"},
}
SKU = {
    "itemId": "81",
    "skuId": 91,
    "number": "X",
    "skuSpecDesc": None,
    "skuPrice": "990",
    "stock": None,
    "tag": "a",
}
ITEM = {
    "itemId": 81,
    "title": "Vaso",
    "number": "X",
    "activeStatus": 1,
    "salePrice": "990",
    "stock": 3,
    "brand": {"id": "5"},
}
REFUND = {
    "refundId": "51",
    "orderId": 7_100_000_000_000_000_001,
    "status": 10,
    "amount": 500,
    "reason": "x",
    "kind": 2,
}


def recording(**changes: Any) -> dict[str, Any]:
    base = {
        "kind": "kwai-recording",
        "edition": 2,
        "merchantId": MERCHANT,
        "orders": [ORDER, TEXT_ORDER],
        "items": [ITEM | {"skus": [SKU]}],
        "refunds": [REFUND],
        "recordedAt": "2026-11-20",
    }
    return base | changes


def post(seller: Caller, body: Any) -> Answer:
    headers = {"Content-Type": "application/json"}
    return send(seller.sandbox.url, "POST", "/_sandbox/fixtures", json.dumps(body).encode(), headers)


@pytest.fixture
def recorded(seller: Caller) -> Caller:
    assert post(seller, recording()).json == {"orders": 2, "items": 1, "refunds": 1, "kept": 0}
    return Caller(seller.sandbox, MERCHANT).connect()


def detail_text(caller: Caller, order_id: Any) -> Any:
    return caller.post("trade/queryOrderDetails", {"orderList": [order_id]}).data["orderInfoDetailList"][0]


@pytest.mark.parametrize("order", [ORDER, TEXT_ORDER])
def test_an_order_is_answered_as_it_was_recorded(recorded: Caller, order: dict[str, Any]) -> None:
    assert detail_text(recorded, order["orderId"]) == order


def test_listings_and_refunds_too(recorded: Caller) -> None:
    assert recorded.post("product/listItem", {"currentPage": 1, "pageSize": 5}).data["itemList"] == [ITEM]
    assert recorded.get("product/getSkuList", itemId="81").data["skus"] == [SKU]
    assert recorded.post("trade/queryRefundList", window()).data["refundList"] == [REFUND]


def test_orders_are_listed_as_new_and_pushed(seller: Caller, receiver: Receiver) -> None:
    configure(seller, receiver)
    post(seller, recording())
    caller = Caller(seller.sandbox, MERCHANT).connect()
    assert ids(caller) == [ORDER["orderId"], int(TEXT_ORDER["orderId"])]
    wait_for(lambda: len(receiver.bodies) == 3)
    assert {message["event"] for message in messages(seller, receiver)} == {"order_created", "item_updated"}
    names = {
        entry["merchantId"]: entry["shopName"]
        for entry in seller.sandbox.control("GET", "merchants")["merchants"]
    }
    assert names[MERCHANT] == "Loja gravada"


def test_what_the_erp_writes_is_done_and_the_rest_stays(recorded: Caller) -> None:
    order_id = str(ORDER["orderId"])
    assert recorded.post("trade/merchant/uploadInvoice", invoice(order_id)).result == 200
    detail = detail_text(recorded, order_id)
    assert (detail["orderStatus"], detail["invoiceStatus"]) == (Status.TO_ARRANGE, 2)
    assert (detail["orderItemView"], detail["neverSeen"]) == (ORDER["orderItemView"], ORDER["neverSeen"])
    assert recorded.post("product/updateStock", {"itemId": 81, "skuId": 91, "stock": 4}).result == 200
    (sku,) = recorded.get("product/getSkuList", itemId="81").data["skus"]
    assert (sku["stock"], sku["skuPrice"], sku["tag"]) == (4, 990, "a")
    (item,) = recorded.post("product/listItem", {"currentPage": 1, "pageSize": 5}).data["itemList"]
    assert (item["stock"], item["brand"]) == (4, {"id": "5"})
    recorded.sandbox.control("PATCH", f"orders/{order_id}", {"refundStatus": 60})
    (refund,) = recorded.post("trade/queryRefundList", window(timeTo=window()["timeTo"] + 1000)).data[
        "refundList"
    ]
    assert (refund["status"], refund["amount"], refund["kind"]) == (60, 500, 2)


def test_pages_open_for_what_was_recorded(recorded: Caller) -> None:
    for path in ("", "centre/orders", f"centre/orders/{ORDER['orderId']}", "centre/listings"):
        assert send(recorded.sandbox.url, "GET", f"/_sandbox/{path}").status == 200


def test_what_is_here_already_stays(recorded: Caller) -> None:
    recorded.post("trade/merchant/uploadInvoice", invoice(str(ORDER["orderId"])))
    assert post(recorded, recording()).json == {"orders": 0, "items": 0, "refunds": 0, "kept": 4}
    assert detail_text(recorded, ORDER["orderId"])["invoiceStatus"] == 2


@pytest.mark.parametrize(("changes", "word"), [
    ({"kind": "other"}, "kind"),
    ({"edition": 1}, "edição"),
    ({"merchantId": "x"}, "merchantId"),
    ({"merchantId": None}, "merchantId"),
    ({"orders": {}}, "orders"),
    ({"orders": [ORDER, 5]}, "2º"),
    ({"orders": [ORDER, {"orderStatus": 10}]}, "orderId"),
    ({"orders": [{"orderId": "9" * 20}]}, "19"),
    ({"orders": [ORDER, ORDER]}, "repetido"),
    ({"items": [{"title": "x"}]}, "itemId"),
    ({"items": [ITEM | {"skus": 5}]}, "skus"),
    ({"items": [ITEM | {"skus": [{}]}]}, "skuId"),
    ({"refunds": [{"refundId": 1}]}, "orderId"),
    ({"refunds": [{"orderId": 1}]}, "refundId"),
    ({"refunds": [REFUND, REFUND | {"refundId": 52}]}, "mesmo pedido"),
])  # fmt: skip
def test_a_wrong_recording_loads_nothing(seller: Caller, changes: dict[str, Any], word: str) -> None:
    before = seller.sandbox.control("GET", "merchants")
    answer = post(seller, recording(**changes))
    assert (answer.status, word in answer.json["error"]) == (400, True)
    assert seller.sandbox.control("GET", "merchants") == before
    assert seller.sandbox.control("GET", f"orders?merchantId={MERCHANT}") == {"orders": []}


def test_a_recording_of_a_dialect_is_in_its_words() -> None:
    names = {"orderStatus": "phase", "trackingNumber": "waybill", "stock": "pieces"}
    dialect = Dialect(fields=names, codes={101: "PAID"})
    sku = {"skuId": 9, "pieces": 4, "stock": "strange"}
    order = {"orderId": "71", "phase": "PAID", "waybill": "W1", "trackingNumber": "strange", "orderStatus": 5}
    with running(dialect=dialect) as sandbox:
        recording_load(sandbox.sandbox, recording(orders=[order], items=[{"itemId": 8, "skus": [sku]}]))
        known = sandbox.control("GET", "orders/71")
        assert (known["status"], known["order"]["trackingNumber"]) == (Status.AWAITING_INVOICE, "W1")
        caller = Caller(sandbox, MERCHANT).connect()
        assert detail_text(caller, "71") == order
        assert caller.get("product/getSkuList", itemId="8").data["skus"] == [sku]
        assert sandbox.control("GET", "items/8")["skus"][0]["stock"] == 4


def test_the_process_loads_a_file_or_ends_in_one_sentence(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "recording.json"
    path.write_text(json.dumps(recording()))
    process, sandbox = start("--fixtures", str(path))
    assert len(sandbox.control("GET", f"orders?merchantId={MERCHANT}")["orders"]) == 2
    process.terminate()
    assert process.wait(10) == 0
    _, sandbox = start("--fixtures", str(path))
    assert len(sandbox.control("GET", f"orders?merchantId={MERCHANT}")["orders"]) == 2
    for content in ("{", json.dumps(recording(edition=3))):
        path.write_text(content)
        done = run_module("--fixtures", str(path))
        assert done.returncode == 2
        (sentence,) = done.stderr.splitlines()
        assert str(path) in sentence
