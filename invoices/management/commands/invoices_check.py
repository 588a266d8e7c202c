"""Judge files of notes and events without storing anything. Needs no database."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from erp.brazil.documents import DocumentInvalid, cnpj_parse
from erp.brazil.money import centavos_from_decimal
from invoices.intake.archives import Entry, entries
from invoices.intake.files import CompanyFacts
from invoices.intake.order_rules import ORDER_RULES, OrderCase, OrderFacts
from invoices.intake.rules import InvoiceCheck, evaluate, refuse
from invoices.intake.validation import judge

REFUSED, USAGE = 1, 2
TOTAL_RULES: Final = [rule for rule in ORDER_RULES if rule.code == "total"]
RESULTS: Final = {"passed": "ok", "warned": "aviso", "refused": "recusa"}


class Command(BaseCommand):
    help = "Confere XMLs e ZIPs de NF-e sem guardar nada. Sai com 1 se um é recusado, com 2 por uso errado."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--company", action="append", required=True, metavar="CNPJ", type=_cnpj)
        parser.add_argument("--environment", required=True, choices=("production", "homologation"))
        parser.add_argument("--order-total", type=_centavos, metavar="170.00")
        parser.add_argument("--json", action="store_true", help="um objeto JSON por linha")

    def handle(self, *args: Any, **options: Any) -> None:
        """`--company` may be repeated: the company and its branches."""
        company = CompanyFacts(
            frozenset(options["company"]),
            options["environment"],
            now=timezone.now(),
            refuse_other_certificate=settings.NFE_OTHER_CERTIFICATE == "refuse",
        )
        refused = False
        for entry in _entries(options["files"]):
            if not entry.is_invoice:
                self.stderr.write(f"{entry.name}: não é um XML, não foi conferido")
                continue
            verdict, checks = _judged(entry, company, options["order_total"])
            refused |= verdict == "refused"
            row = {"file": entry.name, "verdict": verdict, "checks": [_shown(check) for check in checks]}
            self.stdout.write(json.dumps(row, ensure_ascii=False) if options["json"] else _text(row))
        if refused:
            sys.exit(REFUSED)


def _cnpj(text: str) -> str:
    try:
        return cnpj_parse(text)
    except DocumentInvalid as invalid:
        raise argparse.ArgumentTypeError(str(invalid)) from None


def _centavos(text: str) -> int:
    try:
        amount = Decimal(text)
        if amount < 0 or amount != round(amount, 2):
            raise ValueError
        return centavos_from_decimal(amount)
    except (InvalidOperation, ValueError):
        raise argparse.ArgumentTypeError("o total do pedido é um valor como 170.00") from None


def _entries(paths: Sequence[Path]) -> Iterator[Entry]:
    for path in paths:
        try:
            with path.open("rb") as stream:
                yield from entries(os.fsencode(path).decode(errors="replace"), stream)
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror or 'não pode ser lido'}", returncode=USAGE) from None


def _judged(
    entry: Entry, company: CompanyFacts, order_total: int | None
) -> tuple[str, Sequence[InvoiceCheck]]:
    if entry.problem:
        return "refused", [InvoiceCheck("archive", "ZIP que se abre", refuse(entry.problem))]
    verdict = judge(entry.content, company=company)
    checks = verdict.checks
    if order_total is not None and verdict.reading is not None:
        order = OrderFacts("informado", "", order_total)
        checks = (*checks, *evaluate(TOTAL_RULES, OrderCase(verdict.reading, order)))
    if any(check.refuses for check in checks):
        return "refused", checks
    if verdict.event is not None:
        return "event", checks
    return ("warned" if any(check.warns for check in checks) else "accepted"), checks


def _shown(check: InvoiceCheck) -> dict[str, str]:
    result = "refused" if check.refuses else "warned" if check.warns else "passed"
    text = check.finding.message if check.finding else ""
    return {"code": check.code, "label": check.label, "result": result, "message": text}


def _text(row: dict[str, Any]) -> str:
    found = [check for check in row["checks"] if check["message"]]
    lines = [f"  {RESULTS[check['result']]}: {check['label']}: {check['message']}" for check in found]
    return "\n".join([f"{row['file']}: {row['verdict']}", *lines])
