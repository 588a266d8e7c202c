"""Wake-ups: after the commit, tell a worker that rows wait. Losing one loses nothing, because a sweep every
few seconds finds what waits."""

from __future__ import annotations

import logging
import mmap
import os
import threading
import time
from typing import Any

from celery.app import app_or_default
from django.db import transaction
from kombu.pools import producers

from erp import tracing

logger = logging.getLogger(__name__)

SILENCE_SECONDS = 10.0
# One try: kombu would wait two seconds and try again, and a Redis that accepts and never answers would hold
# a page for the thirty seconds that suit a worker. The handshake reads twice.
WAKE_OPTIONS = {
    "max_retries": 0,
    "interval_start": 0,
    "socket_connect_timeout": 0.5,
    "socket_timeout": 0.5,
}
_silent_until = 0.0
# One byte that the processes of a worker share: their parent hears of the stop, they do the work.
_stopping = mmap.mmap(-1, 1)


def wake_after_commit(task: str, /, *, seconds: float = 0.0, **kwargs: Any) -> None:
    """Send the task of this name with `kwargs` once the current transaction has committed, or `seconds`
    after: for rows that become due then.

    By name, so that whoever writes rows need not import the worker that reads them. A dead broker costs one
    second at most and then silence for ten, so that no page hangs on it. A timer of this process waits for
    what is sent later, one for equal calls; the task looks at the rows and wakes for what is due later still.
    """
    if seconds > 0:
        transaction.on_commit(lambda: _arm(task, seconds, kwargs), robust=True)
    else:
        transaction.on_commit(lambda: _send(task, kwargs), robust=True)


_armed: set[tuple[object, ...]] = set()
_arming = threading.Lock()
# A child has none of its parent's timers.
os.register_at_fork(after_in_child=_armed.clear)


def _arm(task: str, seconds: float, kwargs: dict[str, Any]) -> None:
    key = (task, *sorted(kwargs.items()))
    with _arming:
        if key in _armed:
            return
        _armed.add(key)
    timer = threading.Timer(seconds, _fire, (task, kwargs, key))
    timer.daemon = True
    timer.start()


def _fire(task: str, kwargs: dict[str, Any], key: tuple[object, ...]) -> None:
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
    """Raises whatever keeps a wake-up from leaving; answers within a second or so, dead or alive."""
    with app_or_default().connection_for_write(transport_options=WAKE_OPTIONS) as connection:
        connection.default_channel  # noqa: B018 - opening it is the check


def _send(task: str, kwargs: dict[str, Any]) -> None:
    global _silent_until
    if time.monotonic() < _silent_until:
        return
    try:
        headers = {tracing.MESSAGE_HEADER: tracing.current()}
        app = app_or_default()
        connection = app.connection_for_write(transport_options=WAKE_OPTIONS)
        with producers[connection].acquire(block=True, timeout=1) as producer:
            app.send_task(
                task,
                kwargs=kwargs,
                headers=headers,
                producer=producer,
                retry=False,
                expires=60,
                ignore_result=True,
            )
    except Exception as error:
        _silent_until = time.monotonic() + SILENCE_SECONDS
        logger.warning("Broker unreachable (%s); the sweep will find the work", type(error).__name__)
