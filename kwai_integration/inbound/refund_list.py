"""Reading the platform's list of refunds beside the poll: amount, reason and date that details do not say."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from erp import channels
from erp.sales.models import Order
from erp.sales.services import order_events_append
from kwai_integration.client import errors
from kwai_integration.client.codes import KwaiRefundStatus
from kwai_integration.client.gateway import LONGEST_WINDOW, PAGE_SIZE, KwaiClient
from kwai_integration.client.types import RemoteRefund
from kwai_integration.inbound.refunds import REFUNDS, refund_events, refund_take
from kwai_integration.inbound.window import platform_present, tolerance
from kwai_integration.mapping.fields import EPOCH
from kwai_integration.models import SyncCursor

logger = logging.getLogger(__name__)

MOST_PAGES = 40
REFUND_COLUMNS = [
    "refund_status", "refund_open", "refund_amount", "refund_reason", "refund_at", "refund_released_at",
    "refund_released_by", "updated_at",
]  # fmt: skip


def refunds_poll(client: KwaiClient, store_id: int) -> int:
    """Follow the refunds that changed since the last time; how many orders changed.

    The call is assumed (contract 4): when it fails, orders go on without it, and the same window is read
    again with the next poll.
    """
    cursor = SyncCursor.objects.get(pk=store_id)
    # The poll has just asked: what the list shows from now on is newer than its answer.
    until = platform_present(timezone.now(), client.answered_at)
    try:
        refunds = _window_read(client, cursor.refunds_watermark, until)
    except errors.KwaiError as error:
        logger.warning("Refunds of store %s were not read: %s", store_id, type(error).__name__)
        return 0
    changed = refunds_follow(store_id, refunds)
    SyncCursor.objects.filter(pk=store_id).update(refunds_watermark=until)
    return changed


def _window_read(client: KwaiClient, since: datetime | None, until: datetime) -> list[RemoteRefund]:
    longest = until - LONGEST_WINDOW + timedelta(minutes=1)
    overlap = timedelta(seconds=settings.KWAI_POLL_OVERLAP_SECONDS)
    # A watermark ahead of the platform was written by a wrong clock: what changed since then is unread.
    known = since if since and since <= until + tolerance() else None
    begin = max(longest, min(known - overlap, until)) if known else longest
    found: list[RemoteRefund] = []
    for number in range(1, MOST_PAGES + 1):
        page = client.list_refunds(time_from=begin, time_to=until, page=number)
        found += page.refunds
        if not page.refunds or number * PAGE_SIZE >= page.total:
            break
    return found


@transaction.atomic
def refunds_follow(store_id: int, refunds: Iterable[RemoteRefund]) -> int:
    """Let the orders of these refunds take over status, amount, reason and date; of several refunds of one
    order the one that changed last. How many orders changed."""
    newest: dict[str, RemoteRefund] = {}
    for refund in sorted(refunds, key=lambda row: row.updated_at or EPOCH):
        newest[refund.order_id] = refund
    if not newest:
        return 0
    orders = list(Order.objects.filter(store_id=store_id, external_id__in=newest).lock_for_update())
    frozen = {order.pk for order in orders if order.frozen_reason}
    before = {order.pk: _columns(order) for order in orders}
    told = [order for order in orders if _take(order, newest[order.external_id])]
    moved = [order for order in orders if _columns(order) != before[order.pk]]
    for order in moved:
        order.updated_at = timezone.now()
    Order.objects.bulk_update(moved, REFUND_COLUMNS)
    order_events_append(drafts=refund_events(told))
    channels.orders_released(order.pk for order in moved if order.pk in frozen and not order.frozen_reason)
    return len(moved)


def _columns(order: Order) -> list[Any]:
    return [getattr(order, name) for name in REFUND_COLUMNS]


def _take(order: Order, refund: RemoteRefund) -> bool:
    """True when the status changed."""
    order.refund_amount = refund.amount if refund.amount is not None else order.refund_amount
    order.refund_reason = refund.reason[:300] or order.refund_reason
    order.refund_at = refund.updated_at or order.refund_at
    return refund_take(order, REFUNDS[_status(refund.status)])


def _status(code: str) -> KwaiRefundStatus | None:
    return KwaiRefundStatus(code) if code in set(KwaiRefundStatus) else None
