"""The database's clock. Leases, waits and limits compare with it alone, because the clocks of several
workers differ."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import BigIntegerField, DateTimeField, DurationField, ExpressionWrapper, Func, Q, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Now

# A clock may step back by so much without anything written just before being taken for a mistake.
STEP = timedelta(minutes=1)


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


def reached(column: str, longest: timedelta) -> Q:
    """True once the instant in `column` has come, also when it is empty.

    `longest` is the longest wait this column is ever given: an instant farther off was written by a clock
    that was ahead, and whatever waits for it would wait until that clock's time comes. It counts as come.
    """
    return Q(**{f"{column}__isnull": True}) | Q(**{f"{column}__lte": Now()}) | beyond(column, longest)


def ahead(column: str, longest: timedelta) -> Q:
    """The opposite of `reached`."""
    return Q(**{f"{column}__gt": Now(), f"{column}__lte": after(longest + STEP)})


def beyond(column: str, longest: timedelta) -> Q:
    """The instant lies farther off than `longest`, so that only a wrong clock can have written it."""
    return Q(**{f"{column}__gt": after(longest + STEP)})


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
