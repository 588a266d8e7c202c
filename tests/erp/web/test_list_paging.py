"""Pages by key: every row once and in order, over ties and rows without a value, forwards and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from urllib.parse import parse_qsl

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from erp.accounts.models import Store
from erp.web.lists import paging
from erp.web.lists.paging import Count, ListOrder, Page, list_order, page_read
from kwai_integration.models import KwaiOrder

pytestmark = pytest.mark.django_db

DAY = datetime(2026, 3, 1, tzinfo=UTC)
SIZE = 4
ORDERS = {
    "by arrival": (("-placed_at",), ""),
    "by arrival, oldest first": (("placed_at",), ""),
    "by deadline": (("ship_by_at",), "ship_by_at"),
    "by deadline, latest first": (("-ship_by_at",), "ship_by_at"),
    "by state": (("state", "placed_at"), ""),
    "by a related name": (("store__name",), ""),
}
Row = tuple[int, int | None, str]


def rows_make(store: Store, rows: list[Row]) -> None:
    KwaiOrder.objects.bulk_create(
        KwaiOrder(
            store=store,
            external_id=f"{KwaiOrder.objects.count()}-{number}",
            fetch_started_at=DAY,
            placed_at=DAY + timedelta(hours=hour),
            ship_by_at=None if due is None else DAY + timedelta(hours=due),
            state=state,
        )
        for number, (hour, due, state) in enumerate(rows)
    )


def page(order: ListOrder, asked: Mapping[str, str]) -> Page[KwaiOrder]:
    found = KwaiOrder.objects.select_related("store")
    return page_read(found, order, Count(found.count()), SIZE, asked, found)


def query(text: str | None) -> dict[str, str]:
    return dict(parse_qsl(text or ""))


def forwards(order: ListOrder) -> Iterator[Page[KwaiOrder]]:
    shown = page(order, {})
    yield shown
    while shown.next:
        shown = page(order, query(shown.next))
        yield shown


def expected(order: ListOrder) -> list[int]:
    """Every row in the order, those without a value last."""
    found = KwaiOrder.objects.order_by(*order.names).select_related("store")
    if not order.nullable:
        return [row.pk for row in found]
    has, none = found.filter(ship_by_at__isnull=False), found.filter(ship_by_at__isnull=True)
    return [row.pk for row in has] + [row.pk for row in none]


@pytest.mark.parametrize(("names", "nullable"), ORDERS.values(), ids=list(ORDERS))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, 3),
            st.one_of(st.none(), st.integers(0, 2)),
            st.sampled_from(["staged", "unlinked"]),
        ),
        max_size=22,
    )
)
def test_every_row_is_on_one_page(
    names: tuple[str, ...], nullable: str, rows: list[Row], store: Store
) -> None:
    KwaiOrder.objects.all().delete()
    rows_make(store, rows)
    order = list_order(KwaiOrder, names, nullable=nullable)
    pages = list(forwards(order))
    assert [row.pk for shown in pages for row in shown.rows] == expected(order)
    assert [shown.number for shown in pages] == list(range(1, len(pages) + 1))
    for earlier, later in pairwise(pages):
        back = page(order, query(later.previous))
        assert [row.pk for row in back.rows] == [row.pk for row in earlier.rows]


def test_a_number_further_on_is_reached_in_one_step(store: Store) -> None:
    rows_make(store, [(0, None, "staged")] * 21)
    order = list_order(KwaiOrder, ("-placed_at",))
    pages = list(forwards(order))
    (third,) = [link for link in pages[0].links if link.label == "3"]
    assert [row.pk for row in page(order, query(third.query)).rows] == [row.pk for row in pages[2].rows]
    (second,) = [link for link in pages[3].links if link.label == "2"]
    assert [row.pk for row in page(order, query(second.query)).rows] == [row.pk for row in pages[1].rows]
    assert [row.pk for row in page(order, {"page": "3"}).rows] == [row.pk for row in pages[2].rows]


def test_rows_that_arrive_meanwhile_move_nothing(store: Store) -> None:
    """Page 2 goes on where page 1 ended, whatever came on top since."""
    rows_make(store, [(hour, None, "staged") for hour in range(9)])
    order = list_order(KwaiOrder, ("-placed_at",))
    first = page(order, {})
    rows_make(store, [(50, None, "staged")] * 3)
    second = page(order, query(first.next))
    seen = [row.placed_at for row in (*first.rows, *second.rows)]
    assert seen == sorted(set(seen), reverse=True)
    assert len(page(order, query(second.previous)).rows) == SIZE


def test_a_place_whose_rows_are_gone_shows_the_beginning(store: Store) -> None:
    rows_make(store, [(hour, None, "staged") for hour in range(6)])
    order = list_order(KwaiOrder, ("-placed_at",))
    onwards = query(page(order, {}).next)
    KwaiOrder.objects.filter(placed_at__lt=DAY + timedelta(hours=2)).delete()
    assert page(order, onwards).number == 1


def test_deep_inside_no_row_is_skipped_and_the_end_is_read_from_the_end(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MOST_COUNTED", 8)
    rows_make(store, [(hour, None, "staged") for hour in range(30)])
    order = list_order(KwaiOrder, ("-placed_at",))
    with CaptureQueriesContext(connection) as captured:
        pages = list(forwards(order))
        last = page(order, {"page": "-1"})
        before = page(order, query(last.previous))
    assert [row.pk for shown in pages for row in shown.rows] == expected(order)
    assert not [each["sql"] for each in captured if "OFFSET" in each["sql"]]
    assert pages[0].links[-1].label == "última"
    assert str(pages[0].total) == "8+"
    assert [row.pk for row in (*before.rows, *last.rows)] == expected(order)[-2 * SIZE :]
    assert page(order, query(before.next)).rows == last.rows
    # No number asks for more rows to be skipped than are counted.
    assert page(order, {"page": "9999"}).number == 2


WRONG_PLACES = (
    "",
    "x",
    "~",
    "2026-03-01",
    "2026-03-01T00:00:00+00:00~x",
    "9999-99-99~1",
    "1~2~3",
    "\x00~1",
    "2026-03-01T00:00:00+00:00~99999999999999999999999",
    "0001-01-01T00:00:00+23:59~1",
)


@pytest.mark.parametrize("place", WRONG_PLACES)
def test_a_place_that_is_none_shows_the_page_of_the_number(place: str, store: Store) -> None:
    rows_make(store, [(hour, None, "staged") for hour in range(6)])
    shown = page(list_order(KwaiOrder, ("-placed_at",)), {"page": "2", "after": place})
    assert (shown.number, len(shown.rows)) == (2, 2)
    assert page(list_order(KwaiOrder, ("-placed_at",)), {"page": "2", "before": place}).rows == shown.rows
