"""Orders from Kwai reserve where their store says, and follow what the platform does to them."""

from __future__ import annotations

import pytest

from erp.accounts.models import Company, Store
from erp.catalog.models import Sku
from erp.sales.models import Order
from erp.sales.services import orders_status_set
from erp.sales.statuses import OrderStatus
from erp.sales.stock import is_lacking_stock
from erp.stock.models import MovementKind, StockItem, StockReservation, Warehouse
from erp.stock.services import reservations_release, stock_move
from kwai_integration.inbound.receive import kwai_orders_receive
from kwai_integration.inbound.staging import kwai_orders_stage
from kwai_integration.models import KwaiSettings
from tests.erp.stock.conftest import at_once
from tests.kwai_integration.codes import CLOSED, PAID, SHIPPED
from tests.kwai_integration.inbound.conftest import FETCHED, FIRST_ID, detail, line, sku_make
from tests.kwai_integration.inbound.test_receive import kinds, later, take_in

pytestmark = pytest.mark.django_db


def balance(sku: Sku, warehouse: Warehouse | None = None) -> tuple[int, int]:
    item = StockItem.objects.get(sku=sku, **({"warehouse": warehouse} if warehouse else {}))
    return item.on_hand, item.reserved


def left(sku: Sku, quantity: int) -> None:
    place = Warehouse.objects.get(company=sku.company, is_default=True)
    stock_move(kind=MovementKind.COUNT, sku=sku, warehouse=place, quantity=quantity, text="Contagem")


def test_an_order_reserves_when_it_is_received(kwai_store: Store, sku: Sku) -> None:
    take_in(kwai_store, detail(), detail(1))
    assert balance(sku) == (10_000, 4)


def test_it_reserves_in_the_warehouse_its_store_chose(kwai_store: Store, sku: Sku, company: Company) -> None:
    shop = Warehouse.objects.create(company=company, name="Loja")
    KwaiSettings.objects.update(warehouse=shop)
    take_in(kwai_store, detail())
    # A line that changes keeps its place.
    KwaiSettings.objects.update(warehouse=None)
    take_in(kwai_store, later(orderItemView=[line(skuQuantity=3)]), after=60)
    row = StockReservation.objects.get()
    assert (row.warehouse, row.wanted, row.held) == (shop, 3, 0)
    stock_move(kind=MovementKind.ENTRY, sku=sku, warehouse=shop, quantity=3, text="Compra")
    take_in(kwai_store, later(steps=2, orderStatus=SHIPPED), after=120)
    assert balance(sku, shop) == (1, 0)  # the answer says two again


def test_lines_that_change_come_and_go(kwai_store: Store, sku: Sku, company: Company) -> None:
    other = sku_make(company, "SKU-2")
    take_in(kwai_store, detail())
    take_in(kwai_store, later(orderItemView=[line(), line("SKU-2")]), after=60)
    take_in(kwai_store, later(steps=2, orderItemView=[line("SKU-2", skuQuantity=5)]), after=120)
    assert balance(sku) == (10_000, 0)
    rows = StockReservation.objects.values_list("sku", "wanted", "held")
    assert list(rows) == [(other.pk, 5, 0)]


def test_lines_whose_goods_left_stay_as_they_are(kwai_store: Store, sku: Sku) -> None:
    take_in(kwai_store, detail(orderStatus=SHIPPED))
    take_in(kwai_store, later(orderStatus=SHIPPED, orderItemView=[line(skuQuantity=9)]), after=60)
    order = Order.objects.get()
    assert (order.lines.get().quantity, balance(sku)) == (2, (9_998, 0))
    assert "lines_kept" in kinds(order)


def test_a_cancelled_order_gives_back(kwai_store: Store, sku: Sku) -> None:
    left(sku, 2)
    take_in(kwai_store, detail(), detail(1))
    assert list(Order.objects.filter(is_lacking_stock())) == [
        Order.objects.get(external_id=str(FIRST_ID + 1))
    ]
    take_in(kwai_store, later(orderStatus=CLOSED), after=60)
    assert not Order.objects.filter(is_lacking_stock()).exists()
    assert balance(sku) == (2, 2)


def test_an_order_back_from_its_cancellation_wants_its_goods_again(kwai_store: Store, sku: Sku) -> None:
    KwaiSettings.objects.update(allow_backwards=True)
    take_in(kwai_store, detail())
    take_in(kwai_store, later(orderStatus=CLOSED), after=60)
    assert balance(sku) == (10_000, 0)
    take_in(kwai_store, later(steps=2, orderStatus=PAID), after=120)
    assert balance(sku) == (10_000, 2)


def test_goods_that_came_back_are_wanted_and_leave_again(kwai_store: Store, sku: Sku) -> None:
    KwaiSettings.objects.update(allow_backwards=True)
    take_in(kwai_store, detail())
    order = Order.objects.get()
    orders_status_set(wanted={order.pk: OrderStatus.INVOICED})
    take_in(kwai_store, later(orderStatus=CLOSED), after=60)
    assert balance(sku) == (10_000, 0)
    more = [line(skuQuantity=3)]
    take_in(kwai_store, later(steps=2, orderItemView=more), after=120)
    assert balance(sku) == (10_000, 3)
    orders_status_set(wanted={order.pk: OrderStatus.INVOICED})
    assert balance(sku) == (9_997, 0)
    take_in(kwai_store, later(steps=3, orderStatus=CLOSED, orderItemView=more), after=180)
    assert balance(sku) == (10_000, 0)


def test_going_on_reserves_nothing_for_an_order_from_before_the_stock(kwai_store: Store, sku: Sku) -> None:
    KwaiSettings.objects.update(allow_backwards=True)
    take_in(kwai_store, detail())
    reservations_release(order_line_ids=Order.objects.get().lines.values_list("pk", flat=True))
    take_in(kwai_store, later(orderStatus=SHIPPED), after=60)
    assert balance(sku) == (10_000, 0)


def test_the_last_unit_in_one_page(kwai_store: Store, sku: Sku) -> None:
    left(sku, 3)
    take_in(kwai_store, *(detail(index) for index in range(3)))
    held = StockReservation.objects.order_by("pk").values_list("held", flat=True)
    assert (list(held), balance(sku)) == ([2, 1, 0], (3, 3))
    assert [kinds(order)[-1] for order in Order.objects.order_by("pk")] == [
        "received",
        "stock_short",
        "stock_short",
    ]


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_two_stores_sell_the_last_units_at_once(kwai_store: Store, sku: Sku, company: Company) -> None:
    """Pages with known and new orders of two stores of one company, in two workers: nobody waits for
    the other for ever, and no balance is shared out twice."""
    other = Store.objects.create(company=company, name="Outra", channel="kwai")
    KwaiSettings.objects.create(store=other)
    take_in(kwai_store, *(detail(index) for index in range(5)))
    take_in(other, *(detail(100 + index) for index in range(5)))
    left(sku, 25)

    def work(store: Store, first: int) -> None:
        for turn in range(1, 4):
            lines = [line(skuQuantity=turn)]
            known = [later(first + index, steps=turn, orderItemView=lines) for index in range(5)]
            new = [detail(first + 10 * turn + index) for index in range(5)]
            page = kwai_orders_stage(store=store, details=[*known, *new], fetch_started_at=FETCHED)
            kwai_orders_receive(ids=page.ids)

    assert at_once(lambda: work(kwai_store, 0), lambda: work(other, 100)) == [None, None]
    assert Order.objects.count() == 40
    held = sum(StockReservation.objects.values_list("held", flat=True))
    assert (balance(sku), held) == ((25, 25), 25)
