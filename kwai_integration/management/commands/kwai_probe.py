"""Compare the contract with what a merchant's account answers: reads only, personal data masked."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q
from django.utils import timezone

from erp.accounts.models import Store
from kwai_integration.connection import NotConnected, client_for
from kwai_integration.management.commands.kwai_contract import SOURCES
from kwai_integration.models import CHANNEL_KEY
from kwai_integration.probe.collecting import Reader, collected
from kwai_integration.probe.judging import (
    ContractRow,
    ContractVerdict,
    SeenInAnswers,
    judged,
    unknown_codes,
    unknown_fields,
)
from kwai_integration.probe.recording import recording, recording_write

LONGEST_WINDOW_DAYS = 31


class Command(BaseCommand):
    help = (
        "Lê uma amostra da conta de uma loja no Kwai (só leituras) e diz, linha por linha do contrato, o que "
        "foi confirmado, o que é diferente e o que não foi visto."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--store", required=True, help="número ou nome da integração")
        parser.add_argument(
            "--days", type=int, default=LONGEST_WINDOW_DAYS, help="até quantos dias atrás (1 a 31)"
        )
        parser.add_argument("--json", action="store_true", help="um único objeto JSON em vez de tabelas")
        parser.add_argument(
            "--record",
            type=Path,
            metavar="ARQUIVO",
            help="grava as respostas, sem dados pessoais, para o simulador",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        store, days = _store(options["store"]), options["days"]
        if not 1 <= days <= LONGEST_WINDOW_DAYS:
            raise CommandError(f"--days vai de 1 a {LONGEST_WINDOW_DAYS}.")
        reader = Reader(client_for(store.pk))
        try:
            seen = collected(reader, now=timezone.now(), days=days)
        except NotConnected as error:
            raise CommandError(str(error)) from None
        rows = judged(seen, reader.config)
        report = {
            "store": store.name,
            "summary": dict(Counter(str(row.verdict) for row in rows)),
            "rows": [_as_json(row) for row in rows],
            "unknownFields": unknown_fields(seen, reader.config),
            "unknownCodes": unknown_codes(seen, reader.config),
        }
        if options["record"]:
            self._record(options["record"], seen, reader, store)
        if options["json"]:
            self.stdout.write(json.dumps(report, ensure_ascii=False, indent=1))
        else:
            self._print(report, rows)

    def _record(self, path: Path, seen: SeenInAnswers, reader: Reader, store: Store) -> None:
        content = recording(seen, reader.config, store.kwai_account.merchant_id)
        try:
            recording_write(path, content)
        except OSError as error:
            raise CommandError(f"Não foi possível gravar em {path}: {error.strerror}.") from None
        counts = ", ".join(
            f"{len(content[name])} {label}"
            for name, label in (("orders", "pedidos"), ("items", "anúncios"), ("refunds", "reembolsos"))
        )
        self.stderr.write(f"Gravado em {path}, sem dados pessoais: {counts}.")

    def _print(self, report: dict[str, Any], rows: list[ContractRow]) -> None:
        part = ""
        for row in rows:
            if row.part != part:
                part = row.part
                self.stdout.write(f"\n{part}")
            source = SOURCES.get(row.source, "")
            detail = f" · {row.detail}" if row.detail else ""
            self.stdout.write(f"  {row.verdict.label:<11} {row.name:<32} {row.expected} [{source}]{detail}")
        for title, found in (
            ("campos que o contrato não conhece", report["unknownFields"]),
            ("códigos que o contrato não conhece", report["unknownCodes"]),
        ):
            self.stdout.write(f"\n{title}: {len(found)}")
            for one in found:
                self.stdout.write(f"  {'  '.join(one.values())}")
        summary = [f"{report['summary'].get(verdict, 0)} {verdict.label}" for verdict in ContractVerdict]
        self.stdout.write(f"\n{report['store']}: {', '.join(summary)}. Nada foi escrito no Kwai.")


def _as_json(row: ContractRow) -> dict[str, str]:
    return {
        "part": row.part,
        "name": row.name,
        "expected": row.expected,
        "source": str(row.source),
        "verdict": str(row.verdict),
        "detail": row.detail,
    }


def _store(named: str) -> Store:
    wanted = Q(pk=int(named)) if named.isascii() and named.isdigit() else Q(name__iexact=named)
    found = list(Store.objects.filter(wanted, channel=CHANNEL_KEY, kwai_account__isnull=False)[:2])
    if len(found) == 1:
        return found[0]
    stores = Store.objects.filter(channel=CHANNEL_KEY, kwai_account__isnull=False).order_by("pk")
    choices = ", ".join(f"{pk} ({name})" for pk, name in stores.values_list("pk", "name")) or "nenhuma"
    raise CommandError(f"Não há uma única integração {named}. Use o número; existem: {choices}.")
