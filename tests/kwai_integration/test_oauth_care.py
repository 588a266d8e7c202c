"""Token care: pairs renewed ahead of their end, and a card that tells the truth when nothing is pushed."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone

from erp.accounts.models import Company, Store
from erp.celery import app
from erp.channels import ChannelAction
from erp.outbox.models import PushJob, RateLimit, StoreQueue
from erp.outbox.queues import queue_pause
from erp.outbox.statuses import JobState, PauseMode, WaitReason
from erp.sales.models import Order
from erp.sales.statuses import OrderStatus
from kwai_integration import tasks
from kwai_integration.client import gateway
from kwai_integration.connection import (
    PLANNED_RETRY,
    NotConnected,
    StoreTokens,
    account_refresh,
    account_store_pair,
    accounts_to_refresh,
    client_for,
    queues_heal,
)
from kwai_integration.inbound.poll import store_poll
from kwai_integration.models import ConnectionHealth, KwaiAccount, KwaiSettings, SyncCursor
from kwai_integration.wire import errors
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
from tests.kwai_integration.test_connection import account, fault, lease_over, reconnect

__all__ = ["desk", "kwai", "kwai_store", "sku", "wakes"]

pytestmark = pytest.mark.django_db


def due() -> None:
    KwaiAccount.objects.update(refresh_due_at=timezone.now() - timedelta(seconds=1))


def revoke(kwai: Kwai) -> None:
    kwai.sandbox.control("DELETE", f"grants/{MERCHANT}")


def planned() -> list[int]:
    return list(accounts_to_refresh().values_list("pk", flat=True))


def test_a_pair_is_renewed_days_before_its_end_and_once(kwai: Kwai) -> None:
    before = account()
    assert before.refresh_due_at is not None
    assert before.access_expires_at is not None
    life = before.access_expires_at - timezone.now()
    assert life * 0.1 < before.access_expires_at - before.refresh_due_at < life * 0.35
    assert planned() == []
    assert account_refresh(store_id=kwai.store.pk) is False
    due()
    assert planned() == [kwai.store.pk]
    assert account_refresh(store_id=kwai.store.pk) is True
    assert account_refresh(store_id=kwai.store.pk) is False
    assert kwai.calls("refreshToken") == 1
    assert account().access_token != before.access_token
    assert client_for(kwai.store.pk).list_items(page=1).total == 0


def test_the_tick_wakes_for_what_is_due_and_for_nothing_else(
    kwai: Kwai, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    monkeypatch.setattr("erp.scheduling._send", lambda task, kwargs: app.tasks[task].run(**kwargs))
    kwai.poll()
    with django_capture_on_commit_callbacks(execute=True):
        tasks.plan()
    assert kwai.calls("refreshToken") == 0
    due()
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            tasks.plan()
    assert kwai.calls("refreshToken") == 1


def test_after_a_long_downtime_a_tick_renews_a_few_at_a_time(
    kwai: Kwai, company: Company, django_capture_on_commit_callbacks: Any
) -> None:
    kwai.poll()
    for number in range(8):
        store = Store.objects.create(company=company, name=f"Kwai {number}", channel="kwai")
        row = KwaiAccount(store=store, merchant_id=f"9{number}", health=ConnectionHealth.OK)
        row.access_token = "AT"
        row.save()
    with django_capture_on_commit_callbacks() as woken:
        tasks.plan()
    assert len(woken) == tasks.REFRESHES_A_TICK


def test_renewals_of_stores_connected_together_are_spread(kwai: Kwai) -> None:
    row, moments = account(), set()
    for _ in range(20):
        account_store_pair(row, _pair())
        moments.add(row.refresh_due_at)
    assert len(moments) == 20


def _pair(consent_days: int = 365) -> gateway.TokenPair:
    now = timezone.now()
    return gateway.TokenPair(
        merchant_id=MERCHANT,
        shop_name="Loja",
        access_token="AT",
        refresh_token="RT",
        access_expires_at=now + timedelta(days=7),
        refresh_expires_at=now + timedelta(days=consent_days),
        scopes=(),
    )


def test_a_planned_renewal_that_cannot_connect_comes_back_later(kwai: Kwai, settings: Any) -> None:
    due()
    settings.KWAI_API_URL = "http://127.0.0.1:9"
    assert account_refresh(store_id=kwai.store.pk) is False
    row = account()
    assert (row.health, row.lease_until, row.refresh_lost_at) == (ConnectionHealth.OK, None, None)
    assert row.refresh_due_at is not None
    assert row.refresh_due_at > timezone.now() + PLANNED_RETRY / 2
    assert planned() == []


def test_a_planned_renewal_whose_answer_was_lost_waits_and_tries_once_more(kwai: Kwai) -> None:
    due()
    fault(kwai, "after")
    assert account_refresh(store_id=kwai.store.pk) is False
    lease_over()
    assert planned() == []
    # Meanwhile the old pair still opens calls: Kwai never saw the renewal.
    assert client_for(kwai.store.pk).list_items(page=1).total == 0
    due()
    assert account_refresh(store_id=kwai.store.pk) is True
    assert kwai.calls("refreshToken") == 2


def test_a_lost_answer_that_killed_the_pair_shows_with_the_next_call(kwai: Kwai) -> None:
    due()
    fault(kwai, "before")
    assert account_refresh(store_id=kwai.store.pk) is False
    lease_over()
    with pytest.raises(NotConnected):
        client_for(kwai.store.pk).list_items(page=1)
    assert account().health == ConnectionHealth.REVOKED
    assert kwai.calls("refreshToken") == 2


def test_a_worker_killed_while_renewing_leaves_a_lease_that_runs_out(
    kwai: Kwai, monkeypatch: pytest.MonkeyPatch
) -> None:
    due()

    class Killed(BaseException):
        pass

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(gateway, "refresh_tokens", die)
        with pytest.raises(Killed):
            account_refresh(store_id=kwai.store.pk)
    assert account_refresh(store_id=kwai.store.pk) is False
    lease_over()
    due()
    assert account_refresh(store_id=kwai.store.pk) is True
    assert kwai.calls("refreshToken") == 1


def test_who_stood_still_with_the_lease_spends_no_pair_of_another(kwai: Kwai) -> None:
    """A machine sleeps right after it took the lease; another renews meanwhile. Its new pair stays."""
    due()
    others: list[bool] = []

    def stand_still(execute: Any, sql: str, *rest: Any) -> Any:
        answer = execute(sql, *rest)
        if not others and sql.startswith('UPDATE "kwai_integration_kwaiaccount"'):
            others.append(False)
            lease_over()
            due()
            others[0] = account_refresh(store_id=kwai.store.pk)
        return answer

    with connection.execute_wrapper(stand_still):
        assert not account_refresh(store_id=kwai.store.pk)
    assert others == [True]
    assert (account().token_version, kwai.calls("refreshToken")) == (1, 1)
    assert client_for(kwai.store.pk).list_items(page=1).total == 0


def test_tokens_without_their_key_ask_for_a_new_consent(kwai: Kwai, settings: Any) -> None:
    """A database restored without its `.env`: nothing but the merchant brings the store back."""
    settings.FIELD_KEYS = "t2:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
    kwai.due()
    assert store_poll(kwai.store.pk) is not None
    assert account().health == ConnectionHealth.EXPIRED
    assert "conectar com Kwai" in kwai.cursor.last_error
    reconnect(kwai)
    assert client_for(kwai.store.pk).list_items(page=1).total == 0


def test_a_planned_renewal_without_the_key_spends_nothing(kwai: Kwai, settings: Any) -> None:
    settings.FIELD_KEYS = "t2:QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
    due()
    assert account_refresh(store_id=kwai.store.pk) is False
    assert (account().health, account().lease_until) == (ConnectionHealth.EXPIRED, None)
    assert kwai.calls("refreshToken") == 0


def test_the_end_of_a_consent_does_not_wander_with_each_renewal(kwai: Kwai) -> None:
    row = account()
    account_store_pair(row, _pair(20))
    end = row.refresh_expires_at
    account_store_pair(row, _pair(20))
    assert row.refresh_expires_at == end
    account_store_pair(row, _pair(365))
    assert row.consent_days_left == 364


def test_the_card_counts_the_days(kwai: Kwai) -> None:
    row = account()
    for days, label, colour in (
        (200, "Conectada", "green"),
        (25, "Expira em 25 dias", "yellow"),
        (1, "Expira amanhã", "red"),
        (0, "Expira hoje", "red"),
    ):
        row.refresh_expires_at = timezone.now() + timedelta(days=days, hours=1)
        assert (row.connection.label, row.connection.colour) == (label, colour)
        assert row.consent_days_left == days
    row.refresh_expires_at = timezone.now() - timedelta(days=2)
    assert row.consent_days_left == 0
    row.health = ConnectionHealth.REVOKED
    assert (row.connection.label, row.consent_days_left) == ("Consentimento revogado", None)


def test_a_poll_notices_a_revoked_consent_although_nothing_is_pushed(kwai: Kwai) -> None:
    kwai.poll()
    revoke(kwai)
    kwai.poll()
    assert account().health == ConnectionHealth.REVOKED
    assert StoreQueue.objects.get().paused_mode == PauseMode.CREDENTIAL
    assert "revogado" in kwai.cursor.last_error
    kwai.due()
    assert store_poll(kwai.store.pk) is None


def test_reconnecting_catches_the_gap_up(desk: Desk) -> None:
    kwai = desk.kwai
    kwai.poll()
    before = kwai.cursor.watermark
    revoke(kwai)
    missed = kwai.orders(3)
    kwai.poll()
    assert kwai.cursor.watermark == before
    SyncCursor.objects.update(due_at=timezone.now() + timedelta(hours=1))
    reconnect(kwai)
    result = store_poll(kwai.store.pk)
    assert result is not None
    assert set(Order.objects.values_list("external_id", flat=True)) == set(missed)
    assert not StoreQueue.objects.exclude(paused_mode="").exists()


def test_waiting_pushes_go_out_after_reconnecting(desk: Desk) -> None:
    (order,) = desk.orders()
    (shipment,) = desk.shipped([order])
    revoke(desk.kwai)
    desk.kwai.poll()
    desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    assert desk.push_later() == 0
    assert PushJob.objects.filter(state=JobState.PENDING).count() == 2
    reconnect(desk.kwai)
    assert desk.push() == 2
    assert status_of(order) == OrderStatus.SHIPPED
    assert desk.doubled() == []


def test_the_error_of_an_old_pair_does_not_end_a_new_connection(kwai: Kwai) -> None:
    tokens = StoreTokens(kwai.store.pk)
    old = tokens.current()
    reconnect(kwai)
    late = errors.ConsentRevoked(call="ship_order", write=True)
    tokens.judge(old, late)
    assert account().health == ConnectionHealth.OK
    assert not StoreQueue.objects.exclude(paused_mode="").exists()
    tokens.judge(tokens.current(), late)
    assert account().health == ConnectionHealth.REVOKED


def test_a_push_that_meets_the_old_end_during_a_reconnect_ends_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    (order,) = desk.orders()
    (shipment,) = desk.shipped([order])
    desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    revoke(desk.kwai)
    judge = StoreTokens.judge

    def reconnected_first(self: StoreTokens, used: Any, error: Any) -> None:
        monkeypatch.undo()
        monkeypatch.setattr("erp.scheduling._send", lambda task, kwargs: None)
        reconnect(desk.kwai)
        judge(self, used, error)

    monkeypatch.setattr(StoreTokens, "judge", reconnected_first)
    desk.push()
    assert account().health == ConnectionHealth.OK
    # The push that met the old end still paused the queue: the tick resumes it by itself.
    assert StoreQueue.objects.exclude(paused_mode="").exists()
    tasks.plan()
    desk.push()
    assert status_of(order) == OrderStatus.SHIPPED


def test_a_paused_queue_of_a_connected_store_is_resumed(kwai: Kwai) -> None:
    queue_pause(store_id=kwai.store.pk, mode=PauseMode.CREDENTIAL, reason="x")
    assert queues_heal() == 1
    assert queues_heal() == 0
    queue_pause(store_id=kwai.store.pk, mode=PauseMode.CREDENTIAL, reason="x")
    KwaiAccount.objects.update(health=ConnectionHealth.REVOKED)
    assert queues_heal() == 0


def test_a_connection_that_a_refused_application_ended_goes_on_after_the_upgrade(
    kwai: Kwai, company: Company
) -> None:
    """Edition 1 marked every store; one whose pair is gone needs a consent all the same."""
    second = Store.objects.create(company=company, name="Kwai Dois", channel="kwai")
    KwaiAccount.objects.create(store=second, health="misconfigured")
    KwaiAccount.objects.filter(pk=kwai.store.pk).update(health="misconfigured")
    queue_pause(store_id=kwai.store.pk, mode=PauseMode.CREDENTIAL, reason="x")
    migration = import_module("kwai_integration.migrations.0013_access_pauses")
    migration.applications_refused_end_no_consent(apps, None)
    found = dict(KwaiAccount.objects.values_list("pk", "health"))
    assert found == {kwai.store.pk: ConnectionHealth.OK, second.pk: ConnectionHealth.EXPIRED}
    assert queues_heal() == 1


def test_a_spent_daily_quota_closes_the_call_for_every_store_of_the_app(
    kwai: Kwai, company: Company, settings: Any
) -> None:
    kwai.sandbox.control("PUT", "faults", {"path": "listItem", "kind": "quota", "rate": 1})
    with pytest.raises(errors.KwaiQuotaSpent):
        client_for(kwai.store.pk).list_items(page=1)
    gate = RateLimit.objects.get(scope=f"app:{settings.KWAI_APP_KEY}", call="list_items")
    assert gate.resume_reason == WaitReason.QUOTA
    assert gate.resume_at is not None
    assert gate.resume_at > timezone.now()
    second = Store.objects.create(company=company, name="Kwai Dois", channel="kwai")
    KwaiSettings.objects.create(store=second)
    row = KwaiAccount(store=second, merchant_id="2", health=ConnectionHealth.OK)
    account_store_pair(row, _pair())
    row.save()
    asked = kwai.calls("listItem")
    with pytest.raises(errors.KwaiQuotaSpent) as refusal:
        client_for(second.pk, share="push").list_items(page=1)
    assert refusal.value.retry_after is not None
    assert kwai.calls("listItem") == asked
