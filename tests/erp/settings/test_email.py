"""`EMAIL_URL` becomes Django's settings, and a message arrives over SMTP."""

from __future__ import annotations

import importlib
import socketserver
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from django.core.mail import EmailMessage, get_connection

from erp.settings import email


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    importlib.reload(email)


def loaded(monkeypatch: pytest.MonkeyPatch, **values: str) -> ModuleType:
    for name in ("EMAIL_URL", "EMAIL_FROM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    found = importlib.reload(email)
    monkeypatch.undo()
    return found


def test_without_an_address_nothing_is_sent_and_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    found = loaded(monkeypatch)
    assert found.EMAIL_ENABLED is False
    assert get_connection(found.EMAIL_BACKEND).send_messages([EmailMessage("x", "y", to=["a@b.example"])])


def test_submission_means_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    found = loaded(monkeypatch, EMAIL_URL="submission://ana%40x.example:p%40ss@smtp.x.example")
    assert found.EMAIL_ENABLED is True
    assert (found.EMAIL_HOST, found.EMAIL_PORT, found.EMAIL_USE_TLS) == ("smtp.x.example", 587, True)
    assert (found.EMAIL_HOST_USER, found.EMAIL_HOST_PASSWORD) == ("ana@x.example", "p@ss")
    assert found.DEFAULT_FROM_EMAIL == "ana@x.example"
    assert found.EMAIL_TIMEOUT == 10


class Postman(socketserver.StreamRequestHandler):
    """As much SMTP as one message needs."""

    received: list[str] = []

    def handle(self) -> None:
        self.say("220 ready")
        while word := self.rfile.readline().decode().strip().upper():
            if word == "DATA":
                self.say("354 go on")
                lines = iter(lambda: self.rfile.readline().decode(), ".\r\n")
                self.received.append("".join(lines))
            self.say("221 bye" if word == "QUIT" else "250 ok")
            if word == "QUIT":
                return

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


def test_a_message_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Postman) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found = loaded(monkeypatch, EMAIL_URL=f"smtp://127.0.0.1:{server.server_address[1]}")
        options: dict[str, Any] = {
            "host": found.EMAIL_HOST, "port": found.EMAIL_PORT, "timeout": found.EMAIL_TIMEOUT
        }  # fmt: skip
        mail = EmailMessage(
            "Assunto", "Corpo", "erp@x.example", ["a@b.example"], headers={"Message-ID": "<7@x>"}
        )
        mail.connection = get_connection(found.EMAIL_BACKEND, **options)
        assert mail.send() == 1
        server.shutdown()
    assert "Message-ID: <7@x>" in Postman.received[0]
    assert "Corpo" in Postman.received[0]
