"""A kind of work for tests: each row counts once in the company's counter of its name."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from erp.accounts.models import Company, Counter, User
from erp.accounts.permissions import Permission
from erp.channels import RowOutcome
from erp.work import kinds
from erp.work.kinds import WorkKind, WorkRowResult
from erp.work.models import Work, WorkRow
from erp.work.services import WorkRowDraft, work_start


@dataclass
class Counting:
    """`on_row` is called for each row inside its transaction, `on_prepare` before that, once it is set; names
    in `refused` are refused."""

    on_prepare: Callable[[Work, WorkRow], Any] | None = None
    on_row: Callable[[Work, WorkRow], Any] = lambda work, row: None
    refused: set[str] = field(default_factory=set)
    slices: list[list[str]] = field(default_factory=list)
    prepared: list[Any] = field(default_factory=list)

    def prepare(self, work: Work, rows: Sequence[WorkRow]) -> Generator[Any, None, None]:
        for row in rows:
            yield self.on_prepare and self.on_prepare(work, row)

    def run(self, work: Work, rows: Sequence[WorkRow], prepared: Any) -> list[WorkRowResult]:
        self.slices.append([row.name for row in rows])
        self.prepared.append(prepared)
        return [self._row(work, row) for row in rows]

    def _row(self, work: Work, row: WorkRow) -> WorkRowResult:
        self.on_row(work, row)
        Counter.objects.take(company_id=work.company_id, name=row.name)
        if row.name in self.refused:
            return WorkRowResult(RowOutcome.REFUSED, "test.refused", f"{row.name} não serve.\nTroque-a.")
        return WorkRowResult(RowOutcome.DONE, "test.done", subject_id=row.position)

    def extras(self, rows: Sequence[WorkRow], user: User) -> Mapping[int, Any]:
        return {row.pk: f"/linha/{row.subject_id}/" for row in rows if row.subject_id is not None}


def counting_kind(made: Counting) -> WorkKind:
    """The kind `test`, ten rows a slice, each alone when something prepares them."""
    return WorkKind(
        key="test", title="Contagem", permission=Permission.OPERATE, run=made.run, prepare=made.prepare if made.on_prepare else None,
        slice_rows=10, extras=made.extras,
    )  # fmt: skip


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    made = Counting()
    monkeypatch.setattr(kinds, "_kinds", {**kinds._kinds, "test": counting_kind(made)})
    return made


@pytest.fixture
def preparing(counting: Counting) -> Counting:
    """`counting` with a preparation, to be replaced by the test's own."""
    counting.on_prepare = lambda work, row: None
    kinds.register(counting_kind(counting))
    return counting


@pytest.fixture
def make_work(counting: Counting, company: Company, operator: User) -> Callable[..., Work]:
    """`make_work(rows)`: a work of that many rows `r0`, `r1` … asked by the operator."""

    def make(rows: int, **values: Any) -> Work:
        asked: dict[str, Any] = {"kind": "test", "company": company, "asked_by": operator} | values
        return work_start(rows=(WorkRowDraft(f"r{number}") for number in range(rows)), **asked)

    return make


@pytest.fixture
def counted(company: Company) -> Callable[[], dict[str, int]]:
    """How often each row was counted."""
    return lambda: dict(Counter.objects.filter(name__startswith="r").values_list("name", "value"))
