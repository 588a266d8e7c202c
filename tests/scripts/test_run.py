"""`make run` from a copy of the project: it comes up, restarts what dies, stops, and keeps its data."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

import pytest
import requests

from erp.runtime.supervisor import port_is_taken

ROOT = Path(__file__).resolve().parent.parent.parent
LEFT_OUT = shutil.ignore_patterns(
    ".venv", ".git", ".env", "var", "tests", "docs", "node_modules", "__pycache__", ".*_cache", ".test*"
)
START_SECONDS = 120


class Run:
    """One `dev run` with what it has printed so far."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.lines: list[str] = []
        self._queue: SimpleQueue[str] = SimpleQueue()
        self.process = subprocess.Popen(
            [sys.executable, "dev", "run"],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        for line in self.process.stdout or ():
            self._queue.put(line.rstrip())

    def until(self, pattern: str) -> str:
        """Wait for a line with `pattern`; answers its first group, or the line."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                self.lines.append(self._queue.get(timeout=1))
            except Empty:
                assert self.process.poll() is None, "\n".join(self.lines)
                continue
            if match := re.search(pattern, self.lines[-1]):
                return match[1] if match.groups() else match[0]
        raise AssertionError(f"{pattern} did not show:\n" + "\n".join(self.lines))

    def children(self, word: str) -> list[int]:
        """Ids of this run's own processes whose command holds `word`."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                if int(parent) == self.process.pid and word in (folder / "cmdline").read_text().split("\0"):
                    found.append(int(folder.name))
            except OSError:
                continue
        return found

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(timeout=START_SECONDS) == 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The project as a fresh clone has it, with the environment that is installed already."""
    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
    (copy / ".venv").symlink_to(sys.prefix)
    return copy


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., Run]]:
    own = ("KWAI_", "ERP_", "DATABASE_URL", "REDIS_URL", "SECRET_KEY", "FIELD_KEYS", "PUBLIC_URL", "DJANGO_")
    base = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    ports = {"ERP_PORT": str(free_port()), "SANDBOX_PORT": str(free_port())}
    runs: list[Run] = []

    def started(**extra: str) -> Run:
        runs.append(Run(folder, base | ports | extra))
        return runs[-1]

    yield started
    for run in runs:
        run.process.kill()
        run.process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def sign_in(address: str, user: str, password: str) -> requests.Response:
    with requests.Session() as session:
        page = session.get(f"{address}entrar/", timeout=20)
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
        assert token
        values = {"username": user, "password": password, "csrfmiddlewaretoken": token[1]}
        return session.post(f"{address}entrar/", values, timeout=20, allow_redirects=False)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_demonstration_comes_up_heals_stops_and_keeps_its_data(
    folder: Path, start: Callable[..., Run]
) -> None:
    first = start()
    address = first.until(r"^ERP: +(\S+)")
    sandbox = first.until(r"^Kwai simulado: +(\S+)")
    user, password = first.until(r"^Usuário: +(\S+)"), first.until(r"^Senha: +(\S+)")
    first.until("Próximo passo: entre no ERP")
    assert sign_in(address, user, password).status_code == 302
    assert requests.get(sandbox, timeout=20).status_code == 200
    pushes = requests.get(f"{sandbox}pushes", timeout=20).json()
    assert pushes["url"] == f"{address}kwai/webhook/"

    env = (folder / ".env").read_text()
    assert "ERP_DEMO=1\n" in env
    assert "KWAI_" not in env
    assert "DATABASE_URL" not in env
    assert not (folder / "var" / "erp.sqlite3").exists()

    before = wait_for(lambda: first.children("worker"))
    os.kill(before[0], signal.SIGKILL)
    first.until(r"\[worker\] parou \(sinal 9\) e volta em 0.5 s")
    after = wait_for(lambda: first.children("worker"))
    assert after != before

    second = start()
    second.process.wait(timeout=START_SECONDS)
    holder = second.until(r"^Outro ERP já trabalha em .*/var \(processo (\d+)\): encerre-o com Ctrl-C")
    assert int(holder) == first.process.pid
    assert second.process.returncode == 1
    assert len(second.lines) == 1

    # The beat starts a while after the others.
    everything = wait_for(lambda: found if len(found := first.children("-u")) == 4 else [])
    assert opened(folder / "var") == []
    first.stop()
    assert not [pid for pid in everything if Path(f"/proc/{pid}").exists()]

    for path in ((folder / "var"), (folder / "var" / "demo.sqlite3")):
        path.chmod(path.stat().st_mode | 0o044)
    again = start()
    again.until(r"^2 arquivos ou pastas de dados estavam abertos a outros usuários")
    assert again.until(r"^Senha: +(\S+)") == password
    assert opened(folder / "var") == []
    assert "2 arquivos ou pastas" in (folder / "var" / "log" / "up.log").read_text()

    # A supervisor that was killed: its children end, and the next start, which waits for them, has its ports.
    orphans = wait_for(lambda: found if len(found := again.children("-u")) == 4 else [])
    again.process.kill()
    healed = start()
    assert healed.until(r"^Senha: +(\S+)") == password
    assert not [pid for pid in orphans if Path(f"/proc/{pid}").exists()]
    assert sign_in(address, user, password).status_code == 302
    healed.stop()


def test_a_port_that_another_program_has_is_named(start: Callable[..., Run]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        refused = start(ERP_PORT=str(listener.getsockname()[1]))
        assert refused.process.wait(timeout=START_SECONDS) == 1
        holder = refused.until(r"^A porta \d+ \(do ERP\) está ocupada por .*\(processo (\d+)\): encerre-o")
    assert int(holder) == os.getpid()
    assert len(refused.lines) == 1


def opened(folder: Path) -> list[Path]:
    """What of it other users of the machine could read or change."""
    found = (folder, *folder.rglob("*"))
    return [path for path in found if not path.is_symlink() and path.stat().st_mode & 0o077]


def test_real_shop_has_no_sandbox_and_a_one_time_link(folder: Path, start: Callable[..., Run]) -> None:
    (folder / ".env").write_text("ERP_DEMO=0\n")
    run = start(PUBLIC_URL="http://127.0.0.1:1")
    link = run.until(r"^http://127.0.0.1:1(/configurar/\S+/)")
    assert not any("Kwai simulado" in line or "Senha" in line for line in run.lines)
    port = next(argument for argument in run_command(run, "gunicorn") if argument.startswith("127.0.0.1:"))
    page = requests.get(f"http://{port}{link}", timeout=20)
    assert "Primeira configuração" in page.text
    login = requests.get(f"http://{port}/entrar/", timeout=20).text
    assert "Demonstração" not in login
    assert "_sandbox" not in login
    assert sign_in(f"http://{port}/", "demo", "demo").status_code == 200
    assert not run.children("kwai_sandbox")
    assert (folder / ".env").read_text().startswith("ERP_DEMO=0\n")
    assert not (folder / "var" / "demo.sqlite3").exists()
    run.stop()
    assert not port_is_taken(int(port.rpartition(":")[2]))


def test_settings_that_cannot_be_used_end_the_start_with_their_sentences(
    folder: Path, start: Callable[..., Run]
) -> None:
    (folder / ".env").write_text("KWAI_POLL_SECONDS=15s\nOUTBOX_RETRY_HOURS=3 dias\n")
    run = start(LOG_LEVEL="tudo")
    assert run.process.wait(timeout=START_SECONDS) == 3
    run.until("LOG_LEVEL não é DEBUG ou INFO ou")
    assert sorted(line.split()[0] for line in run.lines) == [
        "KWAI_POLL_SECONDS", "LOG_LEVEL", "OUTBOX_RETRY_HOURS",
    ]  # fmt: skip


def test_demonstration_refuses_a_company_that_issues_real_notes(
    folder: Path, start: Callable[..., Run]
) -> None:
    run = start()
    run.until("Próximo passo")
    run.stop()
    change = (
        "from erp.accounts.models import Company; Company.objects.update(fiscal_environment='production')"
    )
    database = {"DATABASE_URL": f"sqlite:///{folder}/var/demo.sqlite3"}
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", change]
    environment = os.environ | database | {"DJANGO_SETTINGS_MODULE": "erp.settings.test"}
    subprocess.run(command, cwd=folder, env=environment, check=True)
    refused = start()
    refused.process.wait(timeout=START_SECONDS)
    refused.until("ERP_DEMO=1 não abre a empresa .*, que emite notas em produção: use ERP_DEMO=0 no .env.")
    assert refused.process.returncode == 1


def run_command(run: Run, word: str) -> list[str]:
    return Path(f"/proc/{run.children(word)[0]}/cmdline").read_text().split("\0")


def wait_for(find: Callable[[], list[int]]) -> list[int]:
    deadline = time.monotonic() + 20
    while not (found := find()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found
