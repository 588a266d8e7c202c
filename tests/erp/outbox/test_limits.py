"""GCRA against the real database, with its own clock: rows are moved in time, never the clock."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from erp.outbox import limits
from erp.outbox.limits import CallLimits, Go, Share, When, acquire, wait_turn
from erp.outbox.models import RateLimit
from erp.outbox.statuses import WaitReason

pytestmark = pytest.mark.django_db


@pytest.fixture
def rates(monkeypatch: pytest.MonkeyPatch) -> dict[str, CallLimits]:
    found: dict[str, CallLimits] = {}
    monkeypatch.setattr(limits, "_providers", [])
    limits.register(lambda app_key, call: found.get(call) if app_key == "app" else None)
    return found


def ask(call: str = "ship", store_id: int = 1, share: Share = Share.PUSH) -> Go | When:
    return acquire(store_id=store_id, app_key="app", call=call, share=share)


def pass_time(seconds: float) -> None:
    """Move every limit into the past."""
    micros = int(seconds * limits.SECOND)
    RateLimit.objects.update(
        **{
            name: F(name) - micros
            for name in (
                "arrival_us",
                "push_arrival_us",
                "import_arrival_us",
                "push_asked_us",
                "import_asked_us",
            )
        }
    )


def slow(rate: float = 0.01, app: float = 1000.0, daily: int = 1_000_000) -> CallLimits:
    return CallLimits(store_rate=rate, app_rate=app, daily_calls=daily)


def test_second_call_is_told_when(rates: Any) -> None:
    rates["ship"] = slow()
    assert isinstance(ask(), Go)
    answer = ask()
    assert isinstance(answer, When)
    # One call in 100 s at 90 %, 50 ms early at most.
    assert 105.0 < answer.seconds <= 1 / 0.009
    assert answer.reason == WaitReason.LIMIT
    assert abs((answer.at - timezone.now()).total_seconds() - answer.seconds) < 2
    # The buckets count in whole microseconds: to the very one, a call may still be one early.
    pass_time(answer.seconds + 0.01)
    assert isinstance(ask(), Go)


def waited(call: str, store_id: int) -> Go | When:
    return wait_turn(call, lambda: ask(call, store_id))


def test_a_store_is_limited_in_all_and_stores_share_the_apps_limit(rates: Any) -> None:
    rates["ship"] = rates["read"] = slow()
    assert all(isinstance(ask("ship", store_id), Go) for store_id in (1, 2))
    assert isinstance(ask("read", 1), When)
    pass_time(3600)
    rates["late"] = slow(rate=1000.0, app=0.01)
    assert isinstance(ask("late", 1), Go)
    assert isinstance(ask("late", 2), When)


def test_a_refused_app_limit_gives_the_stores_turn_back(rates: Any) -> None:
    rates["ship"] = slow(rate=1000.0, app=0.01)
    ask()
    before = dict(RateLimit.objects.filter(scope="store:1").values_list("call", "arrival_us"))
    assert set(before) == {limits.ANY_CALL}
    assert isinstance(ask(), When)
    assert dict(RateLimit.objects.filter(scope="store:1").values_list("call", "arrival_us")) == before
    assert set(RateLimit.objects.filter(scope="store:1").values_list("used", flat=True)) == {1}


def test_unused_time_is_not_saved_up(rates: Any) -> None:
    rates["ship"] = slow()
    ask()
    pass_time(3600)
    assert [type(ask()) for _ in range(5)] == [Go, When, When, When, When]


def test_daily_counter_closes_the_app_until_the_reset(rates: Any) -> None:
    rates["ship"] = slow(rate=1e6, app=1e6, daily=3)
    answers = [ask(store_id=store_id) for store_id in range(3)]
    # 20 % of three calls are the imports' reserve: two are left for pushes.
    assert [type(answer) for answer in answers] == [Go, Go, When]
    spent = answers[-1]
    assert isinstance(spent, When)
    assert spent.reason == WaitReason.QUOTA
    assert abs(spent.at - limits.quota_reset(timezone.now())) < timedelta(seconds=2)
    assert isinstance(ask(share=Share.IMPORT), Go)
    assert isinstance(ask(share=Share.IMPORT), When)
    RateLimit.objects.update(day=F("day") - 1)
    assert isinstance(ask(), Go)
    bucket = RateLimit.objects.get(scope="app:app")
    assert (bucket.used, bucket.push_used, bucket.import_used) == (1, 1, 0)


@pytest.mark.parametrize(("hour", "reset"), [(2, 3), (3, 27), (4, 27)])
def test_quota_reset_is_midnight_in_sao_paulo(hour: int, reset: int) -> None:
    day = datetime(2026, 11, 23, tzinfo=UTC)
    assert limits.quota_reset(day + timedelta(hours=hour)) == day + timedelta(hours=reset)


def test_one_share_alone_may_use_everything_and_both_keep_their_reserve(rates: Any) -> None:
    rates["read"] = slow(rate=0.01)
    spacing = 1 / 0.009

    def run(shares: list[Share]) -> dict[Share, int]:
        passed = dict.fromkeys(shares, 0)
        for _ in range(100):
            pass_time(spacing)
            for share in shares:
                passed[share] += isinstance(ask("read", share=share), Go)
        return passed

    alone = run([Share.IMPORT])
    assert alone[Share.IMPORT] >= 98
    both = run([Share.IMPORT, Share.PUSH])
    # Imports ask first every time and would take every turn without the pushes' reserve of 30 %.
    assert 25 <= both[Share.PUSH] <= 40
    assert 60 <= both[Share.IMPORT] <= 75


def test_a_held_call_refuses_until_then(rates: Any) -> None:
    rates["ship"] = slow(rate=1000)
    until = timezone.now() + timedelta(seconds=90)
    limits.hold(store_id=1, call="ship", until=until, reason=WaitReason.QUOTA)
    assert limits.calls_held(store_id=1) == {"ship"}
    answer = ask()
    assert isinstance(answer, When)
    assert (answer.reason, round(answer.seconds)) == (WaitReason.QUOTA, 90)
    assert isinstance(ask(store_id=2), Go)
    RateLimit.objects.filter(scope="store:1").update(resume_at=timezone.now() - timedelta(seconds=1))
    assert isinstance(ask(), Go)
    assert limits.calls_held(store_id=1) == set()


def test_a_later_hold_extends_and_an_earlier_one_does_not(rates: Any) -> None:
    now = timezone.now()
    for seconds, expected in ((60, 60), (30, 60), (90, 90)):
        limits.hold(store_id=1, call="x", until=now + timedelta(seconds=seconds), reason=WaitReason.LIMIT)
        assert RateLimit.objects.get().resume_at == now + timedelta(seconds=expected)


def test_a_wait_told_to_one_store_is_its_own_and_told_to_two_the_applications(rates: Any) -> None:
    rates["ship"] = slow(rate=1000)
    limits.hold_told(store_id=1, app_key="app", call="ship", seconds=60)
    assert isinstance(ask(store_id=1), When)
    assert isinstance(ask(store_id=2), Go)
    limits.hold_told(store_id=2, app_key="app", call="ship", seconds=30)
    answer = ask(store_id=3)
    assert isinstance(answer, When)
    assert (answer.reason, round(answer.seconds)) == (WaitReason.LIMIT, 30)


def test_wait_turn_sleeps_through_short_waits_only(rates: Any) -> None:
    rates["ship"] = slow(rate=10)
    rates["rare"] = slow()
    started = time.monotonic()
    assert all(isinstance(waited("ship", 1), Go) for _ in "123")
    assert time.monotonic() - started > 0.1
    ask("rare", store_id=2)
    started = time.monotonic()
    assert isinstance(waited("rare", 2), When)
    assert time.monotonic() - started < 1


def test_an_app_without_limits_is_a_programming_error(rates: Any) -> None:
    with pytest.raises(LookupError):
        acquire(store_id=1, app_key="other", call="ship", share=Share.PUSH)


@pytest.mark.django_db(transaction=True)
def test_callers_together_stay_below_the_limit(rates: Any) -> None:
    rates["ship"] = CallLimits(store_rate=20, app_rate=100, daily_calls=1_000_000)
    passed: list[float] = []
    started = time.monotonic()
    ends = started + 2.5

    def caller() -> None:
        while time.monotonic() < ends:
            if isinstance(waited("ship", 1), Go):
                passed.append(time.monotonic())
        connection.close()

    threads = [threading.Thread(target=caller) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 20 <= len(passed) <= 19 * (time.monotonic() - started) + 2
