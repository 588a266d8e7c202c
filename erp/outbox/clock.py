"""The database's clock. Leases, waits and limits compare with it alone, because the clocks of several
workers differ (design 3.2)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import BigIntegerField, DateTimeField, DurationField, ExpressionWrapper, Func, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Now


class NowMicros(Func):
    """Microseconds since 1970 UTC as an integer; SQLite counts in steps of a millisecond."""

    arity = 0
    output_field = BigIntegerField()

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        template = "(EXTRACT(EPOCH FROM STATEMENT_TIMESTAMP()) * 1000000)::bigint"
        return self.as_sql(compiler, connection, template=template, **extra)

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        template = "(CAST(ROUND((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) * 1000)"
        return self.as_sql(compiler, connection, template=template, **extra)


def after(delay: timedelta) -> Combinable:
    """The instant `delay` from now, as an expression."""
    return ExpressionWrapper(Now() + Value(delay, output_field=DurationField()), output_field=DateTimeField())


class _Drawn(Func):
    """A duration between nothing and `spread`, drawn by the database for each row."""

    arity = 0
    output_field = DurationField()

    def __init__(self, spread: timedelta) -> None:
        super().__init__()
        self.micros = round(spread.total_seconds() * 1_000_000)

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        template = f"(RANDOM() * INTERVAL '{self.micros} microseconds')"
        return self.as_sql(compiler, connection, template=template, **extra)

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template=f"CAST(RAND() * {self.micros} AS INTEGER)", **extra)


def within(spread: timedelta) -> Combinable:
    """An instant between now and now + `spread`, drawn anew for each row."""
    return ExpressionWrapper(Now() + _Drawn(spread), output_field=DateTimeField())
