"""Life of a Kwai store: installed, connected, activated, switched off."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import ProtectedError
from django.utils import timezone

from erp.accounts.models import Company, Store, StoreLifecycle, StoreMembership, User
from erp.accounts.services import audit_append
from erp.outbox.queues import queue_pause
from erp.outbox.statuses import PauseMode
from erp.refusals import RefusedError
from erp.sales.models import ShippingKind, ShippingMethod
from erp.scheduling import wake_after_commit
from kwai_integration import refusals
from kwai_integration.models import (
    CHANNEL_KEY,
    ConnectionHealth,
    KwaiAccount,
    KwaiOrder,
    KwaiSettings,
    ShippingMapping,
    StatusMapping,
    SyncCursor,
)
from kwai_integration.situations import default_situations
from kwai_integration.wire.codes import ShippingType

FIRST_NAME = "Kwai Shop"


class StoreRefused(RefusedError):
    """The step cannot be taken now."""


@transaction.atomic
def store_install(*, company: Company, user: User, name: str = "") -> Store:
    """Create a Kwai store in DRAFT with default settings and the default mappings; without a name it gets
    the next free one.

    Raises StoreRefused when the company already has a store of that name.
    """
    # One installer at a time per company, so that two clicks find two names.
    Company.objects.select_for_update(no_key=True).get(pk=company.pk)
    taken = set(Store.objects.filter(company=company).values_list("name", flat=True))
    if name in taken:
        raise StoreRefused(refusals.STORE_NAME_TAKEN.of(name=name))
    name = name or _name_free(taken)
    store = Store.objects.create(company=company, name=name, channel=CHANNEL_KEY)
    StoreMembership.objects.create(store=store, user=user)
    KwaiAccount.objects.create(store=store)
    KwaiSettings.objects.create(store=store)
    StatusMapping.objects.bulk_create(
        StatusMapping(store=store, remote_code=code, status=status)
        for code, status in default_situations().items()
    )
    _kwai_shipping_map(store)
    _audit(store, user, "installed", f"Integração {name} instalada")
    return store


def _name_free(taken: set[str]) -> str:
    numbered = (f"{FIRST_NAME} {number}" for number in range(2, len(taken) + 3))
    return FIRST_NAME if FIRST_NAME not in taken else next(name for name in numbered if name not in taken)


def _kwai_shipping_map(store: Store) -> None:
    """Kwai Envios means the company's method of that kind, where there is exactly one."""
    methods = ShippingMethod.objects.filter(
        company_id=store.company_id, kind=ShippingKind.MARKETPLACE, is_active=True
    )
    if len(methods) == 1:
        ShippingMapping.objects.create(
            store=store, remote_code=ShippingType.KWAI_ENVIOS, shipping_method=methods[0]
        )


@transaction.atomic
def store_activate(*, store: Store, user: User) -> Store:
    """DRAFT or INACTIVE -> ACTIVE; from now on poll, push and pickers see the store.

    Raises StoreRefused while the store is not connected.
    """
    store = Store.objects.select_for_update().get(pk=store.pk)
    if store.is_active:
        return store
    if not store.kwai_account.is_connected:
        raise StoreRefused(refusals.CONNECT_FIRST)
    store.lifecycle = StoreLifecycle.ACTIVE
    # The first time stays: it parts what was sold before anybody counted here from what was sold since.
    store.activated_at = store.activated_at or timezone.now()
    store.save(update_fields=["lifecycle", "activated_at"])
    now = timezone.now()
    history = now - timedelta(days=store.kwai_settings.history_days)
    cursor, created = SyncCursor.objects.get_or_create(
        store=store, defaults={"watermark": history, "due_at": now}
    )
    if not created:
        # The watermark stays: what the platform changed meanwhile is caught up in slices.
        SyncCursor.objects.filter(pk=cursor.pk).update(due_at=now)
    _audit(store, user, "activated", f"Integração {store.name} ativada")
    wake_after_commit("kwai_integration.tasks.poll", store_id=store.pk)
    return store


@transaction.atomic
def store_deactivate(*, store: Store, user: User) -> Store:
    """ACTIVE -> INACTIVE: nothing is received or sent; settings and waiting jobs stay."""
    store = Store.objects.select_for_update().get(pk=store.pk)
    if store.is_active:
        store.lifecycle = StoreLifecycle.INACTIVE
        store.save(update_fields=["lifecycle"])
        _audit(store, user, "deactivated", f"Integração {store.name} desativada")
    return store


@transaction.atomic
def store_discard(*, store: Store, user: User) -> None:
    """*Descartar*: an integration that never worked goes, with its settings; the audit keeps that it was.

    Raises StoreRefused once it was activated or brought anything, and while it is connected.
    """
    store = Store.objects.select_for_update().get(pk=store.pk)
    if store.kwai_account.is_connected:
        raise StoreRefused(refusals.DISCONNECT_FIRST)
    if store.lifecycle != StoreLifecycle.DRAFT:
        raise StoreRefused(refusals.ALREADY_WORKED)
    _audit(store, user, "discarded", f"Integração {store.name} descartada antes de ativar")
    try:
        store.delete()
    except ProtectedError:
        raise StoreRefused(refusals.ALREADY_WORKED) from None


@transaction.atomic
def store_disconnect(*, store: Store, user: User) -> None:
    """*Desconectar*: forget the tokens. Settings, mappings, orders and waiting jobs stay; *conectar com Kwai*
    brings the same account back. An account that never brought an order is let go, so that another may come.
    """
    account = KwaiAccount.objects.select_for_update().get(pk=store.pk)
    if account.health == ConnectionHealth.DISCONNECTED:
        return
    account.access_token_stored = account.refresh_token_stored = ""
    account.access_expires_at = account.refresh_expires_at = None
    account.lease_drop()
    account.health = ConnectionHealth.DISCONNECTED
    account.token_version += 1
    if not KwaiOrder.objects.filter(store=store).exists():
        account.merchant_id = account.shop_name = ""
        _reading_reset(store)
    account.save()
    reason = f"{user} desconectou a loja. Use conectar com Kwai para voltar a enviar."
    queue_pause(store_id=store.pk, mode=PauseMode.CREDENTIAL, reason=reason)
    _audit(store, user, "disconnected", f"Integração {store.name} desconectada do Kwai")


def _reading_reset(store: Store) -> None:
    """The next account may be another one: what it sold before is read from where a first import begins."""
    begin = timezone.now() - timedelta(days=store.kwai_settings.history_days)
    cursor = SyncCursor.objects.filter(pk=store.pk)
    cursor.filter(watermark__gt=begin).update(watermark=begin)
    # A poll under way belongs to the account that goes.
    cursor.revoke()


def _audit(store: Store, user: User, action: str, text: str) -> None:
    audit_append(
        company_id=store.company_id,
        actor=user,
        action=f"store.{action}",
        subject=f"store:{store.pk}",
        text=text,
    )
