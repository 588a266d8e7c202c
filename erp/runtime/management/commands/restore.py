"""`manage.py restore`: a copy put back into an empty place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from erp.runtime.backup.refusals import BackupRefused
from erp.runtime.backup.services import backup_restore


class Command(BaseCommand):
    help = "Restaura uma cópia no banco de DATABASE_URL e em LABELS_DIR, que devem estar vazios."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="a cópia, erp-….tar.gz")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            notes = backup_restore(options["file"])
        except BackupRefused as error:
            raise CommandError(str(error)) from error
        self.stdout.write("\n".join(["Restaurado: cada tabela e cada arquivo confere com a cópia.", *notes]))
        self.stdout.write("Inicie o ERP: ele atualiza o banco e busca no Kwai o que mudou desde a cópia.")
