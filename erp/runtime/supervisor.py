"""Keeps a handful of processes alive: restarts what dies, collects what they say, stops all together.

One thread, no pool: pipes and exits are watched in one loop, so the fork that starts a child never
meets a lock held by another thread.
"""

from __future__ import annotations

import contextlib
import logging.handlers
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

TICK_SECONDS = 0.2
FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 15.0
# A child that lived this long was healthy: its next death starts again with the first delay.
HEALTHY_SECONDS = 60.0
STOP_SECONDS = 6.0
LOG_BYTES = 5 * 1024 * 1024
TETHER = Path(__file__).with_name("tether.py")

TROUBLE = re.compile(r"\b(ERROR|CRITICAL|FATAL)\b|^Traceback ")
# What belongs to the traceback begun above: indented frames, and the line that names the error.
TRACEBACK_LINE = re.compile(r"^(\s|During handling|The above exception|[\w.]+(Error|Exception|Warning)\b|$)")


@dataclass(frozen=True, slots=True)
class Program:
    """A process to keep alive; `port` is where it listens once it is ready, if it does; `wait` are the
    seconds before its first start."""

    name: str
    command: Sequence[str]
    port: int | None = None
    wait: float = 0.0


@dataclass(slots=True)
class Child:
    program: Program
    log: logging.Logger
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_again_at: float = 0.0
    delay: float = FIRST_DELAY_SECONDS
    pending: bytes = b""
    in_traceback: bool = False

    @property
    def ready(self) -> bool:
        return self.program.port is None or port_is_taken(self.program.port)


@dataclass(slots=True)
class Supervisor:
    """Runs `programs` until SIGINT or SIGTERM.

    `say` writes a line for the person at the terminal; everything a child prints goes to
    `log_dir/<name>.log`, and its errors to the terminal as well.
    """

    programs: Sequence[Program]
    log_dir: Path
    say: Callable[[str], None]
    on_ready: Callable[[], None]
    # Descriptors that every child keeps open: a lock that is held until the last of them has ended.
    kept: Sequence[int] = ()
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    _children: list[Child] = field(default_factory=list)
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _stopping: bool = False
    _announced: bool = False

    def run(self) -> None:
        self._children = [self._child(program) for program in self.programs]
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        while not self._stopping:
            for child in self._children:
                self._supervise(child)
            self._announce()
            self._read(TICK_SECONDS)
        self._shut_down()

    def _child(self, program: Program) -> Child:
        log = file_log(self.log_dir, program.name, self.say)
        return Child(program, log, start_again_at=time.monotonic() + program.wait)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _supervise(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.start_again_at:
                self._start(child)
        elif _has_ended(child.process.pid):
            # Before it is waited for: until then no other process can have its number.
            _signal(child, signal.SIGKILL)
            self._on_exit(child, child.process.wait(), now)

    def _start(self, child: Child) -> None:
        child.process = subprocess.Popen(
            child.program.command,
            # Nothing is ever written: `tether` waits for the end of it, which is the end of this process.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(self.environment),
            # Its own session: a Ctrl-C in the terminal reaches only the supervisor, which stops all in order.
            start_new_session=True,
            pass_fds=self.kept,
        )
        child.started_at = time.monotonic()
        if child.process.stdout:
            os.set_blocking(child.process.stdout.fileno(), False)
            self._selector.register(child.process.stdout, selectors.EVENT_READ, child)

    def _on_exit(self, child: Child, code: int, now: float) -> None:
        self._close(child)
        # Killed, or asked to end: that says nothing against starting it again.
        if code <= 0 or now - child.started_at >= HEALTHY_SECONDS:
            child.delay = FIRST_DELAY_SECONDS
        self.say(
            f"[{child.program.name}] parou ({_reason(code)}) e volta em {child.delay:g} s. "
            f"Detalhes em {self.log_dir / child.program.name}.log"
        )
        child.start_again_at = now + child.delay
        child.delay = min(child.delay * 2, LONGEST_DELAY_SECONDS)

    def _close(self, child: Child) -> None:
        pipe = child.process.stdout if child.process else None
        if pipe:
            self._drain(child, pipe)
            if pipe in self._selector.get_map():
                self._selector.unregister(pipe)
            pipe.close()
        if child.process and child.process.stdin:
            child.process.stdin.close()
        child.process = None

    def _announce(self) -> None:
        if not self._announced and all(child.ready for child in self._children):
            self._announced = True
            self.on_ready()

    def _read(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            self._drain(key.data, key.fileobj)  # type: ignore[arg-type]

    def _drain(self, child: Child, pipe: IO[bytes]) -> None:
        """Write what has arrived, whole lines only; at its end the pipe is no longer watched."""
        while chunk := _available(pipe):
            *lines, child.pending = (child.pending + chunk).split(b"\n")
            for line in lines:
                self._note(child, line.decode(errors="replace").rstrip())
        if chunk is not None and pipe in self._selector.get_map():
            self._selector.unregister(pipe)

    def _note(self, child: Child, line: str) -> None:
        child.log.info(line)
        child.in_traceback = child.in_traceback and bool(TRACEBACK_LINE.match(line))
        if self._stopping or not (child.in_traceback or TROUBLE.search(line)):
            return
        child.in_traceback = True
        self.say(f"[{child.program.name}] {line}")

    def _shut_down(self) -> None:
        self.say("Encerrando...")
        running = [child for child in reversed(self._children) if child.process is not None]
        for child in running:
            _signal(child, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and any(_alive(child) for child in running):
            self._read(TICK_SECONDS)
        for child in running:
            # The whole session: what a child started may outlive it. Rows hold all pending work.
            _signal(child, signal.SIGKILL)
            if child.process is not None:
                child.process.wait()
        self._selector.close()


class LogFile(logging.handlers.RotatingFileHandler):
    """Lines that the disk does not take are dropped, and `say` hears of it once until one is taken again."""

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        super().__init__(path, maxBytes=LOG_BYTES, backupCount=1, delay=True)
        self.path, self.say, self.failing = path, say, False

    def emit(self, record: logging.LogRecord) -> None:
        self.failed = False
        super().emit(record)
        self.failing = self.failed

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        self.failed = True
        if not self.failing:
            self.say(f"{self.path} não pôde ser gravado ({sys.exc_info()[1]}): confira o espaço em disco.")
        # What its buffer holds would be tried again with every line.
        stream = self.stream
        self.stream = None
        with contextlib.suppress(OSError):
            if stream:
                stream.close()


def file_log(folder: Path, name: str, say: Callable[[str], None]) -> logging.Logger:
    """A logger of its own that writes bare lines to `folder/name.log`, one older file kept."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    log = logging.Logger(name)
    log.addHandler(LogFile(folder / f"{name}.log", say))
    return log


def tethered(module: str, *arguments: str) -> list[str]:
    """The command that runs a Python module until it ends or the supervisor that started it does."""
    return [sys.executable, "-u", str(TETHER), module, *arguments]


def port_is_taken(port: int) -> bool:
    """True when something on this machine accepts connections on `port`."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def port_holder(port: int) -> str:
    """`name (pid)` of the process that listens on `port`, or an empty text when it cannot be seen."""
    inodes = _listening_inodes(port)
    for folder in Path("/proc").glob("[0-9]*"):
        if inodes & _socket_inodes(folder):
            try:
                name = (folder / "cmdline").read_text().replace("\0", " ").strip()
            except OSError:
                continue
            return f"{name[:80]} (processo {folder.name})"
    return ""


def _listening_inodes(port: int) -> set[str]:
    """Inodes of sockets in state LISTEN on `port`, from the kernel's table (see proc(5))."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = [line.split() for line in Path(table).read_text().splitlines()[1:]]
        except OSError:
            continue
        found |= {row[9] for row in rows if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port}
    return found


def _socket_inodes(folder: Path) -> set[str]:
    links = set()
    try:
        for entry in (folder / "fd").iterdir():
            links.add(str(entry.readlink()))
    except OSError:
        pass
    return {link[8:-1] for link in links if link.startswith("socket:[")}


def _has_ended(pid: int) -> bool:
    """Whether our child of this number has ended; it stays as it is, to be waited for."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _available(pipe: IO[bytes]) -> bytes | None:
    """What can be read now: None when nothing has arrived yet, empty at the end."""
    try:
        return os.read(pipe.fileno(), 65536)
    except BlockingIOError:
        return None


def _reason(code: int) -> str:
    return f"sinal {-code}" if code < 0 else f"código {code}"


def _alive(child: Child) -> bool:
    return child.process is not None and child.process.poll() is None


def _signal(child: Child, number: int) -> None:
    if child.process is None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.process.pid, number)
