"""What rooms ask of the engine, and what they are told: plain values, no database."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from erp.refusals import NO_REFUSAL, Refusal

KEY_LENGTH = 250


class RequestOutcome(StrEnum):
    QUEUED = "queued"
    REOPENED = "reopened"
    ALREADY_QUEUED = "already_queued"
    ALREADY_DONE = "already_done"

    @property
    def label(self) -> str:
        return {
            "queued": "na fila de envio",
            "reopened": "na fila de envio",
            "already_queued": "já na fila",
            "already_done": "já enviado",
        }[self.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class FactRequest:
    """`content` tells equal from corrected (access key; carrier + tracking number; `delivered`; `cancel`).
    `payload` names ids and a digest only. `deadline` ends a wait for the platform (`NotYet`). `again`: the
    platform has refused since what it had confirmed, so a DONE push is opened once more (ADR 0005)."""

    store_id: int
    kind: str
    subject: str
    content: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    deadline: datetime | None = None
    again: bool = False

    @property
    def key(self) -> str:
        key = f"{self.store_id}:{self.kind}:{self.subject}:{self.content}"
        if len(key) <= KEY_LENGTH:
            return key
        digest = hashlib.sha256(self.content.encode()).hexdigest()
        return f"{self.store_id}:{self.kind}:{self.subject}:sha256:{digest}"

    @property
    def topic(self) -> Topic:
        return (self.store_id, self.kind, self.subject)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateRequest:
    """Bring the present value of `subject` to the platform; the value itself is read at send time."""

    store_id: int
    kind: str
    subject: str
    payload: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return coalesce_key((self.store_id, self.kind, self.subject))


Topic = tuple[int, str, str]


def coalesce_key(topic: Topic) -> str:
    store_id, kind, subject = topic
    return f"{store_id}:{kind}:{subject}"


@dataclass(frozen=True, slots=True)
class FactResult:
    """What became of one request, in the order of the requests."""

    request: FactRequest
    outcome: RequestOutcome
    job_id: int

    @property
    def text(self) -> str:
        return self.outcome.label


@dataclass(frozen=True, slots=True)
class JobResult:
    """What became of one job of a command; `text` is Portuguese and says what to do next."""

    job_id: int
    accepted: bool
    text: str

    def __post_init__(self) -> None:
        if not self.accepted and not isinstance(self.text, Refusal):
            raise TypeError("A refused job says why by a Refusal, which has a code.")

    @property
    def refusal(self) -> Refusal:
        return self.text if isinstance(self.text, Refusal) else NO_REFUSAL
