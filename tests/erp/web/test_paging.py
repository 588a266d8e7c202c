"""Positions of histories come back from the address bar: whatever is in them, a page answers."""

from __future__ import annotations

import pytest

from erp.accounts.models import AuditEntry, Company
from erp.web.paging import older_page

pytestmark = pytest.mark.django_db


@pytest.fixture
def entries(company: Company) -> list[AuditEntry]:
    return [
        AuditEntry.objects.create(company=company, action="test", subject=str(number), text="-")
        for number in range(5)
    ]


def test_pages_together_show_every_row_once(entries: list[AuditEntry]) -> None:
    first, position = older_page(AuditEntry.objects.all(), None, 3)
    second, end = older_page(AuditEntry.objects.all(), position, 3)
    assert [row.pk for row in (*first, *second)] == [row.pk for row in reversed(entries)]
    assert end == ""


@pytest.mark.parametrize(
    "position",
    [
        "",
        "~",
        "ontem~1",
        "2026-01-01T00:00:00~1",
        "2026-02-30T00:00:00+00:00~1",
        "0001-01-01T00:00:00+23:59~1",
        "9999-12-31T23:59:59-23:59~1",
        "2026-01-01T00:00:00+00:00~99999999999999999999",
        "2026-01-01T00:00:00+00:00~²",
        "\x00~\x00",
    ],
)
def test_an_unreadable_position_starts_from_the_newest(entries: list[AuditEntry], position: str) -> None:
    shown, _ = older_page(AuditEntry.objects.all(), position, 3)
    assert [row.pk for row in shown] == [row.pk for row in reversed(entries[2:])]


def test_a_far_offset_is_the_same_instant(entries: list[AuditEntry]) -> None:
    """PostgreSQL itself knows no offset of 23:59."""
    shown, _ = older_page(AuditEntry.objects.all(), "2000-01-01T00:00:00+23:59~1", 3)
    assert shown == []
