"""What callers did since the start or the last reset: counts, rates, writes in flight."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kwai_sandbox.clock import DAY, SECOND, now_ms

LAST_CALLS = 2000
# A call may already have been on its way when the wait was told.
GRACE_MS = 100
Scope = tuple[str | None, str | None]


@dataclass(frozen=True)
class SeenCall:
    """One call as the seller centre shows it. `result` is the code, or the name of a fault without one;
    `message` is what the platform said when it was not 200; `early` marks a call within a wait that it had
    been told (`retryAfter`). Times in ms."""

    time: int
    path: str
    merchant_id: str
    result: str
    fault: str | None
    milliseconds: int
    text: str
    order_id: str
    message: str
    early: bool = False


@dataclass(frozen=True)
class Arrival:
    """A call that came in: the last second's calls of its path and of its store, and today's of all."""

    of_path: int
    of_store: int
    today: int
    early: bool


class Rate:
    """Largest number of events in any second, whatever its beginning."""

    def __init__(self) -> None:
        self.largest = 0
        self._recent: deque[int] = deque()

    def add(self, at: int) -> int:
        """Count one event and return how many the last second holds."""
        self._recent.append(at)
        while self._recent[0] <= at - SECOND:
            self._recent.popleft()
        self.largest = max(self.largest, len(self._recent))
        return len(self._recent)


class Stats:
    """Counters in memory; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Begin again from zero."""
        with self._lock:
            self._results: dict[str, Counter[str]] = defaultdict(Counter)
            self._path_rates: dict[str, Rate] = defaultdict(Rate)
            self._store_rates: dict[str, Rate] = defaultdict(Rate)
            self._store_path_rates: dict[tuple[str, str], Rate] = defaultdict(Rate)
            self._all = Rate()
            self._today = (0, 0)
            self._waits: dict[Scope, tuple[int, int]] = {}
            self._early: Counter[str] = Counter()
            self._in_flight: Counter[tuple[str, str]] = Counter()
            self._in_flight_max: Counter[str] = Counter()
            self.last_calls: deque[SeenCall] = deque(maxlen=LAST_CALLS)

    def arrived(self, path: str, merchant_id: str) -> Arrival:
        """Count a call, also as one that came too early."""
        at = now_ms()
        with self._lock:
            day, calls = self._today
            self._today = (at // DAY, calls + 1 if day == at // DAY else 1)
            self._all.add(at)
            self._store_path_rates[merchant_id, path].add(at)
            early = any(
                begin < at < end
                for scope in ((merchant_id, path), (merchant_id, None), (None, path))
                for begin, end in [self._waits.get(scope, (0, 0))]
            )
            self._early[path] += early
            of_store = self._store_rates[merchant_id].add(at)
            return Arrival(self._path_rates[path].add(at), of_store, self._today[1], early)

    def wait_told(self, scope: Scope, seconds: int) -> None:
        """A caller was told to come back in `seconds`. Scope: merchant and path, None for any."""
        at = now_ms()
        with self._lock:
            begin, end = self._waits.get(scope, (0, 0))
            # Told again within a wait: it began with the first telling.
            begin = begin if at < end else at + GRACE_MS
            self._waits[scope] = (begin, max(end, at + seconds * SECOND))

    def answered(self, seen: SeenCall) -> None:
        """Count an answer."""
        with self._lock:
            self._results[seen.path][seen.result] += 1
            self.last_calls.append(seen)

    def calls_since(self, moment: int) -> list[SeenCall]:
        """The remembered calls that began at `moment` (ms) or later, oldest first."""
        with self._lock:
            return [seen for seen in self.last_calls if seen.time >= moment]

    @contextmanager
    def writing(self, call: str, subject: str) -> Iterator[None]:
        """Hold one write of a subject as in flight."""
        key = (call, subject)
        with self._lock:
            self._in_flight[key] += 1
            self._in_flight_max[call] = max(self._in_flight_max[call], self._in_flight[key])
        try:
            yield
        finally:
            with self._lock:
                self._in_flight[key] -= 1
                if not self._in_flight[key]:
                    del self._in_flight[key]

    def as_json(self) -> dict[str, Any]:
        """The answer of `GET /_sandbox/stats`."""
        with self._lock:
            return {
                "total": sum(sum(results.values()) for results in self._results.values()),
                "maxPerSecond": self._all.largest,
                "paths": {path: self._path(path) for path in sorted(self._path_rates)},
                "merchants": {key: self._merchant(key) for key in sorted(self._store_rates)},
                "inFlightMaxPerSubject": dict(self._in_flight_max),
                "early_calls": {"total": self._early.total(), "paths": dict(+self._early)},
            }

    def _path(self, path: str) -> dict[str, Any]:
        results = self._results[path]
        return {
            "total": sum(results.values()),
            "results": dict(results),
            "maxPerSecond": self._path_rates[path].largest,
        }

    def _merchant(self, merchant_id: str) -> dict[str, Any]:
        paths = {
            path: rate.largest for (key, path), rate in self._store_path_rates.items() if key == merchant_id
        }
        return {"maxPerSecond": self._store_rates[merchant_id].largest, "paths": paths}
