"""Pages of a list. They carry numbers, because operators say "page 3" to one another, and are read by key:
the links of a page hold the place of its first and last row, so that page 400 costs what page 1 does and
rows that arrive meanwhile move nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import BooleanField, F, Field, Func, Model, Q, QuerySet, Subquery, Value
from django.utils.timezone import is_naive, make_aware

from erp.brazil.money import thousands
from erp.search.lookups import IsAmong

M = TypeVar("M", bound=Model)

# More rows than that are not counted, and no page further in is found by skipping rows.
MOST_COUNTED = 10_000
# How far from the page at hand numbers are printed.
NEAR = 2
BETWEEN = "~"
GAP = "…"


@dataclass(frozen=True, slots=True)
class Count:
    """Rows of a list; with more than `MOST_COUNTED` of them only that is known."""

    known: int

    @property
    def is_capped(self) -> bool:
        return self.known > MOST_COUNTED

    def __str__(self) -> str:
        rows = min(self.known, MOST_COUNTED)
        return thousands(rows) + ("+" if self.is_capped else "")

    def __bool__(self) -> bool:
        return self.known > 0

    def __int__(self) -> int:
        return self.known


@dataclass(frozen=True)
class ListOrder:
    """The order of a list. `names` are what Django orders by and end in the primary key. `fields` are the
    columns of the place of a row, empty where they do not all run the same way: then pages are found by
    skipping rows."""

    names: tuple[str, ...]
    fields: tuple[Field[Any, Any], ...]
    descending: bool
    nullable: str = ""

    def place(self, row: Model) -> str:
        """Where `row` stands, for an address."""
        values = [_value(row, name) for name in self.paths]
        return BETWEEN.join("" if value is None else _text(value) for value in values)

    @property
    def paths(self) -> list[str]:
        return [name.removeprefix("-") for name in self.names]

    def read(self, text: str) -> list[Any] | None:
        """The values of a place out of an address; None when they cannot be one."""
        parts = text.split(BETWEEN)
        if not text or len(parts) != len(self.fields):
            return None
        try:
            values = [_parsed(field, part) for field, part in zip(self.fields, parts, strict=True)]
        except (ValidationError, ValueError, OverflowError):
            return None
        return values


def list_order(
    model: type[Model], names: Sequence[str], *, nullable: str = "", is_whole: bool = False
) -> ListOrder:
    """The order by `names`. The primary key ends it, unless `is_whole`: without one, rows jump between
    pages."""
    ordered = tuple(names) or ("-pk",)
    if not is_whole and not ordered[-1].endswith("pk"):
        ordered = (*ordered, "-pk" if ordered[-1].startswith("-") else "pk")
    ways = {name.startswith("-") for name in ordered}
    try:
        fields = tuple(_field(model, name.removeprefix("-")) for name in ordered) if len(ways) == 1 else ()
    except FieldDoesNotExist:
        fields = ()
    return ListOrder(ordered, fields, ordered[-1].startswith("-"), nullable)


@dataclass(frozen=True)
class PageLink:
    """A number to print; `query` is empty for the page at hand and for a gap."""

    label: str
    query: str = ""

    @property
    def is_gap(self) -> bool:
        return self.label == GAP


@dataclass(frozen=True)
class Page(Generic[M]):
    """One page. A negative number counts from the end, where the number from the beginning is not known."""

    number: int
    size: int
    total: Count
    rows: Sequence[M]
    order: ListOrder
    has_more: bool

    @property
    def last(self) -> int:
        """The last page as far as it is known."""
        return max(1, -(-min(self.total.known, MOST_COUNTED) // self.size))

    @property
    def shown(self) -> str:
        """`101–150 de 3.200`."""
        if self.number < 0:
            return f"os últimos de {self.total}" if self.number == -1 else f"{len(self.rows)} de {self.total}"
        first = (self.number - 1) * self.size + 1
        return f"{first}–{first + len(self.rows) - 1} de {self.total}"

    @property
    def previous(self) -> str | None:
        if self.number == 1 or (self.number < 0 and not self.has_more):
            return None
        return self._near(self.number - 1) if self.number > 0 else self._back(1)

    @property
    def next(self) -> str | None:
        if self.number > 0:
            return self._near(self.number + 1) if self.has_more else None
        return self._near(self.number + 1) if self.number < -1 else None

    @property
    def links(self) -> list[PageLink]:
        """What is printed between *anterior* and *próxima*."""
        if self.number < 0:
            label = "última" if self.number == -1 else f"última {self.number + 1}".replace("-", "− ")
            return [PageLink("1", "page=1"), PageLink(GAP), PageLink(label)]
        upper = max(self.last, self.number + self.has_more)
        near = range(max(1, self.number - NEAR), min(upper, self.number + NEAR) + 1)
        found = [PageLink(str(n), "" if n == self.number else self._near(n)) for n in near]
        if near.start > 1:
            found = [PageLink("1", "page=1"), *([PageLink(GAP)] if near.start > 2 else []), *found]
        if self.total.is_capped and self.has_more:
            found += [PageLink(GAP), PageLink("última", "page=-1")]
        elif near.stop <= upper:
            gap = [PageLink(GAP)] if near.stop < upper else []
            found += [*gap, PageLink(str(upper), f"page={upper}")]
        return found

    def _near(self, number: int) -> str:
        """The address of a page close by: from the first or the last row of this one."""
        if number in (1, 0):
            return "page=1"
        steps = number - self.number
        if not self.order.fields or not self.rows:
            return f"page={number}"
        if steps > 0:
            return _query(page=number, after=self.order.place(self.rows[-1]), skip=steps - 1)
        return _query(page=number, before=self.order.place(self.rows[0]), skip=-steps - 1)

    def _back(self, steps: int) -> str:
        return _query(page=self.number - steps, before=self.order.place(self.rows[0]), skip=steps - 1)


def page_read(
    found: QuerySet[M],
    order: ListOrder,
    total: Count,
    size: int,
    asked: Mapping[str, str],
    shown: QuerySet[M],
) -> Page[M]:
    """The page that an address names by `page` and, behind the first, by a place. `shown` reads rows with all
    that is joined to them: it does so for those of the page alone, not for what is skipped or sorted."""
    number = _number(asked.get("page", ""))
    last = max(1, -(-min(total.known, MOST_COUNTED) // size))
    after, before = order.read(asked.get("after", "")), order.read(asked.get("before", ""))
    skip = min(max(_number(asked.get("skip", ""), 0), 0), NEAR) * size
    if number < 0 and not total.is_capped:
        number, after, before = last, None, None
    if after is not None and number != 1:
        rows, has_more = _take(found, shown, order, after, skip, size)
        if rows:
            return Page(number, size, total, rows, order, has_more)
    if before is not None and number != 1:
        rows, has_more = _take(found, shown, order, before, skip, size, backwards=True)
        if number > 0 and len(rows) < size:
            # Fewer rows than the number promised stand before: this is the beginning.
            return page_read(found, order, total, size, {}, shown)
        return Page(number, size, total, rows, order, has_more or number > 0)
    if number < 0:
        rows, has_more = _take(found, shown, order, None, 0, size, backwards=True)
        return Page(-1, size, total, rows, order, has_more)
    number = min(max(number, 1), last)
    rows, has_more = _take(found, shown, order, None, (number - 1) * size, size)
    return Page(number, size, total, rows, order, has_more)


def _take(
    found: QuerySet[M],
    shown: QuerySet[M],
    order: ListOrder,
    place: Sequence[Any] | None,
    skip: int,
    size: int,
    *,
    backwards: bool = False,
) -> tuple[list[M], bool]:
    """The `size` rows behind (or before) `place` and whether more follow, in the order shown."""
    rows: list[M] = []
    for part in _parts(found, order, place, backwards):
        wanted = size + 1 - len(rows)
        ids = part.values("pk")[skip : skip + wanted]
        taken = list(shown.filter(IsAmong(F("pk"), Subquery(ids))).order_by(*part.query.order_by))
        if not taken and skip:
            skip = max(0, skip - part[:skip].count())
        elif taken:
            skip = 0
        rows += taken
        if len(rows) > size:
            break
    has_more = len(rows) > size
    own = rows[:size]
    return (own[::-1] if backwards else own), has_more


def _parts(
    found: QuerySet[M], order: ListOrder, place: Sequence[Any] | None, backwards: bool
) -> list[QuerySet[M]]:
    """What follows `place`: one query, or, for a column that may be empty, its filled rows and its empty
    ones."""
    names = [_turned(name) for name in order.names] if backwards else list(order.names)
    descending = order.descending != backwards
    if not order.nullable:
        past = Q() if place is None else _past(order.paths, order.fields, place, descending)
        return [found.filter(past).order_by(*names)]
    at = order.paths.index(order.nullable)
    rest = slice(at + 1, None)
    filled = found.filter(**{f"{order.nullable}__isnull": False}).order_by(*names)
    empty = found.filter(**{f"{order.nullable}__isnull": True}).order_by(*names[rest])
    if place is None:
        return [empty, filled] if backwards else [filled, empty]
    if place[at] is None:
        own = empty.filter(_past(order.paths[rest], order.fields[rest], place[rest], descending))
        return [own, filled] if backwards else [own]
    own = filled.filter(_past(order.paths, order.fields, place, descending))
    return [own] if backwards else [own, empty]


class _RowValue(Func):
    template = "(%(expressions)s)"


class _RowPast(Func):
    """`(a, b) < (x, y)`: one comparison of rows, which an index over (a, b) answers from its own order."""

    output_field = BooleanField()
    conditional = True


def _past(paths: Sequence[str], fields: Sequence[Field[Any, Any]], place: Sequence[Any], less: bool) -> Q:
    columns = _RowValue(*(F(path) for path in paths), output_field=BooleanField())
    values = _RowValue(
        *(Value(value, output_field=field) for value, field in zip(place, fields, strict=True)),
        output_field=BooleanField(),
    )
    sign = "<" if less else ">"
    return Q(_RowPast(columns, values, template="%(expressions)s", arg_joiner=f" {sign} "))


def _turned(name: str) -> str:
    return name[1:] if name.startswith("-") else f"-{name}"


def _field(model: type[Model], path: str) -> Field[Any, Any]:
    *relations, last = path.split("__")
    for name in relations:
        model = model._meta.get_field(name).related_model  # type: ignore[assignment]
    field = model._meta.pk if last == "pk" else model._meta.get_field(last)
    if not isinstance(field, Field):
        raise FieldDoesNotExist(path)
    return field


def _value(row: Model, path: str) -> Any:
    return attrgetter(path.replace("__", "."))(row)


def _text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _parsed(field: Field[Any, Any], text: str) -> Any:
    """Raises ValidationError, ValueError or OverflowError for what the column cannot hold."""
    if not text and field.null:
        return None
    if "\x00" in text:
        raise ValueError("NUL")
    value = field.to_python(text)
    field.run_validators(value)
    if isinstance(value, datetime):
        # PostgreSQL refuses offsets over 16 hours and what they move out of the calendar.
        return make_aware(value).astimezone(UTC) if is_naive(value) else value.astimezone(UTC)
    return value


def _number(text: str, default: int = 1) -> int:
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(text) < 9 else default


def _query(*, page: int, skip: int, **place: str) -> str:
    return urlencode({"page": page, **place, **({"skip": skip} if skip else {})})
