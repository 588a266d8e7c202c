"""The answer of a bulk action as the screen shows it: one row per chosen thing, nothing fails in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from django.http import HttpRequest
from django.urls import reverse

from erp.channels import RowOutcome, RowResult

KEPT_STEPS = "next_steps"


@dataclass(frozen=True)
class Results:
    """The panel above the list."""

    title: str
    rows: Sequence[RowResult]

    @property
    def counts(self) -> list[tuple[RowOutcome, str]]:
        counted = Counter(row.outcome for row in self.rows)
        return [(outcome, outcome.counted(counted[outcome])) for outcome in RowOutcome if counted[outcome]]


@dataclass(frozen=True, slots=True)
class NextListStep:
    """A step that follows by nature: `ids` are sent to the page `url_name`, as `action` of a list where it is
    one. `new_tab` for an answer that is a file. `beside` names all rows that go on together: the page offers
    what follows for them too."""

    label: str
    url_name: str
    ids: Sequence[int]
    action: str = ""
    new_tab: bool = False
    beside: Sequence[int] = ()

    @property
    def url(self) -> str:
        return reverse(self.url_name)

    @property
    def ids_text(self) -> str:
        return ",".join(map(str, self.ids))

    @property
    def beside_text(self) -> str:
        return ",".join(map(str, self.beside))


def ids_done(rows: Sequence[RowResult]) -> list[int]:
    """The rows that the next step is for: those that were not refused."""
    return [row.id for row in rows if row.outcome is not RowOutcome.REFUSED]


def next_steps_keep(request: HttpRequest, steps: Sequence[NextListStep]) -> None:
    """Offer `steps` on the list that the answer, a redirect, leads to."""
    request.session[KEPT_STEPS] = [asdict(step) for step in steps]


def next_steps_take(request: HttpRequest) -> list[NextListStep]:
    """What was kept for the page that is shown now; offered once."""
    if KEPT_STEPS not in request.session:
        return []
    return [NextListStep(**step) for step in request.session.pop(KEPT_STEPS)]


def results_named(title: str, rows: Sequence[RowResult], names: Mapping[int, tuple[str, str]]) -> Results:
    """The panel with each row's label and address filled from `names`; the refused come first."""
    return Results(title, sorted((_named(row, names) for row in rows), key=_refused_first))


def _named(row: RowResult, names: Mapping[int, tuple[str, str]]) -> RowResult:
    label, url = names.get(row.id, (f"nº {row.id}", ""))
    return replace(row, label=row.label or label, url=row.url or url)


def _refused_first(row: RowResult) -> bool:
    return row.outcome is not RowOutcome.REFUSED
