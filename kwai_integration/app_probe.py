"""The one signed read a minute that finds out, for all stores together, whether Kwai accepts the application
again (contract 3.3). Its turn is a row, so that it survives its worker and several workers share it."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.utils import timezone

from erp.accounts.models import StoreLifecycle
from erp.outbox import queues
from kwai_integration.client import gateway
from kwai_integration.connection import NotConnected, StoreTokens
from kwai_integration.limiter import StoreLimiter
from kwai_integration.models import ConnectionHealth, KwaiAccount
from kwai_integration.models.account import CHANNEL_KEY
from kwai_integration.wire import errors

logger = logging.getLogger(__name__)


def probe_is_due() -> bool:
    """Is everything paused, and may somebody ask Kwai now?"""
    return queues.channel_probe_due(channel=CHANNEL_KEY)


def app_probe() -> bool:
    """Ask Kwai once in the name of a connected store; True when everything goes on again. Calls the platform,
    so it runs outside any transaction. Without a connected store there is nothing that waits."""
    if not queues.channel_probe_take(channel=CHANNEL_KEY):
        return False
    store_id = _any_store()
    if store_id is None or not _is_accepted(store_id):
        return False
    logger.info("Kwai accepts the application again")
    return queues.channel_resume(channel=CHANNEL_KEY)


def _any_store() -> int | None:
    """Another one each time: what one store alone cannot do must not keep the others waiting."""
    connected = KwaiAccount.objects.filter(health=ConnectionHealth.OK).order_by("?")
    active = connected.filter(store__lifecycle=StoreLifecycle.ACTIVE)
    account = active.first() or connected.first()
    return account.pk if account else None


def _is_accepted(store_id: int) -> bool:
    client = gateway.KwaiClient(
        config=gateway.client_config(),
        tokens=StoreTokens(store_id),
        limiter=StoreLimiter(store_id, share="import", is_probe=True),
    )
    now = timezone.now()
    try:
        client.list_orders(time_from=now - timedelta(minutes=1), time_to=now, page=1, size=1)
    except (errors.KwaiError, NotConnected) as error:
        return errors.is_answered(error) or errors.is_limited(error)
    return True
