"""Push messages to the ERP (contract section 4): encrypted, at least once, on request lost or doubled."""

from __future__ import annotations

import base64
import http.client
import json
import random
import threading
import uuid
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from kwai_sandbox.clock import SECOND, now_ms
from kwai_sandbox.dialect import PUSH, Dialect
from kwai_sandbox.items import SandboxItem
from kwai_sandbox.orders import SandboxOrder
from kwai_sandbox.signing import AppCredentials
from kwai_sandbox.state import State

KEY = "pushes"
DEFAULTS: dict[str, Any] = {
    "url": "",
    "dropRate": 0,
    "duplicate": 0,
    "shuffle": False,
    "retrySeconds": [300, 600, 1200, 1800, 3600],
}
TIMEOUT_SECONDS = 3
SHUFFLE_MS = 2000
SENDERS = 2
IDLE_SECONDS = 0.25
LEASE_MS = 10 * SECOND
LARGEST_ANSWER = 4096


def push_encrypt(text: str, message_key: str) -> str:
    """Base64 of AES-CBC with PKCS7 and a zero IV; `message_key` is base64."""
    padder = padding.PKCS7(128).padder()
    padded = padder.update(text.encode()) + padder.finalize()
    encryptor = Cipher(algorithms.AES(base64.b64decode(message_key)), modes.CBC(bytes(16))).encryptor()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


class Pushes:
    """The outgoing queue and the threads that empty it."""

    def __init__(
        self, state: State, credentials: AppCredentials, chance: random.Random, dialect: Dialect
    ) -> None:
        self._state = state
        self._dialect = dialect
        self._credentials = credentials
        self._chance = chance
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._defaults = dict(DEFAULTS)
        self._settings: dict[str, Any] = DEFAULTS | state.meta(KEY, {})
        self._senders = [threading.Thread(target=self._send_loop, daemon=True) for _ in range(SENDERS)]
        self.delivered = 0
        self.failed = 0

    def start(self) -> None:
        """Begin to deliver."""
        for sender in self._senders:
            sender.start()

    def stop(self) -> None:
        """Stop delivering; what is left stays queued in the state."""
        self._stopping.set()
        self._wake.set()
        for sender in self._senders:
            if sender.is_alive():
                sender.join(TIMEOUT_SECONDS + 1)

    def settings(self) -> dict[str, Any]:
        """Where and how messages are delivered, and how many."""
        waiting = self._state.count("SELECT count(*) FROM pushes")
        return self._settings | {"waiting": waiting, "delivered": self.delivered, "failed": self.failed}

    def configure(self, changes: dict[str, Any]) -> None:
        """Change some of `DEFAULTS`; raises `ValueError` when a value makes no sense."""
        settings = self._settings | changes
        _check(settings)
        self._state.meta_set(KEY, settings)
        self._settings = settings

    def address_set(self, url: str) -> None:
        """Deliver to `url` from now on, after a reset too; how it is delivered stays as it was chosen."""
        self._defaults["url"] = url
        self.configure({"url": url})

    def forget_settings(self) -> None:
        """Back to the defaults: without an address nothing is queued."""
        self._settings = dict(self._defaults)
        self.delivered = self.failed = 0

    def emit(self, event: str, merchant_id: str, biz_id: str, info: dict[str, Any]) -> None:
        """Queue one event, within the transaction of its cause; without an address it is dropped."""
        message = {
            "eventId": uuid.uuid4().hex,
            "event": event,
            "bizId": biz_id,
            "merchantId": merchant_id,
            "appKey": self._credentials.app_key,
            "createTime": now_ms(),
            "info": json.dumps(self._dialect.data_out(PUSH, info)),
            "test": False,
        }
        copies = 1 + (self._chance.random() < float(self._settings["duplicate"]))
        for _ in range(copies):
            self._enqueue(message)

    def emit_order(self, event: str, order: SandboxOrder) -> None:
        """Queue an event of an order."""
        info = {"orderId": order.order_id, "orderStatus": order.status}
        self.emit(event, order.merchant_id, order.order_id, info)

    def emit_item(self, item: SandboxItem) -> None:
        """Queue the change of a listing."""
        info = {"itemId": item.item_id, "activeStatus": item.body["activeStatus"]}
        self.emit("item_updated", item.merchant_id, item.item_id, info)

    def heartbeat(self) -> None:
        """Queue the platform's test message."""
        self._enqueue({"test": True})

    def _enqueue(self, message: dict[str, Any]) -> None:
        if not self._settings["url"] or self._chance.random() < self._settings["dropRate"]:
            return
        delay = self._chance.randrange(SHUFFLE_MS) if self._settings["shuffle"] else 0
        payload = json.dumps(self._dialect.data_out(PUSH, message), separators=(",", ":"))
        self._state.run("INSERT INTO pushes (due_at, payload) VALUES (?, ?)", now_ms() + delay, payload)
        self._wake.set()

    def _send_loop(self) -> None:
        while not self._stopping.is_set():
            if not self._send_next():
                self._wake.wait(IDLE_SECONDS)
                self._wake.clear()

    def _send_next(self) -> bool:
        with self._state.transaction():
            row = self._state.row(
                "SELECT * FROM pushes WHERE due_at <= ? ORDER BY due_at, id LIMIT 1", now_ms()
            )
            if row is None:
                return False
            self._state.run("UPDATE pushes SET due_at = ? WHERE id = ?", now_ms() + LEASE_MS, row["id"])
        self._settle(row["id"], row["attempts"], self._deliver(row["payload"]))
        return True

    def _settle(self, row_id: int, attempts: int, arrived: bool) -> None:
        delays = self._settings["retrySeconds"]
        if arrived or attempts >= len(delays):
            self._state.run("DELETE FROM pushes WHERE id = ?", row_id)
            self.delivered += arrived
            self.failed += not arrived
            return
        due_at = now_ms() + int(delays[attempts] * SECOND)
        self._state.run(
            "UPDATE pushes SET due_at = ?, attempts = ? WHERE id = ?", due_at, attempts + 1, row_id
        )

    def _deliver(self, payload: str) -> bool:
        address = urlsplit(self._settings["url"])
        secure = address.scheme == "https"
        connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = connect(address.hostname or "", address.port, timeout=TIMEOUT_SECONDS)
        path = (address.path or "/") + (f"?{address.query}" if address.query else "")
        try:
            body = push_encrypt(payload, self._credentials.message_key)
            connection.request("POST", path, body, {"Content-Type": "text/plain"})
            answer = json.loads(connection.getresponse().read(LARGEST_ANSWER))
            return isinstance(answer, dict) and answer.get("result") == 1
        except (OSError, http.client.HTTPException, ValueError):
            return False
        finally:
            connection.close()


def _check(settings: dict[str, Any]) -> None:
    if set(settings) != set(DEFAULTS):
        raise ValueError(f"campos aceitos: {', '.join(DEFAULTS)}")
    address = settings["url"]
    if not isinstance(address, str) or (address and urlsplit(address).scheme not in ("http", "https")):
        raise ValueError("url: use um endereço http:// ou https://")
    for name in ("dropRate", "duplicate"):
        if not isinstance(settings[name], int | float) or not 0 <= settings[name] <= 1:
            raise ValueError(f"{name}: use um número de 0 a 1")
    delays = settings["retrySeconds"]
    if not isinstance(delays, list) or not all(
        isinstance(delay, int | float) and delay >= 0 for delay in delays
    ):
        raise ValueError("retrySeconds: use uma lista de segundos")
