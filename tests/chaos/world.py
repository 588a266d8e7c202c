"""What the tests of this folder share: the emulator with a connected store, worker processes made to be ended,
and the one judge of what was lost and what was doubled."""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from django.db import connection
from django.utils import timezone

from erp.accounts.models import Store
from erp.outbox.models import PushAttempt, PushJob
from erp.outbox.statuses import WITHDRAWN_STATES, AttemptOutcome, JobState
from erp.sales.models import Order, OrderEvent
from erp.sales.statuses import OrderStatus
from expedition.models import Shipment, ShipmentStatus
from kwai_integration.outbound.kinds import Kind
from kwai_sandbox.server import RunningSandbox
from scripts.services import own_redis
from tests.kwai_integration.codes import SHIPPED

ROOT = Path(__file__).resolve().parents[2]
MERCHANT = "700000000000000001"
ORDERS = 8
WORKER_THREADS = 2
LEASE_SECONDS = 4
# What the suite's own workers wait between tries (`tests.chaos.wrapped`); the product waits 5 s to 12 hours.
DELAYS = (1, 2, 5)
# All that waits must be through so long after the last fault.
DRAIN_SECONDS = 120
# Where `make` wants the results, one JSON object a line.
RESULTS = "CHAOS_RESULTS"


@dataclass(frozen=True)
class Verdict:
    """What the ledger and the rows say together, by the contract's definitions (section 6). `retold`: an order
    whose timeline tells of one push twice."""

    lost: list[str]
    doubled: list[int]
    retold: list[str]

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.retold)


# The call of each kind, and its content as the job's key writes it.
CONTENTS: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    Kind.SEND_INVOICE: ("uploadInvoice", lambda content: content["accessKey"]),
    Kind.SEND_TRACKING: (
        "shipOrder",
        lambda content: f"{content['carrierCode']}:{content['trackingNumber']}",
    ),
    Kind.CONFIRM_DELIVERY: ("confirmDelivery", lambda content: "delivered"),
}

# What an order's timeline says of a push that is through.
TOLD = ("kwai.invoice", "kwai.tracking", "kwai.delivery")


def judged(sandbox: RunningSandbox, wishes: int) -> Verdict:
    """The verdict on `wishes` pushes that were asked for, once all that waits should be through."""
    ledger = sandbox.control("GET", "ledger")
    applied: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in ledger["rows"]:
        if row["applied"]:
            applied.setdefault((row["call"], row["subject"]), []).append(row["content"])
    lost = []
    jobs = PushJob.objects.exclude(state__in=WITHDRAWN_STATES)
    for job in jobs:
        call, content_of = CONTENTS[job.kind]
        asked = (job.idempotency_key or "").split(":", 3)[-1].partition("#")[0]
        held = [content_of(content) for content in applied.get((call, job.subject), [])]
        if job.state != JobState.DONE or asked not in held:
            lost.append(f"{job} {job.state} {job.last_error}")
    lost += ["a wish without a row"] * max(0, wishes - len(jobs))
    told = Counter(OrderEvent.objects.filter(kind__in=TOLD).values_list("order", "kind"))
    return Verdict(lost, ledger["doubled"], [f"{key}" for key, times in told.items() if times > 1])


@dataclass
class Trial:
    """One case of the suite: its seed, what it did to the processes, and its result."""

    case: str
    seed: int = field(default_factory=lambda: int(os.environ.get("CHAOS_SEED") or secrets.randbelow(2**31)))
    kills: int = 0
    healed_at: float | None = None

    def __post_init__(self) -> None:
        self.began = time.monotonic()
        self.chance = random.Random(f"{self.case} {self.seed}")
        print(f"{self.case}: CHAOS_SEED={self.seed}")  # noqa: T201

    def last_fault(self) -> None:
        """From now on nothing is broken: what waits must drain."""
        self.healed_at = time.monotonic()

    def judge(self, sandbox: RunningSandbox, wishes: int, **figures: object) -> None:
        """Write the result down, and fail when anything was lost or doubled."""
        self.conclude(judged(sandbox, wishes), pushes=wishes, **figures)

    def conclude(self, verdict: Verdict, **figures: object) -> None:
        ended = time.monotonic()
        result = {
            "case": self.case,
            "database": connection.vendor,
            "seed": self.seed,
            "kills": self.kills,
            "lost": len(verdict.lost),
            "doubled": len(verdict.doubled) + len(verdict.retold),
            "seconds": round(ended - self.began),
            "drained": None if self.healed_at is None else round(ended - self.healed_at),
            "retry_seconds": DELAYS,
            **figures,
        }
        line = json.dumps(result)
        print(line)  # noqa: T201
        if RESULTS in os.environ:
            with Path(os.environ[RESULTS]).open("a") as file:
                file.write(f"{line}\n")
        assert verdict.is_clean, asdict(verdict)


def shipped(sandbox: RunningSandbox, store: Store, count: int = ORDERS, *, first: int = 1) -> list[Shipment]:
    """Orders on the road, at Kwai and here, numbered from `first`."""
    body = {
        "merchantId": MERCHANT,
        "count": count,
        "status": SHIPPED,
        "skus": [{"number": "SKU-1", "quantity": 1}],
    }
    ids = sandbox.control("POST", "orders", body)["orderIds"]
    return [_shipment(store, number, str(external_id)) for number, external_id in enumerate(ids, first)]


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
    environment = {"OUTBOX_LEASE_SECONDS": str(LEASE_SECONDS), **of_sandbox(sandbox), **values}
    with worker_process(folder, environment, threads) as process:
        yield process


@contextmanager
def worker_process(
    folder: Path, values: dict[str, str], threads: int = WORKER_THREADS, wrapped: dict[str, Any] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A Celery worker with its scheduler, in a process group of its own that is killed at the end. With
    `wrapped` it starts in `tests.chaos.wrapped`, by this plan."""
    for name in ("messages", "control"):
        (folder / name).mkdir(exist_ok=True)
    program = ["-m", "celery"] if wrapped is None else ["-m", "tests.chaos.wrapped", "celery"]
    command = [
        *program, "-A", "erp", "worker", "-B", "-s", str(folder / "schedule"),
        "-c", str(threads), "-P", "threads", "--without-mingle", "--without-gossip", "-l", "WARNING",
    ]  # fmt: skip
    with started(command, {"BROKER_DIR": str(folder), **values}, wrapped) as process:
        yield process


@contextmanager
def started(
    arguments: list[str], values: dict[str, str], plan: dict[str, Any] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process on the test's database, in a process group of its own that is killed at the end."""
    environment = {name: value for name, value in os.environ.items() if name != "REDIS_URL"} | {
        "DJANGO_SETTINGS_MODULE": "erp.settings.test",
        "DATABASE_URL": database_url(),
        "CHAOS_PLAN": json.dumps({"delays": DELAYS, **(plan or {})}),
        **values,
    }
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, env=environment, start_new_session=True
    )
    try:
        yield process
    finally:
        group_kill(process)


def group_kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to all of a group that `started` made; those that ended by themselves are gone already."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def of_sandbox(sandbox: RunningSandbox) -> dict[str, str]:
    return {"KWAI_API_URL": sandbox.url, **sandbox.credentials.as_environment()}


@contextmanager
def queue_of_shape() -> Iterator[dict[str, str]]:
    """What tells a worker its broker: with PostgreSQL a Redis of the test's own, else the folder."""
    if connection.vendor != "postgresql":
        yield {}
        return
    with own_redis() as url:
        yield {"REDIS_URL": url}


def limits_lift(sandbox: RunningSandbox) -> dict[str, str]:
    """No call limits, there and here: settings for the worker. Kills then meet more work under way."""
    sandbox.control("PUT", "settings", {"perStoreRate": 0, "perAppRate": 0})
    return {"KWAI_STORE_RATE": "1000", "KWAI_APP_RATE": "1000"}


def database_url() -> str:
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


def done() -> int:
    return PushJob.objects.filter(state=JobState.DONE).count()


def all_done(but: Collection[JobState] = ()) -> bool:
    return not PushJob.objects.exclude(state__in=[JobState.DONE, *but]).exists()
