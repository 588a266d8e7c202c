"""The validation: what a file passes before anything of it is stored or sent. Pure: no database, no clock."""

from __future__ import annotations

from dataclasses import dataclass

from invoices.intake.document_rules import DOCUMENT_RULES, DocumentCase
from invoices.intake.event_rules import EVENT_RULES, EventCase
from invoices.intake.files import CompanyFacts, FileCase
from invoices.intake.order_rules import ORDER_RULES, OrderCase, OrderFacts
from invoices.intake.reading import EventReading, NfeReading
from invoices.intake.rules import CheckSeverity, InvoiceCheck, evaluate, messages


@dataclass(frozen=True, slots=True)
class InvoiceVerdict:
    """Every rule evaluated, in order.

    `reading` is there when a note, `event` when an event could be read to the end; at most one of them.
    """

    checks: tuple[InvoiceCheck, ...]
    reading: NfeReading | None = None
    event: EventReading | None = None

    @property
    def refusals(self) -> tuple[str, ...]:
        return messages(self.checks, CheckSeverity.REFUSE)

    @property
    def warnings(self) -> tuple[str, ...]:
        return messages(self.checks, CheckSeverity.WARN)

    @property
    def accepted(self) -> bool:
        """The file is a note without a refusal; it may carry warnings."""
        return self.reading is not None and not self.refusals


def judge(content: bytes, *, company: CompanyFacts) -> InvoiceVerdict:
    """Judge one file, a note or an event, for one company. Never raises for its content."""
    opened = FileCase(content, company)
    return _event(EventCase.of(opened)) if opened.is_event else _document(DocumentCase.of(opened))


def match(reading: NfeReading, *, order: OrderFacts) -> tuple[InvoiceCheck, ...]:
    """Judge a note that passed `judge` beside its order."""
    return evaluate(ORDER_RULES, OrderCase(reading, order))


def _document(case: DocumentCase) -> InvoiceVerdict:
    checks = evaluate(DOCUMENT_RULES, case)
    return InvoiceVerdict(checks, reading=case.reading if len(checks) == len(DOCUMENT_RULES) else None)


def _event(case: EventCase) -> InvoiceVerdict:
    checks = evaluate(EVENT_RULES, case)
    return InvoiceVerdict(checks, event=case.reading if len(checks) == len(EVENT_RULES) else None)
