"""An action on every row of a search: a work, whose rows are frozen at the click and which goes on when the
page is closed (`erp.work`)."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.urls import resolve
from django.utils.module_loading import import_string

from erp.accounts.models import User
from erp.accounts.permissions import Permission
from erp.channels import RowOutcome, RowResult, row_refused
from erp.refusals import Refusal
from erp.web.lists.declarations import ListAction
from erp.web.lists.paging import MOST_COUNTED
from erp.web.requests import company_of, user_of
from erp.web.results import NextListStep
from erp.work.kinds import WorkKind, WorkRowResult
from erp.work.models import Work, WorkRow
from erp.work.services import WorkRowDraft, work_start

if TYPE_CHECKING:
    from erp.web.lists.page import ListPage

KIND = "web.list_action"
OUT_OF_REACH = Refusal(
    "row.out_of_reach",
    "Este item não está mais ao seu alcance. Atualize a lista.",
    "This row is out of your reach. Load the list again.",
)
NOT_ALLOWED = Refusal(
    "row.action_not_allowed",
    "O perfil de quem pediu não permite mais esta ação. Peça a um administrador.",
    "The role of whoever asked allows this action no more. Ask an administrator.",
)


def whole_list_start(view: ListPage[Any], action: ListAction, found: QuerySet[Any]) -> Work | None:
    """Begin `action` on the rows of `found`, at most `MOST_COUNTED` of them; None when there is none."""
    drafts = _drafts(view, found.order_by(*view.order.names)[:MOST_COUNTED])
    first = next(drafts, None)
    if first is None:
        return None
    return work_start(
        kind=KIND,
        company=company_of(view.request),
        asked_by=user_of(view.request),
        rows=chain([first], drafts),
        chosen={
            "list": f"{type(view).__module__}.{type(view).__qualname__}",
            "path": view.request.path,
            "query": view.request.GET.urlencode(),
            "action": action.name,
            "label": action.label,
            "title": str(view.title),
        },
    )


def work_kind() -> WorkKind:
    """Registered by the app of the screens."""
    return WorkKind(
        key=KIND,
        title="Ação em uma lista",
        permission=Permission.OPERATE,
        run=_results,
        prepare=_slice_do,
        title_of=_title,
        extras=_addresses,
        next_steps=_next_steps,
    )


def _drafts(view: ListPage[Any], found: QuerySet[Any]) -> Iterator[WorkRowDraft]:
    for obj in found:
        chosen = {"url": view.row_url(obj)}
        yield WorkRowDraft(name=view.row_label(obj), subject_id=obj.pk, chosen=chosen)


def _title(work: Work) -> str:
    return f"{work.chosen['title']}: {work.chosen['label']}"


def _next_steps(work: Work) -> Sequence[NextListStep]:
    """What the list offers after its action, for the rows that it was done to."""
    ended = work.rows.exclude(outcome__in=["", RowOutcome.REFUSED]).order_by("position")
    done = [pk for pk in ended.values_list("subject_id", flat=True) if pk is not None]
    return _view(work).next_steps(work.chosen["action"], done)


def _addresses(rows: Sequence[WorkRow], user: User) -> dict[int, str]:
    return {row.pk: row.chosen.get("url", "") for row in rows}


def _slice_do(work: Work, rows: Sequence[WorkRow]) -> Generator[RowResult, None, None]:
    """Does the slice outside any transaction, because an action may ask the marketplace. Asked again after a
    worker died, every action answers what was done already as done."""
    view = _view(work)
    try:
        action = view.permitted_action(work.chosen["action"])
    except PermissionDenied:
        yield from (row_refused(row.subject_id or 0, NOT_ALLOWED) for row in rows)
        return
    ids = [row.subject_id for row in rows if row.subject_id is not None]
    known = set(view.queryset().filter(pk__in=ids).values_list("pk", flat=True))
    wanted = [pk for pk in ids if pk in known]
    outcome = view.run(action.name, wanted) if wanted else []
    results = {result.id: result for result in outcome} if not hasattr(outcome, "status_code") else {}
    for row in rows:
        pk = row.subject_id or 0
        yield results.get(pk) or row_refused(pk, OUT_OF_REACH)


def _results(work: Work, rows: Sequence[WorkRow], prepared: RowResult) -> list[WorkRowResult]:
    return [WorkRowResult(prepared.outcome, prepared.code, prepared.text) for _ in rows]


def _view(work: Work) -> ListPage[Any]:
    """The list as the person who asked sees it now: a right that was taken away meanwhile counts."""
    from erp.web.lists.page import ListPage

    found = import_string(work.chosen["list"])
    if not issubclass(found, ListPage):
        raise TypeError(f"{work.chosen['list']} is no list")
    request = HttpRequest()
    request.user = work.asked_by
    request.method = "POST"
    request.path = work.chosen["path"]
    request.GET = QueryDict(work.chosen["query"])
    request.resolver_match = resolve(request.path)
    view: ListPage[Any] = found()
    view.setup(request, *request.resolver_match.args, **request.resolver_match.kwargs)
    return view
