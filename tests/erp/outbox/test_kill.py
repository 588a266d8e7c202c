"""A worker process dies by SIGKILL in the middle of a write: nothing lost, nothing doubled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection

from erp.outbox import drain
from erp.outbox.models import PushAttempt, PushJob
from erp.outbox.reap import reap
from erp.outbox.request import facts_request
from erp.outbox.statuses import AttemptAction, AttemptOutcome, JobState
from tests.erp.outbox.killed_worker import handler_register

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.chaos]

ROOT = Path(__file__).resolve().parents[3]
LEASE_SECONDS = 3


class Ledger(ThreadingHTTPServer):
    """Keeps what was applied. The first write is never answered; `applies_first` says whether it counts."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.applied: list[tuple[str, str]] = []
        self.reads: list[str] = []
        self.applies_first = True
        self.reached = threading.Event()
        self.killed = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/ship"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A killed client breaks its pipe: that is the point of the test."""


class Answering(BaseHTTPRequestHandler):
    server: Ledger

    def do_POST(self) -> None:
        row = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        first = not self.server.reached.is_set()
        if not first or self.server.applies_first:
            self.server.applied.append((row["subject"], row["content"]))
        if first:
            self.server.reached.set()
            self.server.killed.wait(20)
        self._answer({})

    def do_GET(self) -> None:
        subject = parse_qs(urlsplit(self.path).query)["subject"][0]
        self.server.reads.append(subject)
        self._answer({"content": dict(self.server.applied).get(subject)})

    def _answer(self, data: Any) -> None:
        body = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with Ledger() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.killed.set()
        server.shutdown()


def database_url() -> str:
    values = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{values['NAME']}"
    host = f"{values['HOST'] or '127.0.0.1'}:{values['PORT'] or 5432}"
    secret = f":{values['PASSWORD']}" if values["PASSWORD"] else ""
    return f"postgres://{values['USER']}{secret}@{host}/{values['NAME']}"


@pytest.mark.parametrize("applied", [True, False], ids=["write applied", "write not applied"])
def test_a_worker_killed_during_the_write_loses_and_doubles_nothing(
    platform: Any, fact: Any, store: Any, ledger: Ledger, applied: bool
) -> None:
    ledger.applies_first = applied
    handler_register(ledger.url)
    facts_request(requests=[fact(subject=str(number)) for number in range(3)])
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.erp.outbox.killed_worker", str(store.pk), ledger.url],
        cwd=ROOT,
        env=os.environ | {
            "DJANGO_SETTINGS_MODULE": "erp.settings.test",
            "DATABASE_URL": database_url(),
            "OUTBOX_LEASE_SECONDS": str(LEASE_SECONDS),
        },
    )  # fmt: skip
    try:
        assert ledger.reached.wait(30)
    finally:
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        ledger.killed.set()

    held = PushJob.objects.get(state=JobState.CLAIMED)
    assert PushAttempt.objects.get(job=held).outcome == AttemptOutcome.RUNNING
    assert reap() == 0
    ends = time.monotonic() + LEASE_SECONDS + 5
    while not reap():
        assert time.monotonic() < ends
        time.sleep(0.1)
    assert PushJob.objects.get(pk=held.pk).needs_verification

    drain.drain(store_id=store.pk)
    assert set(PushJob.objects.values_list("state", flat=True)) == {JobState.DONE}
    assert sorted(ledger.applied) == [("0", "A"), ("1", "A"), ("2", "A")]
    assert ledger.reads == [held.subject]
    tries = list(PushAttempt.objects.filter(job=held).order_by("id").values_list("action", "outcome"))
    verified = (AttemptAction.VERIFY, AttemptOutcome.DONE if applied else AttemptOutcome.NOT_YET_THERE)
    assert tries[:2] == [(AttemptAction.SEND, AttemptOutcome.LOST), verified]
    assert len(tries) == (2 if applied else 3)
