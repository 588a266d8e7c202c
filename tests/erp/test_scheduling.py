"""Workers are woken after the commit, and a dead broker costs one try and then silence."""

from __future__ import annotations

import ast
import os
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import Celery
from django.db import transaction

from erp import scheduling, tracing
from erp.celery import app
from erp.scheduling import wake_after_commit
from tests.test_house import sources

NAME = "erp.outbox.tasks.drain"


class Broker(Celery):
    """The settings of the product on a broker of its own, which may be dead."""

    def __init__(self, is_dead: bool = False) -> None:
        super().__init__("wake", broker="memory://", set_as_current=False)
        self.config_from_object("django.conf:settings", namespace="CELERY")
        self.is_dead = is_dead
        self.sent: list[dict[str, Any]] = []

    def send_task(self, name: str, **options: Any) -> Any:
        self.sent.append(options["kwargs"])
        if self.is_dead:
            raise ConnectionError("no broker at redis://user:secret@host")
        return super().send_task(name, **options)


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    app = Broker()
    monkeypatch.setattr(scheduling, "app_or_default", lambda: app)
    yield app
    app.close()


@pytest.fixture(autouse=True)
def _not_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduling, "_silent_until", 0.0)


@pytest.mark.django_db(transaction=True)
def test_a_worker_is_woken_after_the_commit_and_never_after_a_rollback(broker: Broker) -> None:
    with transaction.atomic():
        wake_after_commit(NAME, store_id=1)
        assert broker.sent == []
    assert broker.sent == [{"store_id": 1}]
    with transaction.atomic():
        wake_after_commit(NAME, store_id=2)
        transaction.set_rollback(True)
    assert broker.sent == [{"store_id": 1}]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("name", "queue"), [(NAME, "push"), ("invoices.tasks.issue_advance", "invoices"), ("a.b.c", "maint")]
)
def test_a_message_goes_to_the_queue_of_its_task_and_expires(broker: Broker, name: str, queue: str) -> None:
    with broker.connection_for_read() as connection, connection.SimpleQueue(queue) as waiting:
        waiting.clear()
        with tracing.bound("browser-0001"):
            wake_after_commit(name, store_id=1)
        message = waiting.get_nowait()
        message.ack()
    assert message.headers["task"] == name
    assert message.headers["ignore_result"] is True
    assert message.headers[tracing.MESSAGE_HEADER] == "browser-0001"
    left = datetime.fromisoformat(message.headers["expires"]) - datetime.now(UTC)
    assert timedelta(seconds=50) < left <= timedelta(seconds=60)
    assert message.payload[1] == {"store_id": 1}


def test_a_dead_broker_is_tried_once_and_then_left_alone(
    broker: Broker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = [100.0]
    monkeypatch.setattr(scheduling.time, "monotonic", lambda: now[0])
    broker.is_dead = True
    scheduling._send(NAME, {"store_id": 1})
    scheduling._send(NAME, {"store_id": 1})
    assert len(broker.sent) == 1
    assert "secret" not in caplog.text
    now[0] += scheduling.SILENCE_SECONDS
    scheduling._send(NAME, {"store_id": 1})
    assert len(broker.sent) == 2


@pytest.fixture
def mute() -> Iterator[socket.socket]:
    """A server that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(20)
        yield listener


@pytest.fixture
def wake(mute: socket.socket, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    app = Celery("wake", broker=f"redis://127.0.0.1:{mute.getsockname()[1]}/0", set_as_current=False)
    # What suits a worker, which waits for messages: a wake-up must not inherit it.
    app.conf.broker_transport_options = {"socket_timeout": 600, "socket_connect_timeout": 600}
    monkeypatch.setattr(scheduling, "app_or_default", lambda: app)

    def send() -> None:
        thread = threading.Thread(target=scheduling._send, args=(NAME, {"store_id": 1}), daemon=True)
        thread.start()
        thread.join(60)
        assert not thread.is_alive()

    return send


def test_a_broker_that_never_answers_does_not_hang_a_page(
    wake: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    wake()
    assert "Broker unreachable" in caplog.text
    assert scheduling._silent_until > 0


def test_a_broker_that_is_gone_is_asked_once(
    mute: socket.socket, wake: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    """One connection, one try: kombu's own second try comes after two seconds."""
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
    wake()
    assert callers == [1]
    assert "Broker unreachable" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_later_wake_up_waits_for_the_commit_and_is_sent_once(broker: Broker) -> None:
    with transaction.atomic():
        wake_after_commit(NAME, seconds=0.1, store_id=1)
        wake_after_commit(NAME, seconds=0.1, store_id=1)
        wake_after_commit(NAME, seconds=0.1, store_id=2)
        assert scheduling._armed == set()
    wait_until(lambda: len(broker.sent) == 2)
    assert sorted(one["store_id"] for one in broker.sent) == [1, 2]
    wake_after_commit(NAME, seconds=0.1, store_id=1)
    wait_until(lambda: len(broker.sent) == 3)


def names_woken() -> Iterator[tuple[str, ast.expr]]:
    """Where `wake_after_commit` is called, and the name it is given."""
    for path, tree in sources():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called == wake_after_commit.__name__:
                yield f"{path}:{node.lineno}", node.args[0]


def test_every_task_that_is_woken_by_name_is_registered() -> None:
    """A name that only looks right would be sent for ever and done by nobody."""
    app.loader.import_default_modules()
    found = dict(names_woken())
    assert len(found) > 15
    unknown = {
        where: ast.unparse(name)
        for where, name in found.items()
        if not isinstance(name, ast.Constant) or name.value not in app.tasks
    }
    assert unknown == {}


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
