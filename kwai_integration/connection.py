"""The token pair of one store and the client that uses it.

A refresh is a lease on the account row, not a lock (design 3.2): every refresh kills the old refresh
token, so exactly one worker may do it, outside any transaction, and the new pair is committed before
it is used (contract section 2).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from erp.accounts.services import audit_append
from kwai_integration.client import errors, gateway
from kwai_integration.client.types import Credentials, TokenPair
from kwai_integration.limiter import StoreLimiter
from kwai_integration.models import ConnectionHealth, KwaiAccount

LEASE_SECONDS = 30
# A pair is renewed this long before its end, so that no page of an import meets the end midway.
RENEW_AHEAD = timedelta(minutes=10)
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
        if account.access_expires_at and account.access_expires_at - RENEW_AHEAD < timezone.now():
            return self.renew(_credentials(account))
        return _credentials(account)

    def renew(self, stale: Credentials) -> Credentials:
        """Exchange the refresh token once, or take the pair that somebody else has renewed meanwhile.

        Raises RateLimited (another worker is refreshing: come back in two seconds), NotConnected when
        the authorisation has ended, and the client's errors when Kwai cannot be reached.
        """
        account = _connected_account(self.store_id)
        if account.access_token != stale.access_token:
            return _credentials(account)
        lease = _lease_take(account)
        if lease is None:
            raise _come_back(CONTENTION_SECONDS)
        return _refresh(account, lease)


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
    account.refresh_expires_at = pair.refresh_expires_at or now + FALLBACK_REFRESH
    account.scopes = ",".join(pair.scopes)
    account.shop_name = pair.shop_name or account.shop_name
    account.refresh_lease_until = None
    account.refresh_lost_at = None


@transaction.atomic
def account_health_set(*, store_id: int, health: ConnectionHealth, token_version: int | None = None) -> bool:
    """Record that the connection changed; True when this call made the change (one notice, not many).

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
    return bool(changed)


def connection_judge(*, store_id: int, error: Exception) -> None:
    """Mark the connection when the error of a call ended it: consent revoked or a scope missing, bad
    signature or unknown app (policy table of design 3.2). Other errors say nothing about it."""
    health = _told_health(error)
    if health is not None:
        account_health_set(store_id=store_id, health=health)


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
    return Credentials(merchant_id=account.merchant_id, access_token=account.access_token)


def _lease_take(account: KwaiAccount) -> datetime | None:
    """The end of the lease when this caller won it, None when somebody else holds it.

    A lease that ran out means that the answer of a refresh was lost. The stored refresh token is
    tried one more time, and only one: Kwai may have killed it (contract section 2).
    """
    rows = KwaiAccount.objects.filter(
        pk=account.pk, token_version=account.token_version, health=ConnectionHealth.OK
    )
    until = Now() + timedelta(seconds=LEASE_SECONDS)
    ran_out = rows.filter(refresh_lease_until__lt=Now())
    won = rows.filter(refresh_lease_until__isnull=True).update(refresh_lease_until=until) or ran_out.filter(
        refresh_lost_at__isnull=True
    ).update(refresh_lease_until=until, refresh_lost_at=Now())
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
