"""The gate: what an authorised NF-e passes before anything is stored or sent. Pure: no database, no clock."""

from __future__ import annotations

from dataclasses import dataclass

from invoices.intake.document_rules import DOCUMENT_RULES, Case, CompanyFacts
from invoices.intake.order_rules import ORDER_RULES, OrderCase, OrderFacts
from invoices.intake.reading import NfeReading
from invoices.intake.rules import Check, Severity, evaluate, messages


@dataclass(frozen=True, slots=True)
class Verdict:
    """Every rule evaluated, in order; `reading` is there when the file could be read to the end."""

    checks: tuple[Check, ...]
    reading: NfeReading | None

    @property
    def refusals(self) -> tuple[str, ...]:
        return messages(self.checks, Severity.REFUSE)

    @property
    def warnings(self) -> tuple[str, ...]:
        return messages(self.checks, Severity.WARN)

    @property
    def accepted(self) -> bool:
        return self.reading is not None and not self.refusals


def judge(content: bytes, *, company: CompanyFacts) -> Verdict:
    """Judge one file for one company. Never raises for its content."""
    case = Case(content, company)
    checks = evaluate(DOCUMENT_RULES, case)
    return Verdict(checks, case.reading if len(checks) == len(DOCUMENT_RULES) else None)


def match(reading: NfeReading, *, order: OrderFacts) -> tuple[Check, ...]:
    """Judge a note that passed `judge` beside its order."""
    return evaluate(ORDER_RULES, OrderCase(reading, order))
