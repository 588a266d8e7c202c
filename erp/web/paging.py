"""Keyset paging: histories by "before this one", steady while new ones arrive, and very long lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True)
class KeysetPage:
    """Where in a list paged by key we are; `after` and `before` lead to its neighbours, if any."""

    total: int
    shown_rows: int
    before: int | None = None
    after: int | None = None


def keyset_page(
    rows: QuerySet[M], column: str, total: int, size: int, asked: Mapping[str, str]
) -> tuple[KeysetPage, list[M]]:
    """The page that `?after=` or `?before=` asks for, else the first; ascending by the number in `column`."""
    after, before = id_of(asked.get("after")), id_of(asked.get("before"))
    backwards = before is not None
    if before is not None:
        near = rows.filter(**{f"{column}__lt": before}).order_by(f"-{column}")
    else:
        near = rows.filter(**{f"{column}__gt": -1 if after is None else after}).order_by(column)
    found = list(near[: size + 1])
    shown = found[:size][::-1] if backwards else found[:size]
    has_more = len(found) > size
    if not shown:
        return KeysetPage(total, 0), shown
    first, last = getattr(shown[0], column), getattr(shown[-1], column)
    earlier = has_more if backwards else after is not None
    later = True if backwards else has_more
    return KeysetPage(total, len(shown), first if earlier else None, last if later else None), shown


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
