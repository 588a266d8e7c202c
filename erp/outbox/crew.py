"""Threads that wait for answers side by side while one drain goes on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Generic, TypeVar

from django.db import connections

T = TypeVar("T")
# Who is free waits so long for others to become free as well: several pushes are claimed at the price of one.
GATHER_SECONDS = 0.01


class Crew(Generic[T]):
    """At most `size` threads that each `work` on one thing at a time; a single thing is worked on by the
    caller while nothing else is under way, at no cost. An exception of `work` is raised to the caller once
    the others have ended.

    Each thread has a database connection of its own, which it closes at its end.
    """

    def __init__(self, size: int, work: Callable[[T], None]) -> None:
        self.size = size
        self._work = work
        self._given: queue.SimpleQueue[T | None] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._under_way = 0
        self._failure: BaseException | None = None

    def __enter__(self) -> Crew[T]:
        return self

    def take(self, things: Sequence[T]) -> None:
        """Begin with `things`, not more than are free."""
        if len(things) == 1 and not self._under_way:
            self._work(things[0])
            return
        for thing in things:
            self._under_way += 1
            if len(self._threads) < self._under_way:
                self._threads.append(threading.Thread(target=self._run, daemon=True))
                self._threads[-1].start()
            self._given.put(thing)

    def wait_free(self) -> int:
        """How many may be taken: at least one."""
        while self._under_way == self.size:
            self.wait_end()
        if self._under_way:
            self._gather()
        return self.size - self._under_way

    def wait_end(self) -> None:
        """Until one of those under way has ended."""
        self._note(self._ended.get())

    def _gather(self) -> None:
        try:
            while self._under_way:
                self._note(self._ended.get(timeout=GATHER_SECONDS))
        except queue.Empty:
            pass

    def _note(self, failure: BaseException | None) -> None:
        self._under_way -= 1
        self._failure = self._failure or failure
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            while (thing := self._given.get()) is not None:
                failure: BaseException | None = None
                try:
                    self._work(thing)
                except BaseException as error:
                    failure = error
                self._ended.put(failure)
        finally:
            connections.close_all()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _ in self._threads:
            self._given.put(None)
        for thread in self._threads:
            thread.join()
        while kind is None and self._under_way:
            self.wait_end()
