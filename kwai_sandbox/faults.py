"""Faults that the platform shows on request."""

from __future__ import annotations

import random
import threading
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from kwai_sandbox.state import State

KEY = "faults"
REFUSING = ("rate_limit", "quota", "token_expired", "revoked", "clock")
BREAKING = ("server_error", "unknown_code", "bad_gateway", "timeout", "truncated", "slow")
DUPLICATE_PAGE, SKIP_PAGE, MISSING_MERCHANT = "duplicate_page", "skip_page", "missing_merchant"
PAGING = (DUPLICATE_PAGE, SKIP_PAGE)
KINDS = (*REFUSING, *BREAKING, *PAGING, MISSING_MERCHANT)
EFFECTS = ("before", "after", "random")
DEFAULT_DELAY_MS = {"timeout": 30_000, "slow": 3_000}


@dataclass(frozen=True)
class Fault:
    """One switch. `path` is a full path, a call's last word, or None for every call.

    `effect` says when the write is applied: `before` the fault shows (the caller cannot know), or
    not before it (`after`: the fault comes first and the write never happens; with `slow` the delay
    comes first). The refusing kinds never apply anything: a platform that answers 429 did nothing.
    `code` replaces the result code of a kind that answers one. With `clock`, `offsetMs` is how far the `Date`
    of the answer is from the true time, so that either side's clock can be the wrong one.
    """

    kind: str
    rate: float = 1.0
    path: str | None = None
    count: int | None = None
    retryAfter: int | None = None  # noqa: N815 - the contract's name
    delayMs: int | None = None  # noqa: N815 - the contract's name
    effect: str = "after"
    code: int | None = None
    offsetMs: int = 0  # noqa: N815 - in the style of its neighbours

    def matches(self, path: str, *, paged: bool, oauth: bool) -> bool:
        """Whether this switch is about that call."""
        if (self.kind in PAGING and not paged) or (self.kind == MISSING_MERCHANT and not oauth):
            return False
        return self.path is None or self.path in (path, path.rsplit("/", 1)[-1])

    @property
    def delay_seconds(self) -> float:
        """How long the answer is kept back."""
        milliseconds = DEFAULT_DELAY_MS.get(self.kind, 0) if self.delayMs is None else self.delayMs
        return milliseconds / 1000


class Faults:
    """The switches that are on; they survive a restart."""

    def __init__(self, state: State, chance: random.Random) -> None:
        self._state = state
        self._chance = chance
        self._lock = threading.Lock()
        self._on = [Fault(**entry) for entry in state.meta(KEY, [])]

    def put(self, values: dict[str, Any]) -> None:
        """Turn a switch on, replacing one of the same path and kind; `ValueError` if it makes no sense."""
        fault = fault_parse(values)
        with self._lock:
            self._on = [other for other in self._on if (other.path, other.kind) != (fault.path, fault.kind)]
            self._on.append(fault)
            self._keep()

    def clear(self) -> None:
        """Turn every switch off."""
        with self._lock:
            self._on = []
            self._keep()

    def remove(self, path: str | None, kind: str) -> None:
        """Turn one switch off; nothing happens when it is not on."""
        with self._lock:
            self._on = [other for other in self._on if (other.path, other.kind) != (path, kind)]
            self._keep()

    def as_json(self) -> list[dict[str, Any]]:
        """The switches that are on."""
        return [asdict(fault) for fault in self._on]

    def pick(self, path: str, *, paged: bool = False, oauth: bool = False) -> Fault | None:
        """The fault this call gets, its `effect` decided; counts it."""
        with self._lock:
            for fault in self._on:
                if fault.matches(path, paged=paged, oauth=oauth) and self._chance.random() < fault.rate:
                    self._spend(fault)
                    return replace(fault, effect=self._effect(fault))
        return None

    def _effect(self, fault: Fault) -> str:
        if fault.kind in REFUSING:
            return "after"
        return self._chance.choice(("before", "after")) if fault.effect == "random" else fault.effect

    def _spend(self, fault: Fault) -> None:
        if fault.count is None:
            return
        left = replace(fault, count=fault.count - 1)
        self._on = [left if other is fault else other for other in self._on]
        self._on = [other for other in self._on if other.count != 0]
        self._keep()

    def _keep(self) -> None:
        self._state.meta_set(KEY, self.as_json())


def fault_parse(values: dict[str, Any]) -> Fault:
    """A switch from its JSON; raises `ValueError` naming what is wrong."""
    try:
        fault = Fault(**values)
    except TypeError:
        names = ", ".join(field.name for field in fields(Fault))
        raise ValueError(f"campos aceitos: {names}") from None
    if fault.kind not in KINDS:
        raise ValueError(f"kind: use um de {', '.join(KINDS)}")
    if fault.effect not in EFFECTS:
        raise ValueError(f"effect: use um de {', '.join(EFFECTS)}")
    if isinstance(fault.rate, bool) or not isinstance(fault.rate, int | float) or not 0 <= fault.rate <= 1:
        raise ValueError("rate: use um número de 0 a 1")
    _whole_or_none(fault, "count", 1)
    _whole_or_none(fault, "retryAfter", 0)
    _whole_or_none(fault, "delayMs", 0)
    _whole_or_none(fault, "code", 0)
    if isinstance(fault.offsetMs, bool) or not isinstance(fault.offsetMs, int):
        raise ValueError("offsetMs: use um número inteiro")
    return fault


def _whole_or_none(fault: Fault, name: str, minimum: int) -> None:
    value = getattr(fault, name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < minimum):
        raise ValueError(f"{name}: use um número inteiro a partir de {minimum}")
