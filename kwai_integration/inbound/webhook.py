"""Taking in a push message: opened, held against what we know, stored; the fetch comes later.

Nothing but the message key proves the sender (contract section 4), so a message is only a reason to look, and
every refusal looks alike from outside.
"""

from __future__ import annotations

import hashlib
import json
import logging

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from erp import tracing
from erp.accounts.models import Store, StoreLifecycle
from erp.scheduling import wake_after_commit
from kwai_integration.client import pushes, transport
from kwai_integration.mapping.pushes import PushMessage, push_read
from kwai_integration.models import ConnectionHealth, EventState, InboundEvent
from kwai_integration.names import names
from kwai_integration.wire.codes import ORDER_EVENTS, PushEvent

logger = logging.getLogger(__name__)

NO_ID = "sem-id-"
NO_READER = "O ERP não lê este tipo de aviso."
NO_SUBJECT = "O aviso não diz a qual pedido se refere."


class PushMessageRefused(Exception):
    """Not stored. The text is for the log only: it names the step, never what the message holds."""


def event_accept(body: bytes) -> None:
    """Store the event of one message, once per event id, and wake a worker for its fetch.

    Heartbeats are accepted and leave nothing behind. Raises `PushMessageRefused` for what we did not
    get from the platform, or got for a merchant without an active, connected store here.
    """
    plain = _opened(body)
    message = _read(plain)
    if message.is_heartbeat:
        return
    if message.app_key and message.app_key != settings.KWAI_APP_KEY:
        raise PushMessageRefused("another application's key")
    _event_store(_store_of(message.merchant_id), message, plain)


def _opened(body: bytes) -> bytes:
    try:
        return pushes.push_open(body, settings.KWAI_MESSAGE_KEY)
    except pushes.BadMessageKey:
        raise PushMessageRefused("KWAI_MESSAGE_KEY is missing or no AES key") from None
    except pushes.NotOurs:
        raise PushMessageRefused("not written with our message key") from None


def _read(plain: bytes) -> PushMessage:
    try:
        message = push_read(transport.decoded(plain), names())
    except ValueError:
        message = None
    if message is None:
        raise PushMessageRefused("no JSON object")
    return message


def _store_of(merchant_id: str) -> Store:
    stores = Store.objects.filter(
        lifecycle=StoreLifecycle.ACTIVE, kwai_account__health=ConnectionHealth.OK
    ).filter(kwai_account__merchant_id=merchant_id)
    store = stores.first() if merchant_id else None
    if store is None:
        raise PushMessageRefused("no active, connected store of this merchant")
    return store


def _event_store(store: Store, message: PushMessage, plain: bytes) -> None:
    event_id = message.event_id or f"{NO_ID}{hashlib.sha256(plain).hexdigest()[:32]}"
    try:
        with transaction.atomic():
            # A wake-up still under way serves this event too: a flood costs one fetch, not one each.
            is_heard = InboundEvent.objects.due().filter(store=store).exists()
            event = InboundEvent.objects.create(
                store=store,
                event_id=event_id,
                event=message.event,
                payload=json.dumps(message.raw),
                sent_at=message.sent_at,
                request_id=tracing.current(),
                **_plan(message),
            )
            if event.state == EventState.PENDING and not is_heard:
                wake_after_commit("kwai_integration.tasks.events", store_id=store.pk)
    except IntegrityError:
        if not InboundEvent.objects.filter(store=store, event_id=event_id).exists():
            raise
        logger.info("Push %s came again", message.event)


def _plan(message: PushMessage) -> dict[str, object]:
    """What is to be done about the event."""
    if message.event == PushEvent.AUTHORIZATION_REVOKED:
        return {"subject": ""}
    if message.event not in ORDER_EVENTS:
        return _ignored(message.subject, NO_READER)
    return {"subject": message.subject} if message.subject else _ignored("", NO_SUBJECT)


def _ignored(subject: str, note: str) -> dict[str, object]:
    return {"subject": subject, "state": EventState.IGNORED, "settled_at": Now(), "note": note}
