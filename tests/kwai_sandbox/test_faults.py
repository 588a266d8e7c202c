"""Faults and whether the write was applied."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from tests.kwai_sandbox.conftest import Answer, Caller, invoice
from tests.kwai_sandbox.test_trade import ids

UPLOAD = "trade/merchant/uploadInvoice"


def fault(seller: Caller, kind: str, **fields: Any) -> None:
    seller.sandbox.control("PUT", "faults", {"kind": kind, "rate": 1, "path": "uploadInvoice"} | fields)


@pytest.mark.parametrize(("kind", "result"), [
    ("rate_limit", 429), ("quota", 430), ("token_expired", 444), ("revoked", 402), ("server_error", 500),
    ("clock", 442), ("unknown_code", 499),
])  # fmt: skip
def test_envelope_faults(seller: Caller, kind: str, result: int) -> None:
    order_id = seller.order()
    fault(seller, kind, count=1)
    assert seller.post(UPLOAD, invoice(order_id)).result == result
    assert seller.known(order_id)["invoice"] is None
    assert seller.post(UPLOAD, invoice(order_id)).result == 200
    assert [(row["applied"], row["fault"]) for row in seller.ledger()] == [(False, kind), (True, None)]


def test_rate_limits_say_when(seller: Caller) -> None:
    fault(seller, "rate_limit", retryAfter=7, effect="before")
    order_id = seller.order()
    assert seller.post(UPLOAD, invoice(order_id)).data == {"retryAfter": 7}
    assert seller.known(order_id)["invoice"] is None


@pytest.mark.parametrize("kind", ["server_error", "bad_gateway", "truncated", "timeout"])
@pytest.mark.parametrize(("effect", "kept"), [("before", True), ("after", False)])
def test_the_write_is_applied_before_the_fault_shows_or_not(
    seller: Caller, kind: str, effect: str, kept: bool
) -> None:
    order_id = seller.order()
    fault(seller, kind, effect=effect, delayMs=10)
    try:
        answer = seller.post(UPLOAD, invoice(order_id))
    except (http.client.HTTPException, ConnectionError):
        assert kind == "timeout"
    else:
        check_shown(kind, answer.status, answer.text)
    assert (seller.known(order_id)["invoice"] is not None) is kept
    (row,) = seller.ledger()
    assert (row["applied"], row["fault"]) == (kept, kind)


def check_shown(kind: str, status: int, text: str) -> None:
    if kind == "bad_gateway":
        assert status == 502
        assert text.startswith("<html>")
    elif kind == "truncated":
        assert status == 200
        with pytest.raises(json.JSONDecodeError):
            json.loads(text)
    else:
        assert json.loads(text)["result"] == 500


def test_random_effects_are_both(seller: Caller) -> None:
    order_ids = [seller.order() for _ in range(24)]
    fault(seller, "server_error", effect="random")
    for number, order_id in enumerate(order_ids, 1):
        seller.post(UPLOAD, invoice(order_id, number))
    assert {row["applied"] for row in seller.ledger()} == {True, False}


def test_slow_answers_are_right_and_late(seller: Caller) -> None:
    fault(seller, "slow", delayMs=300)
    started = time.monotonic()
    assert seller.post(UPLOAD, invoice(seller.order())).result == 200
    assert time.monotonic() - started >= 0.3


def test_a_resend_of_what_was_applied_is_doubled(seller: Caller) -> None:
    order_id = seller.order()
    fault(seller, "bad_gateway", effect="before", count=1)
    seller.post(UPLOAD, invoice(order_id))
    assert seller.sandbox.control("GET", "ledger")["doubled"] == []
    seller.post(UPLOAD, invoice(order_id))
    assert len(seller.sandbox.control("GET", "ledger")["doubled"]) == 1


@pytest.mark.parametrize("kind", ["duplicate_page", "skip_page"])
def test_pages_are_shifted_and_never_longer(seller: Caller, kind: str) -> None:
    rows = ids(seller)
    seller.sandbox.control("PUT", "faults", {"kind": kind, "rate": 1})
    pages = [ids(seller, size=5, page=page) for page in (1, 2, 5)]
    shift = {"duplicate_page": -1, "skip_page": 5}[kind]
    first = rows[:5] if kind == "duplicate_page" else rows[5:10]
    assert pages == [first, rows[5 + shift : 10 + shift], rows[20 + shift : 25 + shift]]
    assert seller.detail(str(rows[0]))["orderId"] == rows[0]


def test_a_listing_repeats_a_row_of_the_page_before(seller: Caller) -> None:
    def listed(page: int) -> list[int]:
        answer = seller.post("product/listItem", {"currentPage": page, "pageSize": 5}).data
        return [row["itemId"] for row in answer["itemList"]]

    first, second = listed(1), listed(2)
    seller.sandbox.control("PUT", "faults", {"kind": "duplicate_page", "path": "listItem"})
    assert listed(1) == first
    assert listed(2) == first[-1:] + second[:-1]


def date_of(answer: Answer) -> float:
    return parsedate_to_datetime(answer.headers["Date"]).timestamp() - time.time()


@pytest.mark.parametrize("offset_ms", [0, -600_000, 3_600_000])
def test_a_wrong_clock_is_told_with_the_date_of_the_answer(seller: Caller, offset_ms: int) -> None:
    fault(seller, "clock", count=1, offsetMs=offset_ms)
    order_id = seller.order()
    answer = seller.post(UPLOAD, invoice(order_id))
    assert answer.result == 442
    assert abs(date_of(answer) - offset_ms / 1000) < 5
    assert seller.known(order_id)["invoice"] is None
    again = seller.post(UPLOAD, invoice(order_id))
    assert (again.result, abs(date_of(again)) < 5) == (200, True)


@pytest.mark.parametrize(("fields", "result"), [({}, 499), ({"code": 448}, 448), ({"code": 450}, 450)])
@pytest.mark.parametrize(("effect", "kept"), [("before", True), ("after", False)])
def test_a_code_that_nobody_names(
    seller: Caller, fields: dict[str, int], result: int, effect: str, kept: bool
) -> None:
    order_id = seller.order()
    fault(seller, "unknown_code", effect=effect, **fields)
    assert seller.post(UPLOAD, invoice(order_id)).result == result
    assert (seller.known(order_id)["invoice"] is not None) is kept


def test_an_unknown_code_at_a_refresh_leaves_the_pair_in_force(seller: Caller) -> None:
    seller.sandbox.control(
        "PUT", "faults", {"kind": "unknown_code", "path": "refreshToken", "code": 448, "count": 1}
    )
    assert seller.refresh().result == 448
    assert seller.refresh().result == 200


def test_oauth_answers_may_lack_the_merchant(seller: Caller) -> None:
    whole = set(seller.refresh().data)
    seller.connect()
    seller.sandbox.control("PUT", "faults", {"kind": "missing_merchant"})
    code = seller.sandbox.control("POST", "grants", {"merchantId": seller.merchant_id})["code"]
    exchanged = seller.oauth("token", "authorization_code", code=code).data
    seller.keep(exchanged)
    for answer in (exchanged, seller.refresh().data):
        assert whole - set(answer) == {"merchantId", "shopName"}
        seller.keep(answer)
    assert seller.post("trade/queryOrderDetails", {"orderList": [1]}).result == 200
    assert seller.oauth("token", "authorization_code", code="unknown").result == 401


def test_a_refresh_can_be_lost_after_it_rotated(seller: Caller) -> None:
    seller.sandbox.control(
        "PUT", "faults", {"kind": "bad_gateway", "path": "refreshToken", "count": 1, "effect": "before"}
    )
    assert seller.refresh().status == 502
    assert seller.refresh().result == 402


def test_rates_are_a_share(seller: Caller) -> None:
    seller.sandbox.control("PUT", "faults", {"kind": "server_error", "rate": 0.5, "path": "getCategoryList"})
    results = [seller.get("product/getCategoryList").result for _ in range(60)]
    assert 10 < results.count(500) < 50


@pytest.mark.parametrize("body", [
    {"kind": "unknown"}, {"kind": "slow", "rate": 2}, {"kind": "slow", "effect": "later"}, {"kind": "slow", "count": 0},
    {"kind": "slow", "typo": 1}, {}, {"kind": "clock", "offsetMs": "1"}, {"kind": "unknown_code", "code": "x"},
])  # fmt: skip
def test_senseless_faults_are_refused(seller: Caller, body: dict[str, Any]) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        seller.sandbox.control("PUT", "faults", body)
    assert caught.value.code == 400
    caught.value.close()
