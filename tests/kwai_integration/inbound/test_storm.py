"""Everything that touches the same orders and shelves at once, on PostgreSQL: nobody waits for ever, and the
books agree when it is over."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from erp.accounts.models import Company, Store
from erp.catalog.models import Sku
from erp.sales.models import Order
from erp.sales.services import orders_status_set
from erp.sales.statuses import OrderStatus
from erp.sales.stock import order_stock_return
from erp.stock.models import MovementKind, StockMovement, Warehouse
from erp.stock.services import stock_move, warehouse_save
from kwai_integration.inbound.receive import kwai_orders_receive
from kwai_integration.inbound.reprocess import orders_reprocess, store_reprocess
from kwai_integration.inbound.staging import kwai_orders_stage
from kwai_integration.models import KwaiSettings
from tests.erp.stock.conftest import at_once
from tests.erp.stock.test_services import books_agree
from tests.kwai_integration.codes import CLOSED, SHIPPED
from tests.kwai_integration.inbound.conftest import FETCHED, detail, line, sku_make
from tests.kwai_integration.inbound.test_receive import later

ORDERS = range(12)
TURNS = 12


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", range(2))
def test_a_storm_over_the_same_orders(kwai_store: Store, sku: Sku, company: Company, seed: int) -> None:
    other = sku_make(company, "SKU-2")
    shelf = Warehouse.objects.get(company=company)
    spare = warehouse_save(company=company, name="Reserva", is_default=False, is_active=True)
    KwaiSettings.objects.update(allow_backwards=True)

    def answers(chance: random.Random, turn: int) -> None:
        """A page in any order; each line may come, go and change, and orders are cancelled and opened again."""
        page = [
            later(
                number,
                steps=turn,
                orderStatus=chance.choice([30, 30, 40, 80]),
                invoiceStatus=chance.randrange(4),
                orderItemView=chance.sample(
                    [line(skuQuantity=chance.randrange(1, 5)), line("SKU-2")], k=chance.randrange(1, 3)
                ),
            )
            for number in chance.sample(ORDERS, k=8)
        ]
        staged = kwai_orders_stage(store=kwai_store, details=page, fetch_started_at=FETCHED)
        kwai_orders_receive(ids=chance.sample(staged.ids, k=len(staged.ids)))

    def progress(chance: random.Random, _: int) -> None:
        chosen = chance.sample(sorted(Order.objects.values_list("pk", flat=True)), k=4)
        status = chance.choice([OrderStatus.PREPARING, OrderStatus.INVOICED, OrderStatus.READY_TO_SHIP])
        orders_status_set(wanted=dict.fromkeys(chosen, status), backwards=chance.random() < 0.3)
        order_stock_return(order_id=chance.choice(chosen))

    def shelves(chance: random.Random, _: int) -> None:
        kind = chance.choice([MovementKind.ENTRY, MovementKind.COUNT])
        place = chance.choice([shelf, shelf, spare])
        own = chance.choice([sku, other])
        stock_move(kind=kind, sku=own, warehouse=place, quantity=chance.randrange(1, 9), text="x")
        KwaiSettings.objects.update(warehouse=chance.choice([None, spare]))

    def mapping(chance: random.Random, _: int) -> None:
        codes = chance.sample(["30", str(SHIPPED), str(CLOSED)], k=2)
        with transaction.atomic():
            orders_reprocess(store_id=kwai_store.pk, situations=codes, shippings=[], payments=[])
        store_reprocess(kwai_store.pk)

    first = kwai_orders_stage(
        store=kwai_store, details=[detail(number) for number in ORDERS], fetch_started_at=FETCHED
    )
    kwai_orders_receive(ids=first.ids)

    def many(work: Callable[[random.Random, int], None], part: int) -> Any:
        chance = random.Random(f"{seed}.{part}")
        return lambda: [work(chance, turn) for turn in range(1, TURNS)] and None

    works = (answers, answers, progress, progress, shelves, mapping)
    assert at_once(*(many(work, part) for part, work in enumerate(works))) == [None] * len(works)
    books_agree()
    for row in StockMovement.objects.filter(kind=MovementKind.RETURN):
        left = StockMovement.objects.get(
            order_line_id=row.order_line_id, sku=row.sku_id, kind=MovementKind.SALE, round=row.round
        )
        assert left.quantity == -row.quantity
