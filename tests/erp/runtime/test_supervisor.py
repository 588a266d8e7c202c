"""The supervisor with real processes: restart, back-off, output, stopping, dying with its parent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from erp.runtime.supervisor import port_holder, port_is_taken, tethered

ROOT = Path(__file__).resolve().parents[3]
HOUSE = """
import json, sys
from pathlib import Path
from erp.runtime.supervisor import Program, Supervisor
folder = Path(sys.argv[1])
programs = [Program(name, [sys.executable, "-u", "-c", code]) for name, code in json.loads(sys.argv[2]).items()]
Supervisor(programs, folder, lambda line: print(line, flush=True), lambda: print("READY", flush=True)).run()
"""
SLEEPER = "import os, time; print('pid', os.getpid()); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); time.sleep(60)"

# Far above what any of it takes: a busy machine is no fault.
PATIENCE = 120

House = Callable[[dict[str, str]], subprocess.Popen[str]]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    started: list[subprocess.Popen[str]] = []

    def start(programs: dict[str, str]) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOUSE, str(tmp_path), json.dumps(programs)]
        started.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=20)


def eventually(check: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)


def pids(tmp_path: Path, name: str = "one") -> list[int]:
    path = tmp_path / f"{name}.log"
    text = path.read_text() if path.exists() else ""
    return [int(line.split()[1]) for line in text.splitlines() if line.startswith("pid")]


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_a_killed_child_comes_back_and_all_stop_together(house: House, tmp_path: Path) -> None:
    process = house({"one": SLEEPER, "two": SLEEPER})
    eventually(lambda: len(pids(tmp_path)) == 1 and len(pids(tmp_path, "two")) == 1)
    os.kill(pids(tmp_path)[0], signal.SIGKILL)
    eventually(lambda: len(pids(tmp_path)) == 2)
    second, other = pids(tmp_path)[1], pids(tmp_path, "two")[0]
    assert alive(second)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=PATIENCE) == 0
    assert not alive(second)
    assert not alive(other)
    said = process.stdout.read() if process.stdout else ""
    assert "[one] parou (sinal 9) e volta em 0.5 s" in said
    assert said.count("READY") == 1


def test_a_child_that_keeps_dying_is_started_less_and_less_often(house: House, tmp_path: Path) -> None:
    process = house({"one": "import os; print('pid', os.getpid()); raise SystemExit(3)"})
    eventually(lambda: len(pids(tmp_path)) >= 4)
    process.terminate()
    said = process.communicate(timeout=PATIENCE)[0]
    delays = [
        line.split("volta em ")[1].split(" s")[0] for line in said.splitlines() if "parou (código 3)" in line
    ]
    assert delays[:3] == ["0.5", "1", "2"]


def test_errors_reach_the_terminal_and_everything_reaches_the_log(house: House, tmp_path: Path) -> None:
    code = (
        "import time\nprint('all is well')\nprint('2026 ERROR app: no paper')\nprint('calm again', flush=True)\n"
        "def fail(): raise ValueError('broken')\n"
        "try: fail()\nexcept ValueError:\n import traceback; traceback.print_exc()\n"
        "print('after', flush=True); time.sleep(60)"
    )
    process = house({"one": code})
    eventually(
        lambda: "after" in ((tmp_path / "one.log").read_text() if (tmp_path / "one.log").exists() else "")
    )
    process.terminate()
    said = process.communicate(timeout=PATIENCE)[0]
    assert "[one] 2026 ERROR app: no paper" in said
    assert "[one] ValueError: broken" in said
    for quiet in ("all is well", "calm again", "[one] after"):
        assert quiet not in said
    assert "all is well" in (tmp_path / "one.log").read_text()


def test_a_child_that_ignores_the_request_to_stop_is_killed(house: House, tmp_path: Path) -> None:
    process = house({"one": STUBBORN})
    eventually(lambda: (tmp_path / "one.log").exists() and "up" in (tmp_path / "one.log").read_text())
    began = time.monotonic()
    process.terminate()
    process.wait(timeout=PATIENCE)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_that_is_killed_again_and_again_comes_back_at_once(
    house: House, tmp_path: Path, number: int
) -> None:
    process = house({"one": SLEEPER})
    for turn in range(1, 6):
        eventually(lambda turn=turn: len(pids(tmp_path)) == turn)  # type: ignore[misc]
        os.kill(pids(tmp_path)[-1], number)
    eventually(lambda: len(pids(tmp_path)) == 6)
    process.terminate()
    said = process.communicate(timeout=PATIENCE)[0]
    assert said.count("e volta em 0.5 s") == 5


def test_what_a_killed_child_had_started_ends_with_it(house: House, tmp_path: Path) -> None:
    """A web worker without its master would keep the port from the next one."""
    parent = (
        "import os, subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-u', '-c', 'import os, time; print(\"pid\", os.getpid()); "
        "time.sleep(60)'])\nprint('parent', os.getpid())\ntime.sleep(60)"
    )
    house({"one": parent})
    log = tmp_path / "one.log"
    eventually(lambda: len(pids(tmp_path)) == 1 and "parent" in log.read_text())
    os.kill(int(log.read_text().split("parent")[1].split()[0]), signal.SIGKILL)
    eventually(lambda: not alive(pids(tmp_path)[0]))


@pytest.mark.parametrize("stubborn", [False, True], ids=["that listens", "that ignores SIGTERM"])
def test_children_end_within_five_seconds_of_a_supervisor_that_was_killed(
    house: House, tmp_path: Path, stubborn: bool
) -> None:
    """Those that run under `erp.runtime.tether`; what they started ends with them."""
    module = tmp_path / "sleeper.py"
    module.write_text(
        "import os, signal, subprocess, sys, time\n"
        + ("signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" if stubborn else "")
        + "grandchild = subprocess.Popen(['sleep', '60'])\n"
        "print('pid', os.getpid(), flush=True)\nprint('pid', grandchild.pid, flush=True)\ntime.sleep(60)\n"
    )
    code = f"import os, sys; os.chdir({str(tmp_path)!r}); os.execv(sys.executable, {tethered('sleeper')!r})"
    process = house({"one": code})
    eventually(lambda: len(pids(tmp_path)) == 2)
    process.kill()
    eventually(lambda: not any(alive(pid) for pid in pids(tmp_path)), seconds=5)


def test_a_tethered_module_gets_its_arguments(tmp_path: Path) -> None:
    (tmp_path / "teller.py").write_text("import sys; print(__name__, sys.argv[1:], sys.path[0])")
    done = subprocess.run(
        tethered("teller", "-x", "1"),
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == f"__main__ ['-x', '1'] {tmp_path}"


def test_a_full_disk_under_the_logs_ends_nothing(house: House, tmp_path: Path) -> None:
    (tmp_path / "one.log").symlink_to("/dev/full")
    process = house({"one": SLEEPER, "two": SLEEPER})
    eventually(lambda: len(pids(tmp_path, "two")) == 1)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 0
    assert "Traceback" not in said
    assert said.count("não pôde ser gravado") == 1


def test_the_holder_of_a_port_is_named() -> None:
    code = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        assert port_is_taken(port)
        assert f"(processo {process.pid})" in port_holder(port)
    finally:
        process.kill()
        process.communicate()
    assert not port_is_taken(port)
