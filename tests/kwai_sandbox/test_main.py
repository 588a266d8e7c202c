"""The emulator as a process: credentials, restart, kill -9, a taken port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kwai_sandbox.server import RunningSandbox
from kwai_sandbox.signing import ENVIRONMENT, AppCredentials
from tests.kwai_sandbox.conftest import MERCHANT, Caller, invoice, send

Start = Callable[..., tuple[subprocess.Popen[str], RunningSandbox]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def launch(*options: str, **environment: str) -> tuple[subprocess.Popen[str], RunningSandbox]:
        port = free_port()
        command = [
            sys.executable,
            "-m",
            "kwai_sandbox",
            "--port",
            str(port),
            "--state",
            str(tmp_path / "state"),
            *options,
        ]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("KWAI_")}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean | environment)
        started.append(process)
        return process, RunningSandbox(f"http://127.0.0.1:{port}", announced(process), None)  # type: ignore[arg-type]

    yield launch
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def announced(process: subprocess.Popen[str]) -> AppCredentials:
    assert process.stdout is not None
    lines = [process.stdout.readline().strip() for _ in range(6)]
    told = dict(line.split("=", 1) for line in lines if line.startswith("KWAI_"))
    return AppCredentials(**{name: told[variable] for name, variable in ENVIRONMENT.items()})


def test_kill_9_loses_nothing_that_was_answered(start: Start) -> None:
    process, sandbox = start()
    seller = Caller(sandbox, MERCHANT).connect()
    order_id = seller.order()
    assert seller.post("trade/merchant/uploadInvoice", invoice(order_id)).result == 200
    process.send_signal(signal.SIGKILL)
    process.wait()
    _, again = start()
    seller.sandbox = again
    assert seller.known(order_id)["invoice"]["accessKey"] == invoice(order_id)["accessKey"]
    assert len(seller.ledger()) == 1
    assert seller.detail(order_id)["invoiceStatus"] == 2
    assert again.credentials == sandbox.credentials


def test_sigterm_ends_it_well_and_an_emptied_state_stays_empty(start: Start) -> None:
    process, sandbox = start()
    assert len(sandbox.control("GET", "merchants")["merchants"]) == 2
    sandbox.control("POST", "reset")
    process.terminate()
    assert process.wait(10) == 0
    process, sandbox = start()
    assert sandbox.control("GET", "merchants") == {"merchants": []}
    process.terminate()
    process.wait(10)
    _, sandbox = start("--reset")
    assert len(sandbox.control("GET", "merchants")["merchants"]) == 2


def test_secrets_of_the_environment_win_and_seed_0_is_empty(start: Start) -> None:
    _, sandbox = start("--seed", "0", KWAI_APP_KEY="ks7env")
    assert sandbox.credentials.app_key == "ks7env"
    assert sandbox.control("GET", "merchants") == {"merchants": []}


def test_the_address_of_pushes_outlives_a_reset_and_a_restart(start: Start) -> None:
    url = "http://127.0.0.1:9/kwai/webhook/"
    process, sandbox = start("--push-url", url)
    sandbox.control("PUT", "pushes", {"dropRate": 1})
    sandbox.control("POST", "reset")
    found = sandbox.control("GET", "pushes")
    assert (found["url"], found["dropRate"]) == (url, 0)
    process.terminate()
    process.wait(10)
    _, sandbox = start("--push-url", url)
    assert sandbox.control("GET", "pushes")["url"] == url


def test_nothing_is_printed_after_the_start(start: Start) -> None:
    process, sandbox = start()
    Caller(sandbox, MERCHANT).connect().refresh()
    send(sandbox.url, "GET", "/nowhere")
    process.terminate()
    process.wait(10)
    assert process.stdout is not None
    assert process.stdout.read() == ""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.2 is nobody's address")
@pytest.mark.parametrize(("options", "answers"), [((), False), (("--host", "0.0.0.0"), True)])
def test_it_listens_beyond_this_address_only_when_told_to(
    start: Start, options: tuple[str, ...], answers: bool
) -> None:
    _, sandbox = start(*options)
    with socket.socket() as probe:
        port = int(sandbox.url.rpartition(":")[2])
        assert (probe.connect_ex(("127.0.0.2", port)) == 0) is answers


def test_a_taken_port_ends_in_one_sentence() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        command = [sys.executable, "-m", "kwai_sandbox", "--port", str(holder.getsockname()[1])]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "já está em uso" in done.stderr.splitlines()[-1]
