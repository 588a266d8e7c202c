"""The emulator's own calls."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
from typing import Any

import pytest

from kwai_sandbox.app import create_app
from kwai_sandbox.server import RunningSandbox, running
from kwai_sandbox.statuses import ARRANGED, SHIPPED_ONCE, Status
from tests.kwai_sandbox.conftest import MERCHANT, Caller, send
from tests.kwai_sandbox.test_product import IDS, NEW

JSON = {"Content-Type": "application/json"}


def test_empty_by_default_and_after_a_reset(sandbox: RunningSandbox) -> None:
    with running() as empty:
        assert empty.control("GET", "merchants") == {"merchants": []}
    credentials = sandbox.credentials
    sandbox.control("POST", "reset")
    assert sandbox.control("GET", "merchants") == {"merchants": []}
    assert sandbox.control("GET", "orders") == {"orders": []}
    assert sandbox.sandbox.credentials == credentials
    sandbox.control("POST", "reset", {"seed": 1})
    assert len(sandbox.control("GET", "merchants")["merchants"]) == 2


def test_many_orders_at_once(sandbox: RunningSandbox) -> None:
    answer = sandbox.control("POST", "orders", {"merchantId": MERCHANT, "count": 2000})
    assert len(set(answer["orderIds"])) == 2000
    assert all(len(order_id) == 19 for order_id in answer["orderIds"])


def test_orders_of_wanted_skus(seller: Caller) -> None:
    wanted = [
        "CAM-BAS-P",
        {"number": "NAO-EXISTE", "quantity": 2, "price": 100},
        {"number": "CAM-BAS-M", "skuName": "x"},
    ]
    lines = seller.detail(seller.order(skus=wanted))["orderItemView"]
    assert [(line["skuNumber"], line["skuQuantity"]) for line in lines] == [
        ("CAM-BAS-P", 1), ("NAO-EXISTE", 2), ("CAM-BAS-M", 1),
    ]  # fmt: skip
    assert (lines[1]["skuPrice"], lines[2]["skuName"]) == (100, "x")


def test_odd_payloads_are_served_as_told(seller: Caller) -> None:
    odd = {
        "totalAmount": 2**63 + 1, "buyerRemark": "nul\u0000 \ud800", "receiverAddressInfo": None, "currency": "USD",
        "orderStatus": 999, "orderId": "9223372036854775806", "novelty": {"a": [1]},
    }  # fmt: skip
    order_id = seller.order(overrides=odd, omit=["payments"])
    detail = seller.detail(order_id)
    assert order_id == "9223372036854775806"
    assert detail["orderId"] == 9223372036854775806
    assert {name: detail[name] for name in odd if name != "orderId"} == {
        k: v for k, v in odd.items() if k != "orderId"
    }
    assert "payments" not in detail


def test_a_change_moves_the_update_time(seller: Caller) -> None:
    order_id = seller.order()
    before = seller.detail(order_id)["updateTime"]
    seller.sandbox.control("PATCH", f"orders/{order_id}", {"holdReason": "análise"})
    assert seller.detail(order_id)["updateTime"] > before


@pytest.mark.parametrize(("path", "body"), [
    ("orders", {"merchantId": "5"}), ("orders", {"merchantId": MERCHANT, "count": 0}), ("merchants", {"merchantId": "x"}),
    ("orders", {"merchantId": MERCHANT, "shippingType": "X"}), ("grants", {"merchantId": MERCHANT, "scopes": "x"}),
    ("items", {"merchantId": MERCHANT, "skus": [1]}),
])  # fmt: skip
def test_wrong_fields_are_400_with_a_reason(sandbox: RunningSandbox, path: str, body: dict[str, Any]) -> None:
    answer = send(sandbox.url, "POST", f"/_sandbox/{path}", json.dumps(body).encode(), JSON)
    assert answer.status == 400
    assert answer.json["error"]


def test_items_are_created_and_changed(seller: Caller) -> None:
    control = seller.sandbox.control
    created = control(
        "POST",
        "items",
        {"merchantId": MERCHANT, "title": "Vaso", "skus": [{"number": "VAS", "salePrice": 900}]},
    )
    changed = control(
        "PATCH", f"items/{created['itemId']}", {"activeStatus": 3, "skus": [{"number": "VAS", "stock": 4}]}
    )
    assert (changed["activeStatus"], changed["skus"][0]["stock"], changed["skus"][0]["salePrice"]) == (
        3,
        4,
        900,
    )
    assert seller.get("product/getSkuList", itemId=created["itemId"]).data["skus"][0]["stock"] == 4


@pytest.mark.parametrize("path", ["items", f"items/{IDS['itemId']}"])
def test_a_known_sku_gets_another_code(seller: Caller, path: str) -> None:
    before = seller.sandbox.control("GET", f"items/{IDS['itemId']}")
    change = {"skuId": IDS["skuId"], "number": "CAM-NOVA"}
    body = change if path == "items" else {"skus": [change]}
    after = seller.sandbox.control("PATCH", path, body)
    assert [sku["number"] for sku in after["skus"]] == [
        "CAM-NOVA",
        *(sku["number"] for sku in before["skus"][1:]),
    ]
    assert [sku["skuId"] for sku in after["skus"]] == [sku["skuId"] for sku in before["skus"]]
    assert after["updateTime"] > before["updateTime"]
    rows = seller.get("product/getSkuList", itemId=IDS["itemId"]).data["skus"]
    assert rows[0]["number"] == "CAM-NOVA"


def test_a_listing_is_also_named_in_the_body(seller: Caller) -> None:
    changed = seller.sandbox.control("PATCH", "items", {"itemId": IDS["itemId"], "title": "Outra"})
    assert (changed["itemId"], changed["title"]) == (IDS["itemId"], "Outra")


@pytest.mark.parametrize("body", [{}, {"skuId": "1", "number": "x"}, {"skus": [1]}, {"itemId": "1"}])
def test_a_sku_that_is_not_listed_is_404(seller: Caller, body: dict[str, Any]) -> None:
    assert send(seller.sandbox.url, "PATCH", "/_sandbox/items", json.dumps(body).encode(), JSON).status == 404


@pytest.mark.parametrize("headers", [
    {"Host": "kwai.example.com"}, {"Origin": "http://evil.example"}, {"Origin": "http://127.0.0.1:1"},
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
])  # fmt: skip
def test_foreign_hosts_and_pages_are_kept_out(sandbox: RunningSandbox, headers: dict[str, str]) -> None:
    assert send(sandbox.url, "POST", "/_sandbox/reset", None, headers).status == 403
    assert len(sandbox.control("GET", "merchants")["merchants"]) == 2


@pytest.mark.parametrize(("peer", "status"), [("127.0.0.1", 200), ("172.17.0.2", 403)])
def test_other_machines_are_kept_out(sandbox: RunningSandbox, peer: str, status: int) -> None:
    client = create_app(sandbox.sandbox).test_client()
    assert client.get("/_sandbox/merchants", environ_base={"REMOTE_ADDR": peer}).status_code == status


def test_plain_form_posts_do_not_reach_the_json_calls(sandbox: RunningSandbox) -> None:
    answer = send(
        sandbox.url, "POST", "/_sandbox/merchants", b'{"merchantId":"5"}', {"Content-Type": "text/plain"}
    )
    assert answer.status == 400


def test_unknown_settings_are_refused(sandbox: RunningSandbox) -> None:
    for wrong in ({"typo": 1}, {"detailShape": "tree"}, {"perStoreRate": "3"}, {"shipLeadsTo": 40}):
        with pytest.raises(urllib.error.HTTPError) as caught:
            sandbox.control("PUT", "settings", wrong)
        caught.value.close()


def test_stats_count_results_rates_and_writes_in_flight(seller: Caller) -> None:
    seller.sandbox.control("PUT", "faults", {"kind": "slow", "path": "updateStock", "delayMs": 300})
    threads = [
        threading.Thread(target=seller.post, args=("product/updateStock", IDS | {"stock": stock}))
        for stock in (1, 2, 3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seller.post("product/updateStock", IDS | {"stock": -1})
    stats = seller.sandbox.control("GET", "stats")
    path = stats["paths"]["/rest/open/api/product/updateStock"]
    assert path["results"] == {"200": 3, "422": 1}
    assert path["maxPerSecond"] >= 3
    assert stats["inFlightMaxPerSubject"]["updateStock"] == 3


def test_the_ledger_is_read_since_a_moment_or_after_a_row(seller: Caller) -> None:
    for stock in (1, 2):
        seller.post("product/updateStock", IDS | {"stock": stock})
    rows = seller.ledger()
    assert [row["subject"] for row in rows] == [IDS["skuId"]] * 2
    assert rows[0]["digest"] != rows[1]["digest"]
    later = seller.sandbox.control("GET", f"ledger?since={rows[1]['time'] + 1}")["rows"]
    after = seller.sandbox.control("GET", f"ledger?after={rows[0]['id']}")["rows"]
    assert (later, after) == ([], rows[1:])


def test_a_second_listing_is_doubled_also_when_the_first_is_not_asked_for(seller: Caller) -> None:
    seller.post("product/addItem", NEW)
    first = seller.ledger()[-1]
    seller.post("product/addItem", NEW)
    answer = seller.sandbox.control("GET", f"ledger?after={first['id']}")
    assert answer["doubled"] == [row["id"] for row in answer["rows"]]


@pytest.mark.parametrize("status", Status)
def test_new_orders_have_no_moment_in_the_future(seller: Caller, status: int) -> None:
    detail = seller.detail(seller.order(status=status))
    now = time.time_ns() // 1_000_000
    for name in ("createTime", "updateTime", "paidTime", "shippedAt", "deliveredAt", "canceledAt"):
        assert (detail.get(name) or 0) <= now


def test_orders_are_paid_and_wait_for_their_invoice_unless_told_otherwise(seller: Caller) -> None:
    detail = seller.detail(seller.order())
    assert (detail["orderStatus"], detail["invoiceStatus"]) == (Status.AWAITING_INVOICE, 0)


@pytest.mark.parametrize("name", ["status", "orderStatus"])
@pytest.mark.parametrize("status", Status)
def test_a_new_situation_brings_what_the_platform_does(seller: Caller, status: Status, name: str) -> None:
    order_id = seller.order(status=Status.AWAITING_PAYMENT, shippingType="KWAI_ENVIOS")
    before = seller.detail(order_id)["updateTime"]
    known = seller.sandbox.control("PATCH", f"orders/{order_id}", {name: status})
    detail = seller.detail(order_id)
    assert (known["status"], detail["orderStatus"]) == (status, status)
    assert detail["updateTime"] > before
    assert bool(detail["trackingNumber"]) is (status in ARRANGED | SHIPPED_ONCE)
    assert bool(detail.get("shippedAt")) is (status in SHIPPED_ONCE)
    assert bool(detail.get("canceledAt")) is bool(detail["cancelReason"]) is (status == Status.CLOSED)
    assert known["hasLabel"] is (status in ARRANGED)
    label = seller.get("logistics/getShippingLabel", orderId=order_id, format="ZPL").result
    assert label == (200 if status in ARRANGED else 422)


def test_other_fields_of_a_change_are_set_as_told(seller: Caller) -> None:
    order_id = seller.order()
    told = {
        "status": Status.CLOSED,
        "orderItemView": [],
        "canceledAt": 5,
        "cancelReason": "x",
        "novelty": [1],
    }
    seller.sandbox.control("PATCH", f"orders/{order_id}", told)
    detail = seller.detail(order_id)
    assert [detail[name] for name in ("orderItemView", "canceledAt", "cancelReason", "novelty")] == [
        [],
        5,
        "x",
        [1],
    ]


@pytest.mark.parametrize("changes", [{"refundAmount": "9"}, {"refundAmount": -1}, {"refundReason": 5}])
def test_a_senseless_refund_is_400(seller: Caller, changes: dict[str, Any]) -> None:
    order_id = seller.order()
    body = json.dumps({"refundStatus": 10} | changes).encode()
    assert send(seller.sandbox.url, "PATCH", f"/_sandbox/orders/{order_id}", body, JSON).status == 400


def test_orders_are_listed_by_situation_and_shipping_type(seller: Caller) -> None:
    order_id = seller.order(status=Status.PACKED, shippingType="SELLER")
    found = seller.sandbox.control("GET", f"orders?status={Status.PACKED}&shippingType=SELLER")["orders"]
    assert [entry["orderId"] for entry in found] == [order_id]
