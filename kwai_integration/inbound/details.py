"""Fetching the details of one page of ids, and telling a poisoned order from an outage."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from kwai_integration.client.gateway import KwaiClient
from kwai_integration.mapping import fields
from kwai_integration.wire import errors

# What a single order may cause; everything else concerns the connection, the limits or the consent.
CONTENT_ERRORS = (
    errors.KwaiOutcomeUnknown,
    errors.PlatformFault,
    errors.NotFound,
    errors.BusinessRefused,
    errors.UnknownResult,
)
# Halving fifty down to one takes six failures; twice that without one success is an outage.
MOST_FAILURES = 12
LONGEST_SECONDS = 30.0


@dataclass
class Fetched:
    """`answers` as they came; `missing` were listed but not handed out, `failed` broke the call even
    alone. `error` is the last failure, and `is_proven` tells that another call worked beside it."""

    started_at: datetime
    answers: list[dict[str, Any]] = field(default_factory=list, repr=False)
    missing: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    error: errors.KwaiError | None = None
    is_proven: bool = False


def details_fetch(
    client: KwaiClient, order_ids: Sequence[str], before_call: Callable[[], None] = lambda: None
) -> Fetched:
    """The details of up to 50 orders. A call that fails for its content is halved until the order that
    causes it is alone; ids left out of the answer are asked for once more. `before_call` renews the lease of
    whoever asks.

    Raises the `KwaiError` that ends the poll, also when everything fails: then no order is to blame.
    """
    fetched = Fetched(started_at=timezone.now())
    started = time.monotonic()

    def read(ids: list[str]) -> Sequence[dict[str, Any]]:
        before_call()
        return client.order_details(ids)

    _read(read, list(order_ids), fetched, started)
    left = _left(client, order_ids, fetched)
    if left:
        _read(read, left, fetched, started)
        fetched.missing = _left(client, left, fetched)
    return fetched


def _read(
    read: Callable[[list[str]], Sequence[dict[str, Any]]],
    ids: list[str],
    fetched: Fetched,
    started: float,
    failures: int = 0,
) -> int:
    """Read `ids` into `fetched`; the number of failures in a row so far."""
    try:
        fetched.answers += read(ids)
    except CONTENT_ERRORS as error:
        fetched.error, failures = error, failures + 1
        too_long = failures > MOST_FAILURES or time.monotonic() - started > LONGEST_SECONDS
        if too_long and not fetched.is_proven:
            raise
    else:
        fetched.is_proven = True
        return 0
    if len(ids) == 1:
        fetched.failed += ids
        return failures
    middle = len(ids) // 2
    failures = _read(read, ids[:middle], fetched, started, failures)
    return _read(read, ids[middle:], fetched, started, failures)


def _left(client: KwaiClient, asked: Sequence[str], fetched: Fetched) -> list[str]:
    name = client.names.order.id
    known = {fields.remote_id(answer.get(name)) for answer in fetched.answers} | set(fetched.failed)
    return [order_id for order_id in asked if order_id not in known]
