"""The token pair of one store and the client that uses it.

A refresh is a lease on the account row, not a lock (design 3.2): every refresh kills the old refresh
token, so exactly one worker may do it, outside any transaction, and the new pair is committed before
it is used (contract section 2).
"""

from __future__ import annotations

import logging
import random
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from erp.accounts.services import audit_append
from erp.encryption import UnreadableSecret
from erp.outbox.models import Lane
from erp.outbox.services import lane_pause, lane_resume
from erp.outbox.statuses import PauseMode
from kwai_integration.client import errors, gateway
from kwai_integration.client.types import Credentials, TokenPair
from kwai_integration.limiter import StoreLimiter
from kwai_integration.models import ConnectionHealth, KwaiAccount

logger = logging.getLogger(__name__)

LEASE_SECONDS = 30
# A pair is renewed this long before its end, so that no page of an import meets the end midway; one with a
# short life in its last tenth, or every call would renew it.
RENEW_AHEAD = timedelta(minutes=10)
# The planner renews earlier, at a point drawn between these parts of the pair's life before its end, so that
# stores connected on the same day do not all renew at once.
PLANNED_AHEAD = (0.15, 0.30)
# A planned renewal that failed, or whose answer was lost, leaves the platform so long to recover; a call that
# needs a new pair earlier asks for it itself.
PLANNED_RETRY = timedelta(hours=1)
CONTENTION_SECONDS = 2.0
FALLBACK_ACCESS = timedelta(days=7)
FALLBACK_REFRESH = timedelta(days=365)


class NotConnected(Exception):
    """The store has no usable authorisation; the operator must connect it again."""

    def __init__(self, health: ConnectionHealth) -> None:
        self.health = health
        super().__init__(
            f"A loja não está conectada ao Kwai ({health.label.lower()}). "
            "Abra Integrações e use conectar com Kwai."
        )


class StoreTokens:
    """The tokens protocol of `KwaiClient` for one store."""

    def __init__(self, store_id: int) -> None:
        self.store_id = store_id

    def current(self) -> Credentials:
        """The stored pair, renewed first when its end is near.

        Raises NotConnected, and what `renew` raises.
        """
        account = _connected_account(self.store_id)
        if account.access_expires_at and account.access_expires_at - _ahead(account) < timezone.now():
            return self.renew(_credentials(account))
        return _credentials(account)

    def renew(self, stale: Credentials) -> Credentials:
        """Exchange the refresh token once, or take the pair that somebody else has renewed meanwhile.

        Raises RateLimited (another worker is refreshing: come back in two seconds), NotConnected when
        the authorisation has ended, and the client's errors when Kwai cannot be reached.
        """
        account = _connected_account(self.store_id)
        stored = _credentials(account)
        if stored.access_token != stale.access_token:
            return stored
        lease = _lease_take(account)
        if lease is None:
            raise _come_back(CONTENTION_SECONDS)
        return _refresh(account, lease)

    def judge(self, used: Credentials, error: errors.KwaiError) -> None:
        """Mark the connection when the error of a call ended it (policy table of design 3.2): consent
        revoked or a scope missing, bad signature or unknown app.

        Only the pair the call was made with is judged: a merchant may have connected again meanwhile.
        """
        health = _told_health(error)
        if health is None:
            return
        account = KwaiAccount.objects.get(pk=self.store_id)
        if account.is_connected and _credentials(account) == used:
            account_health_set(store_id=self.store_id, health=health, token_version=account.token_version)


def client_for(
    store_id: int, *, share: str = "import", recorder: gateway.Recorder | None = None
) -> gateway.KwaiClient:
    """The client of one store; `share` says from whose part of the rate limit its calls are taken."""
    return gateway.KwaiClient(
        config=gateway.client_config(),
        tokens=StoreTokens(store_id),
        limiter=StoreLimiter(store_id, share=share),
        recorder=recorder,
    )


def account_store_pair(account: KwaiAccount, pair: TokenPair) -> None:
    """Write a new pair into `account` (not saved); the platform's silence about an end is filled with
    the life times seen in public (contract section 2)."""
    now = timezone.now()
    account.access_token = pair.access_token
    account.refresh_token = pair.refresh_token
    account.access_expires_at = pair.access_expires_at or now + FALLBACK_ACCESS
    account.access_seconds = max(0, int((account.access_expires_at - now).total_seconds()))
    account.refresh_expires_at = _consent_end(account, pair.refresh_expires_at or now + FALLBACK_REFRESH)
    account.refresh_due_at = _planned_at(now, account.access_expires_at)
    account.scopes = ",".join(pair.scopes)
    account.shop_name = pair.shop_name or account.shop_name
    account.refresh_lease_until = None
    account.refresh_lost_at = None


def _ahead(account: KwaiAccount) -> timedelta:
    if account.access_seconds is None:
        return RENEW_AHEAD
    return min(RENEW_AHEAD, timedelta(seconds=account.access_seconds) / 10)


def _consent_end(account: KwaiAccount, told: datetime) -> datetime:
    """Kwai counts the end in seconds from each answer: less than a day apart it is the same end."""
    known = account.refresh_expires_at
    return known if known and abs(told - known) < timedelta(days=1) else told


def _planned_at(now: datetime, ends: datetime) -> datetime:
    ahead = random.uniform(*PLANNED_AHEAD)  # noqa: S311 - spreads work, guards nothing
    return ends - max(ends - now, timedelta()) * ahead


def accounts_to_refresh() -> QuerySet[KwaiAccount]:
    """Connected accounts whose planned renewal is due and that nobody renews now, the nearest end first."""
    due = Q(refresh_due_at__isnull=True) | Q(refresh_due_at__lte=Now())
    free = Q(refresh_lease_until__isnull=True) | Q(refresh_lease_until__lt=Now())
    return KwaiAccount.objects.filter(due, free, health=ConnectionHealth.OK).order_by("access_expires_at")


def account_refresh(*, store_id: int) -> bool:
    """The planned renewal of one store's pair; False when it is not due, somebody else is at it, or it did
    not succeed: then the row says when it is due again, or that the connection has ended."""
    account = accounts_to_refresh().filter(pk=store_id).first()
    if account is None:
        return False
    try:
        _credentials(account)
        lease = _lease_take(account)
        if lease is None:
            return False
        _refresh(account, lease)
    except (errors.RateLimited, NotConnected):
        return False
    return True


def lanes_heal() -> int:
    """Resume the pushes of connected stores that are paused all the same: a push that met the end of the
    old connection may settle after the merchant connected again. Returns how many lanes."""
    paused = Lane.objects.exclude(paused_mode="").filter(store__kwai_account__health=ConnectionHealth.OK)
    store_ids = list(paused.values_list("store_id", flat=True))
    for store_id in store_ids:
        lane_resume(store_id=store_id)
    return len(store_ids)


@transaction.atomic
def account_health_set(*, store_id: int, health: ConnectionHealth, token_version: int | None = None) -> bool:
    """Record that the connection changed; True when this call made the change (one notice, not many).
    When it ended, the store's pushes wait; none is lost.

    With `token_version` only the pair of that version is judged, not one that replaced it meanwhile.
    """
    rows = KwaiAccount.objects.filter(pk=store_id).exclude(health=health)
    if token_version is not None:
        rows = rows.filter(token_version=token_version)
    changed = rows.update(health=health)
    if changed:
        account = KwaiAccount.objects.select_related("store").get(pk=store_id)
        audit_append(
            company_id=account.store.company_id,
            actor=None,
            action="kwai.connection",
            subject=f"store:{store_id}",
            text=f"Conexão da loja {account.store.name} com o Kwai: {health.label}",
        )
        if health in PAUSES:
            lane_pause(store_id=store_id, mode=PAUSES[health], reason=str(NotConnected(health)))
    return bool(changed)


PAUSES = {
    ConnectionHealth.REVOKED: PauseMode.CREDENTIAL,
    ConnectionHealth.EXPIRED: PauseMode.CREDENTIAL,
    ConnectionHealth.MISCONFIGURED: PauseMode.CONFIG,
}


def _told_health(error: Exception) -> ConnectionHealth | None:
    if isinstance(error, errors.ConsentRevoked | errors.ScopeMissing):
        return ConnectionHealth.REVOKED
    return ConnectionHealth.MISCONFIGURED if isinstance(error, errors.BadSignature) else None


def _connected_account(store_id: int) -> KwaiAccount:
    account = KwaiAccount.objects.get(pk=store_id)
    if not account.is_connected:
        raise NotConnected(ConnectionHealth(account.health))
    return account


def _credentials(account: KwaiAccount) -> Credentials:
    """The stored pair, opened. Without the key that closed it only the merchant can help, as at its end."""
    try:
        access_token, _ = account.access_token, account.refresh_token
    except UnreadableSecret as error:
        logger.error("Tokens of store %s: %s", account.pk, error)
        raise _authorisation_ended(account, ConnectionHealth.EXPIRED) from None
    return Credentials(merchant_id=account.merchant_id, access_token=access_token)


def _lease_take(account: KwaiAccount) -> datetime | None:
    """The end of the lease when this caller won it, None when somebody else holds it.

    A lease that ran out means that the answer of a refresh was lost. The stored refresh token is
    tried one more time, and only one: Kwai may have killed it (contract section 2).
    """
    rows = KwaiAccount.objects.filter(
        pk=account.pk, token_version=account.token_version, health=ConnectionHealth.OK
    )
    taken = {
        "refresh_lease_until": Now() + timedelta(seconds=LEASE_SECONDS),
        "refresh_due_at": Now() + PLANNED_RETRY,
    }
    ran_out = rows.filter(refresh_lease_until__lt=Now())
    won = rows.filter(refresh_lease_until__isnull=True).update(**taken) or ran_out.filter(
        refresh_lost_at__isnull=True
    ).update(**taken, refresh_lost_at=Now())
    if won:
        account.refresh_from_db()
        return account.refresh_lease_until
    if ran_out.exists():
        raise _authorisation_ended(account, ConnectionHealth.EXPIRED)
    return None


def _refresh(account: KwaiAccount, lease: datetime) -> Credentials:
    try:
        pair = gateway.refresh_tokens(gateway.client_config(), refresh_token=account.refresh_token)
    except (errors.OutcomeUnknown, errors.PlatformFault):
        # Kwai may have acted. The lease stays and runs out: that tells the next caller of a lost answer.
        raise _come_back(LEASE_SECONDS) from None
    except (errors.ConnectionFailed, errors.RateLimited, errors.QuotaSpent) as error:
        _lease_give_back(account, lease)
        raise _come_back(error.retry_after or LEASE_SECONDS) from None
    except errors.KwaiError as error:
        raise _authorisation_ended(account, _told_health(error) or ConnectionHealth.EXPIRED) from None
    if pair.merchant_id != account.merchant_id:
        raise _authorisation_ended(account, ConnectionHealth.EXPIRED)
    return _pair_commit(account, lease, pair)


def _pair_commit(account: KwaiAccount, lease: datetime, pair: TokenPair) -> Credentials:
    with transaction.atomic():
        fresh = KwaiAccount.objects.select_for_update().get(pk=account.pk)
        if (fresh.token_version, fresh.refresh_lease_until) != (account.token_version, lease):
            raise _come_back(CONTENTION_SECONDS)
        account_store_pair(fresh, pair)
        fresh.token_version += 1
        fresh.save()
    return _credentials(fresh)


def _lease_give_back(account: KwaiAccount, lease: datetime) -> None:
    KwaiAccount.objects.filter(pk=account.pk, refresh_lease_until=lease).update(refresh_lease_until=None)


def _come_back(seconds: float) -> errors.RateLimited:
    return errors.RateLimited(call="oauth_refresh", write=True, retry_after=seconds)


def _authorisation_ended(account: KwaiAccount, health: ConnectionHealth) -> NotConnected | errors.RateLimited:
    """The error to raise. A merchant who has connected again meanwhile has a pair worth coming back for."""
    account_health_set(store_id=account.pk, health=health, token_version=account.token_version)
    if KwaiAccount.objects.get(pk=account.pk).is_connected:
        return _come_back(CONTENTION_SECONDS)
    return NotConnected(health)
