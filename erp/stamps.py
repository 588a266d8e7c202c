"""When a row was last written, by the clock of the database, whoever writes it: what open pages ask for."""

from __future__ import annotations

import hashlib
import threading
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import connection, models
from django.db.models.functions import Cast, Now

M = TypeVar("M", bound="Stamped")


class StampsUpdate:
    """For query sets of stamped rows, before their other bases."""

    def update(self, **values: Any) -> int:
        return super().update(**{"updated_at": Now()} | values)  # type: ignore[misc, no-any-return]


class StampedQuerySet(StampsUpdate, models.QuerySet[M]):
    """The rows of a model that has no query set of its own."""


class Stamped(models.Model):
    """A row with `updated_at` (UTC). `QuerySet.update`, `save`, `save(update_fields=…)` and
    `erp.rows.rows_update` move it; its manager comes from a query set that `StampsUpdate` is a base of."""

    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        abstract = True

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **options: Any) -> None:
        if not self._state.adding:
            self.updated_at = Now()
            update_fields = update_fields if update_fields is None else {*update_fields, "updated_at"}
        super().save(*args, update_fields=update_fields, **options)


# The stamps of a group of no query sets, and of one whose query sets have no rows.
NO_ROWS = ("", "0")
# More changes than that between two looks also change the newest ones.
NEWEST = 40
KEPT_PLANS = 500

Groups: TypeAlias = Mapping[str, Sequence[models.QuerySet[Any]]]
_plans: dict[Hashable, StampsPlan] = {}
_keeping = threading.Lock()


class StampsPlan:
    """One statement over indexes for the stamps of these groups of query sets, made once and read often."""

    def __init__(self, groups: Groups) -> None:
        parts: dict[tuple[str, tuple[Any, ...]], int] = {}
        self._members = {
            name: [parts.setdefault(part, len(parts)) for rows in watched if (part := _newest(rows))]
            for name, watched in groups.items()
        }
        # SQL of Django's own, put side by side: SQLite takes no LIMIT in a part of a UNION otherwise.
        self._sql = " UNION ALL ".join(
            f"SELECT {place}, newest.* FROM ({sql}) AS newest"  # noqa: S608
            for (sql, _), place in parts.items()
        )
        self._parameters = [value for _, values in parts for value in values]

    def read(self) -> dict[str, str]:
        """For each group a short text that is another once one of its rows was added or written; one of
        `NO_ROWS` for a group without any.

        It is a digest of the newest rows and not of the last instant alone: a transaction may end after one
        that began later. Rows that a clock which was ahead has dated into the future do not count. Rows that
        are not `Stamped` only tell of new ones.
        """
        found: dict[int, list[str]] = defaultdict(list)
        if self._sql:
            with connection.cursor() as cursor:
                cursor.execute(self._sql, self._parameters)
                for place, *row in cursor.fetchall():
                    found[place].append(str(row))
        return {name: _digest([found[place] for place in own]) for name, own in self._members.items()}


def stamps_plan(key: Hashable, groups: Callable[[], Groups]) -> StampsPlan:
    """The plan kept under `key`: making it costs more than reading it. Equal keys must stand for equal
    query sets."""
    with _keeping:
        plan = _plans.pop(key, None)
    plan = plan or StampsPlan(groups())
    with _keeping:
        # The one that was longest not asked for goes first.
        _plans[key] = plan
        while len(_plans) > KEPT_PLANS:
            del _plans[next(iter(_plans))]
    return plan


def stamps_read(groups: Groups) -> dict[str, str]:
    """As `StampsPlan.read`, for groups that are asked for once."""
    return StampsPlan(groups).read()


def _newest(rows: models.QuerySet[Any]) -> tuple[str, tuple[Any, ...]] | None:
    """The statement that reads the newest of `rows`; None for rows that cannot exist."""
    # Keys of every kind stand in one column.
    key = Cast("pk", models.CharField())
    if issubclass(rows.model, Stamped):
        newest = rows.filter(updated_at__lte=Now()).order_by("-updated_at").values_list(key, "updated_at")
    else:
        newest = rows.order_by("-pk").values_list(
            key, Cast(models.Value(None), models.DateTimeField(null=True))
        )
    try:
        sql, parameters = newest[:NEWEST].query.sql_with_params()
    except EmptyResultSet:
        return None
    return sql, tuple(parameters)


def _digest(parts: Sequence[Sequence[str]]) -> str:
    if not any(parts):
        return NO_ROWS[bool(parts)]
    text = "\n\n".join("\n".join(sorted(part)) for part in parts)
    return hashlib.blake2s(text.encode(), digest_size=9).hexdigest()
