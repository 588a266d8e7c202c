"""The token lease against the emulator: one refresh whatever happens, and what a lost answer costs."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from erp.accounts.models import AuditEntry
from erp.channels import ChannelAction
from erp.outbox.models import PushJob, StoreQueue
from erp.outbox.selectors import calls_denied
from erp.outbox.statuses import JobState, PauseMode, WaitReason
from erp.sales.statuses import OrderStatus
from kwai_integration.client import gateway
from kwai_integration.connection import (
    NotConnected,
    StoreTokens,
    _lease_take,
    account_refresh,
    account_store_pair,
    client_for,
)
from kwai_integration.models import ConnectionHealth, KwaiAccount
from kwai_integration.setup.consent import _account_bind
from kwai_integration.wire.errors import RateLimited, TokenExpired
from kwai_integration.wire.types import TokenPair
from tests.kwai_integration.outbound.conftest import (
    MERCHANT,
    Desk,
    Kwai,
    desk,
    kwai,
    kwai_store,
    sku,
    status_of,
    wakes,
)

__all__ = ["desk", "kwai", "kwai_store", "sku", "wakes"]

pytestmark = pytest.mark.django_db

THREADS = 8


def account() -> KwaiAccount:
    return KwaiAccount.objects.get()


def near_end() -> None:
    KwaiAccount.objects.update(access_expires_at=timezone.now() + timedelta(minutes=5))


def lease_over() -> None:
    KwaiAccount.objects.update(lease_until=timezone.now() - timedelta(seconds=1))


def fault(kwai: Kwai, effect: str) -> None:
    body = {"path": "refreshToken", "kind": "truncated", "rate": 1, "count": 1, "effect": effect}
    kwai.sandbox.control("PUT", "faults", body)


def test_a_fresh_pair_is_used_as_it_is(kwai: Kwai) -> None:
    assert StoreTokens(kwai.store.pk).current().access_token == account().access_token
    assert kwai.calls("refreshToken") == 0


def test_a_pair_near_its_end_is_renewed_before_use(kwai: Kwai) -> None:
    before = account()
    near_end()
    credentials = StoreTokens(kwai.store.pk).current()
    after = account()
    assert credentials.access_token == after.access_token != before.access_token
    assert after.refresh_token != before.refresh_token
    assert after.token_version == before.token_version + 1
    assert after.lease_until is None
    assert after.access_expires_at is not None
    assert after.access_expires_at > timezone.now() + timedelta(days=6)
    assert kwai.calls("refreshToken") == 1


def test_a_pair_with_a_short_life_is_not_renewed_by_every_call(kwai: Kwai) -> None:
    kwai.sandbox.control("PUT", "settings", {"accessTokenSeconds": 300})
    near_end()
    tokens = StoreTokens(kwai.store.pk)
    first = tokens.current()
    assert tokens.current() == first
    assert kwai.calls("refreshToken") == 1
    KwaiAccount.objects.update(access_expires_at=timezone.now() + timedelta(seconds=20))
    assert tokens.current() != first
    assert kwai.calls("refreshToken") == 2


def test_a_token_that_ended_early_is_renewed_and_the_call_repeated(kwai: Kwai) -> None:
    kwai.sandbox.control("PATCH", f"grants/{MERCHANT}", {"expired": "access"})
    assert client_for(kwai.store.pk).list_items(page=1).total == 0
    assert (kwai.calls("refreshToken"), kwai.calls("listItem")) == (1, 2)


def test_a_stale_pair_takes_the_one_somebody_else_renewed(kwai: Kwai) -> None:
    tokens = StoreTokens(kwai.store.pk)
    stale = tokens.current()
    tokens.renew(stale)
    assert tokens.renew(stale).access_token == account().access_token
    assert kwai.calls("refreshToken") == 1


def test_while_another_worker_refreshes_the_job_waits_two_seconds(kwai: Kwai) -> None:
    near_end()
    KwaiAccount.objects.update(lease_token=uuid.uuid4(), lease_until=timezone.now() + timedelta(seconds=20))
    with pytest.raises(RateLimited) as refusal:
        StoreTokens(kwai.store.pk).current()
    assert refusal.value.retry_after == 2.0
    assert kwai.calls("refreshToken") == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("planned", [False, True])
def test_eight_workers_refresh_once(kwai: Kwai, planned: bool) -> None:
    """They all meet an expired token; with `planned` the scheduler's renewal falls into the same moment."""
    kwai.sandbox.control("PATCH", f"grants/{MERCHANT}", {"expired": "access"})
    if planned:
        KwaiAccount.objects.update(refresh_due_at=timezone.now() - timedelta(seconds=1))
    together = threading.Barrier(THREADS)

    def work(number: int) -> str:
        try:
            together.wait(timeout=30)
            if planned and number % 2:
                account_refresh(store_id=kwai.store.pk)
            ends = time.monotonic() + 60
            while time.monotonic() < ends:
                try:
                    client_for(kwai.store.pk).list_items(page=1)
                except RateLimited as wait:
                    time.sleep(min(wait.retry_after or 0.1, 0.3))
                else:
                    return StoreTokens(kwai.store.pk).current().access_token
            return "late"
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        seen = set(pool.map(work, range(THREADS)))
    assert seen == {account().access_token}
    assert kwai.calls("refreshToken") == 1
    assert account().health == ConnectionHealth.OK


def test_a_refused_token_is_sent_by_nobody_while_its_renewal_is_lost(kwai: Kwai) -> None:
    kwai.sandbox.control("PATCH", f"grants/{MERCHANT}", {"expired": "access"})
    fault(kwai, "after")
    for _ in range(5):
        with pytest.raises(RateLimited):
            client_for(kwai.store.pk).list_items(page=1)
    assert (kwai.calls("listItem"), kwai.calls("refreshToken")) == (1, 1)
    assert (account().is_refused, account().is_alive) == (True, False)
    lease_over()
    assert client_for(kwai.store.pk).list_items(page=1).total == 0
    assert (kwai.calls("listItem"), account().is_refused) == (2, False)


def test_a_late_refusal_of_an_older_token_marks_nothing(kwai: Kwai) -> None:
    tokens = StoreTokens(kwai.store.pk)
    stale = tokens.current()
    tokens.renew(stale)
    tokens.judge(stale, TokenExpired(call="list_items", write=False, code=444))
    assert not account().is_refused


def test_pushes_wait_for_a_lost_renewal_as_a_queue_and_go_on_with_the_new_pair(desk: Desk) -> None:
    shipments = desk.shipped(desk.orders(6))
    desk.ask(ChannelAction.SEND_INVOICE, *(shipment.invoice_id for shipment in shipments))
    desk.kwai.sandbox.control("PATCH", f"grants/{MERCHANT}", {"expired": "access"})
    fault(desk.kwai, "after")
    assert desk.push() == 1
    assert desk.push() == 0
    lease_over()
    # Another caller renews: nobody has to wait for the rest of what the queue was told.
    StoreTokens(desk.kwai.store.pk).current()
    assert desk.push() == 6
    assert not PushJob.objects.exclude(state=JobState.DONE).exists()


def renewed_by_another(kwai: Kwai) -> None:
    lease_over()
    StoreTokens(kwai.store.pk).current()


def taken_by_another(kwai: Kwai) -> None:
    lease_over()
    assert _lease_take(account(), goes_on=True) is not None


def connected_again(kwai: Kwai) -> None:
    reconnect(kwai)


@pytest.mark.parametrize("meanwhile", [renewed_by_another, taken_by_another, connected_again])
def test_a_slower_renewal_never_overwrites_a_newer_pair(
    kwai: Kwai, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[Kwai], None]
) -> None:
    """Its answer arrives after the lease ran out, or after the merchant connected again."""
    near_end()
    at_once = gateway.refresh_tokens
    newer: list[dict[str, object]] = []

    def slow(config: object, *, refresh_token: str) -> TokenPair:
        monkeypatch.setattr(gateway, "refresh_tokens", at_once)
        meanwhile(kwai)
        newer.append(KwaiAccount.objects.values().get())
        return TokenPair("", "", "AT-older", "RT-older", None, None, ())

    monkeypatch.setattr(gateway, "refresh_tokens", slow)
    with pytest.raises(RateLimited):
        StoreTokens(kwai.store.pk).current()
    assert [KwaiAccount.objects.values().get()] == newer
    assert account().access_token != "AT-older"


def test_a_lost_answer_that_changed_nothing_is_tried_once_more(kwai: Kwai) -> None:
    near_end()
    fault(kwai, "after")
    with pytest.raises(RateLimited) as refusal:
        StoreTokens(kwai.store.pk).current()
    assert refusal.value.retry_after == KwaiAccount.lease_length().total_seconds()
    assert account().lease_until is not None
    with pytest.raises(RateLimited):
        StoreTokens(kwai.store.pk).current()
    assert kwai.calls("refreshToken") == 1
    lease_over()
    StoreTokens(kwai.store.pk).current()
    assert kwai.calls("refreshToken") == 2
    assert (account().health, account().refresh_lost_at) == (ConnectionHealth.OK, None)


def test_a_lost_answer_that_killed_the_pair_asks_for_a_new_consent(kwai: Kwai) -> None:
    near_end()
    fault(kwai, "before")
    with pytest.raises(RateLimited):
        StoreTokens(kwai.store.pk).current()
    lease_over()
    with pytest.raises(NotConnected) as ended:
        StoreTokens(kwai.store.pk).current()
    assert "conectar com Kwai" in str(ended.value)
    assert kwai.calls("refreshToken") == 2
    assert account().health == ConnectionHealth.REVOKED
    with pytest.raises(NotConnected):
        StoreTokens(kwai.store.pk).current()
    assert kwai.calls("refreshToken") == 2
    assert AuditEntry.objects.filter(action="kwai.connection").count() == 1


def test_two_lost_answers_end_the_trying(kwai: Kwai) -> None:
    near_end()
    for _ in range(2):
        fault(kwai, "after")
        with pytest.raises(RateLimited):
            StoreTokens(kwai.store.pk).current()
        lease_over()
    # The access token still lives: the store goes on with it, and is asked for a new consent meanwhile.
    assert StoreTokens(kwai.store.pk).current().access_token == account().access_token
    assert (account().health, account().asks_consent) == (ConnectionHealth.OK, True)
    KwaiAccount.objects.update(access_expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(NotConnected):
        StoreTokens(kwai.store.pk).current()
    assert kwai.calls("refreshToken") == 2
    assert account().health == ConnectionHealth.EXPIRED


def test_a_refused_connection_gives_the_lease_back(kwai: Kwai, settings: object) -> None:
    near_end()
    settings.KWAI_API_URL = "http://127.0.0.1:9"  # type: ignore[attr-defined]
    before = account()
    # The access token still lives: the store goes on with it.
    assert StoreTokens(kwai.store.pk).current().access_token == before.access_token
    assert account().lease_until is None
    settings.KWAI_API_URL = kwai.sandbox.url  # type: ignore[attr-defined]
    StoreTokens(kwai.store.pk).current()
    assert kwai.calls("refreshToken") == 0
    KwaiAccount.objects.update(refresh_retry_at=timezone.now() - timedelta(seconds=1))
    assert StoreTokens(kwai.store.pk).current().access_token != before.access_token
    assert kwai.calls("refreshToken") == 1


def test_another_merchant_on_refresh_is_refused(kwai: Kwai) -> None:
    near_end()
    before = account()
    kwai.sandbox.control("PUT", "settings", {"refreshAnswersMerchantId": "799999999999999999"})
    with pytest.raises(NotConnected):
        StoreTokens(kwai.store.pk).current()
    assert account().health == ConnectionHealth.EXPIRED
    assert (account().merchant_id, account().access_token) == (MERCHANT, before.access_token)


def test_a_late_refusal_does_not_end_a_newer_connection(kwai: Kwai, monkeypatch: pytest.MonkeyPatch) -> None:
    near_end()
    really = gateway.refresh_tokens

    def reconnected_meanwhile(config: gateway.ClientConfig, *, refresh_token: str) -> gateway.TokenPair:
        reconnect(kwai)
        return really(config, refresh_token=refresh_token)

    monkeypatch.setattr(gateway, "refresh_tokens", reconnected_meanwhile)
    with pytest.raises(RateLimited):
        StoreTokens(kwai.store.pk).current()
    assert account().health == ConnectionHealth.OK
    assert client_for(kwai.store.pk).list_items(page=1).total == 0


def reconnect(kwai: Kwai) -> None:
    code = kwai.sandbox.control("POST", "grants", {"merchantId": MERCHANT})["code"]
    pair = gateway.exchange_code(gateway.client_config(), code=code)
    _account_bind(store_id=kwai.store.pk, pair=pair, user=None)  # type: ignore[arg-type]


def test_a_revoked_consent_pauses_the_queue_and_reconnecting_resumes_it(desk: Desk) -> None:
    (order,) = desk.orders()
    (shipment,) = desk.shipped([order])
    desk.kwai.sandbox.control("DELETE", f"grants/{MERCHANT}")
    desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    desk.push()
    assert account().health == ConnectionHealth.REVOKED
    queue = StoreQueue.objects.get()
    assert queue.paused_mode == PauseMode.CREDENTIAL
    assert "conectar com Kwai" in queue.paused_reason
    waiting = PushJob.objects.filter(state=JobState.PENDING)
    assert waiting.count() == 2
    assert waiting.filter(waiting_for=WaitReason.QUEUE).exists()
    assert desk.push_later() == 0
    reconnect(desk.kwai)
    assert desk.push() == 2
    assert status_of(order) == OrderStatus.SHIPPED
    assert desk.doubled() == []


def test_a_missing_scope_pauses_that_call_alone_until_a_new_consent(desk: Desk) -> None:
    (order,) = desk.orders()
    (shipment,) = desk.shipped([order])
    asked = {"merchantId": MERCHANT, "scopes": "user_info"}
    code = desk.kwai.sandbox.control("POST", "grants", asked)["code"]
    narrow = account()
    account_store_pair(narrow, gateway.exchange_code(gateway.client_config(), code=code))
    narrow.save()
    desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    desk.push()
    assert account().health == ConnectionHealth.OK
    assert StoreQueue.objects.get().paused_mode == ""
    assert calls_denied(store_ids=[desk.kwai.store.pk])
    # The invoice, and the tracking code behind it.
    assert PushJob.objects.filter(state=JobState.PENDING).count() == 2
    reconnect(desk.kwai)
    assert calls_denied(store_ids=[desk.kwai.store.pk]) == {}
    desk.push()
    assert PushJob.objects.filter(state=JobState.DONE).count() == 2
