"""Workers that take turns: each is a greenlet, and stops where another process could get between.

A worker may stop before every statement outside a transaction, before every transaction, around every call and
while it sleeps. Never inside a transaction: SQLite lets one writer in at a time. One that is killed is not
resumed; what it has in memory is gone, and no statement of its `finally` reaches the database.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from greenlet import GreenletExit, getcurrent, greenlet


class Killed(GreenletExit):
    """The process of this worker is gone."""


class VirtualClock:
    """`true` is what the platform's clock says, in seconds; this machine's is `ahead` of it by so many."""

    START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC).timestamp()

    def __init__(self) -> None:
        self.true = self.START
        self.ahead = 0.0
        self.watchers: list[Callable[[float], None]] = []

    @property
    def machine(self) -> float:
        return self.true + self.ahead

    def advance(self, seconds: float) -> None:
        self.true += seconds
        self._tell()

    def set_wrong(self, ahead: float) -> None:
        self.ahead = ahead
        self._tell()

    def reset(self) -> None:
        self.true, self.ahead = self.START, 0.0
        self._tell()

    def _tell(self) -> None:
        for watcher in self.watchers:
            watcher(self.machine)


class SimWorker(greenlet):
    """One process that carries out one task. `commits_to` names what it is about to change on the platform, from
    the moment its lease was renewed for that until the answer: its lease outlives any call, so nobody stalls there
    for longer than one lasts. `told_dead` are access tokens that a call of its own was refused with, `told_waits` until when which call shall
    rest, `has_read` the situation of each order as it read it last."""

    def __init__(self, name: str, work: Callable[[], object], number: int) -> None:
        super().__init__(self._run_work)
        self.name = f"{number}:{name}"
        self.number = number
        self.work = work
        self.is_dead = False
        self.wakes_at = 0.0
        self.commits_to = ""
        self.told_dead: set[str] = set()
        self.told_waits: dict[str, float] = {}
        self.has_read: dict[str, int] = {}
        self.failure: BaseException | None = None

    def _run_work(self) -> None:
        try:
            self.work()
        except Exception as error:
            self.failure = error


class Baton:
    """Who runs. The scheduler hands the baton to one worker, which gives it back where the seed says so."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.chance = random.Random()
        self.yields = 0.0
        self.living: list[SimWorker] = []
        self.begun = 0
        self.log: Callable[[str], None] = lambda line: None

    def start(self, name: str, work: Callable[[], object]) -> SimWorker:
        self.begun += 1
        worker = SimWorker(name, work, self.begun)
        self.living.append(worker)
        self.log(f"start {worker.name}")
        return worker

    def resume(self, worker: SimWorker) -> None:
        worker.switch()
        self._bury(worker)

    def kill(self, worker: SimWorker) -> None:
        self.log(f"kill {worker.name}")
        worker.is_dead = True
        worker.throw(Killed)
        self._bury(worker)

    def kill_all(self) -> None:
        for worker in list(self.living):
            self.kill(worker)

    def _bury(self, worker: SimWorker) -> None:
        if worker.dead:
            self.living.remove(worker)
            if worker.failure is not None:
                raise worker.failure
            if not worker.is_dead:
                self.log(f"end {worker.name}")

    def runnable(self) -> list[SimWorker]:
        return [worker for worker in self.living if worker.wakes_at <= self.clock.true]

    def pause(self, where: str, likely: float | None = None) -> None:
        """A point where another process may get between."""
        worker = current()
        if worker is None:
            return
        if worker.is_dead:
            raise Killed
        if self.chance.random() < (self.yields if likely is None else likely):
            self.log(f"  {worker.name} stops at {where}")
            self._give_back(worker)

    def sleep(self, seconds: float) -> None:
        worker = current()
        if worker is None:
            self.clock.advance(seconds)
            return
        worker.wakes_at = self.clock.true + seconds
        self._give_back(worker)

    def _give_back(self, worker: SimWorker) -> None:
        self.clock.advance(0.001)
        worker.parent.switch()
        if worker.is_dead:
            raise Killed

    @contextmanager
    def between_statements(self) -> Iterator[None]:
        with connection.execute_wrapper(self._statement):
            yield

    def _statement(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not context["connection"].in_atomic_block:
            self.pause(sql[:60])
        elif (worker := current()) is not None and worker.is_dead:
            raise Killed
        return execute(sql, params, many, context)


def current() -> SimWorker | None:
    """The worker that runs, None in the scheduler itself."""
    found = getcurrent()
    return found if isinstance(found, SimWorker) else None
