"""Reading the platform's list of refunds beside the poll: each by itself, with amount, reason and date."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from erp import channels
from erp.rows import rows_update
from erp.sales.models import Order
from erp.sales.services import order_events_append
from kwai_integration.client.gateway import LONGEST_WINDOW, KwaiClient
from kwai_integration.inbound.refunds import (
    COLUMNS,
    REASON_LENGTH,
    refund_events,
    refund_take,
    refunds_listed,
)
from kwai_integration.inbound.window import WindowRestless, platform_present, tolerance, window_read
from kwai_integration.models import FORMER_FIELDS, KwaiOrder, KwaiRefund, SyncCursor
from kwai_integration.wire import errors
from kwai_integration.wire.types import OrderPage, RemoteRefund

logger = logging.getLogger(__name__)

LONGEST_SLICE = LONGEST_WINDOW - timedelta(minutes=1)


def refunds_poll(client: KwaiClient, store_id: int, renew: Callable[[], None] = lambda: None) -> int:
    """Follow the refunds that changed since the last time; how many orders changed. `renew` is called before
    each page.

    The call is assumed (contract 4): when it fails, orders go on without it, and the next poll reads on from
    the last window that was read to its end.
    """
    cursor = SyncCursor.objects.get(pk=store_id)
    # The poll has just asked: what the list shows from now on is newer than its answer.
    until = platform_present(timezone.now(), client.answered_at)
    begin = _begin(cursor.refunds_watermark, until)
    changed = 0
    try:
        while begin < until:
            end = min(begin + LONGEST_SLICE, until)
            changed += _window_follow(client, store_id, begin, end, renew)
            SyncCursor.objects.filter(pk=store_id).update(refunds_watermark=end)
            begin = end
    except (errors.KwaiError, WindowRestless) as error:
        logger.warning("Refunds of store %s were not read: %s", store_id, type(error).__name__)
    return changed


def _begin(since: datetime | None, until: datetime) -> datetime:
    # A watermark ahead of the platform was written by a wrong clock: what changed since then is unread.
    if since is None or since > until + tolerance():
        return until - LONGEST_SLICE
    return min(since, until) - timedelta(seconds=settings.KWAI_POLL_OVERLAP_SECONDS)


def _window_follow(
    client: KwaiClient, store_id: int, begin: datetime, end: datetime, renew: Callable[[], None]
) -> int:
    """Read one window to its end while its pages move; how many orders changed."""
    met: dict[str, RemoteRefund] = {}
    changed = 0

    def list_page(number: int) -> OrderPage:
        renew()
        page = client.list_refunds(time_from=begin, time_to=end, page=number)
        keyed = {f"{refund.order_id}/{refund.refund_id}": refund for refund in page.refunds}
        met.update(keyed)
        return OrderPage(total=page.total, order_ids=tuple(keyed))

    def take(keys: list[str]) -> None:
        nonlocal changed
        changed += refunds_follow(store_id, [met[key] for key in keys])

    window_read(list_page, take, largest=None)
    return changed


@transaction.atomic
def refunds_follow(store_id: int, refunds: Iterable[RemoteRefund]) -> int:
    """Store what the list says of these refunds and let their orders take it over; how many orders changed.
    A refund whose order is not here yet waits for it."""
    changes = _newest(refunds)
    if not changes:
        return 0
    external_ids = {order_id for order_id, _ in changes}
    rows = KwaiOrder.objects.filter(store_id=store_id, external_id__in=external_ids)
    # Locked as `stage` and `receive` lock them, so that none of them settles a refund from half of the rows.
    locked = rows.select_for_update(of=("self",)).order_by("pk").defer(*FORMER_FIELDS)
    by_order = {row.order_id: row for row in locked if row.order_id}
    _store(store_id, changes)
    listed = refunds_listed([store_id], external_ids)
    orders = list(Order.objects.filter(pk__in=by_order).lock_for_update())
    frozen = {order.pk for order in orders if order.frozen_reason}
    before = {order.pk: _columns(order) for order in orders}
    reported = [
        order
        for order in orders
        if refund_take(order, by_order[order.pk], listed[store_id, order.external_id])
    ]
    moved = [order for order in orders if _columns(order) != before[order.pk]]
    for order in moved:
        order.updated_at = timezone.now()
    rows_update(moved, [*COLUMNS, "updated_at"])
    order_events_append(drafts=refund_events(reported))
    channels.orders_released(order.pk for order in moved if order.pk in frozen and not order.frozen_reason)
    return len(moved)


def _newest(refunds: Iterable[RemoteRefund]) -> dict[tuple[str, str], RemoteRefund]:
    """By order and refund number, the row that changed last."""
    changes: dict[tuple[str, str], RemoteRefund] = {}
    for refund in refunds:
        key = refund.order_id, refund.refund_id
        rival = changes.get(key)
        if rival is None or not _is_older(refund, rival.updated_at):
            changes[key] = refund
    return changes


def _is_older(refund: RemoteRefund, than: datetime | None) -> bool:
    return refund.updated_at is not None and than is not None and refund.updated_at < than


def _store(store_id: int, changes: dict[tuple[str, str], RemoteRefund]) -> None:
    known = {
        (row.external_id, row.refund_id): row
        for row in KwaiRefund.objects.filter(
            store_id=store_id, external_id__in={order_id for order_id, _ in changes}
        )
        .select_for_update()
        .order_by("pk")
    }
    fresh, changed = [], []
    for (order_id, refund_id), refund in changes.items():
        row = known.get((order_id, refund_id))
        if row is None:
            row = KwaiRefund(store_id=store_id, external_id=order_id, refund_id=refund_id)
            _fill(row, refund)
            fresh.append(row)
        elif not _is_older(refund, _credible(row.reported_at)) and _fill(row, refund):
            changed.append(row)
    KwaiRefund.objects.bulk_create(fresh)
    rows_update(changed, ["status", "amount", "reason", "reported_at"])


def _credible(reported_at: datetime) -> datetime | None:
    """None for a moment that has not come yet: only a clock that was ahead wrote it."""
    return reported_at if reported_at <= timezone.now() + tolerance() else None


def _fill(row: KwaiRefund, refund: RemoteRefund) -> bool:
    """Take over one row of the list; True when it says something else than before. What it could not be read
    for stays as it was."""
    amount = row.amount if refund.amount is None else refund.amount
    reason = refund.reason[:REASON_LENGTH] or row.reason
    values = (refund.status[:20], amount, reason)
    if values == (row.status, row.amount, row.reason) and refund.updated_at in (None, row.reported_at):
        return False
    row.status, row.amount, row.reason = values
    row.reported_at = refund.updated_at or timezone.now()
    return True


def _columns(order: Order) -> list[Any]:
    return [getattr(order, name) for name in COLUMNS]
