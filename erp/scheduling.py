"""Doorbells: after the commit, tell a worker that rows wait. Losing a doorbell loses nothing,
because a sweep every few seconds finds what waits (design 3.2)."""

from __future__ import annotations

import logging
import mmap
import os
import threading
import time
from typing import Any

from celery import Task
from celery.app import app_or_default
from django.db import transaction
from kombu.pools import producers

from erp import tracing

logger = logging.getLogger(__name__)

SILENCE_SECONDS = 10.0
# One try: kombu would wait two seconds and try again, and a Redis that accepts and never answers would hold
# a page for the thirty seconds that suit a worker. The handshake reads twice.
RING_OPTIONS = {
    "max_retries": 0,
    "interval_start": 0,
    "socket_connect_timeout": 0.5,
    "socket_timeout": 0.5,
}
_silent_until = 0.0
# One byte that the processes of a worker share: their parent hears of the stop, they do the work.
_stopping = mmap.mmap(-1, 1)


def ring(task: Task[Any, Any], **kwargs: Any) -> None:
    """Send `task` once the current transaction has committed; a dead broker costs one second at
    most and then silence for ten, so that no page hangs on it."""
    transaction.on_commit(lambda: _send(task, kwargs), robust=True)


def ring_later(task: Task[Any, Any], *, seconds: float, **kwargs: Any) -> None:
    """Like `ring`, for rows that become due `seconds` after the commit.

    One timer of this process waits for each doorbell; whoever answers it looks at the rows and rings for
    what is due later still. A process that ends before loses nothing: the sweep finds the work.
    """
    transaction.on_commit(lambda: _arm(task, seconds, kwargs), robust=True)


_armed: set[tuple[object, ...]] = set()
_arming = threading.Lock()
# A child has none of its parent's timers.
os.register_at_fork(after_in_child=_armed.clear)


def _arm(task: Task[Any, Any], seconds: float, kwargs: dict[str, Any]) -> None:
    key = (task.name, *sorted(kwargs.items()))
    with _arming:
        if key in _armed:
            return
        _armed.add(key)
    timer = threading.Timer(seconds, _fire, (task, kwargs, key))
    timer.daemon = True
    timer.start()


def _fire(task: Task[Any, Any], kwargs: dict[str, Any], key: tuple[object, ...]) -> None:
    with _arming:
        _armed.discard(key)
    _send(task, kwargs)


def stop_soon() -> None:
    """Ask the work of this worker, children included, to begin nothing new."""
    _stopping[0] = 1


def is_stopping() -> bool:
    """True once this worker was asked to stop: end after what is under way; the rows keep the rest."""
    return _stopping[0] == 1


def broker_check() -> None:
    """Raises whatever keeps a bell from ringing; answers within a second or so, dead or alive."""
    with app_or_default().connection_for_write(transport_options=RING_OPTIONS) as connection:
        connection.default_channel  # noqa: B018 - opening it is the check


def _send(task: Task[Any, Any], kwargs: dict[str, Any]) -> None:
    global _silent_until
    if time.monotonic() < _silent_until:
        return
    try:
        headers = {tracing.MESSAGE_HEADER: tracing.current()}
        connection = task.app.connection_for_write(transport_options=RING_OPTIONS)
        with producers[connection].acquire(block=True, timeout=1) as producer:
            task.apply_async(kwargs=kwargs, headers=headers, producer=producer, retry=False, expires=60)
    except Exception as error:
        _silent_until = time.monotonic() + SILENCE_SECONDS
        logger.warning("Broker unreachable (%s); the sweep will find the work", type(error).__name__)
