"""Histories by "before this one": steady while new entries arrive."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet
from django.utils.dateparse import parse_datetime

from erp.web.requests import id_of

M = TypeVar("M", bound=Model)


def older_page(rows: QuerySet[M], before: str | None, size: int) -> tuple[list[M], str]:
    """The newest `size` rows by (`at`, `pk`) that lie before the position `before`, and the position
    to ask next, empty at the end. An unreadable position starts from the newest."""
    found = list(rows.filter(_before(before)).order_by("-at", "-pk")[: size + 1])
    shown = found[:size]
    last: Any = shown[-1] if len(found) > size else None
    return shown, f"{last.at.isoformat()}~{last.pk}" if last else ""


def _before(position: str | None) -> Q:
    at_text, _, pk_text = (position or "").partition("~")
    at, pk = _moment(at_text), id_of(pk_text)
    return Q() if at is None or pk is None else Q(at__lt=at) | Q(at=at, pk__lt=pk)


def _moment(text: str) -> datetime | None:
    """In UTC: PostgreSQL refuses offsets over 16 hours and what they move out of the calendar."""
    try:
        at = parse_datetime(text)
        return at.astimezone(UTC) if at is not None and at.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
