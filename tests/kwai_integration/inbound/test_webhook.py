"""Push messages at the door: stored once, or refused with one and the same answer (contract section 4)."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from erp import clock, scheduling
from erp.accounts.models import Store, StoreLifecycle
from kwai_integration import tasks
from kwai_integration.inbound import events
from kwai_integration.models import ConnectionHealth, EventState, InboundEvent, KwaiAccount, SyncCursor
from kwai_sandbox.pushes import push_encrypt

pytestmark = pytest.mark.django_db

KEY = "AAECAwQFBgcICQoLDA0ODw=="
MERCHANT = "700000000000000001"
ORDER = "2600000000000000001"
REFUSED = (400, {"result": 0})
STORED = (200, {"result": 1})


@pytest.fixture
def connected(store: Store, settings: Any) -> Store:
    """An ACTIVE store whose account is connected."""
    settings.KWAI_MESSAGE_KEY = KEY
    account = KwaiAccount(store=store, merchant_id=MERCHANT, health=ConnectionHealth.OK)
    account.access_token = "AT"
    account.save()
    SyncCursor.objects.create(store=store, watermark=timezone.now(), due_at=timezone.now())
    return store


@pytest.fixture
def woken(django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    heard: list[str] = []
    monkeypatch.setattr(scheduling, "_send", lambda task, kwargs: heard.append(f"{task} {kwargs}"))
    return heard


def message(**changes: Any) -> dict[str, Any]:
    return {
        "eventId": "event-1",
        "event": "order_created",
        "bizId": ORDER,
        "merchantId": MERCHANT,
        "appKey": "ks700000000000000001",
        "createTime": 1_795_000_000_000,
        "info": json.dumps({"orderId": ORDER}),
        "test": False,
    } | changes


def post(body: str | bytes, **extra: Any) -> tuple[int, Any]:
    answer = Client(enforce_csrf_checks=True).post("/kwai/webhook/", body, content_type="text/plain", **extra)
    return answer.status_code, answer.json()


def push(key: str = KEY, **changes: Any) -> tuple[int, Any]:
    return post(push_encrypt(json.dumps(message(**changes)), key))


def test_an_event_is_stored_before_the_answer(connected: Store) -> None:
    assert push() == STORED
    event = InboundEvent.objects.get()
    assert (event.store, event.event_id, event.event) == (connected, "event-1", "order_created")
    assert (event.subject, event.state, event.attempts) == (ORDER, EventState.PENDING, 0)
    assert event.sent_at is not None
    assert json.loads(event.payload)["bizId"] == ORDER


def test_a_double_is_stored_once(connected: Store) -> None:
    assert push() == STORED
    assert push() == STORED
    assert push(event="order_paid") == STORED
    assert InboundEvent.objects.get().event == "order_created"


def test_the_heartbeat_is_answered_and_leaves_nothing(connected: Store) -> None:
    assert post("vftmsTE4kncTlrYRCUwCMg==") == STORED
    assert push(test=True) == STORED
    assert not InboundEvent.objects.exists()


def test_stale_and_unknown_events_are_stored(connected: Store) -> None:
    assert push(eventId="old", createTime=1_500_000_000_000) == STORED
    assert push(eventId="new kind", event="coupon_issued") == STORED
    assert push(eventId="item", event="item_updated", bizId="77") == STORED
    assert push(eventId="nowhere", bizId=None) == STORED
    assert push(eventId="odd", event={"a": "\x00\ud800"}) == STORED
    states = dict(InboundEvent.objects.values_list("event", "state"))
    assert states["coupon_issued"] == states["item_updated"] == states[""] == EventState.IGNORED
    assert InboundEvent.objects.filter(state=EventState.PENDING).count() == 1
    assert InboundEvent.objects.count() == 5


def test_an_event_without_a_usable_id_is_known_by_its_content(connected: Store) -> None:
    for _ in range(2):
        assert push(eventId=None) == STORED
        assert push(eventId="x" * 5000) == STORED
    assert InboundEvent.objects.count() == 2


@pytest.mark.parametrize(
    "forged",
    [
        lambda: push(key="AAAAAAAAAAAAAAAAAAAAAA=="),
        lambda: push(appKey="ks1"),
        lambda: push(merchantId="1"),
        lambda: push(merchantId=""),
        lambda: push(merchantId={"$ne": 1}),
        lambda: post("garbage"),
        lambda: post(b""),
        lambda: post(b"\x00\xff" * 20),
        lambda: post(json.dumps(message())),
        lambda: post("vftmsTE4kncTlrYRCUwCMg=="[::-1]),
        lambda: post(push_encrypt("[]", KEY)),
        lambda: post(push_encrypt('{"a":', KEY)),
        lambda: post(push_encrypt("[" * 30_000, KEY)),
        lambda: post(push_encrypt(json.dumps(message(info="x" * 70_000)), KEY)),
    ],
)
def test_every_refusal_looks_alike(connected: Store, forged: Callable[[], tuple[int, Any]]) -> None:
    assert forged() == REFUSED
    assert not InboundEvent.objects.exists()


def test_a_large_body_is_refused_unread(connected: Store) -> None:
    class Unread:
        def read(self, *_: Any) -> bytes:
            raise AssertionError("read")

        readline = read

    assert post(b"", CONTENT_LENGTH="65537", **{"wsgi.input": Unread()}) == REFUSED


def test_the_largest_body_is_read(connected: Store) -> None:
    body = push_encrypt(json.dumps(message(info="x" * 48_700)), KEY)
    assert 65_000 < len(body) <= 65_536
    assert post(body) == STORED


def test_a_body_that_comes_in_pieces_is_read_up_to_the_limit(connected: Store) -> None:
    """Without an announced length: the server ends the input where the last piece ends."""

    def pieces(body: bytes) -> tuple[int, Any]:
        return post(b"", **{"wsgi.input": BytesIO(body), "wsgi.input_terminated": True})

    body = push_encrypt(json.dumps(message()), KEY).encode()
    assert pieces(body) == STORED
    assert InboundEvent.objects.get().event_id == "event-1"
    assert pieces(body + b"\n" * 65_536) == REFUSED

    class Broken(BytesIO):
        def read(self, *_: Any) -> bytes:
            raise ValueError("each server has its own error for a piece that is none")

    assert post(b"", **{"wsgi.input": Broken(), "wsgi.input_terminated": True}) == REFUSED


@pytest.mark.parametrize("key", ["", "no key"])
def test_without_a_message_key_nothing_is_believed(
    connected: Store, settings: Any, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings.KWAI_MESSAGE_KEY = key
    assert push() == REFUSED
    assert "KWAI_MESSAGE_KEY" in caplog.text


@pytest.mark.parametrize(
    "change",
    [
        lambda: KwaiAccount.objects.update(health=ConnectionHealth.REVOKED),
        lambda: Store.objects.update(lifecycle=StoreLifecycle.INACTIVE),
    ],
    ids=["disconnected", "inactive"],
)
def test_only_active_and_connected_stores_are_served(connected: Store, change: Callable[[], Any]) -> None:
    change()
    assert push() == REFUSED
    assert not InboundEvent.objects.exists()


def test_only_post() -> None:
    assert Client().get("/kwai/webhook/").status_code == 405


def test_nothing_of_a_message_reaches_the_log(connected: Store, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    push(info="52998224725")
    push(info="52998224725")
    push(merchantId="1", info="52998224725")
    assert "52998224725" not in caplog.text
    assert KEY not in caplog.text


def test_a_flood_rings_once(
    connected: Store, woken: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        for number in range(20):
            assert push(eventId=f"e{number}") == STORED
    assert woken == [f"kwai_integration.tasks.events {{'store_id': {connected.pk}}}"]


def test_a_dead_broker_costs_no_answer(
    connected: Store, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    monkeypatch.setattr(scheduling, "_silent_until", 0.0)

    class Dead:
        def __getitem__(self, connection: Any) -> Any:
            raise ConnectionError

    monkeypatch.setattr(scheduling, "producers", Dead())
    with django_capture_on_commit_callbacks(execute=True):
        assert push() == STORED
    assert events.stores_with_events() == [connected.pk]


def test_what_needs_no_fetch_wakes_nobody(
    connected: Store, woken: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        push(event="coupon_issued")
    assert woken == []


def test_the_sweep_wakes_for_what_was_not_heard(connected: Store, woken: list[str]) -> None:
    push()
    assert events.stores_with_events() == [connected.pk]
    KwaiAccount.objects.update(health=ConnectionHealth.REVOKED)
    assert events.stores_with_events() == []


@pytest.mark.parametrize(
    "values",
    [
        {"state": "odd"},
        {"state": EventState.CLAIMED},
        {"lease_until": Now()},
        {"state": EventState.DONE},
        {"settled_at": Now()},
    ],
)
def test_the_constraints_hold(connected: Store, values: dict[str, Any]) -> None:
    push()
    with pytest.raises(IntegrityError), transaction.atomic():
        InboundEvent.objects.update(**values)


def test_an_event_id_is_stored_once_for_a_store(connected: Store) -> None:
    push()
    with pytest.raises(IntegrityError, match=r"(?i)unique"), transaction.atomic():
        InboundEvent.objects.create(store=connected, event_id="event-1", payload="{}")


def test_old_events_are_dropped(connected: Store) -> None:
    push(eventId="old")
    InboundEvent.objects.update(received_at=clock.after(-events.KEEP))
    push(eventId="new")
    tasks.expire()
    assert InboundEvent.objects.get().event_id == "new"
