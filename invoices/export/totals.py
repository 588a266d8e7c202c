"""Totals of each month of a year, and the drawing of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from django.db.models import Count, Max, Min, Q, Sum
from django.db.models.functions import TruncMonth
from django.utils import timezone

from erp.accounts.models import User
from invoices.export.period import period_invoices
from invoices.models import ISSUED, Invoice, InvoiceStatus

CHART_WIDTH: Final = 720
CHART_HEIGHT: Final = 160
GAP: Final = 12


@dataclass(frozen=True, slots=True)
class MonthTotal:
    """Centavos; `size` is the bytes of the files."""

    month: date
    count: int = 0
    total: int = 0
    cancelled: int = 0
    cancelled_total: int = 0
    size: int = 0

    @property
    def last_day(self) -> date:
        following = date(self.month.year + self.month.month // 12, self.month.month % 12 + 1, 1)
        return date.fromordinal(following.toordinal() - 1)

    @property
    def is_empty(self) -> bool:
        return not self.count and not self.cancelled


@dataclass(frozen=True, slots=True)
class Bar:
    """One month of the chart, in units of its drawing; `centre` is where its name stands."""

    month: MonthTotal
    x: int
    y: int
    width: int
    height: int
    centre: int


def month_totals(*, user: User, year: int, environment: str) -> list[MonthTotal]:
    """Twelve months, in one query. Replaced notes count as what they are: authorised until cancelled."""
    rows = period_invoices(user, environment, date(year, 1, 1), date(year, 12, 31))
    issued, cancelled = Q(status__in=ISSUED), Q(status=InvoiceStatus.CANCELLED)
    found = (
        rows.annotate(month=TruncMonth("issued_at", tzinfo=timezone.get_current_timezone()))
        .values("month")
        .order_by("month")
        .annotate(
            issued_count=Count("pk", filter=issued),
            issued_total=Sum("total", filter=issued, default=0),
            cancelled_count=Count("pk", filter=cancelled),
            cancelled_total=Sum("total", filter=cancelled, default=0),
            bytes=Sum("document__size", default=0),
        )
    )
    months = {
        row["month"].month: MonthTotal(
            date(year, row["month"].month, 1),
            row["issued_count"],
            row["issued_total"],
            row["cancelled_count"],
            row["cancelled_total"],
            row["bytes"],
        )
        for row in found
    }
    return [months.get(month) or MonthTotal(date(year, month, 1)) for month in range(1, 13)]


def years_with_invoices(*, user: User) -> list[int]:
    """From the year of the newest note (or this one) back to that of the oldest."""
    ends = Invoice.objects.visible_to(user).aggregate(oldest=Min("issued_at"), newest=Max("issued_at"))
    this = timezone.localdate().year
    oldest = timezone.localtime(ends["oldest"]).year if ends["oldest"] else this
    newest = timezone.localtime(ends["newest"]).year if ends["newest"] else this
    return list(range(max(newest, this), min(oldest, this) - 1, -1))


def bars(months: Sequence[MonthTotal]) -> list[Bar]:
    """The chart's bars; a month with anything at all is at least two units high."""
    largest = max((month.total for month in months), default=0)
    step = CHART_WIDTH // max(len(months), 1)
    drawn = []
    for index, month in enumerate(months):
        height = max(round(CHART_HEIGHT * month.total / largest), 2) if month.total else 0
        x = index * step + GAP // 2
        drawn.append(Bar(month, x, CHART_HEIGHT - height, step - GAP, height, x + (step - GAP) // 2))
    return drawn
