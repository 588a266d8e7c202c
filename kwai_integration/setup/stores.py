"""Life of a Kwai store: installed, connected, activated, switched off."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from erp.accounts.models import Company, Store, StoreLifecycle, StoreMembership, User
from erp.accounts.services import audit_append
from erp.sales.statuses import OrderStatus
from erp.scheduling import ring
from kwai_integration import tasks
from kwai_integration.client.codes import DEFAULT_STATUS_ROLES, Role
from kwai_integration.models import CHANNEL_KEY, KwaiAccount, KwaiSettings, StatusMapping, SyncCursor

DEFAULT_SITUATIONS = {
    Role.AWAITING_PAYMENT: OrderStatus.OPEN,
    Role.PAYABLE: OrderStatus.APPROVED,
    Role.SHIPPED: OrderStatus.SHIPPED,
    Role.DELIVERED: OrderStatus.DELIVERED,
    Role.CANCELLED: OrderStatus.CANCELLED,
}


class StoreRefused(Exception):
    """The step cannot be taken now; the text says what the operator has to do first."""


@transaction.atomic
def store_install(*, company: Company, name: str, user: User) -> Store:
    """Create a Kwai store in DRAFT with default settings and the default situation mapping.

    Raises StoreRefused when the company already has a store of that name.
    """
    if Store.objects.filter(company=company, name=name).exists():
        raise StoreRefused(f"Já existe uma integração chamada {name}. Escolha outro nome.")
    store = Store.objects.create(company=company, name=name, channel=CHANNEL_KEY)
    StoreMembership.objects.create(store=store, user=user)
    KwaiAccount.objects.create(store=store)
    KwaiSettings.objects.create(store=store)
    StatusMapping.objects.bulk_create(
        StatusMapping(store=store, remote_code=code, status=DEFAULT_SITUATIONS[role])
        for code, role in DEFAULT_STATUS_ROLES.items()
    )
    _audit(store, user, "installed", f"Integração {name} instalada")
    return store


@transaction.atomic
def store_activate(*, store: Store, user: User) -> Store:
    """DRAFT or INACTIVE -> ACTIVE; from now on poll, push and pickers see the store.

    Raises StoreRefused while the store is not connected.
    """
    store = Store.objects.select_for_update().get(pk=store.pk)
    if store.is_active:
        return store
    if not store.kwai_account.is_connected:
        raise StoreRefused("Conecte a loja ao Kwai antes de ativar.")
    store.lifecycle = StoreLifecycle.ACTIVE
    store.activated_at = timezone.now()
    store.save(update_fields=["lifecycle", "activated_at"])
    now = timezone.now()
    history = now - timedelta(days=settings.KWAI_HISTORY_DAYS)
    cursor, created = SyncCursor.objects.get_or_create(
        store=store, defaults={"watermark": history, "due_at": now}
    )
    if not created:
        # The watermark stays: what the platform changed meanwhile is caught up in slices.
        SyncCursor.objects.filter(pk=cursor.pk).update(due_at=now)
    _audit(store, user, "activated", f"Integração {store.name} ativada")
    ring(tasks.poll, store_id=store.pk)
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
def store_settings_set(*, store: Store, changes: dict[str, bool], user: User) -> None:
    """Change options of `KwaiSettings`; `changes` maps field to value."""
    options = KwaiSettings.objects.select_for_update().get(pk=store.pk)
    before = {name: getattr(options, name) for name in changes}
    for name, value in changes.items():
        setattr(options, name, value)
    options.save(update_fields=list(changes))
    if before != changes:
        _audit(store, user, "settings", f"Opções de {store.name} alteradas", {"from": before, "to": changes})


def _audit(
    store: Store, user: User, action: str, text: str, data: dict[str, dict[str, bool]] | None = None
) -> None:
    audit_append(
        company_id=store.company_id,
        actor=user,
        action=f"store.{action}",
        subject=f"store:{store.pk}",
        text=text,
        data=data,
    )
