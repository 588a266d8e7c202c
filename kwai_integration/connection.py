"""The token pair of one store and the client that uses it.

A refresh is a lease on the account row, not a lock: every refresh kills the old refresh
token, so exactly one worker may do it, outside any transaction, and the new pair is committed before
it is used (contract section 2).
"""

from __future__ import annotations

import logging
import random
import time
import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from erp import clock
from erp.accounts.services import audit_append
from erp.encryption import UnreadableSecret
from erp.outbox import limits
from erp.outbox.models import StoreQueue
from erp.outbox.queues import queue_go_on, queue_pause, queue_resume
from erp.outbox.statuses import GRANT_REST, PauseMode, WaitReason
from erp.refusals import RefusedError
from kwai_integration import refusals
from kwai_integration.app_health import (
    QUOTA_REST,
    app_pause,
    app_paused,
    oauth_call,
    oauth_is_due,
    oauth_paused,
)
from kwai_integration.client import gateway
from kwai_integration.limiter import StoreLimiter
from kwai_integration.models import ConnectionHealth, KwaiAccount
from kwai_integration.wire import errors
from kwai_integration.wire.endpoints import SCOPES
from kwai_integration.wire.types import KwaiCredentials, TokenPair

logger = logging.getLogger(__name__)

# A pair is renewed this long before its end, so that no page of an import meets the end midway; one with a
# short life in its last tenth, or every call would renew it.
RENEW_AHEAD = timedelta(minutes=10)
# The planner renews earlier, at a point drawn between these parts of the pair's life before its end, so that
# stores connected on the same day do not all renew at once.
PLANNED_AHEAD = (0.15, 0.30)
# No planned renewal lies farther off than a pair lives; a longer life is not known of.
LONGEST_PLAN = timedelta(days=31)
# A planned renewal that failed, or whose answer was lost, leaves the platform so long to recover; a call that
# needs a new pair earlier asks for it itself.
PLANNED_RETRY = timedelta(hours=1)
# How long nobody asks again after each refusal in a row that does not end the consent.
RETRY_DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360))
LOST_TWICE = "O Kwai não respondeu duas vezes seguidas à renovação do acesso."
LONGEST_HOLD_SECONDS = 60.0
# Who meets a renewal under way looks so often, and for so long, whether the new pair is there.
AWAITED_STEP, AWAITED_SECONDS = 0.05, 1.0
CONTENTION_SECONDS = 2.0
FALLBACK_ACCESS = timedelta(days=7)
FALLBACK_REFRESH = timedelta(days=365)


class NotConnected(RefusedError):
    """The store has no usable authorisation; the operator must connect it again."""

    def __init__(self, health: ConnectionHealth) -> None:
        self.health = health
        super().__init__(refusals.CONNECTION_ENDED.of(health=health.label.lower()))


class StoreTokens:
    """The tokens protocol of `KwaiClient` for one store."""

    def __init__(self, store_id: int) -> None:
        self.store_id = store_id

    def current(self) -> KwaiCredentials:
        """The stored pair, renewed first when its end is near or the platform refuses it.

        Raises NotConnected, and what `renew` raises.
        """
        account = _connected_account(self.store_id)
        if not (account.is_refused or _is_near_end(account)):
            return _credentials(account)
        try:
            return _renewed(account, goes_on=account.is_alive)
        except errors.RefreshOnHold:
            if account.is_alive:
                return _credentials(account)
            raise

    def renew(self, stale: KwaiCredentials) -> KwaiCredentials:
        """Exchange the refresh token once, or take the pair that somebody else has renewed meanwhile.

        Raises RateLimited (another worker is refreshing: come back in two seconds; as RefreshOnHold: Kwai
        does not renew for now), NotConnected when the authorisation has ended, and AppRefused.
        """
        account = _connected_account(self.store_id)
        stored = _credentials(account)
        if stored.access_token != stale.access_token:
            return stored
        return _renewed(account, goes_on=False)

    def judge(self, used: KwaiCredentials, error: errors.KwaiError) -> None:
        """Draw the consequences of a failed call for the calls after it (contract 3.3): everything pauses,
        the store needs a new consent, this one call of it pauses, or nobody sends its token again. A code
        that nobody named lets a push rest its queue (`erp.outbox.policy`); a read comes again by itself.

        What concerns the store is judged only with the pair the call was made with: a merchant may have
        connected again meanwhile.
        """
        if isinstance(error, errors.AppRefused | errors.SecretInvalid):
            app_pause(error)
        elif isinstance(error, errors.ConsentEnded | errors.PermissionMissing | errors.TokenExpired):
            account = KwaiAccount.objects.get(pk=self.store_id)
            if account.is_connected and _credentials(account) == used:
                _store_judge(account, error)


def _store_judge(account: KwaiAccount, error: errors.KwaiError) -> None:
    if isinstance(error, errors.PermissionMissing):
        until = clock.after(GRANT_REST)
        limits.hold(store_id=account.pk, call=error.call, until=until, reason=WaitReason.GRANT)
    elif isinstance(error, errors.TokenExpired):
        rows = KwaiAccount.objects.filter(pk=account.pk, token_version=account.token_version)
        rows.update(refused_version=account.token_version)
    else:
        health = _ended_health(error)
        account_health_set(store_id=account.pk, health=health, token_version=account.token_version)


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
    """Write a new pair into `account` (not saved).

    What the answer left out stays as it was; the first one falls back to the life times seen in public
    (contract section 2) and to the scopes that were asked for.
    """
    now = timezone.now()
    account.access_token = pair.access_token
    account.refresh_token = pair.refresh_token or account.refresh_token
    life = timedelta(seconds=account.access_seconds) if account.access_seconds else FALLBACK_ACCESS
    account.access_expires_at = pair.access_expires_at or now + life
    account.access_seconds = max(0, int((account.access_expires_at - now).total_seconds()))
    account.refresh_expires_at = _consent_end(account, pair.refresh_expires_at, now)
    account.refresh_due_at = _planned_at(now, account.access_expires_at)
    account.scopes = ",".join(pair.scopes) or account.scopes or ",".join(SCOPES)
    account.shop_name = pair.shop_name or account.shop_name
    account.lease_drop()
    account.refresh_lost_at = account.refresh_retry_at = None
    account.refresh_problem, account.refresh_failures = "", 0


def _is_near_end(account: KwaiAccount) -> bool:
    """The access token ends soon; or its end is farther off than it lives, so that a clock that was ahead
    wrote it and nobody knows."""
    ends, now = account.access_expires_at, timezone.now()
    if ends is None:
        return False
    if account.access_seconds is None:
        return ends - RENEW_AHEAD < now
    life = timedelta(seconds=account.access_seconds)
    return ends - min(RENEW_AHEAD, life / 10) < now or ends > now + life + clock.STEP


def _consent_end(account: KwaiAccount, reported: datetime | None, now: datetime) -> datetime:
    """Kwai counts the end in seconds from each answer: less than a day apart it is the same end."""
    known = account.refresh_expires_at
    if known and (reported is None or abs(reported - known) < timedelta(days=1)):
        return known
    return reported or now + FALLBACK_REFRESH


def _planned_at(now: datetime, ends: datetime) -> datetime:
    ahead = random.uniform(*PLANNED_AHEAD)  # noqa: S311 - spreads work, guards nothing
    return ends - max(ends - now, timedelta()) * ahead


def accounts_to_refresh() -> QuerySet[KwaiAccount]:
    """Connected accounts whose planned renewal is due and that nobody renews now, the nearest end first.

    None while the platform refuses the application. While it refuses its secret, none until the next one may
    try, and then any of them.
    """
    due = clock.reached("refresh_due_at", LONGEST_PLAN)
    if oauth_paused():
        due = Q() if oauth_is_due() else Q(pk__in=[])
    if app_paused():
        due = Q(pk__in=[])
    rows = KwaiAccount.objects.free().filter(due, _may_refresh(), health=ConnectionHealth.OK)
    return rows.order_by("access_expires_at")


def account_refresh(*, store_id: int) -> bool:
    """The planned renewal of one store's pair; False when it is not due, somebody else is at it, or it did
    not succeed: then the row says when it is due again, or that the connection has ended."""
    account = accounts_to_refresh().filter(pk=store_id).first()
    if account is None:
        return False
    try:
        _credentials(account)
        _renewed(account, goes_on=account.is_alive)
    except (errors.KwaiError, NotConnected):
        return False
    return True


def queues_heal() -> int:
    """Resume the pushes of connected stores that are paused all the same: a push that met the end of the
    old connection may settle after the merchant connected again. Returns how many queues."""
    paused = StoreQueue.objects.exclude(paused_mode="").filter(
        store__kwai_account__health=ConnectionHealth.OK
    )
    store_ids = list(paused.values_list("store_id", flat=True))
    for store_id in store_ids:
        queue_resume(store_id=store_id)
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
        if health in ENDED:
            queue_pause(store_id=store_id, mode=PauseMode.CREDENTIAL, reason=str(NotConnected(health)))
    return bool(changed)


ENDED = (ConnectionHealth.REVOKED, ConnectionHealth.EXPIRED, ConnectionHealth.UNRECOGNISED)


def _ended_health(error: errors.KwaiError) -> ConnectionHealth:
    if isinstance(error, errors.MerchantInvalid):
        return ConnectionHealth.UNRECOGNISED
    if isinstance(error, errors.ConsentRevoked):
        return ConnectionHealth.REVOKED
    return ConnectionHealth.EXPIRED


def _connected_account(store_id: int) -> KwaiAccount:
    account = KwaiAccount.objects.get(pk=store_id)
    if not account.is_connected:
        raise NotConnected(ConnectionHealth(account.health))
    return account


def _credentials(account: KwaiAccount) -> KwaiCredentials:
    """The stored pair, opened. Without the key that closed it only the merchant can help, as at its end."""
    try:
        access_token, _ = account.access_token, account.refresh_token
    except UnreadableSecret as error:
        logger.error("Tokens of store %s: %s", account.pk, error)
        raise _authorisation_ended(account, ConnectionHealth.EXPIRED) from None
    return KwaiCredentials(merchant_id=account.merchant_id, access_token=access_token)


def _renewed(account: KwaiAccount, *, goes_on: bool) -> KwaiCredentials:
    """The pair after this caller's own renewal. Raises what `StoreTokens.renew` does. `goes_on`: without a
    new pair the stored one still opens the door."""
    held = KwaiAccount.objects.filter(pk=account.pk).exclude(_may_refresh()).annotate(now=Now()).first()
    if held is not None and held.refresh_retry_at is not None:
        raise _on_hold((held.refresh_retry_at - held.now).total_seconds())
    lease = _lease_take(account, goes_on=goes_on)
    if lease is None:
        return _awaited(account)
    return _refresh(account, lease)


def _awaited(account: KwaiAccount) -> KwaiCredentials:
    """The pair that somebody else is renewing, when it comes at once as it mostly does. Raises RateLimited
    when it does not."""
    ends = time.monotonic() + AWAITED_SECONDS
    while time.monotonic() < ends:
        time.sleep(AWAITED_STEP)
        present = _connected_account(account.pk)
        if present.token_version != account.token_version:
            return _credentials(present)
        if present.lease_until is None:
            break
    raise _come_back(CONTENTION_SECONDS)


def _may_refresh() -> Q:
    return clock.reached("refresh_retry_at", RETRY_DELAYS[-1])


def _lease_take(account: KwaiAccount, *, goes_on: bool) -> uuid.UUID | None:
    """The lease when this caller won it, None when somebody else holds it.

    A lease that ran out means that the answer of a refresh was lost. The stored refresh token is
    tried one more time, and only one: Kwai may have killed it (contract section 2). After that a notice asks
    for a new consent, and the connection ends with its access token.
    """
    rows = KwaiAccount.objects.filter(
        pk=account.pk, token_version=account.token_version, health=ConnectionHealth.OK
    )
    again = clock.after(PLANNED_RETRY)
    ran_out = rows.free().filter(lease_until__isnull=False)
    lease = rows.filter(lease_until__isnull=True).claim(refresh_due_at=again) or ran_out.filter(
        refresh_lost_at__isnull=True
    ).claim(refresh_due_at=again, refresh_lost_at=Now())
    if lease:
        account.refresh_from_db()
        # Who stood still meanwhile for longer than the lease holds reads the pair of another: spending that
        # would lose it.
        return lease if account.lease_token == lease else None
    if ran_out.exists():
        if goes_on:
            ran_out.update(refresh_problem=LOST_TWICE, refresh_due_at=F("access_expires_at"))
            raise _on_hold(LONGEST_HOLD_SECONDS)
        raise _authorisation_ended(account, ConnectionHealth.EXPIRED)
    return None


def _refresh(account: KwaiAccount, lease: uuid.UUID) -> KwaiCredentials:
    try:
        with oauth_call("oauth_refresh"):
            pair = gateway.refresh_tokens(gateway.client_config(), refresh_token=account.refresh_token)
    except errors.KwaiError as error:
        raise _refresh_failed(account, lease, error) from None
    if pair.merchant_id and pair.merchant_id != account.merchant_id:
        raise _authorisation_ended(account, ConnectionHealth.EXPIRED)
    return _pair_commit(account, lease, pair)


def _refresh_failed(
    account: KwaiAccount, lease: uuid.UUID, error: errors.KwaiError
) -> errors.KwaiError | NotConnected:
    """What to raise. Only a lost answer keeps the lease, and only what the contract calls the end ends the
    consent; a code nobody named never does (contract 3.3)."""
    match error:
        case errors.KwaiOutcomeUnknown():
            # Kwai may have acted. The lease stays and runs out: that tells the next caller of a lost answer.
            return _come_back(KwaiAccount.lease_length().total_seconds())
        case errors.TokenExpired() | errors.ConsentEnded():
            return _authorisation_ended(account, _ended_health(error))
        case errors.AppRefused():
            app_pause(error)
            _lease_give_back(account, lease, refresh_due_at=Now())
            return error
        case errors.SecretInvalid():
            _lease_give_back(account, lease, refresh_due_at=Now())
            return _on_hold(error.retry_after or KwaiAccount.lease_length().total_seconds())
        case errors.ConnectionFailed() | errors.RateLimited() | errors.KwaiQuotaSpent():
            # It says nothing about this pair: no notice, and a told wait is kept.
            wait = QUOTA_REST if isinstance(error, errors.KwaiQuotaSpent) else KwaiAccount.lease_length()
            wait = timedelta(seconds=error.retry_after) if error.retry_after else wait
            _lease_give_back(account, lease, refresh_retry_at=clock.after(wait))
            return _on_hold(wait.total_seconds())
        case _:
            wait = RETRY_DELAYS[min(account.refresh_failures, len(RETRY_DELAYS) - 1)]
            _lease_give_back(
                account,
                lease,
                refresh_retry_at=clock.after(wait),
                refresh_due_at=clock.after(wait),
                refresh_failures=min(account.refresh_failures + 1, len(RETRY_DELAYS)),
                refresh_problem=str(error)[:300],
            )
            return _on_hold(wait.total_seconds())


def _pair_commit(account: KwaiAccount, lease: uuid.UUID, pair: TokenPair) -> KwaiCredentials:
    """Keep the pair, unless somebody else renewed, connected or disconnected meanwhile: all of them end the
    lease."""
    with transaction.atomic():
        fresh = KwaiAccount.objects.select_for_update().filter(pk=account.pk).held(lease).first()
        if fresh is None:
            raise _come_back(CONTENTION_SECONDS)
        account_store_pair(fresh, pair)
        fresh.token_version += 1
        fresh.save()
        queue_go_on(store_id=account.pk)
    return _credentials(fresh)


def _lease_give_back(account: KwaiAccount, lease: uuid.UUID, **changes: object) -> None:
    KwaiAccount.objects.filter(pk=account.pk).release(lease, **changes)


def _come_back(seconds: float) -> errors.RateLimited:
    return errors.RateLimited(call="oauth_refresh", write=True, retry_after=seconds)


def _on_hold(seconds: float) -> errors.RefreshOnHold:
    """A minute at most: what waits for the pair learns soon that it came."""
    seconds = min(max(seconds, 1.0), LONGEST_HOLD_SECONDS)
    return errors.RefreshOnHold(call="oauth_refresh", write=True, retry_after=seconds)


def _authorisation_ended(account: KwaiAccount, health: ConnectionHealth) -> NotConnected | errors.RateLimited:
    """The error to raise. A merchant who has connected again meanwhile has a pair worth coming back for."""
    account_health_set(store_id=account.pk, health=health, token_version=account.token_version)
    if KwaiAccount.objects.get(pk=account.pk).is_connected:
        return _come_back(CONTENTION_SECONDS)
    return NotConnected(health)
