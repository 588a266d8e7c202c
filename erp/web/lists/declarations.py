"""What a list page declares: columns, orders, tabs, filters, actions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any, ClassVar, Literal

from django.db.models import Q, QuerySet
from django.forms.utils import flatatt
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.safestring import SafeString

Choices = Iterable[tuple[Any, Any]]
Options = Callable[[], list[tuple[str, str]]]


@dataclass(frozen=True)
class Sort:
    """An order that an index of the table holds, so that showing it costs no sorting.

    `key` stands in the address, `?sort=key` or `?sort=-key`; `fields` all run the same way and the primary
    key ends them, unless `unique` says that no two rows of a person's list share the last one.
    `newest_first`: a first click on the heading shows the largest first. Rows that hold nothing in the field
    `nullable` come last either way.
    """

    key: str
    fields: tuple[str, ...]
    newest_first: bool = False
    nullable: str = ""
    unique: bool = False


@dataclass(frozen=True)
class Column:
    """One column: its heading and the `<td>` of every row are drawn from this alone.

    `cell` is what the `<td>` holds: a template file (`.html`; context: `object`, `row`), else a value of the
    row's object as templates write it, e.g. `store.name` or `total|money`, or of its extra (`extra.size`).
    `css` is the class of the `<td>`, `shown_from` the narrowest screen that has the column. On a phone, which
    shows no headings, `stack_label` stands before the value. `sort` is the key of a `Sort`: then the heading
    is a link. `export` is what a spreadsheet gets: a value like `cell`, read without templates (`store.name`,
    `extra.size`), `""` for that of `cell`, None for nothing.
    """

    label: str
    cell: str
    numeric: bool = False
    shown_from: Literal["", "sm", "md", "lg", "xl", "xxl", "wide"] = ""
    css: str = ""
    stack_label: str = ""
    sort: str = ""
    export: str | None = ""

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
    """A slice of the list with its count; the first one declared is the one shown at first. One that holds
    nothing goes behind *mais*, unless `always`."""

    key: str
    label: str
    condition: Q = field(default_factory=Q)
    always: bool = False


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

    @property
    def takes_all(self) -> bool:
        """Whether it can be done to every row of a search, in the background: it needs no page of its own
        and answers no file."""
        return self.in_bulk and not self.download and not self.leads_to


@dataclass(frozen=True)
class Empty:
    """What an empty list says, and what to do next."""

    title: str = "Nada por aqui ainda"
    text: str = ""
    link: Link | None = None


@dataclass(frozen=True)
class Filter:
    """A field of the filter bar; `lookup` is an ORM lookup or a function from the typed text to a `Q`. A rare
    one stands behind *mais filtros* until it is used."""

    name: str
    label: str
    lookup: str | Callable[[Any], Q]
    rare: bool = field(default=False, kw_only=True)
    # It keeps other rows as time passes.
    follows_clock: bool = field(default=False, kw_only=True)
    kind: ClassVar[str] = "text"

    def condition(self, text: str, options: Options) -> Q | None:
        """The rows to keep, or None when `text` is no usable value: a wrong address never empties a list.
        `options` reads those of `options(request)`, which the list keeps."""
        value = self.parse(text, options)
        if value is None:
            return None
        return self.lookup(value) if callable(self.lookup) else Q(**{self.lookup: value})

    def parse(self, text: str, options: Options) -> Any:
        return text or None

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return []

    def watched(self, request: HttpRequest) -> Sequence[QuerySet[Any]]:
        """Stamped rows that the choices are read from; they are kept until one of these is written. They
        follow from who asks alone."""
        return ()


@dataclass(frozen=True)
class ChoiceFilter(Filter):
    choices: Choices | Callable[[HttpRequest], Choices] = ()
    all_label: str = "todas"
    read_from: Callable[[HttpRequest], Sequence[QuerySet[Any]]] = field(
        default=lambda request: (), kw_only=True
    )
    kind: ClassVar[str] = "choice"

    def watched(self, request: HttpRequest) -> Sequence[QuerySet[Any]]:
        return self.read_from(request)

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        choices = self.choices(request) if callable(self.choices) else self.choices
        return [(str(value), str(label)) for value, label in choices]

    def parse(self, text: str, options: Options) -> str | None:
        # Without a text nothing can be chosen, and the choices may come from the database.
        return text if text and text in dict(options()) else None


@dataclass(frozen=True)
class DateFilter(Filter):
    """A day of the local calendar; `lookup` is `since` or `until` of a column of instants."""

    kind: ClassVar[str] = "date"

    def parse(self, text: str, options: Options) -> date | None:
        try:
            return parse_date(text)
        except ValueError:
            return None


def since(column: str) -> Callable[[date], Q]:
    """Keeps rows whose instant in `column` lies on the day or later. Bounds are instants: a function of the
    column, as in `__date`, would be worked out for every row and use no index."""
    return lambda day: Q(**{f"{column}__gte": day_begin(day)})


def until(column: str) -> Callable[[date], Q]:
    """Keeps rows whose instant in `column` lies on the day or earlier."""

    def condition(day: date) -> Q:
        return Q() if day == date.max else Q(**{f"{column}__lt": day_begin(day + timedelta(days=1))})

    return condition


def day_begin(day: date) -> datetime:
    """The first instant of a day of the local calendar."""
    return timezone.make_aware(datetime.combine(day, time.min))
