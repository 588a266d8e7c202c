"""Alive and ready, as machines ask: quick, without a login, without a secret."""

from __future__ import annotations

import socket
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.test import Client

from erp import __version__, clock, scheduling
from erp.accounts.models import Store
from erp.outbox.models import PushJob, StoreQueue
from erp.outbox.statuses import JobState, PauseMode
from erp.web import health

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _unknown_migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_applied", False)


def ready() -> tuple[int, dict[str, Any]]:
    answer = Client().get("/readyz")
    assert answer["Cache-Control"].startswith("max-age=0")
    return answer.status_code, answer.json()


def job(store: Store, minutes: int, **values: Any) -> PushJob:
    StoreQueue.objects.get_or_create(store=store)
    return PushJob.objects.create(
        store=store,
        kind="test.kind",
        subject=str(PushJob.objects.count()),
        idempotency_key=str(PushJob.objects.count()),
        not_before=clock.after(timedelta(minutes=-minutes)),
        **values,
    )


def test_alive_asks_nobody(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "version": __version__})


def test_ready_tells_every_part(store: Store) -> None:
    job(store, minutes=2)
    code, body = ready()
    assert (code, body["status"]) == (200, "ready")
    assert set(body["checks"]) == {"database", "broker", "storage", "migrations", "oldest_job"}
    assert body["checks"]["migrations"]["pending"] == 0
    assert 120 <= body["checks"]["oldest_job"]["seconds"] < 900


def test_a_push_nobody_takes_is_told(store: Store) -> None:
    job(store, minutes=20)
    code, body = ready()
    assert (code, body["status"], body["checks"]["oldest_job"]["ok"]) == (503, "not ready", False)


@pytest.mark.parametrize("why", ["paused", "inactive", "earlier step", "later", "done"])
def test_what_is_held_back_on_purpose_is_not_late(store: Store, why: str) -> None:
    late = job(store, minutes=20, step=2)
    if why == "paused":
        StoreQueue.objects.update(paused_mode=PauseMode.values[0], paused_at=clock.after(timedelta(0)))
    elif why == "inactive":
        Store.objects.update(lifecycle="inactive")
    elif why == "earlier step":
        blocked = job(store, minutes=20, step=1, state=JobState.BLOCKED, failure_mode="rejected")
        PushJob.objects.filter(pk=blocked.pk).update(kind="test.first", subject=late.subject)
    elif why == "later":
        PushJob.objects.update(not_before=clock.after(timedelta(hours=1)))
    else:
        PushJob.objects.update(state=JobState.DONE, finished_at=clock.after(timedelta(0)))
    assert ready()[0] == 200


def test_a_missing_migration_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'outbox'")
    code, body = ready()
    assert code == 503
    assert body["checks"]["migrations"]["pending"] >= 1


def test_the_database_is_asked_over_a_connection_of_its_own() -> None:
    """One that is kept open may hang for ever when its server stops answering."""
    connection.set_rollback(True)
    try:
        assert health.checked(health._database)["ok"]
        assert not health.checked(health._oldest_job)["ok"]
    finally:
        connection.set_rollback(False)


@pytest.mark.django_db(transaction=True)
def test_a_writer_keeps_nobody_waiting(store: Store) -> None:
    """SQLite lets one writer in at a time, and a transaction would wait for it twenty seconds."""
    begun, go_on = threading.Event(), threading.Event()

    def write() -> None:
        with transaction.atomic():
            Store.objects.update(name="writing")
            begun.set()
            go_on.wait(60)
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    assert begun.wait(60)
    try:
        assert ready()[0] == 200
    finally:
        go_on.set()
        writer.join(60)


def test_a_database_that_is_gone_is_told_without_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: Any) -> None:
        raise OperationalError("connection to server at db.example, user erp, password secret")

    monkeypatch.setattr(type(connections["default"]), "get_new_connection", gone)
    code, body = ready()
    assert code == 503
    assert body["checks"]["database"]["ok"] is False
    assert "migrations" not in body["checks"]
    assert "secret" not in str(body)
    assert "example" not in str(body)


@pytest.mark.parametrize("kind", ["dead", "mute"])
def test_a_broker_that_does_not_answer_is_told_and_hangs_nothing(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    from celery import Celery

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if kind == "mute":
            listener.listen(20)
        port = listener.getsockname()[1]
        app = Celery("health", broker=f"redis://user:secret@127.0.0.1:{port}/0", set_as_current=False)
        monkeypatch.setattr(scheduling, "app_or_default", lambda: app)
        found: list[dict[str, Any]] = []
        check = threading.Thread(target=lambda: found.append(health.checked(health._broker)), daemon=True)
        check.start()
        check.join(60)
    assert found
    assert found[0]["ok"] is False
    assert "secret" not in str(found)
