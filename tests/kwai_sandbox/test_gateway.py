"""Strictness of the front door (contract section 1)."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from kwai_sandbox.server import RunningSandbox
from tests.kwai_sandbox.conftest import OTHER_MERCHANT, ROOT, Caller, send

PATH = f"{ROOT}/product/listItem"
BODY = {"currentPage": 1, "pageSize": 50, "sort": 0}


def result_of(seller: Caller, query: dict[str, str], body: bytes = json.dumps(BODY).encode()) -> int:
    answer = send(seller.sandbox.url, "POST", f"{PATH}?{urlencode(query)}", body)
    assert answer.status == 200
    return answer.result


def test_a_right_call_is_200_in_the_envelope(seller: Caller) -> None:
    answer = seller.post("product/listItem", BODY)
    assert answer.status == 200
    assert set(answer.json) == {"result", "message", "data"}
    assert answer.result == 200


def test_the_body_is_not_signed_but_every_query_parameter_is(seller: Caller) -> None:
    query = seller.query(PATH)
    assert result_of(seller, query | {"merchantId": "1"}) == 443
    assert result_of(seller, query | {"added": "1"}) == 443
    assert result_of(seller, query) == 200


@pytest.mark.parametrize(("name", "value", "result"), [
    ("ts", "1767312000", 443),
    ("ts", "1767312000123", 443),
    ("version", "2.0", 422),
    ("accessToken", "AT_unknown", 401),
    ("merchantId", OTHER_MERCHANT, 403),
    ("appKey", "ks7", 443),
    ("version", "", 443),
])  # fmt: skip
def test_each_parameter_is_checked(seller: Caller, name: str, value: str, result: int) -> None:
    assert result_of(seller, seller.query(PATH, **{name: value})) == result


def test_a_scope_that_was_not_granted_is_403(sandbox: RunningSandbox, seller: Caller) -> None:
    seller.connect(scopes="user_info,merchant_order")
    assert seller.post("product/listItem", BODY).result == 403
    assert seller.post("trade/queryOrderDetails", {"orderList": [1]}).result == 200


def test_bodies_that_are_no_json_object_are_refused(seller: Caller) -> None:
    assert result_of(seller, seller.query(PATH), b"{") == 422
    assert result_of(seller, seller.query(PATH), b"[]") == 422


def test_unknown_paths_and_verbs_are_404_in_the_envelope(seller: Caller) -> None:
    assert seller.post("product/nothing", {}).result == 404
    assert seller.get("product/listItem").result == 404


def test_own_limits_can_be_switched_on(seller: Caller) -> None:
    seller.sandbox.control("PUT", "settings", {"perStoreRate": 3})
    answers = [seller.post("product/listItem", BODY) for _ in range(6)]
    refused = [answer for answer in answers if answer.result == 429]
    assert refused
    assert refused[0].data == {"retryAfter": 1}
    seller.sandbox.control("PUT", "settings", {"perStoreRate": 0, "dailyQuota": 1})
    assert seller.post("product/listItem", BODY).result == 430
