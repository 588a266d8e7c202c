"""K6. The platform's own pushes as it promises them at worst: each one to five times, in any order, one in twenty
lost, and among them forged and stale ones. What every order is here is what it is there."""

from __future__ import annotations

import json
import random
import secrets
import threading
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from erp.sales.models import Order, OrderEvent
from kwai_integration.inbound.webhook import pushes
from kwai_integration.models import InboundEvent
from kwai_sandbox.pushes import push_encrypt
from tests.chaos.world import DRAIN_SECONDS, Trial, Verdict, of_sandbox, wait_for, worker_process
from tests.kwai_integration.codes import CLOSED, PAID, UNPAID
from tests.kwai_integration.outbound.conftest import Desk, desk, kwai, kwai_store, labels_dir, sku, wakes

__all__ = ["desk", "kwai", "kwai_store", "labels_dir", "sku", "wakes"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.chaos, pytest.mark.long]

ORDERS = 60
DROPPED = FORGED = 0.05
MOST_COPIES = 5
# Among so many messages the order of delivery is anything.
SHUFFLED = 40


class Post(ThreadingHTTPServer):
    """Takes the emulator's pushes in and answers well; what becomes of them is the test's."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.letters: list[bytes] = []


class _Taking(BaseHTTPRequestHandler):
    server: Post

    def do_POST(self) -> None:
        self.server.letters.append(self.rfile.read(int(self.headers["Content-Length"])))
        body = b'{"result":1}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def post() -> Iterator[Post]:
    with Post() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


def deliver(body: bytes) -> int:
    return Client().post("/kwai/webhook/", body, content_type="text/plain").status_code


class Courier:
    """Delivers as the platform does at worst, and remembers what it did."""

    def __init__(self, post: Post, chance: random.Random, message_key: str) -> None:
        self.post, self.chance, self.key = post, chance, message_key
        self.bag: list[bytes] = []
        self.old: list[bytes] = []
        self.seen: Counter[str] = Counter()

    def round(self, *, last: bool = False) -> None:
        letters, self.post.letters = self.post.letters, []
        for letter in letters:
            if self.chance.random() < DROPPED:
                self.seen["dropped"] += 1
                continue
            self.bag += [letter] * self.chance.randint(1, MOST_COPIES)
            self.old.append(letter)
        self.chance.shuffle(self.bag)
        while len(self.bag) > (0 if last else SHUFFLED):
            assert deliver(self.bag.pop()) == 200
            self.seen["delivered"] += 1
            if self.chance.random() < FORGED:
                self._odd_one()

    def _odd_one(self) -> None:
        """One that somebody else wrote, one of another seller, or one that says again what was long ago."""
        letter = self.chance.choice(self.old)
        message = json.loads(pushes.push_open(letter, self.key))
        kind = self.chance.choice(["forged", "stranger", "stale"])
        self.seen[kind] += 1
        if kind == "forged":
            other = b64encode(secrets.token_bytes(16)).decode()
            assert deliver(push_encrypt(json.dumps(message), other).encode()) == 400
        elif kind == "stranger":
            message |= {"merchantId": "700000000000000999", "eventId": secrets.token_hex(8)}
            assert deliver(push_encrypt(json.dumps(message), self.key).encode()) == 400
        else:
            message |= {"eventId": secrets.token_hex(8), "createTime": message["createTime"] - 86_400_000}
            assert deliver(push_encrypt(json.dumps(message), self.key).encode()) == 200


def test_k6_pushes_doubled_shuffled_dropped_and_forged(
    desk: Desk, post: Post, tmp_path: Path, settings: Any
) -> None:
    trial, sandbox = Trial("K6"), desk.kwai.sandbox
    settings.KWAI_APP_KEY = sandbox.credentials.app_key
    settings.KWAI_MESSAGE_KEY = sandbox.credentials.message_key
    sandbox.control("PUT", "pushes", {"url": f"http://127.0.0.1:{post.server_port}/"})
    courier = Courier(post, trial.chance, sandbox.credentials.message_key)
    wanted: dict[str, str] = {}
    with worker_process(tmp_path, of_sandbox(sandbox), wrapped={}):
        for order_id in desk.kwai.orders(ORDERS, status=UNPAID):
            wanted[order_id] = str(UNPAID)
        courier.round()
        for status in (PAID, CLOSED):
            for order_id in trial.chance.sample(sorted(wanted), ORDERS // 2):
                desk.kwai.change(order_id, status=status)
                wanted[order_id] = str(status)
                if trial.chance.random() < 0.2:
                    courier.round()
        # What the emulator's senders still hold.
        wait_for(lambda: sandbox.control("GET", "pushes")["waiting"] == 0, 30)
        courier.round(last=True)
        trial.last_fault()

        def differing() -> list[str]:
            here = dict(Order.objects.values_list("external_id", "remote_status"))
            return [
                f"{number}: {here.get(number)}" for number, code in wanted.items() if here.get(number) != code
            ]

        wait_for(lambda: not differing(), DRAIN_SECONDS)
    told = Counter(OrderEvent.objects.values_list("order__external_id", "kind", "text"))
    twice = [f"{key}" for key, times in told.items() if times > 1]
    copies = InboundEvent.objects.count() - InboundEvent.objects.values("event_id").distinct().count()
    assert copies == 0
    assert courier.seen["forged"] + courier.seen["stranger"] + courier.seen["stale"] > 0
    trial.conclude(Verdict(differing(), [], twice), orders=ORDERS, **courier.seen)
