"""`manage.py up`: everything this ERP needs, in one terminal; `make run` ends here."""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connections
from django.utils import timezone

from erp.accounts.models import Company, FiscalEnvironment
from erp.accounts.setup import setup_is_open, setup_url
from erp.runtime import demo
from erp.runtime.supervisor import Program, Supervisor, port_holder, port_is_taken

QUEUES = "push,inbound,invoices,labels,work,maint"
# The pages come up first: on two cores, four processes that start together are all late.
LATER_SECONDS = 2.5


class Command(BaseCommand):
    help = "Inicia o ERP: banco, telas, filas e agenda; em demonstração também o Kwai simulado."
    requires_migrations_checks = False

    def handle(self, *args: Any, **options: Any) -> None:
        self.web_port, self.sandbox_port = settings.ERP_PORT, settings.SANDBOX_PORT
        self._check_ports()
        if settings.ERP_DEMO and (told := demo.former_set_aside(settings.VAR_DIR, timezone.localdate())):
            self._say(told)
        self._prepare()
        self.login = self._demo_data() if settings.ERP_DEMO else ""
        connections.close_all()
        programs = [*(self._sandbox() if settings.ERP_DEMO else ()), *self._erp()]
        Supervisor(programs, settings.VAR_DIR / "log", self._say, self._welcome).run()

    def _check_ports(self) -> None:
        names = {self.web_port: "do ERP"}
        if settings.ERP_DEMO:
            names[self.sandbox_port] = "do Kwai simulado"
        for port, name in names.items():
            if port_is_taken(port):
                holder = port_holder(port) or "outro programa"
                sys.exit(f"A porta {port} ({name}) está ocupada por {holder}: encerre-o e tente de novo.")

    def _prepare(self) -> None:
        for folder in ("messages", "control"):
            (settings.BROKER_DIR / folder).mkdir(parents=True, exist_ok=True)
        call_command("migrate", interactive=False, verbosity=0)
        stamp = settings.VAR_DIR / "staticfiles.sha256"
        wanted = static_digest()
        if not stamp.exists() or stamp.read_text() != wanted:
            call_command("collectstatic", interactive=False, clear=True, verbosity=0)
            stamp.write_text(wanted)

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
            *(sys.executable, "-m", "kwai_sandbox", "--port", str(self.sandbox_port)),
            *("--state", str(settings.VAR_DIR / "sandbox.sqlite3")),
            *("--push-url", f"http://127.0.0.1:{self.web_port}/kwai/webhook/"),
        ]
        return [Program("kwai", command, self.sandbox_port)]

    def _erp(self) -> list[Program]:
        celery = (sys.executable, "-m", "celery", "-A", "erp")
        pool = ("-P", "threads", "-c", "8") if settings.EMBEDDED else ("-c", "4")
        web = [
            *(sys.executable, "-m", "gunicorn", "erp.wsgi", "-b", f"127.0.0.1:{self.web_port}"),
            *("-k", "gthread", "--workers", "1", "--threads", "8"),
            *("--preload", "--no-control-socket", "--graceful-timeout", "3", "--log-level", "warning"),
        ]
        worker = [
            *celery,
            "worker",
            *pool,
            "-Q",
            QUEUES,
            "--without-gossip",
            "--without-mingle",
            "-l",
            "WARNING",
        ]
        beat = [*celery, "beat", "-s", str(settings.VAR_DIR / "beat-schedule"), "--pidfile=", "-l", "WARNING"]
        return [
            Program("web", web, self.web_port),
            Program("worker", worker, wait=LATER_SECONDS),
            Program("beat", beat, wait=2 * LATER_SECONDS),
        ]

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

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
