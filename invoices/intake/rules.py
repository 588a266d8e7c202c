"""What a rule of the validation is, and how a list of rules is run.

A rule answers nothing, or a finding that refuses or warns and tells the operator what to do. Rules marked
`stops` are what later rules stand on: when one refuses, the rest is not evaluated.

What a refusal does. At an upload the file goes to *rejeitadas* with its reason, whether a rule of the note or
of its order refuses (`placement.py`). Linking a stored note by hand raises `InvoiceRefused` and changes
nothing (`linking.py`). Of a note that is linked already the rules are only shown, on its page: nothing is
undone. A warning holds the note until somebody goes on despite it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

CaseT = TypeVar("CaseT")
RuledT_contra = TypeVar("RuledT_contra", contravariant=True)


class CheckSeverity(StrEnum):
    REFUSE = "refuse"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found: `message` is Portuguese and says what to do next."""

    severity: CheckSeverity
    message: str


@dataclass(frozen=True, slots=True)
class Rule(Generic[RuledT_contra]):
    code: str
    label: str
    check: Callable[[RuledT_contra], Finding | None]
    stops: bool = False


@dataclass(frozen=True, slots=True)
class InvoiceCheck:
    """The outcome of one rule; no finding means it passed."""

    code: str
    label: str
    finding: Finding | None = None

    @property
    def refuses(self) -> bool:
        return self.finding is not None and self.finding.severity is CheckSeverity.REFUSE

    @property
    def warns(self) -> bool:
        return self.finding is not None and self.finding.severity is CheckSeverity.WARN


def refuse(message: str) -> Finding:
    return Finding(CheckSeverity.REFUSE, message)


def warn(message: str) -> Finding:
    return Finding(CheckSeverity.WARN, message)


def evaluate(rules: Sequence[Rule[CaseT]], case: CaseT) -> tuple[InvoiceCheck, ...]:
    """Run rules in order up to the first refusal of a rule that stops."""
    return tuple(_evaluated(rules, case))


def messages(checks: Sequence[InvoiceCheck], severity: CheckSeverity) -> tuple[str, ...]:
    findings = [check.finding for check in checks if check.finding is not None]
    return tuple(finding.message for finding in findings if finding.severity is severity)


def _evaluated(rules: Sequence[Rule[CaseT]], case: CaseT) -> Iterator[InvoiceCheck]:
    for rule in rules:
        check = InvoiceCheck(rule.code, rule.label, rule.check(case))
        yield check
        if rule.stops and check.refuses:
            return
