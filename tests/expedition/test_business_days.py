from datetime import date

import pytest

from expedition.business_days import business_days_after


@pytest.mark.parametrize(
    ("start", "days", "expected"),
    [
        (date(2026, 11, 23), 0, date(2026, 11, 23)),
        (date(2026, 11, 23), 1, date(2026, 11, 24)),
        (date(2026, 11, 27), 1, date(2026, 11, 30)),  # over a week-end
        (date(2026, 11, 19), 3, date(2026, 11, 25)),  # 20 November is a holiday since 2024
        (date(2026, 12, 24), 1, date(2026, 12, 28)),  # Christmas on a Friday
        (date(2026, 11, 21), 1, date(2026, 11, 23)),  # concluded on a Saturday
    ],
)
def test_business_days_after(start: date, days: int, expected: date) -> None:
    assert business_days_after(start, days) == expected
