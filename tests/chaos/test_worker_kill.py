"""A real Celery worker dies by SIGKILL while Kwai is answering: the next worker finds out what arrived and
goes on. The emulator's ledger is the judge: nothing lost, nothing doubled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from erp import scheduling
from erp.accounts.models import Store
from erp.outbox.models import PushAttempt, PushJob
from erp.outbox.statuses import AttemptAction, AttemptOutcome, JobState, Origin
from erp.sales.models import Order
from erp.sales.statuses import OrderStatus
from expedition.models import Shipment, ShipmentStatus
from kwai_integration.client import gateway
from kwai_integration.connection import account_store_pair
from kwai_integration.models import ConnectionHealth, KwaiAccount, KwaiSettings
from kwai_integration.outbound.push_requests import deliveries_request
from kwai_sandbox.server import RunningSandbox, running
from tests.kwai_integration.codes import RECEIVED, SHIPPED

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.chaos]

ROOT = Path(__file__).resolve().parents[2]
MERCHANT = "700000000000000001"
ORDERS = 8
WORKER_THREADS = 2
LEASE_SECONDS = 4


@pytest.fixture
def sandbox(store: Store, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSandbox]:
    """The emulator with one seller, connected to `store`. Nobody is woken: the sweep must find the work."""
    monkeypatch.setattr(scheduling, "_send", lambda task, kwargs: None)
    with running() as emulator:
        settings.KWAI_API_URL = emulator.url
        emulator.control("POST", "merchants", {"merchantId": MERCHANT, "shopName": "Loja"})
        code = emulator.control("POST", "grants", {"merchantId": MERCHANT})["code"]
        KwaiSettings.objects.create(store=store)
        account = KwaiAccount(store=store, merchant_id=MERCHANT, health=ConnectionHealth.OK)
        account_store_pair(account, gateway.exchange_code(gateway.client_config(), code=code))
        account.save()
        yield emulator


def shipped(sandbox: RunningSandbox, store: Store, count: int = ORDERS) -> list[Shipment]:
    """Orders on the road, at Kwai and here."""
    body = {
        "merchantId": MERCHANT,
        "count": count,
        "status": SHIPPED,
        "skus": [{"number": "SKU-1", "quantity": 1}],
    }
    ids = sandbox.control("POST", "orders", body)["orderIds"]
    return [_shipment(store, number, str(external_id)) for number, external_id in enumerate(ids, 1)]


def _shipment(store: Store, number: int, external_id: str) -> Shipment:
    now = timezone.now()
    order = Order.objects.create(
        company=store.company, store=store, number=number, external_id=external_id, placed_at=now,
        status=OrderStatus.SHIPPED, remote_status=str(SHIPPED), items_total=5000, total=5000,
    )  # fmt: skip
    return Shipment.objects.create(
        company=store.company, store=store, order=order, number=number, concluded_at=now,
        status=ShipmentStatus.CONCLUDED,
    )  # fmt: skip


@contextmanager
def worker(
    sandbox: RunningSandbox, folder: Path, threads: int = WORKER_THREADS, **values: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that pushes to the sandbox, with further settings as `values`."""
    environment = {
        "OUTBOX_LEASE_SECONDS": str(LEASE_SECONDS),
        "KWAI_API_URL": sandbox.url,
        **sandbox.credentials.as_environment(),
        **values,
    }
    with worker_process(folder, environment, threads) as process:
        yield process


@contextmanager
def worker_process(
    folder: Path, values: dict[str, str], threads: int = WORKER_THREADS
) -> Iterator[subprocess.Popen[bytes]]:
    """A Celery worker with its scheduler, in a process group of its own that is killed at the end."""
    environment = {name: value for name, value in os.environ.items() if name != "REDIS_URL"} | {
        "DJANGO_SETTINGS_MODULE": "erp.settings.test",
        "DATABASE_URL": _database_url(),
        "BROKER_DIR": str(folder),
        **values,
    }
    for name in ("messages", "control"):
        (folder / name).mkdir(exist_ok=True)
    command = [
        sys.executable, "-m", "celery", "-A", "erp", "worker", "-B", "-s", str(folder / "schedule"),
        "-c", str(threads), "-P", "threads", "--without-mingle", "--without-gossip", "-l", "WARNING",
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _database_url() -> str:
    values = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{values['NAME']}"
    secret = f":{values['PASSWORD']}" if values["PASSWORD"] else ""
    host = f"{values['HOST'] or '127.0.0.1'}:{values['PORT'] or 5432}"
    return f"postgres://{values['USER']}{secret}@{host}/{values['NAME']}"


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "waited too long"
        time.sleep(0.2)


def hanging() -> bool:
    """Both threads of the worker are in the middle of their write."""
    return PushAttempt.objects.filter(outcome=AttemptOutcome.RUNNING).count() == WORKER_THREADS


def all_done() -> bool:
    return not PushJob.objects.exclude(state=JobState.DONE).exists()


@pytest.mark.parametrize("effect", ["before", "after"], ids=["write applied", "write not applied"])
def test_a_worker_killed_while_kwai_answers_loses_and_doubles_nothing(
    sandbox: RunningSandbox, store: Store, tmp_path: Path, effect: str
) -> None:
    shipments = shipped(sandbox, store)
    results = deliveries_request(shipments, user=None, origin=Origin.BUTTON)
    assert {result.outcome for result in results.values()} == {"queued"}
    fault = {
        "path": "confirmDelivery", "kind": "timeout", "rate": 1, "count": WORKER_THREADS, "effect": effect,
    }  # fmt: skip
    sandbox.control("PUT", "faults", fault)

    with worker(sandbox, tmp_path):
        wait_for(hanging, 40)
        time.sleep(1)
        assert hanging()
    held = list(PushJob.objects.filter(state=JobState.CLAIMED).values_list("pk", flat=True))
    assert len(held) == WORKER_THREADS

    sandbox.control("DELETE", "faults")
    with worker(sandbox, tmp_path):
        wait_for(all_done, 60)

    rows = [row for row in sandbox.control("GET", "ledger")["rows"] if "confirmDelivery" in row["call"]]
    assert sorted(row["subject"] for row in rows if row["applied"]) == sorted(
        shipment.order.external_id for shipment in shipments
    )
    assert [row for row in rows if row["repeat"]] == []
    for shipment in shipments:
        remote = sandbox.control("GET", f"orders/{shipment.order.external_id}")
        assert remote["status"] == RECEIVED
    for pk in held:
        tries = list(PushAttempt.objects.filter(job=pk).order_by("id").values_list("action", "outcome"))
        found = AttemptOutcome.DONE if effect == "before" else AttemptOutcome.NOT_YET_THERE
        assert tries[:2] == [(AttemptAction.SEND, AttemptOutcome.LOST), (AttemptAction.VERIFY, found)]
    assert set(Order.objects.values_list("status", flat=True)) == {OrderStatus.DELIVERED}
