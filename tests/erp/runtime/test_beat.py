"""The recurring tasks go on when the clock comes back to the right time."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from celery.beat import PersistentScheduler
from django.conf import settings

from erp.celery import app
from erp.runtime import storage
from erp.runtime.beat import Scheduler

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
NAMES = set(settings.CELERY_BEAT_SCHEDULE)
LONGEST = 3_600


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    heard: Counter[str] = Counter()
    monkeypatch.setattr(
        PersistentScheduler, "apply_entry", lambda self, entry, producer=None: heard.update([entry.name])
    )
    return heard


def scheduler(path: Path) -> Scheduler:
    return Scheduler(app, schedule_filename=str(path / "beat"))


def run(beat: Scheduler, begin: datetime, seconds: int) -> None:
    """Tick through `seconds`, as beat does: it sleeps for what each tick answers."""
    passed = 0.0
    while passed <= seconds:
        with time_machine.travel(begin + timedelta(seconds=passed), tick=False):
            passed += max(beat.tick(), 0.01)


@pytest.mark.parametrize("ahead", [timedelta(hours=24), timedelta(days=400)], ids=["a day", "a year"])
@pytest.mark.parametrize("restarted", [False, True])
def test_no_task_waits_for_the_time_of_a_wrong_clock(
    tmp_path: Path, sent: Counter[str], ahead: timedelta, restarted: bool
) -> None:
    with time_machine.travel(NOW + ahead, tick=False):
        beat = scheduler(tmp_path)
    run(beat, NOW + ahead, LONGEST + 10)
    assert set(sent) == NAMES
    sent.clear()
    if restarted:
        beat.close()
        with time_machine.travel(NOW, tick=False):
            beat = scheduler(tmp_path)
    run(beat, NOW, 20)
    soon = {
        name for name, row in settings.CELERY_BEAT_SCHEDULE.items() if row["schedule"].run_every.seconds <= 10
    }
    assert set(sent) == soon
    run(beat, NOW + timedelta(seconds=20), LONGEST)
    assert set(sent) == NAMES
    beat.close()


def test_in_order_nothing_is_sent_more_often_than_it_says(tmp_path: Path, sent: Counter[str]) -> None:
    with time_machine.travel(NOW, tick=False):
        beat = scheduler(tmp_path)
    run(beat, NOW, 60)
    assert 10 <= sent["outbox-sweep"] <= 13
    beat.close()


def test_a_full_disk_costs_one_line_and_not_the_schedule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(app, "send_task", full)
    monkeypatch.setattr(storage, "_logged_at", float("-inf"))
    beat = scheduler(tmp_path)
    for entry in list(beat.schedule.values())[:3]:
        beat.apply_entry(entry)
    beat.close()
    said = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(said) == 1
    assert said[0].startswith("O disco do servidor do ERP está cheio")


def test_beat_is_started_with_it() -> None:
    assert app.conf.beat_scheduler == "erp.runtime.beat:Scheduler"
