"""Call limits in the database: GCRA per store and per (app, call), with the day's counter in the same row; a
row of (store, call) keeps what the platform closed for that call alone. One implementation for SQLite and
PostgreSQL; Redis has no part in it.

Pushes and imports share a bucket. Each has a reserve that the other may use only while its owner has not
asked for some seconds, so that neither starves and nothing is wasted.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Case, Exists, F, Q, QuerySet, Value
from django.db.models import When as Whenever
from django.db.models.expressions import Combinable
from django.db.models.functions import Greatest, Least, Now
from django.utils import timezone

from erp import clock, compiled
from erp.clock import NowMicros
from erp.outbox.models import ChannelPause, RateLimit
from erp.outbox.statuses import LONGEST_WAITS, WaitReason

SECOND = 1_000_000
DAY_SECONDS = 86_400
# Of the platform's limit we use 95 %, and let a call be at most 2 % of a second early: of 20 calls a second
# no more than 20 leave within any second, and what the network delays makes one more arrive at most.
SHARE_OF_LIMIT = 0.95
BURST_US = SECOND * 2 // 100
# A share is idle when it has not asked for so long, or for four turns of a slow bucket.
IDLE_US = 2 * SECOND
IDLE_TURNS = 4
# By so much the clock may step back without anything written just before being taken for a mistake.
STEP_US = SECOND
HELD_REASONS = (WaitReason.LIMIT, WaitReason.QUOTA, WaitReason.GRANT)


# Calls whose wait a thread of this process is writing; the others look again so often.
_closing: Counter[str] = Counter()
_counting = threading.Lock()
CLOSING_STEP = 0.005


# The platform counts what a store asks in all, beside each call by itself.
ANY_CALL = "*"


class Share(StrEnum):
    PUSH = "push"
    IMPORT = "import"

    @property
    def other(self) -> Share:
        return Share.IMPORT if self is Share.PUSH else Share.PUSH


RESERVED = {Share.PUSH: 0.3, Share.IMPORT: 0.2}


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLimits:
    """Calls a second for one store and for the whole app, and calls a day for the app."""

    store_rate: float
    app_rate: float
    daily_calls: int


@dataclass(frozen=True, slots=True)
class Go:
    """The call may start now; it is already counted."""


@dataclass(frozen=True, slots=True)
class When:
    """Not before `at`, which is `seconds` away; `reason` is LIMIT (rate, or the platform's 429), QUOTA or
    GRANT (the platform did not grant the call to the store)."""

    at: datetime
    seconds: float
    reason: WaitReason


Provider = Callable[[str, str], CallLimits | None]

_providers: list[Provider] = []


def register(provider: Provider) -> None:
    """Add a channel's `(app_key, call) -> CallLimits`, None when the app is not its own."""
    if provider not in _providers:
        _providers.append(provider)


def acquire(*, store_id: int, app_key: str, call: str, share: Share, channel: str = "") -> Go | When:
    """Count one call and answer Go, or count nothing and answer When. Never sleeps. While `channel` pauses
    (`ChannelPause`) it is When.

    Raises LookupError when no channel registered limits for `app_key`.
    """
    limits = _limits(app_key, call)
    buckets = [
        _Bucket(f"store:{store_id}", ANY_CALL, share, limits.store_rate, None, call, channel),
        _Bucket(f"app:{app_key}", call, share, limits.app_rate, limits.daily_calls),
    ]
    closed = _first_closed(buckets)
    return Go() if closed is None else closed.refusal()


def wait_turn(call: str, ask: Callable[[], Go | When], *, at_most: float = 1.0) -> Go | When:
    """What `ask`, which acquires a turn of `call`, answers in the end: waits that end within `at_most`
    seconds in all are slept through."""
    ends = time.monotonic() + at_most
    while True:
        while _closing[call]:
            time.sleep(CLOSING_STEP)
        answer = ask()
        if isinstance(answer, Go) or time.monotonic() + answer.seconds > ends:
            return answer
        time.sleep(max(answer.seconds, 0.001))


def hold(*, store_id: int, call: str, until: datetime | Combinable, reason: WaitReason) -> None:
    """Close a store's bucket because the platform said so; a later instant extends it, an earlier one not."""
    _hold(f"store:{store_id}", call, until, reason)


def _hold(scope: str, call: str, until: datetime | Combinable, reason: WaitReason) -> None:
    bucket = RateLimit.objects.filter(scope=scope, call=call)
    earlier = bucket.filter(_not_held() | Q(resume_at__lt=until))
    # The row is there for every call that was made, and others ask meanwhile: one statement closes it.
    if not earlier.update(resume_at=until, resume_reason=reason) and not bucket.exists():
        RateLimit.objects.bulk_create([RateLimit(scope=scope, call=call)], ignore_conflicts=True)
        earlier.update(resume_at=until, resume_reason=reason)


def hold_told(*, store_id: int, app_key: str, call: str, seconds: float) -> None:
    """The platform told this store to come back to `call` in so many seconds (429).

    It does not say whose limit was met. The store's own is closed; told to a second store within the wait of
    the first, it is the application's, and is closed for every store.
    """
    until = clock.after(min(timedelta(seconds=seconds), LONGEST_WAITS[WaitReason.LIMIT]))
    with _closed_meanwhile(call):
        hold(store_id=store_id, call=call, until=until, reason=WaitReason.LIMIT)
    told = buckets_held().filter(scope__startswith="store:", call=call, resume_reason=WaitReason.LIMIT)
    if told.exclude(scope=f"store:{store_id}").exists():
        _hold(f"app:{app_key}", call, until, WaitReason.LIMIT)


def app_hold(*, app_key: str, call: str, seconds: float, reason: WaitReason = WaitReason.LIMIT) -> None:
    """Close a call that no store makes in its own name (a renewal of access) for the whole app."""
    until = clock.after(min(timedelta(seconds=seconds), LONGEST_WAITS[reason]))
    _hold(f"app:{app_key}", call, until, reason)


def app_held_seconds(*, app_key: str, call: str) -> float:
    """For how long the call is closed for the whole app, 0 while it is open."""
    rows = buckets_held().filter(scope=f"app:{app_key}", call=call)
    held = rows.values_list("resume_at", Now()).first()
    return max((held[0] - held[1]).total_seconds(), 0.001) if held else 0.0


@contextmanager
def _closed_meanwhile(call: str) -> Iterator[None]:
    """No thread of this process starts `call` until the wait is written: SQLite may let the writer wait for
    many others first."""
    with _counting:
        _closing[call] += 1
    try:
        yield
    finally:
        with _counting:
            _closing[call] -= 1


def quota_close(*, app_key: str, call: str) -> None:
    """Close a call for the whole app until the platform's day starts again: its daily quota is spent."""
    scope = f"app:{app_key}"
    RateLimit.objects.bulk_create([RateLimit(scope=scope, call=call)], ignore_conflicts=True)
    bucket = RateLimit.objects.filter(scope=scope, call=call)
    now: datetime = bucket.values_list(Now(), flat=True).get()
    bucket.update(resume_at=quota_reset(now), resume_reason=WaitReason.QUOTA)


def calls_held(*, store_id: int) -> set[str]:
    """Calls the platform closed for this store for now; `ANY_CALL` for all of them."""
    buckets = buckets_held().filter(scope=f"store:{store_id}")
    return set(buckets.values_list("call", flat=True))


def buckets_held() -> QuerySet[RateLimit]:
    """The limits that the platform closed for now, over all stores, applications and calls."""
    return RateLimit.objects.exclude(_not_held())


def _not_held() -> Q:
    """Nothing keeps the bucket closed: its instant has come, or only a wrong clock can have written it."""
    free = Q(resume_at__isnull=True) | Q(resume_at__lte=Now())
    for reason in HELD_REASONS:
        free |= Q(resume_reason=reason) & clock.beyond("resume_at", LONGEST_WAITS[reason])
    return free


def quota_reset(now: datetime) -> datetime:
    """The next start of the platform's day (setting OUTBOX_DAY_STARTS_UTC_HOUR)."""
    return datetime.fromtimestamp((_day(now.timestamp()) + 1) * DAY_SECONDS + _day_offset(), tz=UTC)


def daily_calls(app_key: str, call: str) -> int:
    """How many of these calls the application may make a day; LookupError as `acquire`."""
    return _limits(app_key, call).daily_calls


def _limits(app_key: str, call: str) -> CallLimits:
    found = (provider(app_key, call) for provider in _providers)
    limits = next((one for one in found if one is not None), None)
    if limits is None:
        raise LookupError(f"No limits registered for call {call!r}")
    return limits


# Stand for the names of a bucket in a statement that is kept.
_SCOPE, _CALL, _CLOSED_BY, _CHANNEL = "<scope>", "<call>", "<closed by>", "<channel>"


class _Closed(Exception):
    pass


def _first_closed(buckets: list[_Bucket]) -> _Bucket | None:
    """Pass all buckets or none. Stores come before apps everywhere, so that two callers cannot wait for each
    other."""
    refused: _Bucket | None = None
    try:
        with transaction.atomic():
            for bucket in buckets:
                if not bucket.passed():
                    refused = bucket
                    raise _Closed
    except _Closed:
        return refused
    return None


@dataclass(frozen=True, slots=True)
class _Bucket:
    """`closed_by`: a call whose own row, of the same scope, closes the bucket too while it is held;
    `channel`: one whose pause does."""

    scope: str
    call: str
    share: Share
    rate: float
    daily: int | None
    closed_by: str = ""
    channel: str = ""

    def passed(self) -> bool:
        if self._update():
            return True
        if self._rows().exists():
            return False
        created = RateLimit.objects.bulk_create(
            [RateLimit(scope=self.scope, call=self.call)], ignore_conflicts=True
        )
        return bool(created) and self._update()

    def refusal(self) -> When:
        """Note that this share is asking, and say when it may come back."""
        own = self._rows()
        own.update(**{f"{self.share}_asked_us": NowMicros()})
        both = RateLimit.objects.filter(scope=self.scope, call__in=(self.call, self.closed_by))
        waits = [self._when(row, row.now_us, row.now) for row in both.annotate(now_us=NowMicros(), now=Now())]
        # Of a bucket that nobody has used there is no row; then the channel's pause is all that closes it.
        return max(waits, key=lambda when: when.seconds, default=self._paused())

    def _paused(self) -> When:
        return When(timezone.now(), 0.001, WaitReason.LIMIT)

    def _rows(self) -> Any:
        return RateLimit.objects.filter(scope=self.scope, call=self.call)

    @property
    def _spacing(self) -> int:
        return round(SECOND / (SHARE_OF_LIMIT * self.rate))

    @property
    def _share_spacing(self) -> int:
        return round(self._spacing / (1 - RESERVED[self.share.other]))

    @property
    def _share_burst(self) -> int:
        """One turn more than the bucket's own: a share is asked at the bucket's turns, which seldom fall on
        the share's. The bucket itself still keeps the limit."""
        return BURST_US + self._spacing

    @property
    def _idle(self) -> int:
        return max(IDLE_US, IDLE_TURNS * self._spacing)

    def _update(self) -> bool:
        names = (bool(self.closed_by), bool(self.channel))
        key = ("limits", self.share, self.rate, self.daily, *names, _day_offset())
        sql, parameters = compiled.kept(key, self._statement)
        given = {_SCOPE: self.scope, _CALL: self.call, _CLOSED_BY: self.closed_by, _CHANNEL: self.channel}
        with connection.cursor() as cursor:
            cursor.execute(sql, compiled.filled(parameters, given))
            return bool(cursor.rowcount)

    def _statement(self) -> compiled.Statement:
        """The UPDATE of a bucket like this one, with placeholders for its names."""
        rows = RateLimit.objects.filter(
            self._in_time(), self._within_day(), _not_held(), scope=_SCOPE, call=_CALL
        )
        if self.closed_by:
            shut = buckets_held().filter(scope=_SCOPE, call=_CLOSED_BY)
            rows = rows.filter(~Exists(shut))
        if self.channel:
            rows = rows.filter(~Exists(ChannelPause.objects.filter(channel=_CHANNEL)))
        return compiled.update_of(rows, self._arrivals() | self._counters())

    def _in_time(self) -> Q:
        own, other = f"{self.share}_arrival_us", f"{self.share.other}_asked_us"
        in_turn = Q(arrival_us__lte=_micros(BURST_US)) | self._void("arrival_us", self._longest)
        in_share = Q(**{f"{own}__lte": _micros(self._share_burst)}) | self._void(own, self._share_longest)
        other_idle = Q(**{f"{other}__lt": _micros(-self._idle)}) | self._void(other, 0)
        return in_turn & (in_share | other_idle)

    @property
    def _longest(self) -> int:
        """Microseconds the bucket's next turn is ever ahead of now."""
        return BURST_US + self._spacing

    @property
    def _share_longest(self) -> int:
        return self._share_burst + self._share_spacing

    def _void(self, column: str, longest: int) -> Q:
        """Farther ahead than it can be: written by a clock that was ahead (`clock.reached`)."""
        return Q(**{f"{column}__gt": _micros(longest + STEP_US)})

    def _within_day(self) -> Q:
        if self.daily is None:
            return Q()
        own = Q(used__lt=self.daily, **{f"{self.share}_used__lt": self._own_daily})
        # Any other day is over, one that a wrong clock counted ahead of today included.
        return ~Q(day=today()) | own

    @property
    def _own_daily(self) -> int:
        return int((self.daily or 0) * (1 - RESERVED[self.share.other]))

    def _arrivals(self) -> dict[str, Combinable]:
        own = f"{self.share}_arrival_us"
        next_own = Greatest(F(own), NowMicros()) + Value(self._share_spacing)
        # Never later than the longest: calls beyond the own share (the other was idle) must not be paid back
        # for minutes, nor what a wrong clock wrote.
        return {
            "arrival_us": Least(
                Greatest(F("arrival_us"), NowMicros()) + Value(self._spacing), _micros(self._longest)
            ),
            own: Least(next_own, _micros(self._share_longest)),
            f"{self.share}_asked_us": NowMicros(),
        }

    def _counters(self) -> dict[str, Combinable]:
        same_day = Q(day=today())
        return {
            "day": today(),
            "used": Case(Whenever(same_day, then=F("used") + 1), default=Value(1)),
            f"{self.share}_used": Case(
                Whenever(same_day, then=F(f"{self.share}_used") + 1), default=Value(1)
            ),
            f"{self.share.other}_used": Case(
                Whenever(same_day, then=F(f"{self.share.other}_used")), default=Value(0)
            ),
        }

    def _when(self, bucket: RateLimit, now_us: int, now: datetime) -> When:
        waits = [(self._rate_wait(bucket, now_us), WaitReason.LIMIT)]
        if bucket.resume_at is not None:
            reason = WaitReason(bucket.resume_reason)
            held = bucket.resume_at - now
            waits.append(
                (held.total_seconds() if held <= LONGEST_WAITS[reason] + clock.STEP else 0.0, reason)
            )
        if self._day_spent(bucket, now_us):
            waits.append(((quota_reset(now) - now).total_seconds(), WaitReason.QUOTA))
        seconds, reason = max(waits)
        seconds = max(seconds, 0.001)
        return When(now + timedelta(seconds=seconds), seconds, reason)

    def _rate_wait(self, bucket: RateLimit, now_us: int) -> float:
        ahead = _ahead(bucket.arrival_us, now_us, self._longest) - BURST_US
        asked = getattr(bucket, f"{self.share.other}_asked_us") - now_us
        if -self._idle <= asked <= STEP_US:
            own = getattr(bucket, f"{self.share}_arrival_us")
            ahead = max(ahead, _ahead(own, now_us, self._share_longest) - self._share_burst)
        return ahead / SECOND

    def _day_spent(self, bucket: RateLimit, now_us: int) -> bool:
        if self.daily is None or bucket.day != _day(now_us / SECOND):
            return False
        return bucket.used >= self.daily or getattr(bucket, f"{self.share}_used") >= self._own_daily


def _ahead(instant_us: int, now_us: int, longest: int) -> int:
    """Microseconds until `instant_us`, 0 for one that only a wrong clock can have written."""
    ahead = instant_us - now_us
    return ahead if ahead <= longest + STEP_US else 0


def _micros(ahead: int) -> Combinable:
    """The instant `ahead` microseconds from now."""
    return NowMicros() + Value(ahead)


def _day_offset() -> int:
    return int(settings.OUTBOX_DAY_STARTS_UTC_HOUR) * 3600


def _day(timestamp: float) -> int:
    return int((timestamp - _day_offset()) // DAY_SECONDS)


def today() -> Combinable:
    """The number of the platform's day (`RateLimit.day`)."""
    return (NowMicros() - Value(_day_offset() * SECOND)) / Value(DAY_SECONDS * SECOND)
