"""The answer of a bulk action: one row per chosen thing, so that nothing fails in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from erp.channels import Outcome, RowResult

__all__ = ["Outcome", "Results", "RowResult", "results_named"]


@dataclass(frozen=True)
class Results:
    """The panel above the list. Refused rows come first: they are the ones that need somebody."""

    title: str
    rows: Sequence[RowResult]

    @property
    def counts(self) -> list[tuple[Outcome, int]]:
        counted = Counter(row.outcome for row in self.rows)
        return [(outcome, counted[outcome]) for outcome in Outcome if counted[outcome]]

    @property
    def has_refusals(self) -> bool:
        return any(row.outcome is Outcome.REFUSED for row in self.rows)


def results_named(title: str, rows: Sequence[RowResult], labels: dict[int, str]) -> Results:
    """The panel with each row named as the list names it, refusals first."""
    named = [row if row.label else replace(row, label=labels.get(row.id, str(row.id))) for row in rows]
    return Results(title, sorted(named, key=lambda row: row.outcome is not Outcome.REFUSED))
