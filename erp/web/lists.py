"""List pages as declarations: tabs with counts, filters, search, paging, bulk and row actions.

A view subclasses `ListPage` and declares its columns. The same address answers the page, or only the list
when htmx asks for it; actions are POSTed back to it and answered with the list under a panel of results.
`docs/screens.md` has an example.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any, ClassVar, Generic, Literal, TypeVar, cast

from django.core.exceptions import PermissionDenied
from django.db.models import Count, Model, Q, QuerySet
from django.forms.utils import flatatt
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.dateparse import parse_date
from django.utils.safestring import SafeString
from django.views.generic import View

from erp.accounts.models import User
from erp.accounts.permissions import may
from erp.channels import RowResult, row_refused
from erp.refusals import Refusal
from erp.web.paging import KeysetPage, keyset_page
from erp.web.requests import ids_of, text_of
from erp.web.results import Results, results_named

M = TypeVar("M", bound=Model)
Choices = Iterable[tuple[Any, Any]]

LIST_ID = "list"
# How often a list of what arrives by itself looks again: an order is to be on the screen within 5 s.
LIVE_SECONDS = 2
SWAPPED = (LIST_ID, "list-rows")  # all of it after a click, its rows alone when it refreshes by itself
GONE = Refusal(
    "row.out_of_reach",
    "Este item não está mais ao seu alcance. Atualize a lista.",
    "This row is out of your reach. Load the list again.",
)
NOTHING_CHOSEN = "Nenhuma linha marcada. Marque as linhas desejadas e repita a ação."


@dataclass(frozen=True)
class Column:
    """One column: its heading and the `<td>` of every row are drawn from this alone.

    `cell` is what the `<td>` holds: a template file (`.html`; context: `object`, `row`), else a value of the
    row's object as templates write it, e.g. `store.name` or `total|money`, or of its extra (`extra.size`).
    `css` is the class of the `<td>`, `shown_from` the narrowest screen that has the column. On a phone, which
    shows no headings, `stack_label` stands before the value.
    """

    label: str
    cell: str
    numeric: bool = False
    shown_from: Literal["", "sm", "md", "lg", "xl", "xxl"] = ""
    css: str = ""
    stack_label: str = ""

    @cached_property
    def heading_attributes(self) -> SafeString:
        return flatatt({"class": self._classes() or None})

    @cached_property
    def cell_attributes(self) -> SafeString:
        classes = f"{self._classes()} {self.css}".strip()
        return flatatt({"class": classes or None, "data-label": self.stack_label or None})

    def _classes(self) -> str:
        """What heading and cells share."""
        width = f"d-none d-{self.shown_from}-table-cell" if self.shown_from else ""
        return f"{width} {'text-end' if self.numeric else ''}".strip()


@dataclass(frozen=True)
class Tab:
    """A slice of the list with its count; the first one declared is the one shown at first."""

    key: str
    label: str
    condition: Q = field(default_factory=Q)


@dataclass(frozen=True)
class Link:
    """A button of the page header or an entry of a row's menu that only leads somewhere."""

    label: str
    url: str
    icon: str = ""
    primary: bool = False
    new_tab: bool = False


@dataclass(frozen=True)
class ListAction:
    """Something to do to the chosen rows: POSTed as `action`, handled by `ListPage.run`.

    `leads_to` (a URL name) sends the ids to that address instead, for an action that asks for more first.
    `download` says the answer is a file. `in_bar` shows the button outright instead of under *mais ações*.
    `permission` is a URL name whose POST the role must be allowed (else `leads_to`, else this list).
    """

    name: str
    label: str
    icon: str = ""
    tone: str = ""
    confirm: str = ""
    in_bar: bool = False
    in_row: bool = True
    in_bulk: bool = True
    download: bool = False
    leads_to: str = ""
    permission: str = ""


@dataclass(frozen=True)
class Empty:
    """What an empty list says, and what to do next."""

    title: str = "Nada por aqui ainda"
    text: str = ""
    link: Link | None = None


@dataclass(frozen=True)
class Filter:
    """A field of the filter bar; `lookup` is an ORM lookup or a function from the typed text to a `Q`."""

    name: str
    label: str
    lookup: str | Callable[[Any], Q]
    kind: ClassVar[str] = "text"

    def condition(self, text: str, request: HttpRequest) -> Q | None:
        """The rows to keep, or None when `text` is no usable value: a wrong address never empties a list."""
        value = self.parse(text, request)
        if value is None:
            return None
        return self.lookup(value) if callable(self.lookup) else Q(**{self.lookup: value})

    def parse(self, text: str, request: HttpRequest) -> Any:
        return text or None

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return []


@dataclass(frozen=True)
class ChoiceFilter(Filter):
    choices: Choices | Callable[[HttpRequest], Choices] = ()
    all_label: str = "todas"
    kind: ClassVar[str] = "choice"

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        choices = self.choices(request) if callable(self.choices) else self.choices
        return [(str(value), str(label)) for value, label in choices]

    def parse(self, text: str, request: HttpRequest) -> str | None:
        return text if text in dict(self.options(request)) else None


@dataclass(frozen=True)
class DateFilter(Filter):
    """A day of the local calendar; `lookup` is `since` or `until` of a column of instants."""

    kind: ClassVar[str] = "date"

    def parse(self, text: str, request: HttpRequest) -> date | None:
        try:
            return parse_date(text)
        except ValueError:
            return None


def since(column: str) -> Callable[[date], Q]:
    """Keeps rows whose instant in `column` lies on the day or later. Bounds are instants: a function of the
    column, as in `__date`, would be worked out for every row and use no index."""
    return lambda day: Q(**{f"{column}__gte": _midnight(day)})


def until(column: str) -> Callable[[date], Q]:
    """Keeps rows whose instant in `column` lies on the day or earlier."""

    def condition(day: date) -> Q:
        return Q() if day == date.max else Q(**{f"{column}__lt": _midnight(day + timedelta(days=1))})

    return condition


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


@dataclass(frozen=True)
class ActionState:
    """An action as one row, or the whole list, offers it: with a reason it is greyed."""

    action: ListAction
    reason: str = ""

    @property
    def url(self) -> str:
        return reverse(self.action.leads_to) if self.action.leads_to else ""


@dataclass
class ListRow(Generic[M]):
    """One line of the table. `id` is text so that no template puts a thousands separator into it."""

    object: M
    id: str
    label: str
    url: str
    actions: list[ActionState]
    links: Sequence[Link]
    checked: bool
    extra: Any = None

    @property
    def refused(self) -> str:
        """Names of the actions this row cannot take, for the bulk bar's count."""
        return " ".join(state.action.name for state in self.actions if state.reason)


@dataclass(frozen=True)
class Page:
    """Where in the list we are. Numbers, because operators say "page 3" to one another."""

    number: int
    size: int
    total: int

    @property
    def last(self) -> int:
        return max(1, -(-self.total // self.size))

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size

    @property
    def first_row(self) -> int:
        return min(self.offset + 1, self.total)

    @property
    def last_row(self) -> int:
        return min(self.offset + self.size, self.total)

    @property
    def previous(self) -> int | None:
        return self.number - 1 if self.number > 1 else None

    @property
    def next(self) -> int | None:
        return self.number + 1 if self.number < self.last else None

    @property
    def shown(self) -> list[int | None]:
        """The numbers to print; None stands for a gap."""
        near = [n for n in range(1, self.last + 1) if n in (1, self.last) or abs(n - self.number) <= 2]
        shown: list[int | None] = []
        for n in near:
            if shown and n - cast(int, shown[-1]) > 1:
                shown.append(None)
            shown.append(n)
        return shown


def action_asked(posted: QueryDict) -> tuple[str, list[int]]:
    """The action a list's form names and the rows it is for; a row's own menu means that row alone."""
    name, _, row_id = posted.get("row_action", "").partition(":")
    ids = ids_of([row_id] if name else posted.getlist("ids"))
    return name or posted.get("action", ""), ids


class ListPage(View, Generic[M]):
    """Base of every list. Override `queryset` and, with actions, `run` and `check`.

    `keyset` names a number column by which a very long list is paged, forwards and back, instead of by page
    numbers: no page costs more than the first. It also orders the list.
    """

    title: str = ""
    pretitle: str = ""
    columns: Sequence[Column] = ()
    order_by: Sequence[str] = ()
    tabs: Sequence[Tab] = ()
    search_fields: Sequence[str] = ()
    search_label: str = "Buscar"
    actions: Sequence[ListAction] = ()
    page_size: int = 50
    keyset: str = ""
    template_name: str = "web/list.html"
    partial_name: str = "web/list_partial.html"

    @property
    def filters(self) -> Sequence[Filter]:
        return ()

    @property
    def empty(self) -> Empty:
        return Empty()

    @property
    def poll_seconds(self) -> int:
        """After how many seconds the rows are asked for again; 0 for never."""
        return 0

    def queryset(self) -> QuerySet[M]:
        """Every row this user may see, with what the cells read joined in."""
        raise NotImplementedError

    def check(self, action: str, ids: Sequence[int]) -> Mapping[int, str]:
        """Why `action` is not possible, by id; in a constant number of queries. Greys menus, nothing more."""
        return {}

    def run(self, action: str, ids: Sequence[int]) -> Iterable[RowResult] | HttpResponse:
        """Do it: one result per id, refusals included, or a file. Only ids of `queryset()` arrive here."""
        raise NotImplementedError

    def extras(self, objects: list[M]) -> Mapping[int, Any]:
        """What the cells read as `row.extra`, by primary key: badges and the like, asked for once a page."""
        return {}

    def page_links(self) -> Sequence[Link]:
        """Buttons of the page header."""
        return ()

    def row_links(self, obj: M) -> Sequence[Link]:
        """Entries at the top of a row's menu."""
        return ()

    def row_label(self, obj: M) -> str:
        """How results and screen readers name the row."""
        return str(obj)

    def row_url(self, obj: M) -> str:
        """The row's detail page; shown as *abrir* in its menu and as link in the results."""
        return ""

    def extra_context(self) -> dict[str, Any]:
        return {}

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.answer()

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """A row's menu posts `row_action=name:id`; the bulk bar posts `action=name` and the ticked `ids`."""
        name, ids = action_asked(self.request.POST)
        action = self._permitted_action(name)
        if action.leads_to:
            return redirect(action.leads_to, preserve_request=True)
        if not ids:
            return self.answer(notice=NOTHING_CHOSEN)
        known = {obj.pk: obj for obj in self.queryset().filter(pk__in=ids)}
        outcome = self.run(name, [pk for pk in ids if pk in known]) if known else []
        if isinstance(outcome, HttpResponse):
            return outcome
        removed = [row_refused(pk, GONE) for pk in ids if pk not in known]
        names = {pk: (self.row_label(obj), self.row_url(obj)) for pk, obj in known.items()}
        return self.answer(results=results_named(action.label, [*outcome, *removed], names))

    def answer(self, *, results: Results | None = None, notice: str = "") -> HttpResponse:
        """The page, or only its list when htmx swaps it."""
        partial = self._is_partial()
        context = self.context(results=results, notice=notice) | {"is_partial": partial}
        response = render(self.request, self.partial_name if partial else self.template_name, context)
        patch_vary_headers(response, ["HX-Request", "HX-Target"])
        return response

    def context(self, *, results: Results | None = None, notice: str = "") -> dict[str, Any]:
        tab = self._current_tab()
        found = self._found()
        counts = self._counts(found)
        page, objects = self._paged(found.filter(tab.condition), counts[tab.key])
        return {
            "view": self,
            "list_id": LIST_ID,
            "results": results,
            "notice": notice,
            "current_tab": tab,
            "tabs": [(each, counts[each.key], each is tab) for each in self.tabs],
            "filters": self._filter_fields(),
            "search_text": self._search_text(),
            "is_filtered": self._is_filtered(),
            "page": page,
            "rows": self._rows(objects),
            "actions": self._bulk_actions(),
            "columns": self.columns,
            **self.extra_context(),
        }

    def _is_partial(self) -> bool:
        headers = self.request.headers
        return headers.get("HX-Target") in SWAPPED and "HX-History-Restore-Request" not in headers

    def _permitted_action(self, name: str) -> ListAction:
        action = next((each for each in self.actions if each.name == name), None)
        if action is None or self._denied(action):
            raise PermissionDenied
        return action

    def _denied(self, action: ListAction) -> bool:
        match = self.request.resolver_match
        url_name = action.permission or action.leads_to or (match.view_name if match else "")
        return not (isinstance(self.request.user, User) and may(self.request.user, url_name, "POST"))

    def _current_tab(self) -> Tab:
        wanted = self.request.GET.get("tab", "")
        first = self.tabs[0] if self.tabs else Tab("", "")
        return next((tab for tab in self.tabs if tab.key == wanted), first)

    def _search_text(self) -> str:
        return text_of(self.request.GET, "q")

    def _is_filtered(self) -> bool:
        return bool(self._search_text()) or any(self.request.GET.get(each.name) for each in self.filters)

    def _found(self) -> QuerySet[M]:
        """Everything the filters and the search keep, before the tab."""
        found = self.queryset()
        for each in self.filters:
            condition = each.condition(text_of(self.request.GET, each.name), self.request)
            found = found if condition is None else found.filter(condition)
        return found.filter(self.search_condition(self._search_text()))

    def search_condition(self, text: str) -> Q:
        """Every typed word must be in one of `search_fields`; override for an exact, indexed search."""
        condition = Q()
        for word in text.split()[:6]:
            any_field = Q()
            for name in self.search_fields:
                any_field |= Q(**{f"{name}__icontains": word})
            condition &= any_field
        return condition

    def _counts(self, found: QuerySet[M]) -> dict[str, int]:
        """Rows of every tab in one query."""
        tabs = self.tabs or (Tab("", ""),)
        totals = found.order_by().aggregate(
            **{f"tab{i}": Count("pk", filter=tab.condition) for i, tab in enumerate(tabs)}
        )
        return {tab.key: totals[f"tab{i}"] for i, tab in enumerate(tabs)}

    def _page(self, total: int) -> Page:
        text = self.request.GET.get("page", "")
        wanted = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 1
        last = Page(1, self.page_size, total).last
        return Page(min(max(wanted, 1), last), self.page_size, total)

    def _paged(self, found: QuerySet[M], total: int) -> tuple[Page | KeysetPage, list[M]]:
        """The page asked for and its rows: by number, or with `keyset` by `?after=` and `?before=`."""
        if self.keyset:
            return keyset_page(found, self.keyset, total, self.page_size, self.request.GET)
        page = self._page(total)
        return page, list(self._ordered(found)[page.offset : page.offset + page.size])

    def _ordered(self, found: QuerySet[M]) -> QuerySet[M]:
        """Ends in the primary key: without it rows jump between pages."""
        names = list(self.order_by)
        return found.order_by(*names) if names and names[-1].endswith("pk") else found.order_by(*names, "-pk")

    def _filter_fields(self) -> list[dict[str, Any]]:
        return [
            {
                "filter": each,
                "value": self.request.GET.get(each.name, ""),
                "options": each.options(self.request),
            }
            for each in self.filters
        ]

    def _bulk_actions(self) -> list[ActionState]:
        return [
            ActionState(action, self._general_reason(action)) for action in self.actions if action.in_bulk
        ]

    def _general_reason(self, action: ListAction) -> str:
        return "Seu perfil não permite esta ação." if self._denied(action) else ""

    def _rows(self, objects: list[M]) -> list[ListRow[M]]:
        ids = [obj.pk for obj in objects]
        extras = self.extras(objects)
        reasons = {action.name: self.check(action.name, ids) if ids else {} for action in self.actions}
        general = {action.name: self._general_reason(action) for action in self.actions}
        checked = set(self.request.POST.getlist("ids"))
        return [
            ListRow(
                object=obj,
                id=str(obj.pk),
                label=self.row_label(obj),
                url=self.row_url(obj),
                actions=[
                    ActionState(action, general[action.name] or reasons[action.name].get(obj.pk, ""))
                    for action in self.actions
                ],
                links=self.row_links(obj),
                checked=str(obj.pk) in checked,
                extra=extras.get(obj.pk),
            )
            for obj in objects
        ]
