"""The registry of kinds. A channel registers one `Handler` per kind in `AppConfig.ready()`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from erp.outbox.attempts import AttemptContext
from erp.outbox.models import PushJob


class Nature(StrEnum):
    FACT = "fact"
    STATE = "state"


@dataclass(frozen=True, slots=True)
class Obsolete:
    """Answer of `load` when there is nothing left to push; `reason` is Portuguese and shown."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What `record` learns: how the platform came to hold the content, and the handler's own `data`."""

    data: Any = None
    verified: bool = False  # read back, not written by this try
    already: bool = False  # the platform answered "already done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """Four functions and what the engine must know of a kind.

    - `load(job)` reads our rows; may answer `Obsolete` or raise `PushRefused`. Asked again once the
      platform was read back and holds nothing, with `job.needs_verification` gone.
    - `is_satisfied(loaded, context)` reads the platform after an unknown outcome; None for kinds that simply
      send the present value again.
    - `send(loaded, context)` makes the call, unless the order is frozen; runs with no transaction open.
    - `record(job, loaded, sent)` writes what follows, in the transaction that marks the job done.

    `first_counts`: once the platform has confirmed one content, a later one that is blocked holds no further
    step back (a tracking code corrected after the dispatch).

    `confirms`: `send` reads first, and calls `context.confirm` itself right before it writes.

    `call` names the call whose limit the kind waits for. `step` orders facts of one
    subject (0: takes no part).
    """

    kind: str
    label: str
    nature: Nature
    call: str
    load: Callable[[PushJob], Any]
    send: Callable[[Any, AttemptContext], Sent]
    record: Callable[[PushJob, Any, Sent], None]
    is_satisfied: Callable[[Any, AttemptContext], bool] | None = None
    step: int = 0
    write: bool = True
    first_counts: bool = False
    confirms: bool = False


class UnknownKind(LookupError):
    """A programming error: a request of a kind nobody registered."""


_handlers: dict[str, Handler] = {}
_call_labels: dict[str, str] = {}


def register(handler: Handler) -> None:
    """Add a kind, or replace it."""
    _handlers[handler.kind] = handler


def calls_named(labels: Mapping[str, str]) -> None:
    """Add what people call the calls of a channel, those that no kind makes too."""
    _call_labels.update(labels)


def find(kind: str) -> Handler | None:
    return _handlers.get(kind)


def get(kind: str, nature: Nature) -> Handler:
    """The handler of `kind`; raises `UnknownKind` when missing or of another nature."""
    handler = _handlers.get(kind)
    if handler is None or handler.nature is not nature:
        raise UnknownKind(f"No {nature} handler registered for {kind!r}")
    return handler


def label(kind: str) -> str:
    """What operators read; an unknown kind shows its code."""
    return _handlers[kind].label if kind in _handlers else kind


def kinds_of_calls(calls: set[str]) -> list[str]:
    return [handler.kind for handler in _handlers.values() if handler.call in calls]


def kinds_whose_first_counts() -> list[str]:
    return [handler.kind for handler in _handlers.values() if handler.first_counts]


def call_label(call: str) -> str:
    """What people call this call; its own name when no channel said."""
    return _call_labels.get(call, call)


def choices() -> list[tuple[str, str]]:
    """Kind and label, for filters."""
    return sorted(((one.kind, one.label) for one in _handlers.values()), key=lambda pair: pair[1])
