"""Doorbells ring after the commit, and a dead broker costs one try and then silence."""

from __future__ import annotations

import os
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery import Celery
from django.db import transaction

from erp import scheduling


class Bell:
    """A task whose broker may be dead."""

    app = Celery("bell", broker="memory://", set_as_current=False)

    name = "tests.bell"

    def __init__(self, dead: bool = False) -> None:
        self.dead = dead
        self.rung: list[dict[str, Any]] = []

    def apply_async(self, *, kwargs: dict[str, Any], retry: bool, **_: Any) -> None:
        self.rung.append(kwargs)
        assert not retry
        if self.dead:
            raise ConnectionError("no broker at redis://user:secret@host")


@pytest.fixture(autouse=True)
def _not_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "_silent_until", 0.0)


@pytest.mark.django_db(transaction=True)
def test_it_rings_after_the_commit_and_never_after_a_rollback() -> None:
    bell = Bell()
    with transaction.atomic():
        scheduling.ring(bell, store_id=1)  # type: ignore[arg-type]
        assert bell.rung == []
    assert bell.rung == [{"store_id": 1}]
    with transaction.atomic():
        scheduling.ring(bell, store_id=2)  # type: ignore[arg-type]
        transaction.set_rollback(True)
    assert bell.rung == [{"store_id": 1}]


def test_a_dead_broker_is_tried_once_and_then_left_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = [100.0]
    monkeypatch.setattr(scheduling.time, "monotonic", lambda: now[0])
    bell = Bell(dead=True)
    scheduling._send(bell, {"store_id": 1})  # type: ignore[arg-type]
    scheduling._send(bell, {"store_id": 1})  # type: ignore[arg-type]
    assert len(bell.rung) == 1
    assert "secret" not in caplog.text
    now[0] += scheduling.SILENCE_SECONDS
    scheduling._send(bell, {"store_id": 1})  # type: ignore[arg-type]
    assert len(bell.rung) == 2


@pytest.fixture
def mute() -> Iterator[socket.socket]:
    """A server that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(20)
        yield listener


def ring(port: int) -> None:
    app = Celery("bell", broker=f"redis://127.0.0.1:{port}/0", set_as_current=False)
    # What suits a worker, which waits for messages: a ring must not inherit it.
    app.conf.broker_transport_options = {"socket_timeout": 600, "socket_connect_timeout": 600}

    @app.task
    def bell(store_id: int) -> None: ...

    thread = threading.Thread(target=scheduling._send, args=(bell, {"store_id": 1}), daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()


def test_a_broker_that_never_answers_does_not_hang_a_page(
    mute: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    ring(mute.getsockname()[1])
    assert "Broker unreachable" in caplog.text
    assert scheduling._silent_until > 0


def test_a_broker_that_is_gone_is_asked_once(mute: socket.socket, caplog: pytest.LogCaptureFixture) -> None:
    """One connection, one try: kombu's own second try comes after two seconds."""
    port = mute.getsockname()[1]
    callers: list[int] = []

    def slam() -> None:
        while True:
            try:
                connection, _ = mute.accept()
            except OSError:
                return
            callers.append(1)
            connection.close()

    threading.Thread(target=slam, daemon=True).start()
    ring(port)
    assert callers == [1]
    assert "Broker unreachable" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_later_bell_waits_for_the_commit_and_rings_once() -> None:
    bell = Bell()
    with transaction.atomic():
        scheduling.ring_later(bell, seconds=0.1, store_id=1)  # type: ignore[arg-type]
        scheduling.ring_later(bell, seconds=0.1, store_id=1)  # type: ignore[arg-type]
        scheduling.ring_later(bell, seconds=0.1, store_id=2)  # type: ignore[arg-type]
        assert scheduling._armed == set()
    wait_until(lambda: len(bell.rung) == 2)
    assert sorted(one["store_id"] for one in bell.rung) == [1, 2]
    scheduling.ring_later(bell, seconds=0.1, store_id=1)  # type: ignore[arg-type]
    wait_until(lambda: len(bell.rung) == 3)


def wait_until(reached: Callable[[], bool]) -> None:
    ends = time.monotonic() + 30
    while not reached() and time.monotonic() < ends:
        time.sleep(0.01)
    assert reached()


def test_children_hear_that_their_worker_stops() -> None:
    """A pre-forking worker is told by its parent, which alone gets the signal."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns of forks beside threads; the child touches none of what they hold.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        ends = time.monotonic() + 60
        while not scheduling.is_stopping() and time.monotonic() < ends:
            time.sleep(0.01)
        os.write(write, b"heard" if scheduling.is_stopping() else b"deaf")
        os._exit(0)
    try:
        assert not scheduling.is_stopping()
        scheduling.stop_soon()
        os.waitpid(child, 0)
        assert os.read(read, 10) == b"heard"
    finally:
        scheduling._stopping[0] = 0
        os.close(read)
        os.close(write)
