"""The whole path over real HTTP: the emulator's orders are polled, staged and received."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from erp import scheduling
from erp.accounts.models import AuditEntry, Store, StoreLifecycle
from erp.catalog.models import Sku
from erp.outbox.models import ChannelPause
from erp.sales.models import Order, OrderEvent
from kwai_integration.client import gateway
from kwai_integration.inbound import plan, poll
from kwai_integration.inbound.poll import store_poll
from kwai_integration.inbound.receive import kwai_orders_receive
from kwai_integration.models import (
    ConnectionHealth,
    KwaiAccount,
    KwaiOrder,
    KwaiOrderState,
    KwaiSettings,
    Listing,
    SyncCursor,
)
from tests.kwai_integration.inbound.conftest import Kwai

pytestmark = pytest.mark.django_db


def nested(levels: int) -> Any:
    """JSON deeper than the client reads: an order with it makes the whole details call unreadable."""
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.fixture
def auto(kwai: Kwai) -> Kwai:
    KwaiSettings.objects.update(auto_receive=True)
    return kwai


def test_orders_wait_for_a_click_without_automatic_receiving(kwai: Kwai, sku: Sku) -> None:
    kwai.orders(60)
    result = kwai.poll()
    assert (result.orders, result.changed, result.received, result.more) == (60, 60, 0, False)
    assert KwaiOrder.objects.filter(state=KwaiOrderState.STAGED).count() == 60
    ids = list(KwaiOrder.objects.values_list("pk", flat=True))
    kwai_orders_receive(ids=ids)
    assert Order.objects.count() == 60
    assert Listing.objects.get().sku == sku


def test_automatic_receiving_makes_orders_at_once(auto: Kwai, sku: Sku) -> None:
    auto.orders(3)
    assert auto.poll().received == 3
    assert Order.objects.count() == 3


def test_polling_again_changes_nothing(auto: Kwai, sku: Sku) -> None:
    auto.orders(5)
    auto.poll()
    before = [list(model.objects.order_by("pk").values()) for model in (KwaiOrder, Order, OrderEvent)]
    result = auto.poll()
    assert (result.orders, result.changed, result.received) == (5, 0, 0)
    assert [list(model.objects.order_by("pk").values()) for model in (KwaiOrder, Order, OrderEvent)] == before


def test_a_received_order_follows_without_a_click(kwai: Kwai, sku: Sku) -> None:
    order_id, waiting = kwai.orders(2)
    kwai.poll()
    kwai_orders_receive(ids=[KwaiOrder.objects.get(external_id=order_id).pk])
    kwai.change(order_id, holdReason="análise de fraude")
    kwai.change(waiting, holdReason="análise de fraude")
    kwai.poll()
    assert Order.objects.get().hold_reason == "análise de fraude"
    assert KwaiOrder.objects.get(external_id=waiting).state == KwaiOrderState.STAGED


def test_the_watermark_reaches_the_present_and_the_next_poll_is_planned(kwai: Kwai) -> None:
    started = timezone.now()
    kwai.poll()
    cursor = kwai.cursor
    assert cursor.watermark >= started
    assert (cursor.lease_until, cursor.last_error) == (None, "")
    assert cursor.last_success_at is not None
    assert cursor.due_at > started + timedelta(seconds=5)
    assert store_poll(kwai.store.pk) is None


def test_the_overlap_finds_what_arrived_late(kwai: Kwai) -> None:
    kwai.poll()
    late = int((timezone.now() - timedelta(minutes=2)).timestamp() * 1000)
    kwai.orders(overrides={"updateTime": late, "createTime": late})
    kwai.poll()
    assert KwaiOrder.objects.count() == 1


def test_after_downtime_the_window_is_caught_up_in_slices(kwai: Kwai) -> None:
    for days in (1, 4, 9):
        moment = int((timezone.now() - timedelta(days=days)).timestamp() * 1000)
        kwai.orders(overrides={"updateTime": moment, "createTime": moment})
    SyncCursor.objects.update(watermark=timezone.now() - timedelta(days=10))
    kwai.poll()
    assert KwaiOrder.objects.count() == 3
    assert kwai.calls("queryOrderList") >= 10


def test_a_long_catch_up_stops_in_time_and_goes_on(kwai: Kwai, monkeypatch: pytest.MonkeyPatch) -> None:
    SyncCursor.objects.update(watermark=timezone.now() - timedelta(days=3))
    monkeypatch.setattr(poll, "BUDGET_SECONDS", 0.0)
    marks, turns = [kwai.cursor.watermark], 0
    while kwai.poll().more:
        turns += 1
        marks.append(kwai.cursor.watermark)
    assert turns >= 2
    assert marks == sorted(set(marks))


def test_a_worker_that_stops_leaves_the_catch_up_to_the_next(
    kwai: Kwai, monkeypatch: pytest.MonkeyPatch
) -> None:
    SyncCursor.objects.update(watermark=timezone.now() - timedelta(days=3))
    before = kwai.cursor.watermark
    monkeypatch.setattr(scheduling, "is_stopping", lambda: True)
    assert kwai.poll().more
    assert before < kwai.cursor.watermark < timezone.now() - timedelta(days=1)
    assert kwai.cursor.lease_until is None


def test_a_crowded_window_is_read_in_shorter_slices(kwai: Kwai, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poll, "LARGEST_SLICE", 10)
    for minutes in range(40, 0, -1):
        moment = int((timezone.now() - timedelta(minutes=minutes)).timestamp() * 1000)
        kwai.orders(overrides={"updateTime": moment, "createTime": moment})
    kwai.poll()
    assert KwaiOrder.objects.count() == 40


@pytest.mark.parametrize("kind", ["duplicate_page", "skip_page"])
def test_page_faults_lose_and_double_nothing(auto: Kwai, sku: Sku, kind: str) -> None:
    auto.orders(120)
    auto.fault(kind, "list", count=1)
    auto.poll()
    assert KwaiOrder.objects.count() == Order.objects.count() == 120


def test_both_shapes_of_the_details_answer_are_read(kwai: Kwai) -> None:
    kwai.orders(2)
    kwai.sandbox.sandbox.settings["detailShape"] = "object"
    assert kwai.poll().orders == 2


def test_a_poisoned_order_is_alone_in_quarantine(auto: Kwai, sku: Sku) -> None:
    ids = auto.orders(50)
    auto.change(ids[31], campoNovo=nested(90))
    auto.poll()
    bad = KwaiOrder.objects.get(state=KwaiOrderState.QUARANTINED)
    assert (bad.external_id, bad.problem_code) == (ids[31], "details_failed")
    assert Order.objects.count() == 49
    assert auto.cursor.last_error == ""


def test_a_poisoned_order_heals(auto: Kwai, sku: Sku) -> None:
    ids = auto.orders(2)
    auto.change(ids[0], campoNovo=nested(90))
    auto.poll()
    auto.change(ids[0], campoNovo=1)
    auto.poll()
    assert KwaiOrder.objects.filter(state=KwaiOrderState.RECEIVED).count() == 2


def test_a_lone_failing_order_is_retried_before_it_is_given_up(auto: Kwai, sku: Sku) -> None:
    """It might be an outage of the details call: the watermark waits, then goes on without the order."""
    (order_id,) = auto.orders(1, overrides={"campoNovo": nested(90)})
    mark = auto.cursor.watermark
    auto.poll()
    assert auto.cursor.watermark == mark
    assert auto.cursor.last_error
    KwaiOrder.objects.update(staged_at=timezone.now() - timedelta(minutes=16))
    auto.poll()
    assert auto.cursor.watermark > mark
    assert KwaiOrder.objects.get().external_id == order_id


def test_an_outage_blames_no_order(kwai: Kwai) -> None:
    kwai.orders(50)
    kwai.fault("server_error", "details")
    mark = kwai.cursor.watermark
    kwai.poll()
    assert kwai.cursor.watermark == mark
    assert "Será conferido" in kwai.cursor.last_error
    assert not KwaiOrder.objects.exists()
    assert kwai.calls("queryOrderDetails") < 20
    kwai.sandbox.control("DELETE", "faults")
    kwai.poll()
    assert KwaiOrder.objects.count() == 50


def test_an_order_listed_but_not_handed_out_is_noted(kwai: Kwai) -> None:
    ids = kwai.orders(3)
    kwai.change(ids[1], orderId=None)
    kwai.poll()
    noted = KwaiOrder.objects.get(external_id=ids[1])
    assert (noted.state, noted.problem_code) == (KwaiOrderState.QUARANTINED, "details_missing")
    assert KwaiOrder.objects.get(problem_code="order_id_missing").external_id.startswith("sem-id-")
    assert KwaiOrder.objects.filter(state=KwaiOrderState.STAGED).count() == 2
    assert kwai.calls("queryOrderDetails") == 2


def test_a_rate_limit_waits_as_long_as_it_says(kwai: Kwai) -> None:
    kwai.fault("rate_limit", "list", retryAfter=40)
    kwai.poll()
    assert "limite de requisições" in kwai.cursor.last_error
    assert timedelta(seconds=30) < kwai.cursor.due_at - timezone.now() < timedelta(seconds=45)
    assert KwaiAccount.objects.get().health == ConnectionHealth.OK


def test_a_wait_told_to_a_read_holds_every_caller_of_the_store(kwai: Kwai) -> None:
    kwai.fault("rate_limit", "list", retryAfter=40, count=1)
    kwai.poll()
    kwai.poll()
    assert kwai.calls("queryOrderList") == 1
    assert timedelta(seconds=30) < kwai.cursor.due_at - timezone.now() < timedelta(seconds=41)


@pytest.mark.parametrize(("period", "longest"), [(15, 15), (3600, 30)])
def test_a_failed_poll_waits_its_period(kwai: Kwai, settings: Any, period: int, longest: int) -> None:
    settings.KWAI_POLL_SECONDS = period
    kwai.fault("server_error", "list", count=1)
    kwai.poll()
    assert kwai.cursor.last_error
    assert kwai.cursor.due_at - timezone.now() <= timedelta(seconds=longest)


def test_a_revoked_consent_disconnects_the_store_and_stops(kwai: Kwai) -> None:
    kwai.sandbox.control("DELETE", f"grants/{KwaiAccount.objects.get().merchant_id}")
    kwai.poll()
    assert KwaiAccount.objects.get().health == ConnectionHealth.REVOKED
    assert "revogado" in kwai.cursor.last_error
    assert AuditEntry.objects.filter(action="kwai.connection").count() == 1
    kwai.due()
    assert store_poll(kwai.store.pk) is None
    assert plan.stores_to_poll() == []


def test_an_expired_token_is_renewed_on_the_way(kwai: Kwai) -> None:
    kwai.orders(2)
    kwai.sandbox.control("PATCH", f"grants/{KwaiAccount.objects.get().merchant_id}", {"expired": "access"})
    assert kwai.poll().orders == 2


def test_a_wrong_signature_pauses_everything_and_ends_no_connection(kwai: Kwai, settings: Any) -> None:
    settings.KWAI_SIGN_SECRET = "errado"
    kwai.poll()
    assert KwaiAccount.objects.get().health == ConnectionHealth.OK
    assert "KWAI_SIGN_SECRET" in kwai.cursor.last_error
    assert "KWAI_SIGN_SECRET" in ChannelPause.objects.get().reason
    kwai.due()
    assert store_poll(kwai.store.pk) is None
    assert plan.stores_to_poll() == []


def test_an_unreachable_platform_keeps_the_watermark(kwai: Kwai, settings: Any) -> None:
    settings.KWAI_API_URL = "http://127.0.0.1:9"
    mark = kwai.cursor.watermark
    kwai.poll()
    assert kwai.cursor.watermark == mark
    assert kwai.cursor.last_error.startswith("Não foi possível conectar ao Kwai")
    assert kwai.cursor.lease_until is None


def test_a_crash_in_the_middle_means_the_same_window_again(
    auto: Kwai, sku: Sku, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker dies after the second page: nothing gave the lease back, nothing moved the mark."""
    auto.orders(120)
    mark, taken = auto.cursor.watermark, []
    real = poll._Poll.details_store

    def dying(self: poll._Poll, ids: list[str]) -> None:
        if len(taken) == 2:
            raise SystemExit("killed")
        taken.append(ids)
        real(self, ids)

    monkeypatch.setattr(poll._Poll, "details_store", dying)
    with pytest.raises(SystemExit):
        auto.poll()
    monkeypatch.undo()
    assert Order.objects.count() == 100
    assert auto.cursor.watermark == mark
    auto.due()
    assert store_poll(auto.store.pk) is None
    SyncCursor.objects.update(lease_token=uuid.uuid4(), lease_until=timezone.now() - timedelta(seconds=1))
    auto.poll()
    assert Order.objects.count() == KwaiOrder.objects.count() == 120
    assert OrderEvent.objects.filter(kind="received").count() == 120


def test_under_repeated_kills_every_poll_brings_orders_in(
    auto: Kwai, sku: Sku, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each dies after two steps: the first of whole pages, those after it of small ones, new orders first."""
    auto.orders(130)
    real = poll._Poll.details_store
    steps: list[int] = []

    def dying(self: poll._Poll, ids: list[str]) -> None:
        if len(steps) == 2:
            raise SystemExit("killed")
        steps.append(len(ids))
        real(self, ids)

    monkeypatch.setattr(poll._Poll, "details_store", dying)
    there = []
    for _ in range(3):
        steps.clear()
        auto.due()
        with pytest.raises(SystemExit):
            store_poll(auto.store.pk)
        there.append(Order.objects.count())
        SyncCursor.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert there == [100, 120, 130]
    assert steps == [10, 50]
    monkeypatch.undo()
    auto.poll()
    assert Order.objects.count() == KwaiOrder.objects.count() == 130
    assert OrderEvent.objects.filter(kind="received").count() == 130
    assert auto.cursor.lease_token is None


def test_an_order_changed_while_it_waited_for_its_turn_is_followed(auto: Kwai, sku: Sku) -> None:
    """What is here already comes last after a kill, but it comes."""
    (order_id,) = auto.orders()
    auto.poll()
    auto.change(order_id, holdReason="fraud")
    auto.orders(3)
    SyncCursor.objects.update(lease_token=uuid.uuid4(), lease_until=timezone.now() - timedelta(seconds=1))
    assert auto.poll().changed == 4
    assert Order.objects.count() == 4


def test_the_lease_is_renewed_before_every_call(
    auto: Kwai, sku: Sku, monkeypatch: pytest.MonkeyPatch
) -> None:
    auto.orders(2)
    calls: list[str] = []
    renew = poll.CursorLease.renew
    monkeypatch.setattr(poll.CursorLease, "renew", lambda self: (calls.append("renew"), renew(self))[1])
    for name in ("list_orders", "order_details"):
        real = getattr(gateway.KwaiClient, name)

        def noted(self: Any, *args: Any, real: Any = real, name: str = name, **values: Any) -> Any:
            calls.append(name)
            return real(self, *args, **values)

        monkeypatch.setattr(gateway.KwaiClient, name, noted)
    auto.poll()
    assert {"list_orders", "order_details"} <= set(calls)
    before = {calls[at - 1] for at, name in enumerate(calls) if name != "renew"}
    assert before == {"renew"}


def test_orders_staged_before_a_crash_are_received_after_it(auto: Kwai, sku: Sku) -> None:
    auto.orders(3)
    KwaiSettings.objects.update(auto_receive=False)
    auto.poll()
    KwaiSettings.objects.update(auto_receive=True)
    auto.poll()
    assert Order.objects.count() == 3


@pytest.mark.parametrize("lifecycle", [StoreLifecycle.DRAFT, StoreLifecycle.INACTIVE])
def test_only_active_stores_are_polled(kwai: Kwai, lifecycle: str) -> None:
    Store.objects.update(lifecycle=lifecycle)
    kwai.due()
    assert store_poll(kwai.store.pk) is None
    assert plan.stores_to_poll() == []


def test_due_stores_are_planned_by_the_databases_clock(kwai: Kwai) -> None:
    assert plan.stores_to_poll() == [kwai.store.pk]
    SyncCursor.objects.update(due_at=timezone.now() + timedelta(seconds=30))
    assert plan.stores_to_poll() == []
    SyncCursor.objects.update(
        due_at=timezone.now() - timedelta(seconds=30),
        lease_token=uuid.uuid4(),
        lease_until=timezone.now() + timedelta(seconds=30),
    )
    assert plan.stores_to_poll() == []


@pytest.mark.django_db(transaction=True)
def test_two_pollers_at_once_are_one(auto: Kwai, sku: Sku) -> None:
    auto.orders(30)
    auto.due()
    start, results = threading.Barrier(2), []

    def run() -> None:
        start.wait(10)
        try:
            results.append(store_poll(auto.store.pk))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len([result for result in results if result is not None]) == 1
    assert Order.objects.count() == 30
