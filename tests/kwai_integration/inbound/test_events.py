"""From a stored push message to the sales order, over real HTTP; the emulator delivers its pushes to the ERP."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.test import Client

from erp import clock, scheduling
from erp.catalog.models import Sku
from erp.sales.models import Order
from kwai_integration.connection import client_for
from kwai_integration.inbound import events
from kwai_integration.inbound.events import events_fetch, events_reap
from kwai_integration.models import (
    ConnectionHealth,
    EventState,
    InboundEvent,
    KwaiAccount,
    KwaiOrder,
    KwaiOrderState,
    KwaiSettings,
)
from kwai_sandbox.pushes import push_encrypt
from tests.kwai_integration.codes import CLOSED, PAID, UNPAID
from tests.kwai_integration.inbound.conftest import MERCHANT, Kwai

pytestmark = pytest.mark.django_db


@pytest.fixture
def auto(kwai: Kwai) -> Kwai:
    KwaiSettings.objects.update(auto_receive=True)
    return kwai


def push_message(kwai: Kwai, subject: str, event: str = "order_created", **values: Any) -> InboundEvent:
    number = InboundEvent.objects.count()
    return InboundEvent.objects.create(
        store=kwai.store, event_id=f"e{number}", event=event, subject=subject, **{"payload": "{}"} | values
    )


def due() -> None:
    InboundEvent.objects.filter(state=EventState.PENDING).update(
        not_before=clock.after(timedelta(seconds=-1))
    )


def states() -> list[str]:
    return list(InboundEvent.objects.order_by("pk").values_list("state", flat=True))


class Died(BaseException):
    """What a process leaves behind that is killed: nothing is cleaned up."""


def test_the_named_order_is_fetched_and_nothing_else(kwai: Kwai, sku: Sku) -> None:
    wanted, _other = kwai.orders(2)
    push_message(kwai, wanted)
    assert events_fetch(kwai.store.pk) is False
    row = KwaiOrder.objects.get()
    assert (row.external_id, row.state) == (wanted, KwaiOrderState.STAGED)
    assert states() == [EventState.DONE]
    assert kwai.calls("queryOrderList") == 0


def test_with_automatic_receiving_both_steps_run(auto: Kwai, sku: Sku) -> None:
    (order_id,) = auto.orders()
    push_message(auto, order_id)
    events_fetch(auto.store.pk)
    assert Order.objects.get().external_id == order_id


def test_messages_about_an_order_become_one_fetch(auto: Kwai, sku: Sku) -> None:
    first, second = auto.orders(2)
    for event in ("order_created", "order_paid", "order_updated"):
        push_message(auto, first, event)
    push_message(auto, second)
    push_message(auto, first, "refund_updated", not_before=clock.after(timedelta(hours=1)))
    events_fetch(auto.store.pk)
    assert states() == [EventState.DONE] * 5
    assert auto.calls("queryOrderDetails") == 1
    assert Order.objects.count() == 2


def test_many_orders_are_fetched_page_by_page(auto: Kwai, sku: Sku) -> None:
    for order_id in auto.orders(120):
        push_message(auto, order_id)
    events_fetch(auto.store.pk)
    assert Order.objects.count() == 120
    assert auto.calls("queryOrderDetails") == 3


def test_when_the_time_is_over_the_rest_waits(kwai: Kwai, sku: Sku, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "BUDGET_SECONDS", 0.0)
    for order_id in kwai.orders(60):
        push_message(kwai, order_id)
    assert events_fetch(kwai.store.pk) is True
    assert events_fetch(kwai.store.pk) is False
    assert KwaiOrder.objects.count() == 60


def test_a_worker_that_stops_begins_no_other_page(
    kwai: Kwai, sku: Sku, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduling, "is_stopping", lambda: True)
    for order_id in kwai.orders(60):
        push_message(kwai, order_id)
    assert events_fetch(kwai.store.pk) is True
    assert KwaiOrder.objects.count() == 50


def test_a_known_order_follows_without_a_click(auto: Kwai, sku: Sku) -> None:
    (order_id,) = auto.orders()
    auto.poll()
    KwaiSettings.objects.update(auto_receive=False)
    auto.change(order_id, holdReason="análise de fraude")
    push_message(auto, order_id, "order_updated")
    events_fetch(auto.store.pk)
    assert Order.objects.get().hold_reason == "análise de fraude"


def test_a_stale_message_brings_the_present(auto: Kwai, sku: Sku) -> None:
    """What a message claims is not looked at: it may be old, doubled or forged."""
    (order_id,) = auto.orders(status=UNPAID)
    push_message(auto, order_id, "order_cancelled", payload='{"info": "{\\"orderStatus\\": 80}"}')
    events_fetch(auto.store.pk)
    assert KwaiOrder.objects.get().remote_status == str(UNPAID)


def test_an_order_the_platform_does_not_hand_out_is_asked_for_a_few_times(kwai: Kwai, sku: Sku) -> None:
    (order_id,) = kwai.orders()
    push_message(kwai, "2699999999999999999")
    push_message(kwai, order_id)
    tries = 0
    while states()[0] == EventState.PENDING:
        due()
        events_fetch(kwai.store.pk)
        tries += 1
    assert tries == len(events.DELAYS) + 1
    assert states() == [EventState.FAILED, EventState.DONE]
    assert InboundEvent.objects.order_by("pk")[0].note == events.NOT_HANDED_OUT
    assert KwaiOrder.objects.get().external_id == order_id


def test_a_failed_fetch_waits_longer_each_time(kwai: Kwai, sku: Sku) -> None:
    (order_id,) = kwai.orders()
    push_message(kwai, order_id)
    kwai.fault("server_error", "details")
    for attempts in (1, 2):
        due()
        events_fetch(kwai.store.pk)
        event = InboundEvent.objects.annotate(now=clock.after(timedelta(0))).get()
        assert (event.state, event.attempts) == (EventState.PENDING, attempts)
        wait = event.not_before - event.now  # type: ignore[attr-defined]
        assert wait <= events.DELAYS[attempts - 1]
        assert event.not_before > event.received_at
    kwai.sandbox.control("DELETE", "faults")
    due()
    events_fetch(kwai.store.pk)
    assert states() == [EventState.DONE]
    assert KwaiOrder.objects.count() == 1


def test_a_poisoned_order_holds_nothing_up(kwai: Kwai, sku: Sku) -> None:
    value: Any = 1
    for _ in range(90):
        value = [value]
    ids = kwai.orders(8)
    kwai.change(ids[3], campoNovo=value)
    for order_id in ids:
        push_message(kwai, order_id)
    events_fetch(kwai.store.pk)
    assert sorted(states()) == [EventState.DONE] * 7 + [EventState.PENDING]
    assert KwaiOrder.objects.count() == 7


@pytest.mark.parametrize("kind", ["rate_limit", "quota"])
def test_limits_cost_no_try(kwai: Kwai, sku: Sku, kind: str) -> None:
    (order_id,) = kwai.orders()
    push_message(kwai, order_id)
    kwai.fault(kind, "details", retryAfter=30)
    events_fetch(kwai.store.pk)
    event = InboundEvent.objects.get()
    assert (event.state, event.attempts) == (EventState.PENDING, 0)
    assert event.not_before > event.received_at


def test_the_limits_are_those_of_the_poll(kwai: Kwai, sku: Sku, settings: Any) -> None:
    (order_id,) = kwai.orders()
    kwai.poll()
    settings.KWAI_STORE_RATE = 0.01
    client_for(kwai.store.pk).list_items(page=1)
    push_message(kwai, order_id)
    events_fetch(kwai.store.pk)
    assert states() == [EventState.PENDING]
    assert kwai.calls("queryOrderDetails") == 1


@pytest.mark.parametrize("place", ["details_fetch", "kwai_orders_stage", "kwai_orders_follow", "_done"])
def test_whoever_dies_leaves_the_message_to_the_next(
    auto: Kwai, sku: Sku, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (order_id,) = auto.orders()
    push_message(auto, order_id)

    def die(*_: Any, **__: Any) -> None:
        raise Died

    with monkeypatch.context() as dying:
        dying.setattr(events, place, die)
        with pytest.raises(Died):
            events_fetch(auto.store.pk)
    assert states() == [EventState.CLAIMED]
    assert events_reap() == 0
    events_fetch(auto.store.pk)
    assert states() == [EventState.CLAIMED]
    InboundEvent.objects.update(lease_until=clock.after(timedelta(seconds=-1)))
    assert events_reap() == 1
    events_fetch(auto.store.pk)
    assert states() == [EventState.DONE]
    assert Order.objects.count() == 1


def test_a_message_that_kills_its_workers_ends_at_last(kwai: Kwai) -> None:
    event = push_message(kwai, "26", attempts=len(events.DELAYS))
    claim = events._claim(kwai.store.pk)
    assert claim is not None
    InboundEvent.objects.update(lease_until=clock.after(timedelta(seconds=-1)))
    assert events_reap() == 1
    event.refresh_from_db()
    assert (event.state, event.note) == (EventState.FAILED, events.GAVE_UP)


def test_a_claim_that_was_taken_over_settles_nothing(kwai: Kwai) -> None:
    push_message(kwai, "26")
    late = events._claim(kwai.store.pk)
    assert late is not None
    InboundEvent.objects.update(lease_until=clock.after(timedelta(seconds=-1)))
    events_reap()
    current = events._claim(kwai.store.pk)
    assert current is not None
    events._done(late, ["26"])
    events._retry_later(late, ["26"], "")
    assert states() == [EventState.CLAIMED]
    events._done(current, ["26"])
    assert states() == [EventState.DONE]


def test_a_bug_is_raised_with_the_message_back_in_the_queue(
    kwai: Kwai, sku: Sku, monkeypatch: pytest.MonkeyPatch
) -> None:
    (order_id,) = kwai.orders()
    push_message(kwai, order_id)

    def broken(**_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(events, "kwai_orders_stage", broken)
    with pytest.raises(RuntimeError):
        events_fetch(kwai.store.pk)
    assert states() == [EventState.PENDING]
    assert InboundEvent.objects.filter(not_before__gt=F("received_at")).exists()


def test_a_true_revocation_ends_the_connection(kwai: Kwai, sku: Sku) -> None:
    (order_id,) = kwai.orders()
    kwai.sandbox.control("DELETE", f"grants/{MERCHANT}")
    push_message(kwai, "", "authorization_revoked")
    push_message(kwai, order_id)
    events_fetch(kwai.store.pk)
    assert KwaiAccount.objects.get().health == ConnectionHealth.REVOKED
    assert states() == [EventState.DONE, EventState.PENDING]
    assert InboundEvent.objects.order_by("pk")[0].note == events.REVOCATION_TRUE


def test_a_false_revocation_changes_nothing(kwai: Kwai, sku: Sku) -> None:
    push_message(kwai, "", "authorization_revoked")
    events_fetch(kwai.store.pk)
    assert KwaiAccount.objects.get().health == ConnectionHealth.OK
    assert states() == [EventState.DONE]
    assert kwai.calls("queryOrderList") == 1


def test_a_revocation_that_cannot_be_checked_is_checked_again(kwai: Kwai) -> None:
    kwai.fault("server_error", "list")
    push_message(kwai, "", "authorization_revoked")
    events_fetch(kwai.store.pk)
    assert KwaiAccount.objects.get().health == ConnectionHealth.OK
    assert states() == [EventState.PENDING]


def test_orders_are_fetched_beside_a_revocation_that_cannot_be_checked(kwai: Kwai, sku: Sku) -> None:
    (order_id,) = kwai.orders()
    kwai.fault("server_error", "list")
    push_message(kwai, "", "authorization_revoked")
    push_message(kwai, order_id)
    events_fetch(kwai.store.pk)
    assert states() == [EventState.PENDING, EventState.DONE]


def test_a_disconnected_store_waits_for_its_connection(kwai: Kwai, sku: Sku) -> None:
    (order_id,) = kwai.orders()
    push_message(kwai, order_id)
    KwaiAccount.objects.update(health=ConnectionHealth.REVOKED)
    assert events_fetch(kwai.store.pk) is False
    assert states() == [EventState.PENDING]
    KwaiAccount.objects.update(health=ConnectionHealth.OK)
    events_fetch(kwai.store.pk)
    assert states() == [EventState.DONE]


@pytest.fixture
def queued(auto: Kwai, settings: Any) -> Kwai:
    """Pushes stay in the emulator's queue, for the test to deliver in its own order."""
    for name, value in auto.sandbox.credentials.as_environment().items():
        setattr(settings, name, value)
    auto.sandbox.sandbox.pushes.stop()
    auto.sandbox.control("PUT", "pushes", {"url": "http://127.0.0.1:9/", "dropRate": 0})
    return auto


def deliver(kwai: Kwai) -> list[int]:
    """Post everything the emulator has queued, the latest first; the status of each answer."""
    rows = kwai.sandbox.sandbox.state.rows("SELECT payload FROM pushes ORDER BY id DESC")
    key = kwai.sandbox.credentials.message_key
    client = Client()
    answers = [
        client.post("/kwai/webhook/", push_encrypt(row["payload"], key), content_type="text/plain")
        for row in rows
    ]
    return [json.loads(answer.content)["result"] for answer in answers]


def test_pushes_of_the_emulator_doubled_and_shuffled(queued: Kwai, sku: Sku) -> None:
    queued.sandbox.control("PUT", "pushes", {"duplicate": 1, "shuffle": True})
    order_id, other = queued.orders(2, status=UNPAID)
    queued.change(order_id, orderStatus=PAID)
    queued.change(other, orderStatus=CLOSED)
    queued.change(order_id, refundStatus=10)
    assert deliver(queued) == [1] * 10
    assert InboundEvent.objects.count() == 5
    events_fetch(queued.store.pk)
    found = {row.external_id: row.remote_status for row in KwaiOrder.objects.all()}
    assert found == {order_id: str(PAID), other: str(CLOSED)}
    assert Order.objects.count() == 2


def test_what_was_dropped_is_found_by_the_poll(queued: Kwai, sku: Sku) -> None:
    queued.sandbox.control("PUT", "pushes", {"dropRate": 1})
    (order_id,) = queued.orders()
    assert deliver(queued) == []
    assert not InboundEvent.objects.exists()
    queued.poll()
    assert Order.objects.get().external_id == order_id
