"""Calls that come inside a wait they were told."""

from __future__ import annotations

import time
from typing import Any

import pytest

from kwai_sandbox import stats
from kwai_sandbox.stats import GRACE_MS, Stats
from tests.kwai_sandbox.conftest import ROOT, Caller
from tests.kwai_sandbox.test_centre import get

PATH, OTHER = f"{ROOT}/product/listItem", f"{ROOT}/product/getSkuList"
BODY = {"currentPage": 1, "pageSize": 1}
Clock = Any


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Moments in ms that the test sets by hand."""
    now = [1_000_000]
    monkeypatch.setattr(stats, "now_ms", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("after_ms", "early"), [(GRACE_MS, False), (GRACE_MS + 1, True), (1999, True), (2000, False)]
)
def test_a_call_inside_the_wait_is_early(clock: Clock, after_ms: int, early: bool) -> None:
    counted = Stats()
    counted.wait_told(("1", PATH), 2)
    clock[0] += after_ms
    assert counted.arrived(PATH, "1").early is early
    assert counted.as_json()["early_calls"] == {"total": int(early), "paths": {PATH: 1} if early else {}}


@pytest.mark.parametrize(("scope", "early"), [
    (("1", PATH), True), (("1", None), True), ((None, PATH), True), (("2", PATH), False), (("2", None), False),
    (("1", OTHER), False), ((None, OTHER), False),
])  # fmt: skip
def test_a_wait_is_for_a_store_a_path_or_both(clock: Clock, scope: stats.Scope, early: bool) -> None:
    counted = Stats()
    counted.wait_told(scope, 2)
    clock[0] += 1000
    assert counted.arrived(PATH, "1").early is early


def test_a_wait_told_again_grows(clock: Clock) -> None:
    counted = Stats()
    counted.wait_told(("1", PATH), 2)
    clock[0] += 1500
    counted.wait_told(("1", PATH), 2)
    found = []
    for moment in (1, 1999, 2000):
        clock[0] = 1_001_500 + moment
        found.append(counted.arrived(PATH, "1").early)
    assert found == [True, True, False]


def test_early_calls_are_counted_by_path_and_shown(seller: Caller) -> None:
    seller.sandbox.control(
        "PUT", "faults", {"kind": "rate_limit", "path": "listItem", "retryAfter": 30, "count": 1}
    )
    assert seller.post("product/listItem", BODY).data == {"retryAfter": 30}
    assert seller.sandbox.control("GET", "stats")["early_calls"] == {"total": 0, "paths": {}}
    time.sleep(GRACE_MS / 1000 + 0.05)
    seller.get("product/getCategoryList")
    seller.post("product/listItem", BODY)
    assert seller.sandbox.control("GET", "stats")["early_calls"] == {"total": 1, "paths": {PATH: 1}}
    assert "antes da hora" in get(seller, "centre/calls?pausa=1").text


def test_the_limit_of_a_store_is_a_wait_for_all_its_calls(seller: Caller, other_seller: Caller) -> None:
    seller.sandbox.control("PUT", "settings", {"perStoreRate": 2})
    for _ in range(4):
        seller.post("product/listItem", BODY)
    time.sleep(GRACE_MS / 1000 + 0.05)
    seller.get("product/getCategoryList")
    other_seller.get("product/getCategoryList")
    paths = seller.sandbox.control("GET", "stats")["early_calls"]["paths"]
    assert paths[f"{ROOT}/product/getCategoryList"] == 1


def test_a_reset_forgets_the_waits(clock: Clock) -> None:
    counted = Stats()
    counted.wait_told(("1", PATH), 2)
    counted.clear()
    clock[0] += 1000
    assert counted.arrived(PATH, "1").early is False
