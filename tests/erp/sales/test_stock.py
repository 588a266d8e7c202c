"""Stock follows orders: kept on arrival, given back on cancellation, out once at the store's moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from itertools import count
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from erp.accounts.models import Company, Role, StockExit, Store, User
from erp.catalog.models import Sku
from erp.sales.models import Buyer, Order, OrderEvent, OrderLine, RefundStatus
from erp.sales.services import orders_status_set
from erp.sales.statuses import OrderStatus
from erp.sales.stock import LEFT_ALREADY, lines_stock_read, order_stock_return, orders_stock_reserve
from erp.stock.models import MovementKind, StockItem, StockMovement, StockReservation, Warehouse
from erp.stock.services import stock_move
from tests.erp.stock.conftest import at_once, sku, sku_make, warehouse  # noqa: F401

pytestmark = pytest.mark.django_db
MakeOrder = Callable[..., Order]


@pytest.fixture
def make_order(store: Store, sku: Sku) -> MakeOrder:
    """An order of `quantity` units, as receive leaves it: with its reservation."""
    numbers = count(1)

    def make(
        quantity: int = 1, *, of: Sku = sku, status: str = "approved", reserve: bool = True, **fields: Any
    ) -> Order:
        values = {"placed_at": timezone.now(), "items_total": 1, "total": 1, **fields}
        order = Order.objects.create(
            company=store.company, store=store, number=next(numbers), status=status, **values
        )
        Buyer.objects.create(order=order, name="Ana")
        OrderLine.objects.create(
            order=order, position=1, sku=of, title="Caneca", quantity=quantity, unit_price=1
        )
        if reserve:
            orders_stock_reserve(order_ids=[order.pk], warehouses={})
        return order

    return make


def counted(sku: Sku, quantity: int) -> None:
    place = Warehouse.objects.get(company=sku.company)
    stock_move(kind=MovementKind.COUNT, sku=sku, warehouse=place, quantity=quantity, text="Contagem")


def go(order: Order, *statuses: str, backwards: bool = False) -> None:
    for status in statuses:
        orders_status_set(wanted={order.pk: OrderStatus(status)}, backwards=backwards)


def balance(sku: Sku) -> tuple[int, int]:
    item = StockItem.objects.get(sku=sku)
    return item.on_hand, item.reserved


def texts(order: Order) -> list[str]:
    return list(order.events.exclude(kind="status").order_by("pk").values_list("text", flat=True))


def badge(order: Order) -> str:
    line = order.lines.get()
    return lines_stock_read([line])[line.pk].badge.label


def test_two_sales_of_the_last_unit(sku: Sku, warehouse: Warehouse, make_order: MakeOrder) -> None:
    counted(sku, 1)
    first, second = make_order(), make_order()
    assert (badge(first), badge(second), balance(sku)) == ("reservado", "sem estoque", (1, 1))
    assert texts(first) == []
    assert texts(second) == [
        "Sem estoque: 1 de 1 × SKU-1 sem saldo no depósito Geral. A reserva se completa sozinha quando "
        "houver entrada."
    ]
    go(first, "cancelled")
    assert (badge(second), balance(sku)) == ("reservado", (1, 1))
    assert texts(first) == ["Reserva de estoque liberada"]


@pytest.mark.parametrize("moment", list(StockExit))
def test_goods_leave_at_the_moment_the_store_names_and_once(
    store: Store, sku: Sku, warehouse: Warehouse, make_order: MakeOrder, moment: StockExit
) -> None:
    store.stock_exit_at = moment
    store.save()
    counted(sku, 5)
    order = make_order(2)
    way = ["preparing", "invoiced", "ready_to_ship", "shipped"]
    before = way[: way.index(moment)]
    go(order, *before)
    assert balance(sku) == (5, 2)
    go(order, moment)
    assert (balance(sku), badge(order)) == ((3, 0), "saiu do estoque")
    go(order, "preparing", backwards=True)
    go(order, *way, "delivered")
    orders_stock_reserve(order_ids=[order.pk], warehouses={})
    assert balance(sku) == (3, 0)
    assert StockMovement.objects.filter(kind=MovementKind.SALE).count() == 1
    assert texts(order) == ["Estoque baixado: 2 × SKU-1 (Geral)"]


def test_a_jump_over_the_moment_counts_too(sku: Sku, warehouse: Warehouse, make_order: MakeOrder) -> None:
    counted(sku, 1)
    go(make_order(), "delivered")
    assert balance(sku) == (0, 0)


def test_what_goes_out_without_balance_is_said(sku: Sku, warehouse: Warehouse, make_order: MakeOrder) -> None:
    counted(sku, 1)
    order = make_order(3)
    go(order, "invoiced")
    assert balance(sku) == (0, 0)
    assert texts(order)[-1] == (
        "Estoque baixado: 1 × SKU-1 (Geral). Saiu sem saldo: 2 × SKU-1; confira com um balanço"
    )


def test_a_cancellation_before_the_parcel_left_brings_it_back_once(
    sku: Sku, warehouse: Warehouse, make_order: MakeOrder
) -> None:
    counted(sku, 2)
    order, waiting = make_order(2), make_order()
    go(order, "invoiced", "cancelled")
    assert (balance(sku), badge(order), badge(waiting)) == ((2, 1), "devolvido ao estoque", "reservado")
    assert texts(order)[-1] == "Estoque devolvido: 2 × SKU-1 (Geral)"
    go(order, "invoiced", "cancelled", backwards=True)
    assert balance(sku) == (2, 1)


@pytest.mark.parametrize("far", ["ready_to_ship", "shipped"])
def test_a_cancellation_on_the_road_waits_for_somebody_to_see_the_parcel(
    sku: Sku, warehouse: Warehouse, make_order: MakeOrder, operator: User, sign_in: Any, far: str
) -> None:
    counted(sku, 2)
    order = make_order(2)
    client, address = sign_in(operator), reverse("sales:order_stock", args=[order.pk])
    go(order, far)
    assert "nada deste pedido" in client.post(address, follow=True).content.decode()
    go(order, "cancelled")
    assert balance(sku) == (0, 0)
    page = client.get(reverse("sales:order", args=[order.pk])).content.decode()
    assert ("devolver ao estoque" in texts(order)[-1], address in page) == (True, True)
    answer = client.post(address, follow=True).content.decode()
    assert ("devolvida ao estoque" in answer, address in answer) == (True, False)
    assert "nada deste pedido" in client.post(address, follow=True).content.decode()
    assert (balance(sku), badge(order)) == ((2, 0), "devolvido ao estoque")
    assert texts(order)[-1] == "Estoque devolvido: 2 × SKU-1 (Geral)"


CAME_BACK = {
    "refunded": {"refund_status": RefundStatus.PAID, "refund_open": True},
    "released": {"refund_status": RefundStatus.PAID},
    "closed": {"closed_at": timezone.now()},
}
STAYS_AWAY = {
    "nothing happened": {},
    "refund runs": {"refund_status": RefundStatus.ASKED, "refund_open": True},
    "refund ended": {"refund_status": RefundStatus.CLOSED},
    "nobody knows": {"closed_at": timezone.now(), "handover_unclear": True},
}


@pytest.mark.parametrize("status", ["shipped", "undelivered", "delivered"])
@pytest.mark.parametrize("why", CAME_BACK)
def test_a_parcel_that_came_back_is_put_into_stock_once(
    sku: Sku, warehouse: Warehouse, make_order: MakeOrder, operator: User, sign_in: Any, why: str, status: str
) -> None:
    counted(sku, 5)
    order = make_order(2)
    go(order, "shipped", status)
    Order.objects.update(**CAME_BACK[why])
    client, address = sign_in(operator), reverse("sales:order_stock", args=[order.pk])
    assert address in client.get(reverse("sales:order", args=[order.pk])).content.decode()
    answer = client.post(address, follow=True).content.decode()
    assert ("devolvida ao estoque" in answer, address in answer) == (True, False)
    assert "nada deste pedido" in client.post(address, follow=True).content.decode()
    says = client.get(reverse("sales:order", args=[order.pk])).content.decode()
    assert ("já voltou ao estoque" in says) is (why != "released")
    go(order, "delivered")
    orders_stock_reserve(order_ids=[order.pk], warehouses={})
    go(order, "cancelled")
    assert (balance(sku), badge(order)) == ((5, 0), "devolvido ao estoque")
    assert StockMovement.objects.get(kind=MovementKind.RETURN).text == "Devolução do pedido 1"


@pytest.mark.parametrize("why", STAYS_AWAY)
def test_no_other_parcel_is_put_into_stock(
    sku: Sku, warehouse: Warehouse, make_order: MakeOrder, operator: User, sign_in: Any, why: str
) -> None:
    counted(sku, 5)
    order = make_order(2)
    go(order, "shipped")
    Order.objects.update(**STAYS_AWAY[why])
    client, address = sign_in(operator), reverse("sales:order_stock", args=[order.pk])
    assert address not in client.get(reverse("sales:order", args=[order.pk])).content.decode()
    assert "nada deste pedido" in client.post(address, follow=True).content.decode()
    assert balance(sku) == (3, 0)


@pytest.mark.parametrize("before", ["invoiced", "ready_to_ship"])
@pytest.mark.parametrize("is_home", [True, False])
def test_a_cancellation_says_to_wait_only_for_what_does_not_come_back_with_it(
    sku: Sku, warehouse: Warehouse, make_order: MakeOrder, before: str, is_home: bool
) -> None:
    counted(sku, 2)
    order = make_order(2)
    go(order, before)
    orders_status_set(wanted={order.pk: OrderStatus.CANCELLED}, goods_stay=[order.pk] if is_home else [])
    waits = before == "ready_to_ship" and not is_home
    assert (LEFT_ALREADY in texts(order), balance(sku)) == (waits, (0 if waits else 2, 0))


@pytest.mark.django_db(transaction=True)
def test_two_people_put_a_parcel_into_stock_once(
    sku: Sku, warehouse: Warehouse, make_order: MakeOrder
) -> None:
    counted(sku, 5)
    order = make_order(2)
    go(order, "shipped", "delivered")
    Order.objects.update(refund_status=RefundStatus.PAID, refund_open=True)
    answers = at_once(*[lambda: order_stock_return(order_id=order.pk)] * 2)
    assert (sorted(answers), balance(sku)) == ([False, True], (5, 0))


def test_history_moves_nothing(store: Store, sku: Sku, warehouse: Warehouse, make_order: MakeOrder) -> None:
    counted(sku, 5)
    store.activated_at = timezone.now()
    store.save()
    long_ago = store.activated_at - timedelta(days=3)
    past = make_order(status="shipped", placed_at=long_ago)
    go(past, "delivered")
    assert (balance(sku), badge(past)) == ((5, 0), "não reservado")
    make_order(status="approved", placed_at=long_ago)
    make_order(2, status="shipped", placed_at=store.activated_at + timedelta(minutes=1))
    assert balance(sku) == (3, 1)


def test_a_cancelled_order_keeps_nothing(sku: Sku, warehouse: Warehouse, make_order: MakeOrder) -> None:
    make_order(status="cancelled")
    assert not StockReservation.objects.exists()


def test_orders_from_before_wait_for_the_first_count(
    sku: Sku, warehouse: Warehouse, make_order: MakeOrder
) -> None:
    now = timezone.now()
    younger = make_order(2, reserve=False, placed_at=now)
    older = make_order(2, reserve=False, placed_at=now - timedelta(days=1))
    make_order(2, reserve=False, status="shipped")
    make_order(2)
    migration = import_module("erp.sales.migrations.0003_open_orders_reserve")
    for _ in range(2):
        migration.reserve(apps, None)
    assert StockReservation.objects.count() == 3
    counted(sku, 5)
    assert (badge(older), badge(younger)) == ("reservado", "sem estoque")


def test_many_orders_cost_what_one_costs(sku: Sku, warehouse: Warehouse, make_order: MakeOrder) -> None:
    counted(sku, 100)

    def costs(orders: list[Order]) -> list[int]:
        found = []
        for status in ("preparing", "invoiced", "cancelled"):
            with CaptureQueriesContext(connection) as queries:
                orders_status_set(wanted={order.pk: OrderStatus(status) for order in orders})
            found.append(len(queries))
        return found

    assert costs([make_order()]) == costs([make_order() for _ in range(20)])


@pytest.mark.django_db(transaction=True)
def test_two_workers_let_an_order_leave_once(sku: Sku, warehouse: Warehouse, make_order: MakeOrder) -> None:
    counted(sku, 5)
    orders = [make_order(2), make_order(2)]
    ways = (("invoiced", "shipped"), ("ready_to_ship", "delivered"))
    answers = at_once(*(lambda way=way: [go(order, *way) for order in orders] for way in ways))
    assert answers == [[None, None]] * 2
    assert balance(sku) == (1, 0)
    assert StockMovement.objects.filter(kind=MovementKind.SALE).count() == 2
    assert OrderEvent.objects.filter(text__startswith="Estoque baixado").count() == 2


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_leaving_and_cancelling_at_once(sku: Sku, warehouse: Warehouse, make_order: MakeOrder) -> None:
    """Whoever comes first, in the end the goods are back and were never counted twice."""
    counted(sku, 20)
    orders = [make_order(2) for _ in range(10)]
    answers = at_once(
        lambda: [go(order, "invoiced") for order in orders],
        lambda: [go(order, "cancelled") for order in reversed(orders)],
        lambda: [go(order, "preparing", "invoiced") for order in orders],
    )
    assert answers == [[None] * 10] * 3
    assert set(Order.objects.values_list("status", flat=True)) == {"cancelled"}
    assert balance(sku) == (20, 0)


def test_the_list_shows_and_filters_what_lacks_stock(
    sku: Sku, warehouse: Warehouse, make_order: MakeOrder, admin: User, sign_in: Callable[[User], Client]
) -> None:
    counted(sku, 1)
    covered, short = make_order(), make_order()
    client = sign_in(admin)
    found = {
        tab: [row.object.pk for row in client.get(reverse("sales:orders"), {"tab": tab}).context["rows"]]
        for tab in ("all", "short")
    }
    assert found == {"all": [short.pk, covered.pk], "short": [short.pk]}
    page = client.get(reverse("sales:orders")).content.decode()
    assert page.count('title="sem estoque"') == 1


def test_the_order_page_says_it_line_by_line(
    sku: Sku, warehouse: Warehouse, make_order: MakeOrder, company: Company, viewer: User, sign_in: Any
) -> None:
    counted(sku, 1)
    order = make_order(3)
    OrderLine.objects.create(
        order=order, position=2, sku=sku_make(company, "SKU-2"), title="Prato", quantity=2, unit_price=1
    )
    orders_stock_reserve(order_ids=[order.pk], warehouses={})
    page = sign_in(viewer).get(reverse("sales:order", args=[order.pk])).content.decode()
    assert "Sem estoque: faltam 4 para este pedido." in page
    assert ("faltam 2 de 3" in page, "faltam 2 de 2" in page) == (True, True)


def test_stock_names_only_orders_the_reader_may_see(
    sku: Sku, warehouse: Warehouse, make_order: MakeOrder, make_user: Any, admin: User, sign_in: Any
) -> None:
    order = make_order()
    address = reverse("stock:sku", args=[sku.pk])
    seen = sign_in(admin).get(address).content.decode()
    assert f'<a href="{reverse("sales:order", args=[order.pk])}">Pedido 1</a>' in seen
    hidden = sign_in(make_user(Role.OPERATOR, stores=[])).get(address).content.decode()
    assert ("pedido de outra loja" in hidden, "Pedido 1" in hidden) == (True, False)
