"""*Conectar com Kwai*: the consent page in another tab and its way back (contract section 2)."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import asdict
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from erp import clock
from erp.accounts.models import Store, User
from erp.accounts.services import audit_append
from erp.outbox.queues import calls_restore, queue_go_on, queue_resume
from erp.refusals import Refusal, RefusedError
from erp.scheduling import wake_after_commit
from kwai_integration import refusals
from kwai_integration.app_health import oauth_call, oauth_is_due, oauth_paused
from kwai_integration.client import gateway
from kwai_integration.connection import account_store_pair
from kwai_integration.models import (
    ConnectionHealth,
    ConsentRequest,
    EventState,
    InboundEvent,
    KwaiAccount,
    SyncCursor,
)
from kwai_integration.wire import errors
from kwai_integration.wire.types import TokenPair

REQUEST_LIFE = timedelta(minutes=15)


class ConsentRefused(RefusedError):
    """The connection was not made."""


def consent_start(*, store: Store, user: User, session_key: str) -> str:
    """The address of Kwai's consent page for `store`, to be opened in a new tab.

    The `status` value in it is single use, ends after fifteen minutes, and returns only to the user
    and the browser session that asked. Raises ConsentRefused while Kwai refuses the application's secret.
    """
    if (pause := oauth_paused()) and not oauth_is_due():
        raise ConsentRefused(refusals.OAUTH_PAUSED.of(reason=pause.reason))
    status = secrets.token_urlsafe(32)
    ConsentRequest.objects.create(
        store=store,
        user=user,
        status_hash=_hash(status),
        session_hash=_hash(session_key),
        expires_at=timezone.now() + REQUEST_LIFE,
    )
    return gateway.consent_url(gateway.client_config(), status=status, redirect_url=callback_url())


def consent_finish(*, status: str, code: str, user: User, session_key: str) -> ConsentRequest:
    """Exchange the code that came back. The account the store already belongs to is connected at once; one
    that is new to it waits in the answered request for `consent_confirm`, so that the operator sees shop and
    number before anything is bound.

    Raises ConsentRefused for a replayed, foreign or expired `status`, a refused consent, a failed
    exchange, and a seller account that another store already uses.
    """
    request = _request_spend(status=status, user=user, session_key=session_key)
    if not code:
        raise ConsentRefused(refusals.CONSENT_DENIED)
    try:
        with oauth_call("oauth_token"):
            pair = gateway.exchange_code(gateway.client_config(), code=code)
    except errors.KwaiError as error:
        raise ConsentRefused(refusals.CONSENT_FAILED.of(error=error.refusal)) from None
    account = KwaiAccount.objects.get(pk=request.store_id)
    _merchant_check(account, pair, user)
    if account.merchant_id:
        _account_bind(store_id=request.store_id, pair=pair, user=user)
    else:
        _offer_keep(request, pair)
    return request


def consent_offer(*, store: Store, user: User) -> ConsentRequest | None:
    """The account that waits for this user's *usar esta conta*, or None."""
    offers = ConsentRequest.objects.filter(_is_open(), store=store, user=user)
    return offers.exclude(offer_stored="").order_by("-pk").first()


@transaction.atomic
def consent_confirm(*, store: Store, user: User) -> Store:
    """*Usar esta conta*: bind the account that waits, and forget the offer with it: a second yes would put
    back a pair that a refresh may have killed.

    Raises ConsentRefused when none waits any more, or another store took the account meanwhile.
    """
    # Two clicks, one in each tab, take turns.
    KwaiAccount.objects.select_for_update().get(pk=store.pk)
    offer = consent_offer(store=store, user=user)
    if offer is None:
        if KwaiAccount.objects.filter(pk=store.pk, health=ConnectionHealth.OK).exists():
            return store
        raise ConsentRefused(refusals.CONSENT_EXPIRED)
    bound = _account_bind(store_id=store.pk, pair=_pair_read(offer.offer), user=user)
    offers_drop(store=store)
    return bound


def offers_drop(*, store: Store) -> None:
    """*Escolher outra conta*: forget what waits for a confirmation."""
    ConsentRequest.objects.filter(store=store).exclude(offer_stored="").update(offer_stored="")


def requests_forget() -> int:
    """Delete requests whose time is over, and with them pairs nobody said yes to; returns how many."""
    over = ConsentRequest.objects.filter(clock.reached("expires_at", REQUEST_LIFE))
    return over.delete()[0] if over.exists() else 0


def _is_open() -> Q:
    """Not expired; one that would last longer than any does was asked for under a clock that was ahead."""
    now = timezone.now()
    return Q(expires_at__gt=now, expires_at__lte=now + REQUEST_LIFE + clock.STEP)


def _offer_keep(request: ConsentRequest, pair: TokenPair) -> None:
    request.merchant_id, request.shop_name = pair.merchant_id, pair.shop_name
    request.offer = json.dumps(asdict(pair), default=datetime.isoformat)
    request.expires_at = timezone.now() + REQUEST_LIFE
    request.save(update_fields=["merchant_id", "shop_name", "offer_stored", "expires_at"])


def _pair_read(text: str) -> TokenPair:
    stored = json.loads(text)
    ends = {
        name: datetime.fromisoformat(stored[name]) if stored[name] else None
        for name in ("access_expires_at", "refresh_expires_at")
    }
    return TokenPair(**{**stored, **ends, "scopes": tuple(stored["scopes"])})


def callback_url() -> str:
    return settings.PUBLIC_URL + reverse("kwai:oauth_callback")


def _request_spend(*, status: str, user: User, session_key: str) -> ConsentRequest:
    """Mark the request used by one conditional UPDATE, so that a replay finds nothing to spend."""
    mine = ConsentRequest.objects.filter(
        _is_open(),
        status_hash=_hash(status),
        user=user,
        session_hash=_hash(session_key),
        used_at__isnull=True,
        # A subquery, not a join: after waiting for the row PostgreSQL looks at its own columns again only.
        store__in=Store.objects.filter(company=user.company),
    )
    if not mine.update(used_at=timezone.now()):
        raise ConsentRefused(refusals.CONSENT_SPENT)
    return ConsentRequest.objects.get(status_hash=_hash(status))


def _account_bind(*, store_id: int, pair: TokenPair, user: User) -> Store:
    try:
        with transaction.atomic():
            account = KwaiAccount.objects.select_for_update().select_related("store").get(pk=store_id)
            _merchant_check(account, pair, user)
            account.merchant_id = pair.merchant_id
            # A new consent owes nothing to the old one.
            account.scopes, account.refresh_expires_at, account.access_seconds = "", None, None
            account_store_pair(account, pair)
            account.token_version += 1
            account.health = ConnectionHealth.OK
            account.connected_at = timezone.now()
            account.save()
            audit_append(
                company_id=account.store.company_id,
                actor=user,
                action="kwai.connected",
                subject=f"store:{store_id}",
                text=f"Loja {account.store.name} conectada à conta Kwai {account.shop_name}",
            )
            queue_resume(store_id=store_id)
            calls_restore(store_id=store_id)
            queue_go_on(store_id=store_id)
            InboundEvent.objects.filter(store_id=store_id, state=EventState.PENDING).update(not_before=Now())
            # The watermark stays where it was: the gap is caught up from there, and at once.
            SyncCursor.objects.filter(pk=store_id).update(due_at=Now())
            wake_after_commit("kwai_integration.tasks.poll", store_id=store_id)
    except IntegrityError:
        raise ConsentRefused(_taken(pair, user)) from None
    return account.store


def _merchant_check(account: KwaiAccount, pair: TokenPair, user: User) -> None:
    """One merchant, one store; and a store that has orders of one merchant never changes hands."""
    if KwaiAccount.objects.filter(merchant_id=pair.merchant_id).exclude(pk=account.pk).exists():
        raise ConsentRefused(_taken(pair, user))
    if account.merchant_id and account.merchant_id != pair.merchant_id:
        raise ConsentRefused(
            refusals.OTHER_ACCOUNT.of(
                own=f"{account.shop_name} ({account.merchant_id})",
                other=f"{pair.shop_name} ({pair.merchant_id})",
            )
        )


def _taken(pair: TokenPair, user: User) -> Refusal:
    """Names the other store only to who may see it: it may be another company's."""
    owner = Store.objects.visible_to(user).filter(kwai_account__merchant_id=pair.merchant_id).first()
    name = owner.name if owner else "outra integração"
    return refusals.ACCOUNT_TAKEN.of(account=f"{pair.shop_name} ({pair.merchant_id})", store=name)


def _hash(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
