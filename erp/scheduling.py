"""Doorbells: after the commit, tell a worker that rows wait. Losing a doorbell loses nothing,
because a sweep every few seconds finds what waits (design 3.2)."""

from __future__ import annotations

import logging
import time
from typing import Any

from celery import Task
from django.db import transaction

logger = logging.getLogger(__name__)

SILENCE_SECONDS = 10.0
_silent_until = 0.0


def ring(task: Task[Any, Any], **kwargs: Any) -> None:
    """Send `task` once the current transaction has committed; a dead broker costs one second at
    most and then silence for ten, so that no page hangs on it."""
    transaction.on_commit(lambda: _send(task, kwargs), robust=True)


def _send(task: Task[Any, Any], kwargs: dict[str, Any]) -> None:
    global _silent_until
    if time.monotonic() < _silent_until:
        return
    try:
        task.apply_async(kwargs=kwargs, retry=False, expires=60)
    except Exception as error:
        _silent_until = time.monotonic() + SILENCE_SECONDS
        logger.warning("Broker unreachable (%s); the sweep will find the work", type(error).__name__)
