"""Strictness of the front door (contract section 1)."""

from __future__ import annotations

import json
import time
from email.utils import parsedate_to_datetime
from urllib.parse import urlencode

import pytest

from kwai_sandbox.server import RunningSandbox, running
from kwai_sandbox.settings import LIMITS
from tests.kwai_sandbox.conftest import OTHER_MERCHANT, ROOT, Caller, send

PATH = f"{ROOT}/product/listItem"
BODY = {"currentPage": 1, "pageSize": 50, "sort": 0}


def result_of(seller: Caller, query: dict[str, str], body: bytes = json.dumps(BODY).encode()) -> int:
    answer = send(seller.sandbox.url, "POST", f"{PATH}?{urlencode(query)}", body)
    assert answer.status == 200
    return answer.result


def test_a_right_call_is_200_in_the_envelope_and_says_the_time(seller: Caller) -> None:
    answer = seller.post("product/listItem", BODY)
    told = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    assert abs(told - time.time()) < 5
    assert answer.status == 200
    assert set(answer.json) == {"result", "message", "data"}
    assert answer.result == 200


def test_the_body_is_not_signed_but_every_query_parameter_is(seller: Caller) -> None:
    query = seller.query(PATH)
    assert result_of(seller, query | {"merchantId": "1"}) == 443
    assert result_of(seller, query | {"added": "1"}) == 443
    assert result_of(seller, query) == 200


NAMED = {
    "appKey": 440, "ts": 442, "sign": 443, "accessToken": 444, "merchantId": 445, "version": 447,
}  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_a_missing_or_wrong_parameter_has_its_code(seller: Caller, name: str) -> None:
    for value in ("", "7"):
        extra = {} if name == "sign" else {name: value}
        query = seller.query(PATH, **extra) | {name: value}
        assert result_of(seller, query) == NAMED[name]
    without = seller.query(PATH)
    del without[name]
    assert result_of(seller, without) == NAMED[name]


@pytest.mark.parametrize(("shift_ms", "result"), [
    (-301_000, 442), (301_000, 442), (-290_000, 200), (290_000, 200),
])  # fmt: skip
def test_the_clock_may_differ_by_five_minutes(seller: Caller, shift_ms: int, result: int) -> None:
    told = time.time_ns() // 1_000_000 + shift_ms
    assert result_of(seller, seller.query(PATH, ts=str(told))) == result


def test_seconds_are_no_time(seller: Caller) -> None:
    assert result_of(seller, seller.query(PATH, ts=str(int(time.time())))) == 442


def test_the_token_of_another_seller_is_445(seller: Caller) -> None:
    assert result_of(seller, seller.query(PATH, merchantId=OTHER_MERCHANT)) == 445


def test_a_revoked_consent_is_402(seller: Caller) -> None:
    seller.sandbox.control("DELETE", f"grants/{seller.merchant_id}")
    assert result_of(seller, seller.query(PATH)) == 402


def test_a_scope_that_was_not_granted_is_446(sandbox: RunningSandbox, seller: Caller) -> None:
    seller.connect(scopes="user_info,merchant_order")
    assert seller.post("product/listItem", BODY).result == 446
    assert seller.post("trade/queryOrderDetails", {"orderList": [1]}).result == 200


def test_bodies_that_are_no_json_object_are_refused(seller: Caller) -> None:
    assert result_of(seller, seller.query(PATH), b"{") == 422
    assert result_of(seller, seller.query(PATH), b"[]") == 422


def test_unknown_paths_and_verbs_are_404_in_the_envelope(seller: Caller) -> None:
    assert seller.post("product/nothing", {}).result == 404
    assert seller.get("product/listItem").result == 404


def test_limits_hold_by_default() -> None:
    with running(seed=1) as sandbox:
        assert {name: sandbox.control("GET", "settings")[name] for name in LIMITS} == {
            "perAppRate": 100, "perStoreRate": 20, "dailyQuota": 1_000_000,
        }  # fmt: skip


@pytest.mark.parametrize("name", ["perStoreRate", "perAppRate"])
def test_too_many_calls_in_a_second_are_told_to_wait(seller: Caller, name: str) -> None:
    seller.sandbox.control("PUT", "settings", {name: 3})
    answers = [seller.post("product/listItem", BODY) for _ in range(6)]
    refused = [answer for answer in answers if answer.result == 429]
    assert refused
    assert refused[0].data == {"retryAfter": 1}
    assert seller.get("product/getCategoryList").result == (429 if name == "perStoreRate" else 200)


def test_the_limit_of_a_store_is_its_own(seller: Caller, other_seller: Caller) -> None:
    seller.sandbox.control("PUT", "settings", {"perStoreRate": 3})
    for _ in range(6):
        seller.post("product/listItem", BODY)
    assert other_seller.post("product/listItem", BODY).result == 200


def test_a_spent_day_is_430(seller: Caller) -> None:
    seller.sandbox.control("PUT", "settings", {"dailyQuota": 1})
    seller.post("product/listItem", BODY)
    assert seller.post("product/listItem", BODY).result == 430
