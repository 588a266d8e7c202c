"""What a page tells of the queues as a whole: why pushes stopped, what each store waits for, what was sent.

Every statement costs the same in a table of any size: it counts so far and no further, or reads one index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import (
    Case,
    Count,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
    Window,
)
from django.db.models.functions import Now, RowNumber
from django.utils import timezone

from erp.accounts.models import Store
from erp.brazil.money import thousands
from erp.outbox import handlers, limits
from erp.outbox.models import PushJob, RateLimit
from erp.outbox.statuses import JobState, WaitReason
from erp.search.lookups import IsAmong, RowsCounted

# More than so many blocked pushes are not sorted by cause, nor so many causes shown.
MOST_BLOCKED = 10_001
MOST_CAUSES = 12
# More waiting pushes than that are "1000+".
MOST_DEPTH = 1000
# The newest pushes that the chart is made of.
MOST_DRAWN = 20_000
HOURS = 24
ALARM_PERCENT = 80
CAUSE = ("kind", "failure_mode", "cause")
READ_OF_CAUSE = ("store_id", "subject", *CAUSE, "last_error", "payload", "requested_at")


def blocked_causes(rows: QuerySet[PushJob]) -> list[Any]:
    """For each cause among the blocked pushes of `rows` the one asked for last, with `alike`, how many there
    are; the most frequent first. One statement, over the newest MOST_BLOCKED."""
    newest = rows.filter(state=JobState.BLOCKED).order_by("-requested_at", "-pk")
    among = PushJob.objects.filter(IsAmong(F("pk"), Subquery(newest.values("pk")[:MOST_BLOCKED])))
    same = [F(name) for name in CAUSE]
    ranked = among.annotate(
        alike=Window(Count("pk"), partition_by=same),
        place=Window(RowNumber(), partition_by=same, order_by=[F("requested_at").desc(), F("pk").desc()]),
    )
    return list(ranked.filter(place=1).only(*READ_OF_CAUSE).order_by("-alike", *CAUSE)[:MOST_CAUSES])


def stores_with_queues(stores: QuerySet[Store]) -> list[Any]:
    """These stores with their `push_queue`, `depth`, the pushes that wait (MOST_DEPTH + 1 for more), and
    `oldest`, when the one that waits longest was asked for; one statement."""
    waits = PushJob.objects.filter(store=OuterRef("pk"), state=JobState.PENDING)
    return list(
        stores.select_related("push_queue").annotate(
            depth=RowsCounted(waits.order_by().values("pk")[: MOST_DEPTH + 1]),
            # Rows are numbered as they are asked for: the first one is an index's first.
            oldest=Subquery(waits.order_by("pk").values("requested_at")[:1]),
        )
    )


@dataclass(frozen=True, slots=True)
class CallUsage:
    """How much of a day's calls one call of an application has used; `resume_at` while it is spent."""

    call: str
    used: int
    daily: int
    resume_at: datetime | None

    @property
    def label(self) -> str:
        return handlers.call_label(self.call)

    @property
    def text(self) -> str:
        """`1.200 de 1.000.000`."""
        return f"{thousands(self.used)} de {thousands(self.daily)}"

    @property
    def daily_alarm(self) -> int:
        """From here on the quota is nearly spent."""
        return self.daily * ALARM_PERCENT // 100

    @property
    def percent(self) -> int:
        return min(100, self.used * 100 // self.daily) if self.daily else 0


def calls_used(*, app_key: str) -> list[CallUsage]:
    """The calls an application made on the platform's present day, the most used first; one statement."""
    rows = RateLimit.objects.filter(scope=f"app:{app_key}", day=limits.today())
    held = Q(resume_reason=WaitReason.QUOTA, resume_at__gt=Now())
    spent = Case(When(held, then=F("resume_at")), default=Value(None))
    found = rows.filter(used__gt=0).annotate(spent_until=spent).order_by("-used", "call")
    return [
        CallUsage(call, used, limits.daily_calls(app_key, call), until)
        for call, used, until in found.values_list("call", "used", "spent_until")
    ]


@dataclass(frozen=True, slots=True)
class HourOfPushes:
    """The pushes whose last change fell into one hour: sent, waiting and stopped since."""

    begins: datetime
    sent: int = 0
    waiting: int = 0
    failed: int = 0

    @property
    def text(self) -> str:
        begins = timezone.localtime(self.begins)
        parts = f"{self.sent} enviados, {self.waiting} na fila, {self.failed} parados"
        return f"{begins:%H:%M} a {begins + timedelta(hours=1):%H:%M}: {parts}"


@dataclass(frozen=True, slots=True)
class RecentPushes:
    """The last HOURS hours, the oldest first, and per store id what was sent in the last one."""

    hours: Sequence[HourOfPushes]
    sent_by_store: dict[int, int]


OF_STATE = {
    JobState.DONE: "sent",
    JobState.PENDING: "waiting",
    JobState.CLAIMED: "waiting",
    JobState.BLOCKED: "failed",
}


def recent_pushes(rows: QuerySet[PushJob], *, now: datetime) -> RecentPushes:
    """What became of the pushes of `rows` that changed last, in hours that end `now`; one statement over the
    newest MOST_DRAWN."""
    hour = timedelta(hours=1)
    newest = rows.filter(updated_at__gt=now - HOURS * hour).order_by("-updated_at")
    among = PushJob.objects.filter(
        IsAmong(F("pk"), Subquery(newest.values("pk")[:MOST_DRAWN])), state__in=list(OF_STATE)
    )
    # Hours ago, by comparing instants alone: both databases then agree whatever their time zone.
    ages = [When(updated_at__gt=now - (ago + 1) * hour, then=Value(ago)) for ago in range(HOURS)]
    aged = among.annotate(ago=Case(*ages, default=Value(HOURS - 1), output_field=IntegerField()))
    counted = aged.values_list("store_id", "ago", "state").annotate(count=Count("pk")).order_by()
    hours = [dict.fromkeys(OF_STATE.values(), 0) for _ in range(HOURS)]
    sent: dict[int, int] = {}
    for store_id, ago, state, count in counted:
        hours[ago][OF_STATE[JobState(state)]] += count
        if ago == 0 and state == JobState.DONE:
            sent[store_id] = count
    shown = [HourOfPushes(now - (ago + 1) * hour, **hours[ago]) for ago in reversed(range(HOURS))]
    return RecentPushes(shown, sent)
