"""How far a work is, as every page shows it: one part that refreshes itself until the work has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Min

from erp.accounts.models import User
from erp.accounts.permissions import may
from erp.channels import RowOutcome
from erp.web.results import NextListStep
from erp.work.kinds import RowWord
from erp.work.models import Work, WorkRow, WorkState

SHOWN_ROWS = 50


@dataclass(frozen=True)
class ShownRow:
    """A row as the cells of lists read it (`erp.web.lists.ListRow`)."""

    object: WorkRow
    extra: Any


@dataclass(frozen=True)
class WorkPart:
    """Context of `work/part.html`: `counts` holds each outcome so far with its sentence (`3 feitos`), `rows`
    the first rows, or None where the page has a list of them."""

    work: Work
    state: WorkState
    counts: Sequence[tuple[RowWord, str]]
    rows: Sequence[ShownRow] | None = None
    next_steps: Sequence[NextListStep] = ()

    @property
    def is_live(self) -> bool:
        return self.state not in (WorkState.FINISHED, WorkState.STOPPED)

    @property
    def can_stop(self) -> bool:
        return self.state in (WorkState.QUEUED, WorkState.RUNNING)

    @property
    def can_resume(self) -> bool:
        return self.state in (WorkState.STOPPING, WorkState.STOPPED)

    @property
    def unshown(self) -> int:
        """Rows that the part leaves to the work's page."""
        return 0 if self.rows is None else self.work.total - len(self.rows)

    @property
    def sentence(self) -> str:
        work = self.work
        far = f"{work.done} de {work.total}"
        if self.state is WorkState.FINISHED:
            return f"Pronto: {', '.join(text for _, text in self.counts)}."
        if self.state is WorkState.STOPPED:
            return f"Parado em {far}. O que falta não foi feito: use continuar para fazer."
        if self.state is WorkState.STOPPING:
            return f"Parando: {far}. O que está em andamento termina."
        if self.state is WorkState.QUEUED:
            return f"Na fila: {far}. Continua sozinho, mesmo com esta página fechada."
        return f"Em andamento: {far}. Continua mesmo com esta página fechada."


def work_part(work: Work, *, user: User, rows: bool) -> WorkPart:
    """The part for one work; `rows` says whether it shows the first rows too. A constant number of
    statements."""
    shown = None
    if rows:
        first = list(work.rows.order_by("position")[:SHOWN_ROWS])
        extras = row_extras(work, first, user)
        shown = [ShownRow(row, extras.get(row.pk)) for row in first]
    return WorkPart(work, work.state, _counts(work), shown, _next_steps(work, user))


def _next_steps(work: Work, user: User) -> list[NextListStep]:
    """Of a work that has ended, what the user may do next."""
    if work.finished_at is None:
        return []
    return [step for step in work.kind_of.next_steps(work) if may(user, step.url_name, "POST")]


def row_extras(work: Work, rows: Sequence[WorkRow], user: User) -> Mapping[int, Any]:
    """What the cells of these rows show beside them, by row id."""
    for row in rows:
        row.work = work
    return work.kind_of.extras(rows, user) if rows else {}


def _counts(work: Work) -> list[tuple[RowWord, str]]:
    """Each word with how often it was the outcome, in the order they came up."""
    ended = work.rows.exclude(outcome="").order_by().values_list("outcome", "code")
    counted: dict[RowWord, int] = {}
    for outcome, code, number, _ in ended.annotate(n=Count("pk"), first=Min("position")).order_by("first"):
        word = work.kind_of.word(RowOutcome(outcome), code)
        counted[word] = counted.get(word, 0) + number
    return [(word, word.counted(number)) for word, number in counted.items()]
