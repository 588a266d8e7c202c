"""Push messages over real sockets (contract section 4)."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from kwai_sandbox.pushes import push_encrypt
from kwai_sandbox.statuses import Status
from tests.kwai_sandbox.conftest import Caller


class Receiver(ThreadingHTTPServer):
    """Keeps what arrives; refuses the first `refusals` messages."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies: list[str] = []
        self.refusals = 0


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.server.refusals -= 1
        answer = b'{"result":0}' if self.server.refusals >= 0 else b'{"result":1}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Write nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def listening(seller: Caller, receiver: Receiver) -> Caller:
    configure(seller, receiver)
    return seller


def configure(seller: Caller, receiver: Receiver, **changes: Any) -> None:
    url = f"http://127.0.0.1:{receiver.server_port}/kwai/webhook/"
    seller.sandbox.control(
        "PUT", "pushes", {"url": url, "dropRate": 0, "duplicate": 0, "shuffle": False} | changes
    )


def decrypt(body: str, key: str) -> Any:
    decryptor = Cipher(algorithms.AES(base64.b64decode(key)), modes.CBC(bytes(16))).decryptor()
    padded = decryptor.update(base64.b64decode(body)) + decryptor.finalize()
    remover = padding.PKCS7(128).unpadder()
    return json.loads(remover.update(padded) + remover.finalize())


def wait_for(condition: Callable[[], bool], seconds: float = 8) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def messages(seller: Caller, receiver: Receiver) -> list[Any]:
    return [decrypt(body, seller.sandbox.credentials.message_key) for body in receiver.bodies]


def test_the_vector_of_the_contract() -> None:
    assert push_encrypt('{"test":true}', "AAECAwQFBgcICQoLDA0ODw==") == "vftmsTE4kncTlrYRCUwCMg=="


def test_events_of_an_order(listening: Caller, receiver: Receiver) -> None:
    order_id = listening.order(status=Status.AWAITING_PAYMENT)
    paid, closed = {"orderStatus": Status.AWAITING_INVOICE}, {"orderStatus": Status.CLOSED}
    for change in (paid, {"refundStatus": 10}, {"holdReason": "x"}, closed):
        listening.sandbox.control("PATCH", f"orders/{order_id}", change)
    wait_for(lambda: len(receiver.bodies) == 5)
    found = messages(listening, receiver)
    assert {message["event"] for message in found} == {
        "order_created", "order_paid", "refund_updated", "order_updated", "order_cancelled",
    }  # fmt: skip
    assert {message["bizId"] for message in found} == {order_id}
    assert json.loads(found[0]["info"])["orderId"] == order_id
    assert found[0]["appKey"] == listening.sandbox.credentials.app_key


def test_heartbeat_and_revocation(listening: Caller, receiver: Receiver) -> None:
    listening.sandbox.control("POST", "pushes/heartbeat")
    listening.sandbox.control("DELETE", f"grants/{listening.merchant_id}")
    wait_for(lambda: len(receiver.bodies) == 2)
    found = messages(listening, receiver)
    assert {"test": True} in found
    assert "authorization_revoked" in [message.get("event") for message in found]


def test_what_is_not_acknowledged_is_sent_again(listening: Caller, receiver: Receiver) -> None:
    receiver.refusals = 1
    configure(listening, receiver, retrySeconds=[0.1, 60])
    listening.order()
    wait_for(lambda: len(receiver.bodies) == 2)
    assert receiver.bodies[0] == receiver.bodies[1]
    wait_for(lambda: listening.sandbox.control("GET", "pushes")["delivered"] == 1)


def test_given_up_after_the_last_retry(listening: Caller, receiver: Receiver) -> None:
    receiver.refusals = 99
    configure(listening, receiver, retrySeconds=[0.05])
    listening.order()
    wait_for(lambda: listening.sandbox.control("GET", "pushes")["failed"] == 1)
    assert len(receiver.bodies) == 2


def test_lost_and_doubled_on_request(listening: Caller, receiver: Receiver) -> None:
    configure(listening, receiver, dropRate=1)
    listening.order()
    configure(listening, receiver, duplicate=True, shuffle=True)
    order_id = listening.order()
    wait_for(lambda: len(receiver.bodies) == 2)
    found = messages(listening, receiver)
    assert [message["bizId"] for message in found] == [order_id, order_id]
    assert found[0]["eventId"] == found[1]["eventId"]
