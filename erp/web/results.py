"""The answer of a bulk action as the screen shows it: one row per chosen thing, nothing fails in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from erp.channels import RowOutcome, RowResult


@dataclass(frozen=True)
class Results:
    """The panel above the list."""

    title: str
    rows: Sequence[RowResult]

    @property
    def counts(self) -> list[tuple[RowOutcome, str]]:
        counted = Counter(row.outcome for row in self.rows)
        return [(outcome, outcome.counted(counted[outcome])) for outcome in RowOutcome if counted[outcome]]


def results_named(title: str, rows: Sequence[RowResult], names: Mapping[int, tuple[str, str]]) -> Results:
    """The panel with each row's label and address filled from `names`; the refused come first."""
    return Results(title, sorted((_named(row, names) for row in rows), key=_refused_first))


def _named(row: RowResult, names: Mapping[int, tuple[str, str]]) -> RowResult:
    label, url = names.get(row.id, (f"nº {row.id}", ""))
    return replace(row, label=row.label or label, url=row.url or url)


def _refused_first(row: RowResult) -> bool:
    return row.outcome is not RowOutcome.REFUSED
