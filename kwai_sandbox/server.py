"""Serving the emulator: as a process, or inside a test."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from kwai_sandbox.app import create_app
from kwai_sandbox.dialect import Dialect
from kwai_sandbox.sandbox import Sandbox
from kwai_sandbox.settings import settings_change
from kwai_sandbox.signing import AppCredentials

ADDRESS = "127.0.0.1"


class QuietHandler(WSGIRequestHandler):
    """No access log: query strings carry tokens. One `Date`: the answer's own, else the true time."""

    is_dated = False

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        """Write nothing."""

    def send_response(self, code: int, message: str | None = None) -> None:
        """Werkzeug's own would tell the true time before the answer says another."""
        self.is_dated = False
        self.send_response_only(code, message)

    def send_header(self, keyword: str, value: str) -> None:
        self.is_dated = self.is_dated or keyword.lower() == "date"
        super().send_header(keyword, value)

    def end_headers(self) -> None:
        if not self.is_dated:
            self.send_header("Date", self.date_time_string())
        super().end_headers()


@dataclass(frozen=True)
class RunningSandbox:
    """A sandbox that answers at `url` (without a slash at the end)."""

    url: str
    credentials: AppCredentials
    sandbox: Sandbox

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Call `/_sandbox/<path>` and return its JSON; raises `urllib.error.HTTPError`."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data else {}
        address = f"{self.url}/_sandbox/{path.lstrip('/')}"
        request = urllib.request.Request(address, data, headers, method=method)  # noqa: S310 - our own URL
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.load(answer)


def build_server(sandbox: Sandbox, port: int, host: str = ADDRESS) -> BaseWSGIServer:
    """A threaded server on the loopback address unless `host` says another; port 0 picks a free one."""
    return make_server(host, port, create_app(sandbox), threaded=True, request_handler=QuietHandler)


@contextmanager
def running(
    port: int = 0,
    state: Path | str | None = None,
    seed: int | None = None,
    settings: dict[str, Any] | None = None,
    dialect: Dialect | None = None,
) -> Iterator[RunningSandbox]:
    """A sandbox in a thread of this process, for tests.

    By default it is empty, keeps its state in memory and takes a free port; `seed=1` loads the seed's
    sellers, listings and orders into an empty state; `state` keeps everything in that file. `settings` turns
    switches (`settings.DEFAULTS`) before the first call: `{"perStoreRate": 0}` for a test that calls fast.
    With a `dialect` the platform speaks in its words. Secrets come from the `KWAI_*` environment when set,
    else they are made up and found in `.credentials`.

        @pytest.fixture
        def kwai():
            with running() as sandbox:
                sandbox.control("POST", "merchants", {"merchantId": "123", "shopName": "Loja"})
                yield sandbox

    `sandbox.url` serves as `KWAI_API_URL`, `f"{sandbox.url}/shop/b/authorize"` as `KWAI_CONSENT_URL`, and
    `sandbox.credentials.as_environment()` has the secrets under the names the ERP reads.
    """
    emulator = Sandbox(Path(state) if state is not None else None, dialect=dialect)
    if seed is not None and not emulator.state.count("SELECT count(*) FROM merchants"):
        emulator.seed(seed)
    settings_change(emulator.state, settings or {})
    server = build_server(emulator, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    emulator.start()
    try:
        yield RunningSandbox(f"http://{ADDRESS}:{server.server_port}", emulator.credentials, emulator)
    finally:
        emulator.stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()
        emulator.close()
