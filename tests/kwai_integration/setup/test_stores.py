"""Life of a store: installed with defaults, active only once connected, off without losing anything."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from erp.accounts.models import AuditEntry, Company, Store, StoreLifecycle, User
from erp.outbox.models import PushJob, StoreQueue
from erp.outbox.push_requests import FactRequest
from erp.outbox.request import facts_request
from erp.outbox.statuses import JobState, Origin
from kwai_integration.models import ConnectionHealth, KwaiAccount, KwaiOrder, SyncCursor
from kwai_integration.outbound.kinds import Kind
from kwai_integration.setup.stores import (
    StoreRefused,
    store_activate,
    store_deactivate,
    store_discard,
    store_disconnect,
    store_install,
)
from kwai_integration.wire.codes import SITUATIONS

pytestmark = pytest.mark.django_db


@pytest.fixture
def installed(company: Company, admin: User) -> Store:
    return store_install(company=company, name="Kwai", user=admin)


def connected(store: Store) -> Store:
    account = KwaiAccount.objects.get(pk=store.pk)
    account.merchant_id, account.health = "700000000000000001", ConnectionHealth.OK
    account.access_token = account.refresh_token = "token"
    account.save()
    return Store.objects.get(pk=store.pk)


def test_a_store_is_installed_as_a_draft_with_defaults(installed: Store, admin: User) -> None:
    assert (installed.lifecycle, installed.channel) == (StoreLifecycle.DRAFT, "kwai")
    assert installed.kwai_account.health == ConnectionHealth.DISCONNECTED
    assert installed.kwai_settings.auto_receive is False
    codes = set(installed.status_mappings.values_list("remote_code", flat=True))
    assert codes == set(SITUATIONS)
    assert Store.objects.visible_to(admin).filter(pk=installed.pk).exists()


def test_a_name_is_used_once_per_company(
    installed: Store, admin: User, company: Company, other_company: Company
) -> None:
    with pytest.raises(StoreRefused, match="Já existe"):
        store_install(company=company, name="Kwai", user=admin)
    assert store_install(company=other_company, name="Kwai", user=admin).pk != installed.pk


def test_only_a_connected_store_becomes_active(installed: Store, admin: User) -> None:
    with pytest.raises(StoreRefused, match="Conecte a loja"):
        store_activate(store=installed, user=admin)
    assert not SyncCursor.objects.exists()
    store = store_activate(store=connected(installed), user=admin)
    assert store.lifecycle == StoreLifecycle.ACTIVE
    assert store.activated_at is not None
    cursor = SyncCursor.objects.get(pk=store.pk)
    assert timedelta(days=29) < timezone.now() - cursor.watermark < timedelta(days=31)
    assert cursor.due_at <= timezone.now()


def test_activating_twice_changes_nothing(installed: Store, admin: User) -> None:
    store = store_activate(store=connected(installed), user=admin)
    store_activate(store=store, user=admin)
    assert AuditEntry.objects.filter(action="store.activated").count() == 1


def test_a_store_that_comes_back_catches_up_from_where_it_stopped(installed: Store, admin: User) -> None:
    store = store_activate(store=connected(installed), user=admin)
    stopped = timezone.now() - timedelta(days=3)
    SyncCursor.objects.update(watermark=stopped)
    assert store_deactivate(store=store, user=admin).lifecycle == StoreLifecycle.INACTIVE
    store_deactivate(store=store, user=admin)
    assert AuditEntry.objects.filter(action="store.deactivated").count() == 1
    assert store_activate(store=store, user=admin).activated_at == store.activated_at
    assert SyncCursor.objects.get().watermark == stopped


def test_a_draft_can_be_discarded(installed: Store, admin: User) -> None:
    store_discard(store=installed, user=admin)
    assert not Store.objects.exists()
    assert AuditEntry.objects.filter(action="store.discarded", actor=admin).count() == 1


def test_what_is_connected_or_brought_anything_stays(installed: Store, admin: User) -> None:
    with pytest.raises(StoreRefused, match="Desconecte"):
        store_discard(store=connected(installed), user=admin)
    store_disconnect(store=installed, user=admin)
    order = KwaiOrder.objects.create(store=installed, external_id="1", fetch_started_at=timezone.now())
    with pytest.raises(StoreRefused, match="use desativar"):
        store_discard(store=installed, user=admin)
    order.delete()
    store = store_activate(store=connected(installed), user=admin)
    store_disconnect(store=store, user=admin)
    with pytest.raises(StoreRefused, match="use desativar"):
        store_discard(store=store, user=admin)
    assert Store.objects.get() == installed
    assert not AuditEntry.objects.filter(action="store.discarded").exists()


def test_disconnecting_keeps_everything_but_the_tokens(installed: Store, admin: User) -> None:
    store = store_activate(store=connected(installed), user=admin)
    KwaiOrder.objects.create(store=store, external_id="1", fetch_started_at=timezone.now())
    fact = FactRequest(store_id=store.pk, kind=Kind.SEND_INVOICE, subject="1", content="k", payload={})
    facts_request(requests=[fact], requested_by=admin, origin=Origin.BUTTON)
    watermark = SyncCursor.objects.get().watermark
    store_disconnect(store=store, user=admin)
    store_disconnect(store=store, user=admin)
    account = KwaiAccount.objects.get()
    assert (account.health, account.access_token_stored, account.refresh_token_stored) == (
        "disconnected",
        "",
        "",
    )
    # The same seller comes back to its orders, and no other.
    assert account.merchant_id == "700000000000000001"
    assert PushJob.objects.get().state == JobState.PENDING
    assert SyncCursor.objects.get().watermark == watermark
    assert store.status_mappings.count() == len(SITUATIONS)
    assert StoreQueue.objects.get(store=store).is_paused
    assert AuditEntry.objects.filter(action="store.disconnected", actor=admin).count() == 1


def test_a_wrong_account_that_brought_no_order_is_let_go(installed: Store, admin: User) -> None:
    store_disconnect(store=connected(installed), user=admin)
    assert KwaiAccount.objects.get().merchant_id == ""


def test_an_account_that_comes_instead_brings_its_own_history(installed: Store, admin: User) -> None:
    """The first one was read up to now; what the other sold before would be skipped."""
    store = store_activate(store=connected(installed), user=admin)
    SyncCursor.objects.update(watermark=timezone.now())
    store_disconnect(store=store, user=admin)
    watermark = SyncCursor.objects.get().watermark
    assert watermark is not None
    assert abs(timezone.now() - timedelta(days=30) - watermark) < timedelta(minutes=5)


def test_letting_an_account_go_never_skips_what_is_not_read_yet(installed: Store, admin: User) -> None:
    store = store_activate(store=connected(installed), user=admin)
    old = timezone.now() - timedelta(days=200)
    SyncCursor.objects.update(watermark=old)
    store_disconnect(store=store, user=admin)
    assert SyncCursor.objects.get().watermark == old


def test_a_free_name_is_found_by_itself(company: Company, admin: User) -> None:
    names = [store_install(company=company, user=admin).name for _ in range(3)]
    assert names == ["Kwai Shop", "Kwai Shop 2", "Kwai Shop 3"]
