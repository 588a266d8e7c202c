"""Doorbells ring after the commit, and a dead broker costs one try and then silence."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from erp import scheduling


class Bell:
    """A task whose broker may be dead."""

    def __init__(self, dead: bool = False) -> None:
        self.dead = dead
        self.rung: list[dict[str, Any]] = []

    def apply_async(self, *, kwargs: dict[str, Any], retry: bool, expires: int) -> None:
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
