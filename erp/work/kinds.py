"""What works there are. An app registers its own in `AppConfig.ready()`:

    kinds.register(
        WorkKind(
            key="sales.price", title="Preços da tabela", permission=Permission.MANAGE, run=prices_set
        )
    )

where `prices_set(work, rows, prepared)` does a slice of rows and answers one `WorkRowResult` for each. The
machinery opens the transaction around it and writes the results in it: a worker that dies leaves both or
neither, so nothing is done twice.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from erp.accounts.permissions import ROLE_PERMISSIONS, Permission
from erp.channels import RowOutcome
from erp.refusals import Refusal

if TYPE_CHECKING:
    from erp.accounts.models import User
    from erp.web.results import NextListStep
    from erp.work.models import Work, WorkRow


class RowWord(Protocol):
    """What became of rows, as screens say it: `RowOutcome` is one, a kind may have finer ones."""

    @property
    def label(self) -> str: ...
    @property
    def colour(self) -> str: ...
    def counted(self, count: int) -> str:
        """`1 feito`, `3 feitos`."""
        ...


@dataclass(frozen=True, slots=True)
class WorkRowResult:
    """What became of one row. `text` is Portuguese and says what to do next, a sentence a line; `code` is
    stable English; `subject_id` names what came of it, when that was not known before."""

    outcome: RowOutcome
    code: str = ""
    text: str = ""
    subject_id: int | None = None


def row_result_refused(refusal: Refusal) -> WorkRowResult:
    return WorkRowResult(RowOutcome.REFUSED, refusal.code, refusal)


RowsRun = Callable[["Work", Sequence["WorkRow"], Any], Sequence[WorkRowResult]]
RowsPrepare = Callable[["Work", Sequence["WorkRow"]], "Generator[Any, None, None]"]
RowsExtras = Callable[["Sequence[WorkRow]", "User"], Mapping[int, Any]]


def outcome_word(outcome: RowOutcome, code: str) -> RowWord:
    return outcome


def title_plain(work: Work) -> str:
    return work.kind_of.title


def no_next_steps(work: Work) -> Sequence[NextListStep]:
    return ()


def no_extras(rows: Sequence[WorkRow], user: User) -> Mapping[int, Any]:
    return {}


@dataclass(frozen=True)
class WorkKind:
    """A kind of work. `title` is what the work is called, `heading` stands above its rows (both Portuguese).

    `permission`: who may see, stop and resume works of this kind. `run` does at most `slice_rows` rows inside
    one transaction. With `prepare` it does them one by one, each in its own: `prepare` yields, with no
    transaction open, an answer for each row in turn, which is handed to `run`. There belongs what takes long
    and every call to the outside, which must then be safe to repeat.

    `title_of` says what one work is called where the title alone is not enough. `next_steps`: what is done by
    nature with the rows of a work that has ended.

    `word` names an outcome in the kind's own words. `extras` fetches, for a page of rows at once, what
    `name_cell` and `detail_cell` (templates; context `object`, the row) show as `row.extra`, by row id;
    the cells at hand take an address.
    """

    key: str
    title: str
    permission: Permission
    run: RowsRun
    prepare: RowsPrepare | None = None
    slice_rows: int = 50
    heading: str = "O que aconteceu com cada item"
    word: Callable[[RowOutcome, str], RowWord] = outcome_word
    extras: RowsExtras = no_extras
    title_of: Callable[[Work], str] = title_plain
    next_steps: Callable[[Work], Sequence[NextListStep]] = no_next_steps
    name_cell: str = "work/name.html"
    detail_cell: str = "work/detail.html"


_kinds: dict[str, WorkKind] = {}


def register(kind: WorkKind) -> None:
    """Make works of this kind possible; called from `AppConfig.ready()`."""
    _kinds[kind.key] = kind


def kind_named(key: str) -> WorkKind:
    """Raises KeyError for a kind that no app registers."""
    return _kinds[key]


def keys_open_to(user: User) -> list[str]:
    """The kinds whose works the user's role may see."""
    held = ROLE_PERMISSIONS[user.role]
    return [key for key, kind in _kinds.items() if kind.permission in held]
