"""The commands of the compose file, run without Docker on the files the image would hold, against PostgreSQL
and Redis: they become healthy, a new company brings an order of the emulator in as the workflow does it
(`scripts/first_order.py`), and they stop without losing what is under way."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone

from erp import scheduling, tracing
from erp.channels import RowOutcome
from erp.outbox.models import PushAttempt, PushJob
from erp.outbox.statuses import AttemptOutcome, JobState, Origin
from erp.sales.models import Order
from expedition.models import Shipment, ShipmentStatus
from kwai_integration.models import EventState, InboundEvent
from kwai_integration.outbound.push_requests import deliveries_request
from kwai_sandbox.server import RunningSandbox, running
from scripts.first_order import first_order
from scripts.services import own_redis
from tests.compose import ROOT, image_build, image_environment, image_parts, services
from tests.kwai_integration.codes import SHIPPED

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.chaos, pytest.mark.services]

PATIENCE = 240
# `stop_grace_period` of the compose file: what is still there after it would be killed.
STOP_SECONDS = 30
SLOW_MS = 5_000


def wait_for(condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    ends = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < ends, "waited too long"
        time.sleep(0.2)
    return found


@dataclass
class Stack:
    """The services under their own names, as the compose file writes them."""

    folder: Path
    environment: dict[str, str]
    port: int
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def services(self) -> dict[str, dict[str, Any]]:
        return services(self.environment)

    def start(self, name: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                self.services[name]["command"],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self.processes[name]

    def is_healthy(self, name: str) -> bool:
        assert self.processes[name].poll() is None, self.log(name)
        kind, *words = self.services[name]["healthcheck"]["test"]
        command = ["sh", "-c", *words] if kind == "CMD-SHELL" else words
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, check=False
        )
        return done.returncode == 0

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def lines(self, name: str) -> list[dict[str, Any]]:
        """What the service said as JSON."""
        return [json.loads(line) for line in self.log(name).splitlines() if line.startswith("{")]

    def get(self, path: str) -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def setup_link(self) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", "setup_link"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def kill(self) -> None:
        for process in self.processes.values():
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            process.wait()


@pytest.fixture
def sandbox(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSandbox]:
    # The test itself wakes nobody: what it asks for must be found by the scheduler's sweep.
    monkeypatch.setattr(scheduling, "_send", lambda task, kwargs: None)
    with running() as emulator:
        settings.KWAI_API_URL = emulator.url
        yield emulator


@pytest.fixture
def stack(tmp_path: Path, sandbox: RunningSandbox) -> Iterator[Stack]:
    """Nothing runs yet; the folder holds what the image would."""
    folder = tmp_path / "app"
    folder.mkdir()
    for part in image_parts():
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / part)
    with socket.socket() as probe, own_redis() as redis_url:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
        probe.close()
        built = Stack(folder, _environment(tmp_path, port, redis_url, sandbox), port)
        try:
            yield built
        finally:
            built.kill()


def _environment(folder: Path, port: int, redis_url: str, sandbox: RunningSandbox) -> dict[str, str]:
    """What `.env`, the image and the compose file give, with the addresses of this machine."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    given = {
        "PATH": path,
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "SECRET_KEY": django_settings.SECRET_KEY,
        "FIELD_KEYS": django_settings.FIELD_KEYS,
        "POSTGRES_PASSWORD": "unused",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "KWAI_API_URL": sandbox.url,
        "KWAI_CONSENT_URL": f"{sandbox.url}/shop/b/authorize",
        # The push of this test waits for nobody.
        "KWAI_CONFIRM_FIRST_PUSH": "off",
        "ERP_PORT": str(port),
        "WEB_WORKERS": "1",
        "PUSH_PROCESSES": "1",
        "INBOUND_PROCESSES": "1",
        "MAINT_PROCESSES": "1",
        **sandbox.credentials.as_environment(),
        **image_environment(),
        "LABELS_DIR": str(folder / "labels"),
        "BACKUP_DIR": str(folder / "backups"),
    }
    written = services(given)["web"]["environment"]
    return given | written | {"DATABASE_URL": _database_url(), "REDIS_URL": redis_url}


def _database_url() -> str:
    values = connection.settings_dict
    secret = f":{quote(values['PASSWORD'], safe='')}" if values["PASSWORD"] else ""
    host = quote(values["HOST"] or "127.0.0.1", safe="")
    port = f":{values['PORT']}" if values["PORT"] else ""
    return f"postgres://{values['USER']}{secret}@{host}{port}/{values['NAME']}"


def test_the_compose_file_runs(stack: Stack, sandbox: RunningSandbox) -> None:
    migrated = stack.start("migrate")
    collected = subprocess.run(
        ["sh", "-c", image_build()[1]],
        cwd=stack.folder,
        env=stack.environment,
        check=False,
    )
    assert collected.returncode == 0
    assert migrated.wait(PATIENCE) == 0, stack.log("migrate")
    ours = [name for name in stack.services if name not in ("postgres", "redis", "migrate")]
    for name in ours:
        stack.start(name)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: wait_for(lambda: stack.is_healthy(name)), ours))
    wait_for(lambda: stack.get("/readyz")[0] == 200)

    sandbox.control("PUT", "pushes", {"url": f"http://127.0.0.1:{stack.port}/kwai/webhook/"})
    order_id = first_order(stack.setup_link(), sandbox.url)
    order = Order.objects.get(external_id=order_id)
    event = wait_for(lambda: InboundEvent.objects.filter(subject=order_id, state=EventState.DONE).first())
    told = [line for line in stack.lines("web") if line.get("route") == "kwai:webhook"]
    assert event.request_id in {line["request_id"] for line in told}

    job = delivery_begin(sandbox, order)
    stopped = {name: stack.processes[name] for name in ours}
    for process in stopped.values():
        process.send_signal(signal.SIGTERM)
    ends = time.monotonic() + STOP_SECONDS
    codes = {name: process.wait(max(ends - time.monotonic(), 0)) for name, process in stopped.items()}
    assert codes == dict.fromkeys(ours, 0), {
        name: stack.log(name)[-2000:] for name, code in codes.items() if code
    }
    job.refresh_from_db()
    assert job.state == JobState.DONE
    ledger = sandbox.control("GET", "ledger")
    assert [row["call"] for row in ledger["rows"] if row["applied"]] == ["confirmDelivery"]
    assert ledger["doubled"] == []
    (call,) = [line for line in stack.lines("push") if line.get("call") == "confirm_delivery"]
    assert call["request_id"] == job.request_id


def delivery_begin(sandbox: RunningSandbox, order: Order) -> PushJob:
    """A push whose call is under way and takes seconds."""
    fault = {"path": "confirmDelivery", "kind": "slow", "rate": 1, "delayMs": SLOW_MS}
    sandbox.control("PUT", "faults", fault)
    sandbox.control("PATCH", f"orders/{order.external_id}", {"status": SHIPPED})
    shipped = Order.objects.filter(pk=order.pk, remote_status=str(SHIPPED))
    shipment = shipment_of(wait_for(shipped.first))
    with tracing.bound("operator-click"):
        (result,) = deliveries_request([shipment], user=None, origin=Origin.BUTTON).values()
    assert result.outcome == RowOutcome.QUEUED, result.text
    wait_for(lambda: PushAttempt.objects.filter(outcome=AttemptOutcome.RUNNING).exists())
    return PushJob.objects.get(subject=order.external_id)


def shipment_of(order: Order) -> Shipment:
    return Shipment.objects.create(
        company=order.company, store=order.store, order=order, number=1, concluded_at=timezone.now(),
        status=ShipmentStatus.CONCLUDED,
    )  # fmt: skip
