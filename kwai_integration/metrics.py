"""What the integration tells a monitoring system."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db.models import Count
from django.db.models.functions import Now

from erp.accounts.models import StoreLifecycle
from erp.metrics import Figure
from kwai_integration.models import ConnectionHealth, KwaiAccount, KwaiOrder, KwaiOrderState, SyncCursor

HOUR = timedelta(hours=1)
WAITING = (KwaiOrderState.STAGED, KwaiOrderState.UNLINKED, KwaiOrderState.QUARANTINED)


def figures() -> Iterator[Figure]:
    connected = KwaiAccount.objects.filter(store__lifecycle=StoreLifecycle.ACTIVE)
    yield Figure(
        "kwai_store_connected",
        "1 while the store's authorisation holds",
        ["store"],
        [
            ([str(store)], float(health == ConnectionHealth.OK))
            for store, health in connected.values_list("pk", "health")
        ],
    )
    cursors = SyncCursor.objects.filter(store__lifecycle=StoreLifecycle.ACTIVE)
    yield Figure(
        "kwai_import_lag_seconds",
        "Since when the store's changes at Kwai have not been read",
        ["store"],
        [
            ([str(store)], max((now - watermark).total_seconds(), 0.0))
            for store, watermark, now in cursors.values_list("store_id", "watermark", Now())
        ],
    )
    waiting = KwaiOrder.objects.filter(state__in=WAITING).values("store_id", "state").order_by()
    yield Figure(
        "kwai_orders_waiting",
        "Orders that came and are not received, by why",
        ["store", "state"],
        [
            ([str(store), str(state)], count)
            for store, state, count in waiting.annotate(count=Count("pk")).values_list(
                "store_id", "state", "count"
            )
        ],
    )
    recent = KwaiOrder.objects.filter(updated_at__gte=Now() - HOUR)
    yield Figure(
        "kwai_orders_written_last_hour",
        "Orders that came or changed within the last hour",
        [],
        [([], recent.count())],
    )
    yield Figure(
        "kwai_quota_calls", "Calls a day that Kwai allows each call", [], [([], settings.KWAI_DAILY_CALLS)]
    )
