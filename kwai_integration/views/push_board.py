"""What *Envios ao Kwai* says above its list: each store's queue, the day's quota, the last hours as bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from erp.accounts.models import Store, StoreLifecycle, User
from erp.outbox.models import PushJob, StoreQueue
from erp.outbox.overview import (
    ALARM_PERCENT,
    MOST_DEPTH,
    CallUsage,
    HourOfPushes,
    calls_used,
    recent_pushes,
    stores_with_queues,
)
from erp.outbox.statuses import BreakerState
from kwai_integration.connection_trouble import own_stores
from kwai_integration.models import ConnectionHealth
from kwai_integration.models.account import ConnectionLabel
from kwai_integration.outbound.kinds import Kind

# Whoever reloads sees what was true so long ago: the statements behind it look at many rows.
KEPT_SECONDS = 15
CHART_HEIGHT, BAR_WIDTH, BAR_STEP = 64, 16, 20


@dataclass(frozen=True, slots=True)
class StoreLine:
    """How the pushes of one store stand. `oldest` is when the one that waits longest was asked for."""

    store: Store
    health: ConnectionLabel
    depth: str
    oldest: datetime | None
    sent: int
    breaker: BreakerState
    tested_at: datetime | None
    is_well: bool


@dataclass(frozen=True, slots=True)
class ChartPart:
    """One stretch of a bar: sent, waiting or failed."""

    css: str
    y: int
    height: int


@dataclass(frozen=True, slots=True)
class ChartBar:
    """One hour; `x`, `y` and heights are units of the drawing."""

    hour: HourOfPushes
    x: int
    parts: Sequence[ChartPart]


@dataclass(frozen=True, slots=True)
class PushBoard:
    stores: Sequence[StoreLine]
    calls: Sequence[CallUsage]
    bars: Sequence[ChartBar]
    waiting: str
    sent: int

    @property
    def is_well(self) -> bool:
        """Nothing here asks to be read: it is folded."""
        return all(line.is_well for line in self.stores) and not self.is_quota_low

    @property
    def is_quota_low(self) -> bool:
        return any(each.percent >= ALARM_PERCENT or each.resume_at for each in self.calls)

    @property
    def width(self) -> int:
        return BAR_STEP * len(self.bars)

    @property
    def height(self) -> int:
        return CHART_HEIGHT


def push_board(user: User) -> PushBoard:
    """Three statements, at most once in KEPT_SECONDS for each person."""
    key = f"kwai:push_board:{user.pk}:{user.role}"
    found = cache.get(key)
    if found is None:
        found = _read(user)
        cache.set(key, found, KEPT_SECONDS)
    return cast(PushBoard, found)


def _read(user: User) -> PushBoard:
    now = timezone.now()
    pushes = PushJob.objects.visible_to(user).filter(kind__in=list(Kind))
    recent = recent_pushes(pushes, now=now)
    own = own_stores(user).exclude(lifecycle=StoreLifecycle.DRAFT).select_related("kwai_account")
    rows = stores_with_queues(own.order_by("name"))
    waiting = sum(row.depth for row in rows)
    return PushBoard(
        stores=[_line(row, recent.sent_by_store.get(row.pk, 0)) for row in rows],
        calls=calls_used(app_key=settings.KWAI_APP_KEY),
        bars=_bars(recent.hours),
        waiting=f"{waiting}+" if any(row.depth > MOST_DEPTH for row in rows) else str(waiting),
        sent=sum(recent.sent_by_store.values()),
    )


def _line(store: Store, sent: int) -> StoreLine:
    queue: StoreQueue | None = getattr(store, "push_queue", None)
    breaker = BreakerState(queue.breaker_state) if queue else BreakerState.CLOSED
    depth: int = store.depth  # type: ignore[attr-defined]
    oldest: datetime | None = store.oldest  # type: ignore[attr-defined]
    health = ConnectionHealth(store.kwai_account.health)
    return StoreLine(
        store=store,
        health=store.kwai_account.connection,
        depth=f"{MOST_DEPTH}+" if depth > MOST_DEPTH else str(depth),
        oldest=oldest,
        sent=sent,
        breaker=breaker,
        tested_at=queue.reopen_at if queue and breaker is BreakerState.OPEN else None,
        is_well=health is ConnectionHealth.OK and breaker is BreakerState.CLOSED,
    )


def _bars(hours: Sequence[HourOfPushes]) -> list[ChartBar]:
    tallest = max((hour.sent + hour.waiting + hour.failed for hour in hours), default=0)
    return [
        ChartBar(hour, place * BAR_STEP + (BAR_STEP - BAR_WIDTH) // 2, _parts(hour, tallest))
        for place, hour in enumerate(hours)
    ]


def _parts(hour: HourOfPushes, tallest: int) -> list[ChartPart]:
    """One above the other, each at least one unit high: a single failure among thousands is to be seen."""
    found, y = [], CHART_HEIGHT
    for css, count in (("sent", hour.sent), ("waiting", hour.waiting), ("failed", hour.failed)):
        if count:
            height = max(1, count * (CHART_HEIGHT - 3) // tallest)
            y -= height
            found.append(ChartPart(css, y, height))
    return found
