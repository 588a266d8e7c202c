"""What the pages cost that people look at all day, in a company of a million orders.

`make bench-pages`, with `ARGS="--orders 10000"` for a quick look, `ARGS="--orders 100000 --sqlite"` for
SQLite. A database of its own is filled with `benchmarks.history`. Then every list is asked for in every
tab, with each filter, in every order both ways, each tab and store in every order too, deep inside, and for
what people type. Asked is Django's test client in this process, through the whole middleware, with
compressed answers, so that the statements and the processor time of each answer can be told. Before every
fourth request a row of every list is written: what is kept of counts, choices and sidebar is then read
anew. Each address is asked `--requests` times after a warm-up, a combination a quarter of that,
a slow one until its requests took two seconds.

At the top level of the last line, which is one JSON object, stands the worst of all pages:

- `p95_ms`, `search_p95_ms`, `deep_p95_ms`, `poll_p95_ms`: of the slowest address of each kind, wall time.
  Poll is *anything newer?*; `changed_p95_ms` is the answer with the rows that changed; `combined_p95_ms`
  stands for a tab or a store in another order, and a tab of one store;
- `statements_max`: of one answer; what a search reads on top is in `search_statements_max`;
- `render_cpu_ms`: median processor time of the first page, whole, less that of its statements;
- `ratio_small`: median of the first page beside that of the same page with 10,000 orders;
- `idle_core_percent`: processor time of web server and database for four open lists that ask over HTTP as
  often as the quickest of them does; `busy_core_percent` the same with a change every five seconds, which
  each list then fetches.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "erp.settings.test")

import django

django.setup()

from django.db import connection
from django.db.models import F, Model
from django.test import Client, RequestFactory
from django.urls import resolve, reverse

from benchmarks import shop
from benchmarks.history import RARE_NAME, History, bare_tables, history_make
from benchmarks.idle import idle_figures
from benchmarks.open_list import ASKS_NEWER, HAS_ROWS, rows_header, rows_of, stamp_of
from erp.catalog.views import SkuList
from erp.outbox.models import PushJob
from erp.sales.models import Order
from erp.sales.views.orders import OrderList
from erp.stock.models import StockItem
from erp.stock.views.balances import BalanceList
from erp.web.lists import ChoiceFilter, DateFilter, ListPage
from expedition.models import Shipment
from expedition.views.lists import GroupList, ShipmentList
from invoices.models import Invoice
from invoices.views.lists import InvoiceList
from kwai_integration.models import KwaiOrder
from kwai_integration.views.jobs import JobList
from kwai_integration.views.orders import KwaiOrderList

ROOT = Path(__file__).resolve().parent.parent
SMALL = 10_000
CHANGE_EVERY = 4
# No address is asked any more once its requests took so long.
MOST_SECONDS = 2.0
# Of the requests of another address, how many one that combines two choices gets.
COMBINED_SHARE = 4
DEEP_PAGE = 200
OPEN_LISTS = ("pedidos", "pedidos no e-commerce", "notas", "envios")
# What a change writes: a row among the newest of each table, so that it stands on page one of its list.
WRITTEN: dict[type[Model], dict[str, Any]] = {
    Order: {"total": F("total") + 1},
    KwaiOrder: {"total": F("total") + 1},
    Invoice: {"total": F("total") + 1},
    Shipment: {"status": F("status")},
    PushJob: {"attempts": F("attempts") + 1},
    StockItem: {"on_hand": F("on_hand") + 1},
}
CHANGED_ROWS = 40
# Kinds of requests, each with the key of its figure.
KINDS = {
    "page": "p95_ms",
    "combined": "combined_p95_ms",
    "search": "search_p95_ms",
    "deep": "deep_p95_ms",
    "poll": "poll_p95_ms",
    "changed": "changed_p95_ms",
}


@dataclass(frozen=True)
class MeasuredPage:
    url_name: str
    view: type[ListPage[Any]] | None = None
    query: str = ""

    @property
    def path(self) -> str:
        return reverse(self.url_name)


PAGES = {
    "pedidos": MeasuredPage("sales:orders", OrderList),
    "pedidos no e-commerce": MeasuredPage("kwai:orders", KwaiOrderList),
    "notas": MeasuredPage("invoices:list", InvoiceList),
    "expedição": MeasuredPage("expedition:list", GroupList),
    "expedição por pedidos": MeasuredPage("expedition:list", ShipmentList, "agrupamentos=pedidos"),
    "envios": MeasuredPage("kwai:jobs", JobList, "tab=all"),
    "estoque": MeasuredPage("stock:balances", BalanceList),
    "produtos": MeasuredPage("catalog:products", SkuList),
    "início": MeasuredPage("web:home"),
    "busca": MeasuredPage("web:search"),
}


@dataclass
class Asked:
    """One address and what its requests took."""

    kind: str
    address: str
    headers: dict[str, str] = field(default_factory=dict)
    milliseconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    statements: int = 0
    slowest: tuple[float, str, Any] = (0.0, "", None)

    @property
    def p95(self) -> float:
        return sorted(self.milliseconds)[max(0, -(-len(self.milliseconds) * 95 // 100) - 1)]

    def is_done(self, requests: int) -> bool:
        wanted = max(1, requests // COMBINED_SHARE) if self.kind == "combined" else requests
        return len(self.milliseconds) >= wanted or sum(self.milliseconds) > MOST_SECONDS * 1000


def main() -> None:
    options = _options()
    with shop.own_database():
        with bare_tables():
            history = history_make(options.orders, _tell)
        bench = Bench(history, options.requests)
        if options.first_pages:
            print(json.dumps({name: bench.first_page(name) for name in PAGES}))
            return
        figures = bench.figures()
        if options.explain:
            bench.explain()
        figures |= bench.idle(options.idle_seconds)
    small = _child("--orders", str(SMALL), "--first-pages", *(["--sqlite"] if options.sqlite else []))
    figures["ratio_small"] = _ratio(figures["pages"], small)
    figures["load"] = round(os.getloadavg()[0], 1)
    print(json.dumps(figures, ensure_ascii=False))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--sqlite", action="store_true", help="an SQLite file instead of PostgreSQL")
    parser.add_argument("--requests", type=int, default=20, help="for each address")
    parser.add_argument("--idle-seconds", type=int, default=40)
    parser.add_argument("--explain", action="store_true", help="plans of what takes over 100 ms (PostgreSQL)")
    parser.add_argument("--first-pages", action="store_true", help="only median milliseconds of first pages")
    options = parser.parse_args()
    if (connection.vendor == "sqlite") is not options.sqlite:
        raise SystemExit("Use --sqlite, ou defina DATABASE_URL para o PostgreSQL: veja `make bench-pages`.")
    return options


class Bench:
    """A signed-in person who asks."""

    def __init__(self, history: History, requests: int) -> None:
        self.history, self.requests = history, requests
        self.client = Client(headers={"Accept-Encoding": "gzip"}, SERVER_NAME="127.0.0.1")
        self.client.force_login(history.user)
        self.asked: dict[str, list[Asked]] = {}
        self._made = 0
        self._changes = 0
        # As the web server does once it is loaded (`erp.wsgi`).
        gc.collect()
        gc.freeze()

    def figures(self) -> dict[str, Any]:
        pages = {name: self.page(name) for name in PAGES}
        keys = [*KINDS.values(), "statements_max", "search_statements_max", "render_cpu_ms"]
        worst = {key: max((page[key] for page in pages.values() if key in page), default=0) for key in keys}
        found = {"orders": self.history.orders, "database": connection.vendor}
        return found | worst | {"requests": self.requests, "pages": pages}

    def first_page(self, name: str) -> float:
        asked = Asked("page", _address(PAGES[name]))
        self._ask_all([asked])
        return statistics.median(asked.milliseconds)

    def text(self, name: str) -> str:
        """The first page as a browser reads it."""
        return self._text(_address(PAGES[name]))

    def explain(self) -> None:
        if connection.vendor != "postgresql":
            return
        for each in (each for own in self.asked.values() for each in own if each.p95 > 100):
            seconds, sql, parameters = each.slowest
            print(
                f"\n{each.kind} {each.address}: {each.p95:.0f} ms, of which {seconds * 1000:.0f} ms:\n{sql}"
            )
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {sql}", parameters)
                print("\n".join(row[0] for row in cursor.fetchall()))

    def idle(self, seconds: int) -> dict[str, float]:
        addresses = [_address(PAGES[name]) for name in OPEN_LISTS]
        return idle_figures(addresses, self.client.cookies["sessionid"].value, self.change, seconds)

    def change(self) -> None:
        """Write a row of page one of every list, as an operator and the marketplace do all day."""
        self._changes += 1
        for model, values in WRITTEN.items():
            newest = model._default_manager.order_by("-pk").values_list("pk", flat=True)
            pk = newest[self._changes % CHANGED_ROWS]
            model._default_manager.filter(pk=pk).update(**values)

    def page(self, name: str) -> dict[str, Any]:
        """The figures of one page."""
        asked = self.asked[name] = list(self._requests_of(PAGES[name]))
        self._ask_all(asked)
        by_kind: dict[str, list[Asked]] = defaultdict(list)
        for each in asked:
            by_kind[each.kind].append(each)
        slowest = {kind: max(own, key=lambda each: each.p95) for kind, own in by_kind.items()}
        _tell(f"\n{name}: {len(asked)} addresses")
        for each in sorted(asked, key=lambda each: -each.p95)[:8]:
            _tell(
                f"  {each.p95:8.1f} ms p95 {statistics.median(each.milliseconds):8.1f} median"
                f" {statistics.median(each.cpu):6.1f} cpu {each.statements:3d} statements, one of"
                f" {each.slowest[0] * 1000:.1f} ms  {each.kind} {each.address}"
            )
        first = asked[0]
        figures: dict[str, Any] = {KINDS[kind]: round(each.p95, 1) for kind, each in slowest.items()}
        return figures | {
            "statements_max": max(each.statements for each in asked if each.kind != "search"),
            "search_statements_max": max(
                (each.statements for each in asked if each.kind == "search"), default=0
            ),
            "render_cpu_ms": round(statistics.median(first.cpu), 1),
            "first_page_ms": round(statistics.median(first.milliseconds), 1),
            "slowest": {kind: each.address for kind, each in slowest.items()},
        }

    def _ask_all(self, asked: Sequence[Asked]) -> None:
        """In rounds, so that what else the machine does meets every address; the first is a warm-up."""
        for each in asked:
            self._ask(each, is_warm=False)
        for _ in range(self.requests):
            for each in asked:
                if not each.is_done(self.requests):
                    self._ask(each)

    def _ask(self, asked: Asked, *, is_warm: bool = True) -> None:
        self._made += 1
        if self._made % CHANGE_EVERY == 0:
            self.change()
        with _Watch() as watch:
            answer = self.client.get(asked.address, headers=asked.headers or None)
            _ = answer.content
        if answer.status_code not in ((204, 304) if ASKS_NEWER in asked.headers else (200,)):
            raise SystemExit(f"{asked.address} answered {answer.status_code}")
        if ASKS_NEWER in asked.headers and answer.status_code == 204:
            # The page takes over the stamp with the rows.
            asked.headers[ASKS_NEWER] = stamp_of(self._text(asked.address))
        asked.statements = max(asked.statements, watch.count)
        if is_warm:
            asked.milliseconds.append(watch.wall * 1000)
            asked.cpu.append(watch.cpu * 1000)
            asked.slowest = max(asked.slowest, watch.slowest, key=lambda found: found[0])

    def _text(self, address: str) -> str:
        return Client.get(_plain(self.client), address).content.decode()

    def _requests_of(self, page: MeasuredPage) -> Iterator[Asked]:
        if page.url_name == "web:search":
            yield Asked("page", page.path)
            for text in searched(self.history):
                yield Asked("search", _address(page, q=text))
            return
        yield Asked("page", _address(page))
        if page.view is None:
            yield Asked("poll", _address(page), {"HX-Request": "true", "HX-Target": "home-cards"})
            return
        view = _view(page, self.history)
        yield from (Asked("page", _address(page, **values)) for values in shown(view))
        for values in combined(view):
            yield Asked("combined", _address(page, **values))
        yield from (Asked("search", _address(page, q=text)) for text in searched(self.history))
        yield from (Asked("deep", address) for address in self._deep(page, view))
        text = self._text(_address(page))
        yield Asked("poll", _address(page), {ASKS_NEWER: stamp_of(text)})
        yield Asked("changed", _address(page), {HAS_ROWS: rows_header(rows_of(text))})

    def _deep(self, page: MeasuredPage, view: ListPage[Any]) -> Iterator[str]:
        """Pages by number, the last ones, what *próxima* and *anterior* lead to, the middle of the list."""
        tabs = [tab.key for tab in view.tabs] or [""]
        for tab in tabs:
            yield _address(page, tab=tab, page=str(DEEP_PAGE))
            yield _address(page, tab=tab, page="-1")
        for start, way in ((str(DEEP_PAGE), "next"), ("-1", "prev")):
            address = _address(page, page=start)
            for _ in range(3):
                found = re.search(rf'href="([^"]+)" rel="{way}"', self._text(address))
                if not found:
                    break
                address = page.path + found[1].replace("&amp;", "&")
                yield address
        for order in ({}, *orders_of(view)):
            own = _view(page, self.history, **order)
            rows = own.queryset().order_by("-pk")
            last = rows.values_list("pk", flat=True).first() or 0
            middle = rows.filter(pk__lte=last // 2).first()
            if middle is not None and own.order.fields:
                yield _address(page, **order, page="10000", after=own.order.place(middle))


def shown(view: ListPage[Any]) -> Iterator[dict[str, str]]:
    """Every tab, filter and order of a list."""
    yield from _tabs(view)
    yield from _filters(view)
    yield from orders_of(view)


def combined(view: ListPage[Any]) -> Iterator[dict[str, str]]:
    """Every tab and store in every order, and every tab of every store."""
    stores = [each for each in _filters(view) if "store" in each]
    yield from (part | order for part in [*_tabs(view), *stores] for order in orders_of(view))
    yield from (tab | store for tab in _tabs(view) for store in stores)


def _tabs(view: ListPage[Any]) -> list[dict[str, str]]:
    return [{"tab": tab.key} for tab in view.tabs[1:]]


def _filters(view: ListPage[Any]) -> list[dict[str, str]]:
    return [{each.name: value} for each in view.filters for value in _values(each, view)]


def orders_of(view: ListPage[Any]) -> Iterator[dict[str, str]]:
    for sort in view.sorts:
        yield from ({"sort": sort.key}, {"sort": f"-{sort.key}"})


def searched(history: History) -> list[str]:
    """What people type: numbers of ours and of the marketplace, whole and in part, names, codes, keys."""
    number = history.orders // 3
    external = history.external_id(number)
    return [
        str(number),
        external,
        external[6:15],
        RARE_NAME,
        "maria",
        "João Souza",
        "SKU-77",
        "produto número 77",
        f"3526111122233300018155001{number:019d}",
        f"VZ{number:011d}",
        "an",
        "nada disso existe",
    ]


def _values(each: Any, view: ListPage[Any]) -> list[str]:
    if isinstance(each, DateFilter):
        return ["2026-01-15"]
    if isinstance(each, ChoiceFilter):
        return [value for value, _ in each.options(view.request)]
    return ["26000"]


def _address(page: MeasuredPage, /, **values: str) -> str:
    query = "&".join(part for part in (page.query, urlencode(values)) if part)
    return f"{page.path}?{query}" if query else page.path


def _view(page: MeasuredPage, history: History, /, **values: str) -> ListPage[Any]:
    request = RequestFactory().get(_address(page, **values))
    request.user = history.user
    request.resolver_match = resolve(page.path)
    view: ListPage[Any] = page.view()  # type: ignore[misc]
    view.setup(request)
    return view


def _plain(client: Client) -> Client:
    """The same person, asking for what is not compressed."""
    plain = Client(SERVER_NAME="127.0.0.1")
    plain.cookies = client.cookies
    return plain


class _Watch:
    """Wall time, and processor time less that of statements, of a block, and its statements."""

    def __enter__(self) -> _Watch:
        self.count = 0
        self.slowest: tuple[float, str, Any] = (0.0, "", None)
        self._inside = 0.0
        self._wrapper = connection.execute_wrapper(self._run)
        self._wrapper.__enter__()
        self._began = (time.perf_counter(), time.process_time())
        return self

    def _run(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        began = (time.perf_counter(), time.process_time())
        try:
            return execute(sql, params, many, context)
        finally:
            self.count += 1
            self._inside += time.process_time() - began[1]
            took = time.perf_counter() - began[0]
            if took > self.slowest[0]:
                self.slowest = (took, sql, params)

    def __exit__(self, *error: object) -> None:
        self.wall = time.perf_counter() - self._began[0]
        self.cpu = time.process_time() - self._began[1] - self._inside
        self._wrapper.__exit__(*error)


def _ratio(pages: Mapping[str, Any], small: Mapping[str, float]) -> float:
    return round(max(page["first_page_ms"] / small[name] for name, page in pages.items()), 2)


def _child(*arguments: str) -> dict[str, float]:
    """What a process of its own says with a small database."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.pages", *arguments], check=True, stdout=subprocess.PIPE, text=True
    )
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def _tell(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
