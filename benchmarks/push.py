"""What pushes cost, beside plain loops that make the same calls in the same run.

`make bench-push`, `make bench-push ARGS="--pushes 400"`. PostgreSQL and Redis, a stand-in platform that
answers after 100 ms (`benchmarks.platform`), limits raised. Eight stores have *entregue* to tell; every push
reads the order and then writes, because nothing is sent on a guess. In turn: eight plain loops, each with a
connection of its own, that read and write in the same way and keep nothing; then the worker as
`manage.py up` starts it. Then one store alone for a minute under the platform's own limit (20 calls a
second), always with work waiting.

The last line is one JSON object:

- `ratio_loops`: pushes a second of the worker beside those of the loops;
- `cpu_ms`: processor time of the worker for one push, `database_cpu_ms` that of PostgreSQL;
- `statements`: of one push, counted in this process over 30 pushes;
- `quota_used`: calls that arrived beside what the limit lets through; `calls_in_a_second`: the most in any
  sliding second.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


PORT = int(os.environ.get("BENCH_PLATFORM_PORT") or _free_port())
MILLISECONDS = 100
RAISED = "1000"
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "erp.settings.base",
    "BENCH_PLATFORM_PORT": str(PORT),
    "KWAI_API_URL": f"http://127.0.0.1:{PORT}",
    "KWAI_APP_KEY": "app",
    "KWAI_APP_SECRET": "secret",
    "KWAI_SIGN_SECRET": "secret",
    "KWAI_STORE_RATE": RAISED,
    "KWAI_APP_RATE": RAISED,
    "LOG_LEVEL": "WARNING",
}

import django

django.setup()

import requests
from django.conf import settings
from django.db import connection
from django.db.models import Max, Min
from django.utils import timezone

from benchmarks import shop
from benchmarks.idle import children_of, database_url, postgres_seconds, processor_seconds
from erp.accounts.models import Store, StoreLifecycle
from erp.outbox import drain as engine
from erp.outbox.models import PushJob
from erp.outbox.queues import queues_ensure
from erp.outbox.statuses import OPEN_STATES, JobState
from erp.outbox.waking import wake_stores
from erp.runtime.programs import worker_command
from erp.sales.models import Order, OrderStatus
from expedition.models import Shipment, ShipmentStatus
from kwai_integration.client import gateway, transport
from kwai_integration.connection import account_store_pair
from kwai_integration.mapping import outbound
from kwai_integration.models import ConnectionHealth, KwaiAccount
from kwai_integration.outbound.kinds import Kind
from kwai_integration.setup.stores import store_install
from kwai_integration.wire.types import DeliveryNotice, KwaiCredentials, TokenPair
from tests.kwai_integration.codes import SHIPPED
from tests.kwai_integration.inbound.conftest import FIRST_ID

ROOT = Path(__file__).resolve().parent.parent
STORES = 8
WARM = 4
STORE_RATE = 20
QUOTA_SECONDS = 60


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pushes", type=int, default=2_000)
    parser.add_argument("--quota-seconds", type=int, default=QUOTA_SECONDS)
    options = parser.parse_args()
    connection.settings_dict["TEST"]["NAME"] = f"bench_push_{os.getpid()}"
    with _platform(), shop.own_database():
        stores = _stores()
        figures: dict[str, Any] = {"pushes": options.pushes, "milliseconds": MILLISECONDS}
        figures |= _statements(stores[0])
        each = options.pushes // STORES
        loops = [_loops(stores, each // 4)]
        figures |= _worked(stores, each)
        loops.append(_loops(stores, each // 4))
        figures["loops_per_s"] = round(sum(loops) / len(loops), 1)
        figures["ratio_loops"] = round(figures["pushes_per_s"] / figures["loops_per_s"], 2)
        figures |= _quota(stores[0], options.quota_seconds)
    figures["load"] = round(os.getloadavg()[0], 1)
    print(json.dumps(figures))


@contextmanager
def _platform() -> Iterator[None]:
    command = [sys.executable, "-m", "benchmarks.platform", str(PORT), str(MILLISECONDS)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        _until(_platform_answers, "the stand-in platform", 30)
        yield
    finally:
        process.terminate()
        process.wait(10)


def _platform_answers() -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{PORT}/times", timeout=2).ok
    except requests.ConnectionError:
        return False


def _stores() -> list[Store]:
    first = shop.store_make(1_000)
    user = first.company.users.get()
    stores = [first]
    stores += [
        store_install(company=first.company, user=user, name=f"Loja {n}") for n in range(2, STORES + 1)
    ]
    Store.objects.update(lifecycle=StoreLifecycle.ACTIVE, activated_at=timezone.now() - timedelta(days=9))
    for n, store in enumerate(stores):
        account = KwaiAccount.objects.get(pk=store.pk)
        account.merchant_id, account.health = str(100 + n), ConnectionHealth.OK
        ends = timezone.now() + timedelta(days=300)
        account_store_pair(account, TokenPair(str(100 + n), "", "access", "refresh", ends, ends, ()))
        account.save()
    queues_ensure({store.pk for store in stores})
    return stores


_made = 0


def _pushes_make(store: Store, count: int) -> list[int]:
    """Orders under way whose *entregue* waits to be told."""
    global _made
    now = timezone.now()
    numbers = range(_made, _made + count)
    _made += count
    orders = Order.objects.bulk_create(
        Order(
            company_id=store.company_id,
            store=store,
            number=1_000_000 + n,
            external_id=str(FIRST_ID + n),
            status=OrderStatus.SHIPPED,
            remote_status=str(SHIPPED),
            items_total=1,
            total=1,
            placed_at=now,
        )
        for n in numbers
    )
    shipments = Shipment.objects.bulk_create(
        Shipment(
            company_id=store.company_id,
            store=store,
            order=order,
            number=order.number,
            status=ShipmentStatus.CONCLUDED,
            concluded_at=now,
        )
        for order in orders
    )
    kind = Kind.CONFIRM_DELIVERY
    jobs = PushJob.objects.bulk_create(
        PushJob(
            store=store,
            kind=kind,
            subject=order.external_id,
            step=kind.step,
            payload={"order_id": order.pk, "shipment_id": shipment.pk},
            idempotency_key=f"{store.pk}:{kind}:{order.external_id}:delivered",
        )
        for order, shipment in zip(orders, shipments, strict=True)
    )
    return [job.pk for job in jobs]


def _statements(store: Store) -> dict[str, float]:
    """What one push asks of the database, in this process."""
    pushes = 30
    _pushes_make(store, pushes + 2)
    # One connection sees all statements.
    settings.OUTBOX_THREADS = 1
    engine.drain(store_id=store.pk, seconds=0.0)
    began = time.process_time()
    with shop.Measured() as measured:
        done = engine.drain(store_id=store.pk, seconds=60.0)
    spent = time.process_time() - began
    kinds = Counter(sql for _, sql in measured.statements)
    for sql, count in kinds.most_common(60):
        _tell(f"  {count / done:5.2f}  {sql[:150]}")
    return {
        "statements": round(len(measured.statements) / done, 1),
        "cpu_ms_alone": round(spent / done * 1000, 1),
    }


def _loops(stores: Sequence[Store], each: int) -> float:
    """Pushes a second of eight plain loops."""
    failures: list[BaseException] = []

    def loop(place: int) -> None:
        client = _PlainClient(str(100 + place))
        try:
            for n in range(each):
                client.push(str(FIRST_ID + n))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=loop, args=(place,)) for place in range(len(stores))]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    rate = len(stores) * each / (time.perf_counter() - began)
    _tell(f"eight plain loops: {rate:.1f} pushes/s")
    return rate


class _PlainClient:
    """Signs and sends as the product does, through a session of `requests`, and keeps nothing."""

    def __init__(self, merchant_id: str) -> None:
        self.config = gateway.client_config()
        self.credentials = KwaiCredentials(merchant_id, "access")
        self.session = requests.Session()

    def push(self, order_id: str) -> None:
        self._call("order_details", {self.config.names.details.order_ids: [order_id]})
        self._call(
            "confirm_delivery",
            outbound.delivery_payload(DeliveryNotice(order_id, timezone.now()), self.config.names),
        )

    def _call(self, name: str, payload: Mapping[str, Any]) -> None:
        endpoint = self.config.endpoints[name]
        query = transport.signed_query(self.config, endpoint, self.credentials, {}, gateway.now_ms)
        url = self.config.api_url + endpoint.path
        answer = self.session.request(endpoint.verb, url, params=query, json=payload, timeout=60)
        if answer.json()["result"] != 200:
            raise SystemExit(f"{name} answered {answer.text[:200]}")


def _worked(stores: Sequence[Store], each: int) -> dict[str, Any]:
    """The worker's pushes a second, and what they cost."""
    with _worker() as worker:
        _wait_done([pk for store in stores for pk in _pushes_make(store, WARM)], stores)
        pids = [worker.pid, *children_of(worker.pid)]
        ids = [pk for store in stores for pk in _pushes_make(store, each)]
        # PostgreSQL as it is after autovacuum has seen the new rows.
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE outbox_pushjob; ANALYZE sales_order; ANALYZE expedition_shipment")
        own, database = processor_seconds(pids, backends=False), postgres_seconds()
        _wait_done(ids, stores)
        own = processor_seconds(pids, backends=False) - own
        database = postgres_seconds() - database
    done = PushJob.objects.filter(pk__in=ids, state=JobState.DONE)
    span = done.aggregate(first=Min("first_attempt_at"), last=Max("finished_at"))
    count = done.count()
    if count != len(ids):
        raise SystemExit(f"{count} of {len(ids)} pushes done")
    return {
        "pushes_per_s": round(count / (span["last"] - span["first"]).total_seconds(), 1),
        "cpu_ms": round(own / count * 1000, 1),
        "database_cpu_ms": round(database / count * 1000, 1),
    }


def _quota(store: Store, seconds: int) -> dict[str, Any]:
    """One store for `seconds`, always with work waiting, under the platform's limit."""
    ids = _pushes_make(store, STORE_RATE * (seconds + 10))
    requests.get(f"http://127.0.0.1:{PORT}/times", timeout=5)
    with _worker(KWAI_STORE_RATE=str(STORE_RATE)):
        wake_stores([store.pk])
        _until(lambda: _is_begun(ids), "the first push under the limit", 60)
        time.sleep(seconds + 2)
        times = requests.get(f"http://127.0.0.1:{PORT}/times", timeout=5).json()
    first = times[0] + 1
    within = [each for each in times if first <= each < first + seconds]
    most = max(sum(each <= other < each + 1 for other in times) for each in times)
    PushJob.objects.filter(pk__in=ids, state__in=OPEN_STATES).delete()
    return {"quota_used": round(len(within) / (STORE_RATE * seconds), 3), "calls_in_a_second": most}


def _is_begun(ids: Sequence[int]) -> bool:
    return PushJob.objects.filter(pk__in=ids, state=JobState.DONE).exists()


@contextmanager
def _worker(**settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """The worker as `manage.py up` starts it, over the database at hand."""
    environment = os.environ | {"DATABASE_URL": database_url()} | settings
    process = subprocess.Popen(worker_command(), cwd=ROOT, env=environment, stdin=subprocess.PIPE)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_done(ids: Sequence[int], stores: Sequence[Store]) -> None:
    """Wakes as the sweep does, every five seconds."""
    waiting = PushJob.objects.filter(pk__in=ids, state__in=OPEN_STATES)
    ends = time.monotonic() + 600
    while waiting.exists():
        wake_stores([store.pk for store in stores])
        if time.monotonic() > ends:
            raise SystemExit(f"{waiting.count()} pushes wait after ten minutes: {waiting.first()}")
        wakes_at = time.monotonic() + 5
        while time.monotonic() < wakes_at and waiting.exists():
            time.sleep(0.3)


def _until(done: Any, what: str, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while not done():
        if time.monotonic() > ends:
            raise SystemExit(f"waited {seconds} s for {what}")
        time.sleep(0.2)


def _tell(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
