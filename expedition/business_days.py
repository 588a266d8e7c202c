"""The calendar: business days of Brazil, without weekends and national holidays.

The only place that knows them. What waits or is promised in business days asks here.
"""

from __future__ import annotations

from datetime import date
from functools import cache

from holidays import HolidayBase, country_holidays


@cache
def _calendar() -> HolidayBase:
    return country_holidays("BR")


def business_days_after(start: date, days: int) -> date:
    """The `days`-th business day after `start`, which itself is not counted; 0 answers `start`."""
    return _calendar().get_nth_working_day(start, days) if days else start
