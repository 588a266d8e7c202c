"""Print the lines of `.env` with which this ERP speaks a dialect of the simulated Kwai."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from kwai_integration.client.dialect import dialect_settings, env_lines


class Command(BaseCommand):
    help = "Mostra as linhas do .env com que este ERP fala o dialeto de um arquivo (kwai_sandbox --dialect)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="o arquivo JSON do dialeto")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            found = dialect_settings(json.loads(path.read_text(encoding="utf-8")))
        except OSError as error:
            raise CommandError(f"Não foi possível ler {path}: {error.strerror}.") from None
        except (ValueError, KeyError, AttributeError, TypeError):
            raise CommandError(f"{path} não é um dialeto: confira com kwai_sandbox --dialect.") from None
        self.stdout.writelines(f"{line}\n" for line in env_lines(found))
