"""The page itself: one class, which every list of the product declares."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any, Generic, TypeVar, cast

from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified, JsonResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.views.generic import View

from erp.accounts.models import User
from erp.accounts.permissions import may
from erp.channels import RowResult, row_refused
from erp.search.finding import Matches, Search, search_of
from erp.stamps import stamps_plan
from erp.web.lists.bulk import OUT_OF_REACH, whole_list_start
from erp.web.lists.counting import TabCounts, counts_keep, counts_kept, counts_read
from erp.web.lists.declarations import Column, Empty, Filter, Link, ListAction, Sort, Tab
from erp.web.lists.export import EXPORTS, list_export
from erp.web.lists.paging import Count, ListOrder, list_order, page_read
from erp.web.lists.rows import ActionState, ListRow, RowMenu, rows_draw
from erp.web.lists.saved import query_kept
from erp.web.requests import board_of, id_of, ids_of, text_of, user_of
from erp.web.results import NextListStep, Results, ids_done, next_steps_take, results_named
from erp.work.models import Work
from erp.work.progress import work_part

M = TypeVar("M", bound=Model)

LIST_ID = "list"
# How often a list of what arrives by itself asks whether anything is newer, which costs a statement over
# indexes: an order is to be on the screen within 1.5 s of its message.
LIVE_SECONDS = 1
PAGE_SIZES = (50, 100, 200)
# What one request does itself; more rows become a work that survives the closing of the page.
MOST_AT_ONCE = 200
CHOICES_SECONDS = 600
# Headers by which an open page asks: for the stamp it holds, and for the rows it holds.
ASKS_NEWER, HAS_ROWS = "X-List-Stamp", "X-List-Rows"
# What places an address within a list and is no part of the view that somebody saves.
PLACES = ("page", "after", "before", "skip", "row", "export")
NOTHING_CHOSEN = "Nenhuma linha marcada. Marque as linhas desejadas e repita a ação."
NOT_ALLOWED = "Seu perfil não permite esta ação."


@dataclass(frozen=True, slots=True)
class ShownTab:
    tab: Tab
    count: Count
    is_current: bool


def action_asked(posted: QueryDict) -> tuple[str, list[int]]:
    """The action a list's form names and the rows it is for; a row's own menu means that row alone."""
    name, _, row_id = posted.get("row_action", "").partition(":")
    ids = ids_of([row_id] if name else posted.getlist("ids"))
    return name or posted.get("action", ""), ids


class ListPage(View, Generic[M]):
    """Base of every list. Override `queryset` and, with actions, `run` and `check`."""

    title: str = ""
    pretitle: str = ""
    columns: Sequence[Column] = ()
    order_by: Sequence[str] = ()
    sorts: Sequence[Sort] = ()
    tabs: Sequence[Tab] = ()
    search_fields: Sequence[str] = ()
    search_label: str = "Buscar"
    actions: Sequence[ListAction] = ()
    page_size: int = PAGE_SIZES[0]
    # Of words that very many rows hold, the search answers the newest rows.
    shows_newest_matches: bool = False
    choice_stamps: Mapping[str, str] = MappingProxyType({})
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
        """After how many seconds an open page asks whether anything is newer; 0 for never."""
        return 0

    def watched(self) -> Sequence[QuerySet[Any]]:
        """Stamped rows (`erp.stamps`) of which any newer one may change what the list shows; they follow from
        who asks and from the path alone."""
        return ()

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

    def next_steps(self, action: str, done: Sequence[int]) -> Sequence[NextListStep]:
        """What is done by nature after `action`, offered for the rows it was done to; the first is the blue
        button."""
        return ()

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if ASKS_NEWER in request.headers:
            return self._newer(request.headers[ASKS_NEWER])
        if HAS_ROWS in request.headers:
            return self._changed(request.headers[HAS_ROWS])
        if "row" in request.GET:
            return self._menu(id_of(request.GET["row"]))
        if request.GET.get("export") in EXPORTS:
            return self._export(request.GET["export"])
        return self.answer()

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """A row's menu posts `row_action=name:id`; the bulk bar posts `action=name` with the ticked `ids`, or
        with `whole=1` for every row of the search. `ask=reasons` only asks what the ticked rows can take."""
        if request.POST.get("ask") == "reasons":
            return self._reasons(ids_of(request.POST.getlist("ids")))
        name, ids = action_asked(request.POST)
        action = self.permitted_action(name)
        is_whole = bool(request.POST.get("whole")) and action.takes_all
        if action.leads_to:
            return redirect(action.leads_to, preserve_request=True)
        if is_whole or (len(ids) > MOST_AT_ONCE and action.takes_all):
            found = self._shown() if is_whole else self.queryset().filter(pk__in=ids)
            work = whole_list_start(self, action, found)
            return self.answer(work=work) if work else self.answer(notice=NOTHING_CHOSEN)
        return self._run_now(action, ids) if ids else self.answer(notice=NOTHING_CHOSEN)

    def _run_now(self, action: ListAction, ids: Sequence[int]) -> HttpResponse:
        name = action.name
        known = {obj.pk: obj for obj in self.queryset().filter(pk__in=ids)}
        outcome = self.run(name, [pk for pk in ids if pk in known]) if known else []
        if isinstance(outcome, HttpResponse):
            return outcome
        done = list(outcome)
        removed = [row_refused(pk, OUT_OF_REACH) for pk in ids if pk not in known]
        names = {pk: (self.row_label(obj), self.row_url(obj)) for pk, obj in known.items()}
        results = results_named(action.label, [*done, *removed], names)
        return self.answer(results=results, next_steps=self.next_steps(name, ids_done(done)))

    def answer(
        self,
        *,
        results: Results | None = None,
        notice: str = "",
        next_steps: Sequence[NextListStep] = (),
        work: Work | None = None,
    ) -> HttpResponse:
        """The page, or only its list when htmx swaps it; above the list what came of an action: its results,
        or how far the work is that it became."""
        partial = self._is_partial()
        context = self.context(results=results, notice=notice) | {
            "is_partial": partial,
            "next_steps": next_steps or ([] if partial else next_steps_take(self.request)),
            "bulk_part": work and work_part(work, user=user_of(self.request), rows=False),
        }
        response = render(self.request, self.partial_name if partial else self.template_name, context)
        patch_vary_headers(response, ["HX-Request", "HX-Target", HAS_ROWS, ASKS_NEWER])
        return response

    def context(self, *, results: Results | None = None, notice: str = "") -> dict[str, Any]:
        stamp = self._stamp(is_whole_page=not self._is_partial())
        return {
            "results": results,
            "notice": notice,
            "filters": self._filter_fields(),
            "search_text": self.search_text,
            "actions": self._bulk_actions(),
            "stamp": stamp,
            "page_sizes": PAGE_SIZES if self.page_size in PAGE_SIZES else (),
            **self._table(stamp),
            **self.extra_context(),
        }

    def _table(self, stamp: str) -> dict[str, Any]:
        """What the rows, the tabs and the pages around them are drawn from."""
        tab = self.current_tab
        found = self.found()
        counts = self._counts_of(found, stamp)
        own = found.filter(tab.condition)
        page = page_read(own, self.order, counts[tab.key], self.size, self.request.GET, self.queryset())
        rows = self.rows_of(list(page.rows))
        rows_draw(rows, self.columns, ticks=bool(self.actions), menu_url=self._query() + "row=")
        shown, behind = self._tabs_parted(counts)
        return {
            "view": self,
            "list_id": LIST_ID,
            "current_tab": tab,
            "tabs": shown,
            "more_tabs": behind,
            "is_filtered": self._is_filtered(),
            "page": page,
            "rows": rows,
            "headings": self._headings(),
            "place_query": self._query(),
        }

    def _stamp(self, *, is_whole_page: bool = False) -> str:
        """Another once the list would show something else. A whole page reads the stamps of the shell around
        it, and of the choices of its filters, in the same statement."""
        board = board_of(self.request)

        def groups() -> dict[str, Sequence[QuerySet[Any]]]:
            watched = self.watched()
            # A list that watches nothing has no stamp, and nothing of it is kept.
            own: dict[str, Sequence[QuerySet[Any]]] = {
                LIST_ID: [*watched, *board.reach_rows] if watched else []
            }
            if not is_whole_page:
                return own
            chosen = {f"filter:{each.name}": each.watched(self.request) for each in self.filters}
            return own | chosen | board.watched

        names = tuple(each.name for each in self.filters)
        key = (type(self), is_whole_page, names, *self.kwargs.items(), board.reach)
        stamps = stamps_plan(key, groups).read()
        if is_whole_page:
            board.stamps = self.choice_stamps = stamps
        return stamps[LIST_ID] and stamps[LIST_ID] + self._told_by_clock()

    def _told_by_clock(self) -> str:
        """The minute, while a chosen filter keeps other rows as time passes though nothing is written."""
        asked = (each.follows_clock and self.request.GET.get(each.name) for each in self.filters)
        return f"_{int(time.time()) // 60}" if any(asked) else ""

    def _tabs_parted(self, counts: TabCounts) -> tuple[list[ShownTab], list[ShownTab]]:
        """The tabs to print, and those behind *mais*, which hold nothing."""
        tabs = [ShownTab(tab, counts[tab.key], tab is self.current_tab) for tab in self.tabs]
        printed = [
            each for each in tabs if each.count or each.is_current or each.tab.always or each is tabs[0]
        ]
        return printed, [each for each in tabs if each not in printed]

    def _newer(self, held: str) -> HttpResponse:
        """304 when nothing is newer than what the page holds, else 204 with nothing in it: the page then asks
        for the rows that changed."""
        stamp = self._stamp()
        response = HttpResponseNotModified() if stamp == held else HttpResponse(status=204)
        patch_cache_control(response, no_store=True)
        return response

    def _changed(self, held: str) -> HttpResponse:
        """The rows of the page that are not those the asker has (`id.digest,…`), and what stands around
        them."""
        has = set(held.split(","))
        stamp = self._stamp()
        context = self._table(stamp) | {"stamp": stamp, "actions": self._bulk_actions()}
        context["changed_rows"] = [row for row in context["rows"] if f"{row.id}.{row.digest}" not in has]
        response = render(self.request, "web/list_changes.html", context)
        patch_cache_control(response, no_store=True)
        return response

    def _menu(self, pk: int | None) -> HttpResponse:
        """What the (...) of a row holds; a page of its own for who opens it without script."""
        obj = self.queryset().filter(pk=pk).first() if pk is not None else None
        if obj is None:
            raise Http404
        self.extras([obj])
        states = [
            ActionState(
                action, self._general_reason(action) or self.check(action.name, [obj.pk]).get(obj.pk, "")
            )
            for action in self.actions
            if action.in_row
        ]
        menu = RowMenu(str(obj.pk), self.row_label(obj), self.row_url(obj), self.row_links(obj), states)
        template = (
            "components/row_menu.html" if self.request.headers.get("X-List-Menu") else "web/row_menu.html"
        )
        context = {"menu": menu, "view": self, "list_url": self.request.path + self._query()}
        return render(self.request, template, context)

    def _reasons(self, ids: Sequence[int]) -> HttpResponse:
        """By name of action: how many of `ids` cannot take it, and why the first one cannot."""
        objects = list(self.queryset().filter(pk__in=ids[:MOST_AT_ONCE]))
        self.extras(objects)
        own = [obj.pk for obj in objects]
        answer = {}
        for action in self.actions:
            if self._general_reason(action):
                continue
            reasons = [text for text in self.check(action.name, own).values() if text] if own else []
            answer[action.name] = [len(reasons), reasons[0] if reasons else ""]
        return JsonResponse({"rows": len(own), "reasons": answer})

    def _export(self, kind: str) -> HttpResponseBase:
        """Every row of the view, in its order."""
        return list_export(self, self._shown().order_by(*self.order.names), kind)

    def _is_partial(self) -> bool:
        headers = self.request.headers
        return headers.get("HX-Target") == LIST_ID and "HX-History-Restore-Request" not in headers

    def _is_part(self) -> bool:
        """The answer goes into a page that stands already, with its shell."""
        return self._is_partial() or HAS_ROWS in self.request.headers

    def permitted_action(self, name: str) -> ListAction:
        action = next((each for each in self.actions if each.name == name), None)
        if action is None or self._denied(action):
            raise PermissionDenied
        return action

    def _denied(self, action: ListAction) -> bool:
        url_name = action.permission or action.leads_to or self.url_name
        return not (isinstance(self.request.user, User) and may(self.request.user, url_name, "POST"))

    @cached_property
    def url_name(self) -> str:
        match = self.request.resolver_match
        return match.view_name if match else ""

    @cached_property
    def view_query(self) -> str:
        """The query of what is shown, without where in it somebody is."""
        return query_kept(self.request.GET, PLACES)

    @property
    def kept_fields(self) -> list[tuple[str, str]]:
        """What the filter bar sends along: the order and the page size."""
        return [(name, self.request.GET[name]) for name in ("sort", "size") if self.request.GET.get(name)]

    @property
    def has_rare_filters(self) -> bool:
        return any(each.rare for each in self.filters)

    @cached_property
    def current_tab(self) -> Tab:
        wanted = self.request.GET.get("tab", "")
        first = self.tabs[0] if self.tabs else Tab("", "")
        return next((tab for tab in self.tabs if tab.key == wanted), first)

    @cached_property
    def search_text(self) -> str:
        return text_of(self.request.GET, "q")

    @cached_property
    def size(self) -> int:
        """Rows a page: what the address asks for, as far as it is offered."""
        asked = id_of(self.request.GET.get("size"))
        return asked if asked in PAGE_SIZES and self.page_size in PAGE_SIZES else self.page_size

    @cached_property
    def sort(self) -> tuple[Sort | None, bool]:
        """The order the address asks for, and whether the largest comes first."""
        text = self.request.GET.get("sort", "")
        found = next((each for each in self.sorts if each.key == text.removeprefix("-")), None)
        return found, text.startswith("-")

    @cached_property
    def order(self) -> ListOrder:
        sort, descending = self.sort
        model = self.queryset().model
        if sort is None:
            return list_order(model, self.order_by)
        fields = sort.fields if sort.unique else (*sort.fields, "pk")
        names = [f"-{name}" if descending else name for name in fields]
        return list_order(model, names, nullable=sort.nullable, is_whole=True)

    def _headings(self) -> list[tuple[Column, str, str]]:
        """Each column with the address that sorts by it and how it is sorted now, as `aria-sort` says it."""
        now, descending = self.sort
        by_key = {sort.key: sort for sort in self.sorts}
        found = []
        for column in self.columns:
            sort = by_key.get(column.sort)
            if sort is None:
                found.append((column, "", ""))
                continue
            is_now = now is not None and sort.key == now.key
            down = not descending if is_now else sort.newest_first
            state = ("descending" if descending else "ascending") if is_now else "none"
            found.append((column, self._query(sort=f"-{sort.key}" if down else sort.key), state))
        return found

    def _query(self, **changes: str | None) -> str:
        """The query of this view without its place in the list, with `changes`; ends so that more can
        follow."""
        values = self.request.GET.copy()
        for name in PLACES:
            values.pop(name, None)
        for name, value in changes.items():
            values.pop(name, None)
            if value is not None:
                values[name] = value
        text = values.urlencode()
        return f"?{text}&" if text else "?"

    def _is_filtered(self) -> bool:
        return bool(self.search_text) or any(self.request.GET.get(each.name) for each in self.filters)

    def found(self) -> QuerySet[M]:
        """Everything the filters and the search keep, before the tab."""
        found = self.queryset()
        for each in self.filters:
            condition = each.condition(text_of(self.request.GET, each.name), partial(self._options, each))
            found = found if condition is None else found.filter(condition)
        return found.filter(self.search_condition(self.search_text)) if self.search_text else found

    def _shown(self) -> QuerySet[M]:
        """What the tab shows, all of its pages."""
        return self.found().filter(self.current_tab.condition)

    def matches(self, search: Search) -> Matches | None:
        """The rows that hold the typed words, found by the indexes of `erp.search`; None for a list of few
        rows, where every word must be in one of `search_fields`."""
        return None

    def search_condition(self, text: str) -> Q:
        found = self.matches(search_of(self.request, text))
        if found is not None:
            self.shows_newest_matches = not found.complete
            return found.condition
        condition = Q()
        for word in text.split()[:6]:
            any_field = Q()
            for name in self.search_fields:
                any_field |= Q(**{f"{name}__icontains": word})
            condition &= any_field
        return condition

    def _counts_of(self, found: QuerySet[M], stamp: str) -> TabCounts:
        """The counts, kept as long as nothing changed that the list shows."""
        user = user_of(self.request)
        names = ["q", *(each.name for each in self.filters)]
        asked = [(name, self.request.GET.get(name, "")) for name in names]
        key = repr((self.url_name, type(self).__name__, user.pk, user.company_id, user.role, asked))
        kept = counts_kept(key, stamp)
        if kept is None:
            kept = self.counts(found)
            counts_keep(key, stamp, kept)
        return kept

    def counts(self, found: QuerySet[M]) -> TabCounts:
        """How many rows every tab of `found` has."""
        board = board_of(self.request)
        return counts_read(self.counted(found), board, with_shell=not self._is_part())

    def counted(self, found: QuerySet[M]) -> dict[str, QuerySet[Any]]:
        """The rows of every tab, by its key, which are counted in one statement."""
        return {tab.key: found.filter(tab.condition) for tab in self.tabs or (Tab("", ""),)}

    def _filter_fields(self) -> list[dict[str, Any]]:
        return [
            {
                "filter": each,
                "value": self.request.GET.get(each.name, ""),
                "options": self._options(each),
            }
            for each in self.filters
        ]

    def _options(self, each: Filter) -> list[tuple[str, str]]:
        """The choices; those that name what they are read from are kept until it changes."""
        if each.name not in self._choices_read:
            self._choices_read[each.name] = self._options_kept(each)
        return self._choices_read[each.name]

    @cached_property
    def _choices_read(self) -> dict[str, list[tuple[str, str]]]:
        return {}

    def _options_kept(self, each: Filter) -> list[tuple[str, str]]:
        stamp = self.choice_stamps.get(f"filter:{each.name}", "")
        if not stamp:
            return each.options(self.request)
        key = f"choices:{user_of(self.request).pk}:{type(self).__name__}:{each.name}:{stamp}"
        if (found := cache.get(key)) is None:
            found = each.options(self.request)
            cache.set(key, found, CHOICES_SECONDS)
        return cast("list[tuple[str, str]]", found)

    def _bulk_actions(self) -> list[ActionState]:
        return [
            ActionState(action, self._general_reason(action)) for action in self.actions if action.in_bulk
        ]

    def _general_reason(self, action: ListAction) -> str:
        return NOT_ALLOWED if self._denied(action) else ""

    def rows_of(self, objects: list[M]) -> list[ListRow[M]]:
        extras = self.extras(objects) if objects else {}
        checked = set(ids_of(self.request.POST.getlist("ids")))
        return [
            ListRow(
                object=obj,
                id=str(obj.pk),
                label=self.row_label(obj),
                url=self.row_url(obj),
                checked=obj.pk in checked,
                extra=extras.get(obj.pk),
            )
            for obj in objects
        ]
