"""A platform small enough to see through: handlers that send to a list and fail as told."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from erp import scheduling
from erp.accounts.models import Store, StoreLifecycle
from erp.outbox import handlers
from erp.outbox.attempts import AttemptContext
from erp.outbox.errors import PushError
from erp.outbox.handlers import Handler, Nature, Obsolete, Sent
from erp.outbox.models import PushJob
from erp.outbox.push_requests import FactRequest, StateRequest


class Platform:
    """What arrived, what is said next, and what `record` was told."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.reads: list[str] = []
        self.recorded: list[tuple[int, Sent]] = []
        self.answers: deque[Exception | Callable[[AttemptContext], None]] = deque()
        self.holds: set[str] = set()
        self.obsolete = ""
        self.lock = threading.Lock()

    def load(self, job: PushJob) -> Any:
        return Obsolete(self.obsolete) if self.obsolete else job

    def send(self, job: PushJob, context: AttemptContext) -> Sent:
        if self.answers:
            answer = self.answers.popleft()
            if isinstance(answer, Exception):
                raise answer
            answer(context)
        with self.lock:
            self.sent.append((job.kind, job.payload.get("content", job.subject)))
        context.note(http_status=200, remote_code="200", exchange={"call": job.kind})
        return Sent(data="ok")

    def is_satisfied(self, job: PushJob, context: AttemptContext) -> bool:
        self.reads.append(job.subject)
        if (
            self.answers
            and isinstance(self.answers[0], PushError)
            and getattr(self.answers[0], "on_read", False)
        ):
            raise self.answers.popleft()  # type: ignore[misc]
        context.note(http_status=200, remote_code="200")
        return job.payload.get("content", "") in self.holds

    def record(self, job: PushJob, loaded: Any, sent: Sent) -> None:
        self.recorded.append((job.pk, sent))


STEPS = {"invoice": 1, "tracking": 2, "delivery": 3, "cancel": 0}


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Platform:
    found = Platform()
    monkeypatch.setattr(handlers, "_handlers", {})
    for kind, step in STEPS.items():
        handlers.register(
            Handler(
                kind=kind, label=f"Enviar {kind}", nature=Nature.FACT, call=kind, step=step, load=found.load,
                send=found.send, record=found.record, is_satisfied=found.is_satisfied,
            )
        )  # fmt: skip
    for kind in ("stock", "price"):
        handlers.register(
            Handler(
                kind=kind, label=f"Enviar {kind}", nature=Nature.STATE, call=kind, load=found.load,
                send=found.send, record=found.record,
            )
        )  # fmt: skip
    return found


@pytest.fixture(autouse=True)
def wakes(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Wake-ups that reached the broker, in order."""
    heard: list[dict[str, Any]] = []
    monkeypatch.setattr(scheduling, "_send", lambda task, kwargs: heard.append(kwargs))
    return heard


@pytest.fixture
def make_store(company: Any) -> Iterator[Callable[..., Store]]:
    def make(name: str = "Outra", lifecycle: str = StoreLifecycle.ACTIVE) -> Store:
        return Store.objects.create(company=company, name=name, channel="kwai", lifecycle=lifecycle)

    return make  # type: ignore[return-value]


@pytest.fixture
def fact(store: Store) -> Callable[..., FactRequest]:
    def make(
        kind: str = "tracking", subject: str = "900", content: str = "A", store_id: int = 0, **more: Any
    ) -> FactRequest:
        return FactRequest(
            store_id=store_id or store.pk, kind=kind, subject=subject, content=content,
            payload={"content": content}, **more,
        )  # fmt: skip

    return make


@pytest.fixture
def state(store: Store) -> Callable[..., StateRequest]:
    def make(kind: str = "stock", subject: str = "L1", store_id: int = 0, **payload: Any) -> StateRequest:
        return StateRequest(store_id=store_id or store.pk, kind=kind, subject=subject, payload=payload)

    return make
