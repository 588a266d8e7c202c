"""What is needed to create is not needed to follow: an answer is taken over as far as it can be read."""

from __future__ import annotations

from typing import Any

import pytest

from erp.accounts.models import Store
from erp.catalog.models import Sku
from erp.sales.models import DeliveryAddress, Order, OrderEvent
from erp.sales.statuses import OrderStatus
from erp.stock.models import StockItem
from kwai_integration.inbound.orders import UNREAD_EVENT
from kwai_integration.mapping.orders import PARTS
from kwai_integration.models import KwaiOrder, KwaiOrderState
from tests.kwai_integration.codes import SHIPPED
from tests.kwai_integration.inbound.conftest import detail, line, sku_make
from tests.kwai_integration.inbound.test_receive import later, take_in

pytestmark = pytest.mark.django_db

# What cannot be read, with the part of the order it leaves open.
BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "no items": ({"orderItemView": []}, "lines"),
    "null items": ({"orderItemView": None}, "lines"),
    "null quantity": ({"orderItemView": [line(skuQuantity=None)]}, "lines"),
    "null price": ({"orderItemView": [line(skuPrice=None)]}, "lines"),
    "price in reais": ({"orderItemView": [line(skuPrice="50.00")]}, "lines"),
    "an item that is none": ({"orderItemView": [line(), 7]}, "lines"),
    "total in reais": ({"totalAmount": "110.00"}, "amounts"),
    "freight negative": ({"shippingFee": -5}, "amounts"),
    "total beyond the column": ({"totalAmount": 2**70}, "amounts"),
    "another currency": ({"currency": "USD"}, "amounts"),
    "deadline in seconds": ({"shipByTime": 1_795_000}, "deadlines"),
    "receiver as text": ({"receiverAddressInfo": "Rua 1"}, "address"),
    "situation missing": ({"orderStatus": None}, "situation"),
    "situation as list": ({"orderStatus": [30]}, "situation"),
    "note state as list": ({"invoiceStatus": [1]}, "invoice"),
    "shipping as object": ({"shippingType": {"a": 1}}, "shipping"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_the_rest_of_the_answer_is_followed(kwai_store: Store, sku: Sku, name: str) -> None:
    changes, part = BROKEN[name]
    take_in(kwai_store, detail())
    before = Order.objects.get()
    news: dict[str, Any] = {
        "holdReason": "análise",
        "orderStatus": SHIPPED,
        "buyerRemark": "deixe na portaria",
    }
    take_in(kwai_store, later(**{**news, **changes}), after=60)
    order = Order.objects.get()
    assert (order.hold_reason, order.buyer_note) == ("análise", "deixe na portaria")
    if part != "situation":
        assert order.status == OrderStatus.SHIPPED
    assert (order.items_total, order.freight_total, order.total) == (10_000, 1_000, 11_000)
    assert (order.ship_by_at, order.lines.count()) == (before.ship_by_at, 1)
    assert DeliveryAddress.objects.get().street == "Avenida Paulista"
    assert part in order.unread_parts
    row = KwaiOrder.objects.get()
    assert (row.state, f"unread:{part}" in row.warnings) == (KwaiOrderState.RECEIVED, True)


@pytest.mark.parametrize("name", BROKEN)
def test_what_could_not_be_read_is_said_and_keeps_paper_back(kwai_store: Store, sku: Sku, name: str) -> None:
    take_in(kwai_store, detail())
    assert Order.objects.get().paper_problem == ""
    take_in(kwai_store, later(**BROKEN[name][0]), after=60)
    take_in(kwai_store, later(steps=2, buyerRemark="oi", **BROKEN[name][0]), after=120)
    order = Order.objects.get()
    assert "não foi lida por inteiro" in order.paper_problem
    assert OrderEvent.objects.filter(kind=UNREAD_EVENT).count() == 1
    take_in(kwai_store, later(steps=3), after=180)
    order = Order.objects.get()
    assert (order.paper_problem, order.unread_parts) == ("", [])
    assert OrderEvent.objects.filter(kind=UNREAD_EVENT).count() == 2


def test_every_part_is_broken_by_some_input() -> None:
    assert {part for _, part in BROKEN.values()} == set(PARTS)


@pytest.mark.parametrize(
    "name", [name for name, (_, part) in BROKEN.items() if part in ("lines", "situation")]
)
def test_the_same_answer_makes_no_new_order(kwai_store: Store, sku: Sku, name: str) -> None:
    take_in(kwai_store, detail(**BROKEN[name][0]))
    assert not Order.objects.exists()
    assert KwaiOrder.objects.get().state == KwaiOrderState.QUARANTINED


def test_a_quantity_of_zero_is_a_line_taken_away(kwai_store: Store, sku: Sku) -> None:
    sku_make(kwai_store.company, "SKU-2")
    take_in(kwai_store, detail(orderItemView=[line(), line("SKU-2")], totalAmount=21_000))
    assert Order.objects.get().lines.count() == 2
    fewer = [line(skuQuantity=0), line("SKU-2")]
    take_in(kwai_store, later(orderItemView=fewer, totalAmount=11_000), after=60)
    order = Order.objects.get()
    assert [row.sku.code for row in order.lines.all()] == ["SKU-2"]
    assert (order.items_total, order.total, order.unread_parts) == (10_000, 11_000, [])
    assert StockItem.objects.get(sku=sku).reserved == 0


@pytest.mark.parametrize("value", ["2", "0002"])
def test_digits_in_text_are_a_number(kwai_store: Store, sku: Sku, value: str) -> None:
    take_in(kwai_store, detail(orderItemView=[line(skuQuantity=value, skuPrice="5000")], totalAmount="11000"))
    order = Order.objects.get()
    assert (order.lines.get().quantity, order.total, order.unread_parts) == (2, 11_000, [])


def test_an_answer_too_large_to_keep_is_followed_in_its_small_fields(kwai_store: Store, sku: Sku) -> None:
    take_in(kwai_store, detail())
    huge = [line(itemName=f"{place}" * 300) for place in range(9_000)]
    take_in(kwai_store, later(orderStatus=SHIPPED, orderItemView=huge), after=60)
    order = Order.objects.get()
    assert (order.status, order.lines.count()) == (OrderStatus.SHIPPED, 1)
    assert order.unread_parts == ["lines"]
    row = KwaiOrder.objects.get()
    assert (row.payload_truncated, row.state) == (True, KwaiOrderState.RECEIVED)
