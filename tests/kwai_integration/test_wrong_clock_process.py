"""A process whose clock is a day ahead works, dies, and the time is right again: with the real clock of a
process (libfaketime), the database's included where it has none of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from glob import glob
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Model
from django.db.models.functions import Now
from django.utils import timezone

from erp import clock, scheduling
from erp.accounts.models import Store
from erp.celery import app
from erp.outbox import handlers
from erp.outbox import tasks as outbox_tasks
from erp.outbox.models import ChannelPause, PushJob, RateLimit, StoreQueue
from erp.outbox.statuses import JobState
from kwai_integration import tasks
from kwai_integration.models import InboundEvent, KwaiAccount, KwaiOrder, SyncCursor
from tests.conftest import missing
from tests.erp.outbox.test_kill import database_url
from tests.kwai_integration.inbound.conftest import FIRST_ID, detail
from tests.kwai_integration.test_result_codes import Platform, ask, connect, platform
from tests.kwai_integration.wrong_clock_worker import handler_register

__all__ = ["platform"]

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = next(iter(sorted(glob("/usr/lib/*/faketime/libfaketime.so.1"))), "")  # noqa: PTH207
PATIENCE = 30.0


class Market(Platform):
    """A platform with orders: it lists by update time and hands out what it lists."""

    def __init__(self) -> None:
        super().__init__()
        self.orders: dict[int, datetime] = {}

    def _data(self, name: str) -> Any:
        asked = self.asked[-1][1]
        if name == "queryOrderList":
            begin, end = (datetime.fromtimestamp(asked[key] / 1000, UTC) for key in ("timeFrom", "timeTo"))
            found = [order_id for order_id, at in self.orders.items() if begin <= at <= end]
            return {"total": len(found), "orderList": [{"orderId": order_id} for order_id in found]}
        if name == "queryOrderDetails":
            ids = [order_id for order_id in asked["orderList"] if order_id in self.orders]
            return [
                detail(order_id - FIRST_ID, updateTime=round(self.orders[order_id].timestamp() * 1000))
                for order_id in ids
            ]
        return super()._data(name)


@pytest.fixture
def market(platform: Platform, settings: Any) -> Iterator[Market]:
    with Market() as found:
        settings.KWAI_API_URL = found.url
        threading.Thread(target=found.serve_forever, args=(0.05,), daemon=True).start()
        yield found
        found.shutdown()


@pytest.fixture
def shop(store: Store, market: Market, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(handlers, "_handlers", {})
    handler_register()
    return connect(store)


def work_under_a_wrong_clock(store: Store, market: Market) -> None:
    if not LIBRARY:
        missing("libfaketime não encontrada: instale o pacote `libfaketime` (apt-get install libfaketime)")
    worker = subprocess.run(
        [sys.executable, "-m", "tests.kwai_integration.wrong_clock_worker", str(store.pk)],
        cwd=ROOT,
        env=os.environ | {
            "DJANGO_SETTINGS_MODULE": "erp.settings.test",
            "DATABASE_URL": database_url(),
            "KWAI_API_URL": market.url,
            "LD_PRELOAD": LIBRARY,
            "FAKETIME": "+24h",
            # The library cannot let a worker sleep by an untouched monotonic clock.
            "KWAI_STORE_RATE": "1000",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        },
        check=False,
        timeout=120,
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert worker.returncode == 9, worker.stderr[-3000:]


@pytest.mark.parametrize("is_dated", [True, False], ids=["platform tells its time", "platform does not"])
def test_everything_goes_on_when_the_time_is_right_again(
    shop: Store, market: Market, monkeypatch: pytest.MonkeyPatch, is_dated: bool
) -> None:
    market.is_dated = is_dated
    market.orders = {FIRST_ID: timezone.now() - timedelta(minutes=1)}
    jobs = [ask(shop, subject=str(number)) for number in range(3)]
    market.results["updateStock"] = 429
    work_under_a_wrong_clock(shop, market)
    market.results.clear()
    # Between the two clocks: after the wrong one read, before its time comes.
    market.orders[FIRST_ID + 1] = timezone.now()

    honest_waits_end()
    monkeypatch.setattr(scheduling, "_send", lambda task, kwargs: app.tasks[task].run(**kwargs))
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends and not _is_done(jobs):
        tasks.plan()
        outbox_tasks.sweep()
        time.sleep(0.2)

    assert set(PushJob.objects.values_list("state", flat=True)) == {JobState.DONE}
    stored = set(KwaiOrder.objects.values_list("external_id", flat=True))
    assert stored >= {str(FIRST_ID), str(FIRST_ID + 1)}
    now = timezone.now()
    assert not ChannelPause.objects.exists()
    assert not StoreQueue.objects.filter(reopen_at__gt=now).exists()
    assert not InboundEvent.objects.filter(lease_until__gt=now + timedelta(minutes=5)).exists()
    assert SyncCursor.objects.get(pk=shop.pk).watermark <= now + timedelta(minutes=1)
    account = KwaiAccount.objects.get(pk=shop.pk)
    assert account.access_expires_at is not None
    assert account.access_expires_at <= now + timedelta(days=7)


WAITS: list[tuple[type[Model], str]] = [
    (PushJob, "lease_until"),
    (PushJob, "not_before"),
    (StoreQueue, "reopen_at"),
    (RateLimit, "resume_at"),
    (ChannelPause, "lease_until"),
    (SyncCursor, "lease_until"),
    (SyncCursor, "due_at"),
    (InboundEvent, "lease_until"),
    (KwaiAccount, "lease_until"),
]


def honest_waits_end() -> None:
    """The two minutes that the longest of these waits takes, where a database with a clock of its own wrote
    them. What lies farther off was written by the wrong clock and stays."""
    for model, column in WAITS:
        soon = {f"{column}__gt": Now(), f"{column}__lt": clock.after(timedelta(minutes=2))}
        model._default_manager.filter(**soon).update(**{column: clock.after(-timedelta(seconds=1))})


def _is_done(jobs: list[PushJob]) -> bool:
    is_sent = PushJob.objects.filter(state=JobState.DONE).count() == len(jobs)
    return is_sent and KwaiOrder.objects.filter(external_id=str(FIRST_ID + 1)).exists()
