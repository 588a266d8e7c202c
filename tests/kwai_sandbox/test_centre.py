"""The seller centre for people."""

from __future__ import annotations

import base64
import re
from urllib.parse import urlencode

import pytest

from kwai_sandbox.oddities import oddities
from kwai_sandbox.statuses import Status
from tests.kwai_sandbox.conftest import MERCHANT, Answer, Caller, invoice, send, shipment

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def get(seller: Caller, path: str) -> Answer:
    return send(seller.sandbox.url, "GET", f"/_sandbox/{path}")


def press(seller: Caller, action: str, /, **form: str) -> Answer:
    return send(seller.sandbox.url, "POST", f"/_sandbox/centre/{action}", urlencode(form).encode(), FORM)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "centre/orders",
        f"centre/orders?merchantId={MERCHANT}&status=101&shippingType=SELLER&q=Aline",
        "centre/listings",
        "centre/faults",
        "centre/calls",
        "centre/writes",
        "centre/connections",
    ],
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
    order_id = seller.order(status=Status.AWAITING_PAYMENT, shippingType="KWAI_ENVIOS")
    for action in ("pay", "hold", "release", "refund", "refund_close", "dispatch", "receive"):
        assert press(seller, f"orders/{order_id}/{action}").status == 303
    assert seller.known(order_id)["status"] == Status.DELIVERED
    assert seller.detail(order_id)["trackingNumber"]
    assert press(seller, f"orders/{order_id}/cancel").status == 409


def test_dispatch_outside_takes_the_typed_number(seller: Caller) -> None:
    order_id = seller.order()
    press(seller, f"orders/{order_id}/dispatch", trackingNumber="OUTRO-1")
    answer = seller.post("trade/merchant/shipOrder", shipment(order_id))
    assert answer.result == 422
    assert "OUTRO-1" in answer.json["message"]


def test_orders_faults_and_listings_from_forms(seller: Caller) -> None:
    before = len(seller.sandbox.control("GET", "orders")["orders"])
    press(seller, "orders", merchantId=MERCHANT, count="3", status="101", shippingType="SELLER")
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
    for path in ("", "centre/orders", f"centre/orders/{order_id}"):
        page = get(seller, path)
        assert page.status == 200
        assert "<b>Ana</b>" not in page.text


def rows(page: str) -> list[str]:
    return re.findall(r"centre/orders/(\d{19})", page)


def test_orders_are_found_by_number_buyer_situation_and_seller(seller: Caller) -> None:
    named = seller.order(overrides={"receiverAddressInfo": {"name": "Zuleica Única"}})
    assert rows(get(seller, "centre/orders?q=zuleica").text) == [named]
    assert rows(get(seller, f"centre/orders?q={named[-6:]}").text) == [named]
    assert named not in rows(get(seller, "centre/orders?status=60").text)
    assert named not in rows(get(seller, "centre/orders?merchantId=100000000000000102").text)


@pytest.mark.parametrize("key", list(oddities()))
def test_every_defect_makes_an_order_whose_page_opens(seller: Caller, key: str) -> None:
    answer = press(seller, "orders", merchantId=MERCHANT, oddity=key)
    assert answer.status == 303
    order_id = answer.headers["Location"].rsplit("/", 1)[1]
    detail = seller.detail(order_id)
    for name, value in oddities()[key].fields.get("overrides", {}).items():
        assert name == "shipByTime" or detail[name] == value
    assert get(seller, f"centre/orders/{order_id}").status == 200


def test_a_chosen_product_and_an_order_of_the_connected_seller(other_seller: Caller) -> None:
    answer = press(other_seller, "orders", sku="GAR-INX-500", quantity="3")
    detail = other_seller.detail(answer.headers["Location"].rsplit("/", 1)[1])
    assert [(line["skuNumber"], line["skuQuantity"]) for line in detail["orderItemView"]] == [
        ("GAR-INX-500", 3)
    ]


def test_the_start_page_counts_and_leads_to_the_erp(seller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PUBLIC_URL", raising=False)
    assert "abrir o ERP" not in get(seller, "").text
    press(seller, "pushes", url="http://127.0.0.1:8039/kwai/webhook/")
    assert 'href="http://127.0.0.1:8039/"' in get(seller, "").text
    order_id = seller.order()
    seller.post("trade/merchant/uploadInvoice", invoice(order_id))
    assert ">nada</a>" in get(seller, "").text
    seller.post("trade/merchant/uploadInvoice", invoice(order_id))
    assert "1 em dobro" in get(seller, "centre/writes").text
    assert "centre/orders/" in get(seller, "centre/writes?mostrar=doubled").text


def test_calls_are_told_in_words_and_equal_reads_as_one(seller: Caller) -> None:
    order_id = seller.order()
    for _ in range(3):
        seller.detail(order_id)
    seller.post("trade/merchant/uploadInvoice", invoice(order_id, 77))
    seller.post("trade/merchant/uploadInvoice", invoice("1"))
    page = get(seller, "centre/calls").text
    assert 'http-equiv="refresh"' in page
    assert "3×" in page
    assert "enviou a NF-e 77" in page
    assert "Pedido não encontrado nesta loja." in page
    assert seller.access_token not in page
    problems = get(seller, "centre/calls?mostrar=problems&pausa=1").text
    assert 'http-equiv="refresh"' not in problems
    assert "enviou a NF-e 77" not in problems
    assert "queryOrderDetails" not in get(seller, "centre/calls?mostrar=writes").text


def test_scenarios_are_switched_and_shown_on_every_page(seller: Caller) -> None:
    press(seller, "scenarios/lost_answer/on")
    assert "3 falhas ligadas" in get(seller, "").text
    order_id = seller.order()
    assert seller.post("trade/merchant/uploadInvoice", invoice(order_id)).status == 502
    assert seller.known(order_id)["invoice"] is not None
    press(seller, "scenarios/lost_answer/off")
    assert seller.sandbox.control("GET", "faults")["faults"] == []
    assert press(seller, "scenarios/unknown/on").status == 404


def test_single_faults_expired_access_limits_and_notices(seller: Caller) -> None:
    press(seller, "faults", kind="slow", path="listItem", delayMs="1")
    press(seller, "faults", kind="quota")
    press(seller, "faults/remove", kind="quota", path="")
    assert [fault["kind"] for fault in seller.sandbox.control("GET", "faults")["faults"]] == ["slow"]
    press(seller, "grants/expire")
    assert seller.post("product/listItem", {"currentPage": 1, "pageSize": 1}).result == 444
    assert seller.refresh().result == 200
    press(seller, "limits", perStoreRate="20", perAppRate="100", dailyQuota="1000000")
    assert seller.sandbox.control("GET", "settings")["perStoreRate"] == 20
    press(seller, "pushes", url="", dropRate="30", duplicate="10", shuffle="on")
    pushes = seller.sandbox.control("GET", "pushes")
    assert (pushes["dropRate"], pushes["duplicate"], pushes["shuffle"]) == (0.3, 0.1, True)


def test_another_seller_account(seller: Caller) -> None:
    press(seller, "merchants", shopName="Terceira Loja")
    press(seller, "merchants", shopName="Terceira Loja")
    made = [
        entry["merchantId"]
        for entry in seller.sandbox.control("GET", "merchants")["merchants"]
        if entry["shopName"] == "Terceira Loja"
    ]
    assert len(set(made)) == 2
    assert press(seller, "merchants", shopName=" ").status == 400


def test_a_person_decides_about_a_note(seller: Caller) -> None:
    press(seller, "review", invoiceReview="wait")
    order_id = seller.order()
    seller.post("trade/merchant/uploadInvoice", invoice(order_id))
    assert seller.detail(order_id)["invoiceStatus"] == 1
    press(seller, f"orders/{order_id}/refuse_invoice", reason="CPF de outra pessoa")
    detail = seller.detail(order_id)
    assert (detail["invoiceStatus"], detail["invoiceRefusalReason"]) == (3, "CPF de outra pessoa")
    press(seller, f"orders/{order_id}/accept_invoice")
    detail = seller.detail(order_id)
    assert (detail["invoiceStatus"], detail["invoiceRefusalReason"]) == (2, "")
    assert press(seller, "review", invoiceReview="maybe").status == 400


def test_the_strictness_is_chosen_on_the_connections_page(seller: Caller) -> None:
    page = get(seller, "centre/connections").text
    assert re.search(r"checked>\s+um refresh token", page)
    assert "fala um dialeto" not in page
    press(seller, "strictness", invoiceChecks="loose", shipLeadsTo="200")
    found = seller.sandbox.control("GET", "settings")
    assert [found[name] for name in ("invoiceChecks", "shipLeadsTo", "reusedRefreshEndsConsent")] == [
        "loose",
        200,
        False,
    ]
    assert re.search(r"Consent\"\s+>\s+um refresh token", get(seller, "centre/connections").text)
    assert press(seller, "strictness", invoiceChecks="none", shipLeadsTo="200").status == 400


def test_a_fault_by_hand_takes_a_code_and_a_clock(seller: Caller) -> None:
    press(seller, "faults", kind="unknown_code", path="listItem", code="448")
    press(seller, "faults", kind="clock", path="getSkuList", offset="-60")
    found = {fault["kind"]: fault for fault in seller.sandbox.control("GET", "faults")["faults"]}
    assert (found["unknown_code"]["code"], found["clock"]["offsetMs"]) == (448, -60_000)
    assert get(seller, "centre/faults").status == 200
