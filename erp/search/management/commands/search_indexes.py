"""`manage.py search_indexes`: build the trigram indexes that are missing, e.g. once pg_trgm was allowed."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from erp.search.finding import text_sources
from erp.search.indexes import index_build


class Command(BaseCommand):
    help = "Cria os índices de busca que faltam no PostgreSQL."

    def handle(self, *args: Any, **options: Any) -> None:
        if connection.vendor != "postgresql":
            raise CommandError("O SQLite não usa índices de busca: nada a fazer.")
        for source in text_sources():
            if source.index and not index_build(connection, source.model, source.index, source.columns):
                raise CommandError(
                    "Falta a extensão pg_trgm. Peça a quem administra o PostgreSQL: "
                    "CREATE EXTENSION pg_trgm; e repita este comando."
                )
            if source.index:
                self.stdout.write(f"{source.index}: pronto")
