"""`manage.py backup`: a copy of database and labels while the ERP works."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from erp.runtime.backup.archive import LABELS
from erp.runtime.backup.refusals import BackupRefused
from erp.runtime.backup.services import MadeBackup, backup_make

WITHOUT_ENV = (
    "O .env não está nela: guarde-o à parte, pois sem as suas FIELD_KEYS os tokens guardados com cifra não "
    "podem ser lidos e cada loja precisa ser conectada de novo."
)
WITH_ENV = "O .env está nela: quem abre esta cópia lê também os tokens das lojas."


class Command(BaseCommand):
    help = "Grava em BACKUP_DIR uma cópia do banco e das etiquetas, também com o ERP em uso."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--with-secrets", action="store_true", help="inclui o .env, com as chaves")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = backup_make(with_secrets=options["with_secrets"])
        except BackupRefused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Cópia gravada em {made.archive}: {described(made)}.")
        self.stdout.write(WITH_ENV if options["with_secrets"] else WITHOUT_ENV)


def described(made: MadeBackup) -> str:
    """What a copy holds, for the terminal."""
    labels = sum(name.startswith(f"{LABELS}/") for name in made.manifest.files)
    size = f"{made.archive.stat().st_size / 1e6:.1f}".replace(".", ",")
    tables = made.manifest.tables
    return f"tabelas: {len(tables)}, linhas: {sum(tables.values())}, etiquetas: {labels}, MB: {size}"
