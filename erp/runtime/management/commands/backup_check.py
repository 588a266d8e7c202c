"""`manage.py backup_check`: whether a copy can be restored, found out by restoring it elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from erp.runtime.backup.refusals import BackupRefused
from erp.runtime.backup.services import backup_check
from erp.runtime.management.commands.backup import described


class Command(BaseCommand):
    help = "Restaura uma cópia em um lugar de teste e compara linhas e arquivos com o que ela diz conter."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, help="a cópia; sem ele a mais nova de BACKUP_DIR")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = backup_check(options["file"])
        except BackupRefused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"A cópia {made.archive}, de {made.manifest.made_at}, foi restaurada em um lugar de teste e "
            f"confere: {described(made)}."
        )
