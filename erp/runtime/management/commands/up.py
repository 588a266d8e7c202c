"""`manage.py up`: everything this ERP needs, in one terminal; `make run` ends here."""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import Error, connections
from django.utils import timezone

from erp.accounts.models import Company, FiscalEnvironment
from erp.accounts.setup import setup_is_open, setup_url
from erp.runtime import demo
from erp.runtime.files import modes_close, text_replace
from erp.runtime.folder_broker import BROKEN
from erp.runtime.programs import worker_command
from erp.runtime.storage import trouble_of
from erp.runtime.supervisor import Program, Supervisor, file_log, port_holder, port_is_taken, tethered
from erp.runtime.var_lock import VarTaken, var_lock

# The pages come up first: on two cores, four processes that start together are all late.
LATER_SECONDS = 2.5
BROKER_FOLDERS = ("messages", "control")


class Command(BaseCommand):
    help = "Inicia o ERP: banco, telas, filas e agenda; em demonstração também o Kwai simulado."
    requires_migrations_checks = False

    def handle(self, *args: Any, **options: Any) -> None:
        self.web_port, self.sandbox_port = settings.ERP_PORT, settings.SANDBOX_PORT
        try:
            held = self._begin()
        except VarTaken as taken:
            sys.exit(str(taken))
        except (OSError, Error) as error:
            trouble = trouble_of(error)
            if trouble is None:
                raise
            sys.exit(f"{trouble.label}. {trouble.repair} e inicie de novo.")
        programs = [*(self._sandbox() if settings.ERP_DEMO else ()), *self._erp()]
        Supervisor(programs, self.log_dir, self._report, self._welcome, kept=[held]).run()

    def _begin(self) -> int:
        """Everything before the first process; the descriptor that keeps other supervisors out of `var/`."""
        settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
        held = var_lock(settings.VAR_DIR, self._say)
        self._check_ports()
        self.log_dir = settings.VAR_DIR / "log"
        self.log = file_log(self.log_dir, "up", self._say)
        self.log.handlers[0].setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        self._modes_close()
        if settings.ERP_DEMO and (told := demo.former_set_aside(settings.VAR_DIR, timezone.localdate())):
            self._report(told)
        self._prepare()
        self.login = self._demo_data() if settings.ERP_DEMO else ""
        connections.close_all()
        return held

    def _modes_close(self) -> None:
        """Whatever an earlier version, or a copy that was put back, left open to other users."""
        database = Path(settings.DATABASES["default"]["NAME"])
        files = [database.with_name(database.name + end) for end in ("", "-wal", "-shm")]
        # Of a folder that somebody chose only what is the ERP's: it may hold other things.
        broker = [settings.BROKER_DIR / name for name in (*BROKER_FOLDERS, BROKEN)]
        closed = modes_close(
            [settings.VAR_DIR, settings.LABELS_DIR, *broker, *files, settings.BASE_DIR / ".env"]
        )
        if closed:
            self._report(
                f"{closed} arquivos ou pastas de dados estavam abertos a outros usuários da máquina e agora "
                "são só do usuário do ERP."
            )

    def _check_ports(self) -> None:
        names = {self.web_port: "do ERP"}
        if settings.ERP_DEMO:
            names[self.sandbox_port] = "do Kwai simulado"
        for port, name in names.items():
            if port_is_taken(port):
                holder = port_holder(port) or "outro programa"
                sys.exit(f"A porta {port} ({name}) está ocupada por {holder}: encerre-o e tente de novo.")

    def _prepare(self) -> None:
        for folder in BROKER_FOLDERS:
            (settings.BROKER_DIR / folder).mkdir(parents=True, exist_ok=True)
        call_command("migrate", interactive=False, verbosity=0)
        stamp = settings.VAR_DIR / "staticfiles.sha256"
        wanted = static_digest()
        if not stamp.exists() or stamp.read_text() != wanted:
            call_command("collectstatic", interactive=False, clear=True, verbosity=0)
            # Django opens what it collects to everybody.
            modes_close([settings.STATIC_ROOT])
            text_replace(stamp, wanted)

    def _demo_data(self) -> str:
        """Create what the demonstration shows, once; answers the name to sign in with."""
        production = Company.objects.filter(fiscal_environment=FiscalEnvironment.PRODUCTION).first()
        if production:
            sys.exit(
                f"ERP_DEMO=1 não abre a empresa {production}, que emite notas em produção: "
                "use ERP_DEMO=0 no .env."
            )
        password = demo.secrets_read(settings.VAR_DIR)["password"]
        answer = call_command("kwai_demo", password=password, stdout=io.StringIO())
        return str(answer or "demo").strip()

    def _sandbox(self) -> list[Program]:
        command = [
            *tethered("kwai_sandbox", "--port", str(self.sandbox_port)),
            *("--state", str(settings.VAR_DIR / "sandbox.sqlite3")),
            *("--push-url", f"http://127.0.0.1:{self.web_port}/kwai/webhook/"),
        ]
        return [Program("kwai", command, self.sandbox_port)]

    def _erp(self) -> list[Program]:
        celery = tethered("celery", "-A", "erp")
        web = [
            *tethered("gunicorn", "erp.wsgi", "-b", f"127.0.0.1:{self.web_port}"),
            *("-k", "gthread", "--workers", "1", "--threads", "8"),
            *("--preload", "--no-control-socket", "--graceful-timeout", "3", "--log-level", "warning"),
        ]
        beat = [*celery, "beat", "-s", str(settings.VAR_DIR / "beat-schedule"), "--pidfile=", "-l", "WARNING"]
        return [
            Program("web", web, self.web_port),
            Program("worker", worker_command(), wait=LATER_SECONDS),
            Program("beat", beat, wait=2 * LATER_SECONDS),
        ]

    def _say(self, line: str) -> None:
        # A terminal that was closed, or a file on a full disk, ends nothing.
        with contextlib.suppress(OSError):
            self.stdout.write(line)
            self.stdout.flush()

    def _report(self, line: str) -> None:
        """Say it, and keep it in `up.log`; nothing secret."""
        self.log.info(line)
        self._say(line)

    def _welcome(self) -> None:
        for line in self._demo_lines() if settings.ERP_DEMO else self._real_lines():
            self._say(line)
        self._say("\nPara encerrar: Ctrl-C. Registros em var/log/.")

    def _demo_lines(self) -> Iterator[str]:
        yield f"\nERP:            {settings.PUBLIC_URL}/"
        yield f"Kwai simulado:  {settings.KWAI_API_URL}/_sandbox/"
        yield f"Usuário:        {self.login}"
        yield f"Senha:          {demo.secrets_read(settings.VAR_DIR)['password']}"
        yield "\nPróximo passo: entre no ERP e siga o passeio guiado da página inicial."

    def _real_lines(self) -> Iterator[str]:
        yield f"\nERP:  {settings.PUBLIC_URL}/"
        if setup_is_open():
            yield "\nPróximo passo: abra o endereço abaixo, que vale uma única vez, para cadastrar a empresa"
            yield f"e o primeiro administrador:\n{setup_url()}"
        connections.close_all()


def static_digest() -> str:
    """Changes whenever a static file is added, removed or edited."""
    rows = []
    for finder in get_finders():
        for path, storage in finder.list([]):
            stat = Path(storage.path(path)).stat()
            rows.append(f"{path} {stat.st_size} {stat.st_mtime_ns}")
    return hashlib.sha256("\n".join(sorted(rows)).encode()).hexdigest()
