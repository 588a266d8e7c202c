"""The wire contract row by row: every call with its verb and scope, every fault kind, the retries of pushes."""

from __future__ import annotations

import pytest

from kwai_sandbox.centre.breaking import KIND_NAMES
from kwai_sandbox.faults import KINDS
from kwai_sandbox.gateway import ENDPOINTS, OAUTH_ENDPOINTS
from kwai_sandbox.server import RunningSandbox
from tests.kwai_sandbox.conftest import MERCHANT, ROOT, Caller, send

ORDER, ITEM = "merchant_order", "merchant_item"
CALLS = {
    "trade/queryOrderList": ("POST", ORDER),
    "trade/queryOrderDetails": ("POST", ORDER),
    "trade/queryRefundList": ("POST", ORDER),
    "trade/merchant/uploadInvoice": ("POST", ORDER),
    "trade/merchant/shipOrder": ("POST", ORDER),
    "trade/merchant/confirmDelivery": ("POST", ORDER),
    "trade/merchant/cancelOrder": ("POST", ORDER),
    "product/listItem": ("POST", ITEM),
    "product/getSkuList": ("GET", ITEM),
    "product/updateStock": ("POST", ITEM),
    "product/updatePrice": ("POST", ITEM),
    "product/addItem": ("POST", ITEM),
    "product/updateItem": ("POST", ITEM),
    "product/updateActiveStatus": ("POST", ITEM),
    "product/uploadImage": ("POST", ITEM),
    "product/getCategoryList": ("GET", ITEM),
    "product/getCategoryAttributes": ("GET", ITEM),
    "logistics/arrangeShipment": ("POST", ORDER),
    "logistics/getShippingLabel": ("GET", ORDER),
}
FAULTS = (
    "rate_limit", "quota", "server_error", "bad_gateway", "timeout", "truncated", "slow", "token_expired",
    "revoked", "duplicate_page", "skip_page", "clock", "unknown_code", "missing_merchant",
)  # fmt: skip
CONTROLS = (
    ("POST", "merchants"), ("POST", "grants"), ("POST", "orders"), ("PATCH", "orders/1"), ("GET", "orders/1"),
    ("POST", "items"), ("PATCH", "items/1"), ("PATCH", "items"), ("PUT", "faults"), ("DELETE", "faults"), ("PUT", "pushes"),
    ("GET", "ledger"), ("GET", "dialect"), ("GET", "stats"), ("POST", "reset"), ("GET", ""),
)  # fmt: skip


def test_no_call_is_missing_and_none_is_extra() -> None:
    assert set(ENDPOINTS) == set(CALLS)
    assert set(OAUTH_ENDPOINTS) == {"oauth2/token", "oauth2/refreshToken"}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_has_its_verb_and_scope(sandbox: RunningSandbox, name: str) -> None:
    verb, scope = CALLS[name]
    other_scope = ITEM if scope == ORDER else ORDER
    body = {} if verb == "POST" else None
    without = Caller(sandbox, MERCHANT).connect(f"user_info,{other_scope}")
    assert without.call(verb, name, body).result == 446
    seller = Caller(sandbox, MERCHANT).connect(scope)
    assert seller.call(verb, name, body).result not in (402, *range(440, 448), 500)
    assert seller.call("GET" if verb == "POST" else "POST", name, {}).result == 404
    assert send(sandbox.url, verb, f"{ROOT}/{name}").json["result"] == 440


def test_no_fault_is_missing_and_each_has_a_name_for_people() -> None:
    assert set(KINDS) == set(FAULTS) == set(KIND_NAMES)


@pytest.mark.parametrize("kind", FAULTS)
def test_every_fault_may_be_switched_on_for_every_effect(sandbox: RunningSandbox, kind: str) -> None:
    for effect in ("before", "after", "random"):
        answer = sandbox.control("PUT", "faults", {"kind": kind, "rate": 0.5, "effect": effect})
        assert [(fault["kind"], fault["effect"]) for fault in answer["faults"]] == [(kind, effect)]


@pytest.mark.parametrize(("verb", "path"), CONTROLS)
def test_the_control_calls_exist(sandbox: RunningSandbox, verb: str, path: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = send(sandbox.url, verb, f"/_sandbox/{path}", b"{}" if verb != "GET" else None, headers)
    unknown = verb == "PATCH" or path == "orders/1"
    assert answer.status in ((404,) if unknown else (200, 400))


def test_pushes_are_repeated_after_5_10_20_30_and_60_minutes(sandbox: RunningSandbox) -> None:
    minutes = [seconds / 60 for seconds in sandbox.control("GET", "pushes")["retrySeconds"]]
    assert minutes == [5, 10, 20, 30, 60]
