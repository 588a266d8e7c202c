"""Balances, reservations and movements: what is kept, what waits, what leaves, and that the books agree."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import connection
from django.db.models import F, Sum
from django.test.utils import CaptureQueriesContext

from erp import channels
from erp.accounts.models import AuditEntry, Company, User
from erp.catalog.models import Sku
from erp.channels import Facts
from erp.stock.models import MovementKind, StockItem, StockMovement, StockReservation, Warehouse
from erp.stock.services import (
    AlreadyMoved,
    Moved,
    ReservationRequest,
    StockRefused,
    lines_leave,
    lines_return,
    lines_shipped_out,
    reservations_release,
    reservations_set,
    stock_move,
    warehouse_default_create,
    warehouse_save,
)
from tests.erp.stock.conftest import at_once, sku_make

pytestmark = pytest.mark.django_db


def move(kind: MovementKind, sku: Sku, quantity: int, **fields: Any) -> Moved:
    warehouse = fields.pop("warehouse", None) or Warehouse.objects.get(company=sku.company, is_default=True)
    return stock_move(kind=kind, sku=sku, warehouse=warehouse, quantity=quantity, text="teste", **fields)


def request(sku: Sku, line_id: int, wanted: int = 1, warehouse_id: int | None = None) -> ReservationRequest:
    return ReservationRequest(sku.company_id, line_id, sku.pk, wanted, warehouse_id)


def held() -> dict[int, int]:
    return dict(StockReservation.objects.order_by("pk").values_list("order_line_id", "held"))


def balance(sku: Sku) -> tuple[int, int, int]:
    item = StockItem.objects.get(sku=sku)
    return item.on_hand, item.reserved, item.available


def books_agree() -> None:
    """The rules of the ledger, over every row."""
    for item in StockItem.objects.all():
        place = {"sku_id": item.sku_id, "warehouse_id": item.warehouse_id}
        reservations = StockReservation.objects.filter(**place)
        movements = StockMovement.objects.filter(**place).order_by("pk")
        assert item.reserved == (reservations.aggregate(total=Sum("held"))["total"] or 0)
        assert item.on_hand == (movements.aggregate(total=Sum("quantity"))["total"] or 0)
        last = movements.last()
        assert item.on_hand == (last.balance if last else 0)
        assert 0 <= item.reserved <= item.on_hand
        # Nobody waits while something is free.
        assert not (item.available and reservations.filter(held__lt=F("wanted")).exists())


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[int]]:
    """What `stock_changed` told."""
    heard: list[Sequence[int]] = []

    class Listener(Facts):
        def stock_changed(self, sku_ids: Sequence[int]) -> None:
            heard.append(sku_ids)

    monkeypatch.setattr(channels, "_facts", [Listener()])
    return heard


def test_two_orders_for_the_last_unit(sku: Sku, warehouse: Warehouse) -> None:
    move(MovementKind.ENTRY, sku, 1)
    assert reservations_set(requests=[request(sku, 1)]) == []
    short = reservations_set(requests=[request(sku, 2)])
    assert [(row.order_line_id, row.missing, row.sku, row.warehouse) for row in short] == [
        (2, 1, sku, warehouse)
    ]
    assert (balance(sku), held()) == ((1, 1, 0), {1: 1, 2: 0})


def test_a_sku_nobody_counted_makes_orders_wait(sku: Sku, warehouse: Warehouse) -> None:
    assert len(reservations_set(requests=[request(sku, 1, 2)])) == 1
    assert balance(sku) == (0, 0, 0)


def test_a_company_from_before_gets_its_warehouse_on_the_way(sku: Sku) -> None:
    reservations_set(requests=[request(sku, 1)])
    assert StockReservation.objects.get().warehouse.is_default


def test_what_comes_in_goes_to_who_waits_longest(sku: Sku, warehouse: Warehouse) -> None:
    reservations_set(requests=[request(sku, 7, 2), request(sku, 3, 2), request(sku, 5, 2)])
    move(MovementKind.ENTRY, sku, 3)
    assert held() == {7: 2, 3: 1, 5: 0}
    move(MovementKind.COUNT, sku, 5)
    assert held() == {7: 2, 3: 2, 5: 1}
    reservations_release(order_line_ids=[7])
    assert held() == {3: 2, 5: 2}
    assert balance(sku) == (5, 4, 1)


def test_a_count_releases_the_newest_holds_and_lists_them(sku: Sku, warehouse: Warehouse) -> None:
    move(MovementKind.ENTRY, sku, 6)
    reservations_set(requests=[request(sku, line_id, 2) for line_id in (1, 2, 3)])
    moved = move(MovementKind.COUNT, sku, 3)
    assert [(each.order_line_id, each.quantity) for each in moved.released] == [(3, 2), (2, 1)]
    assert held() == {1: 2, 2: 1, 3: 0}
    assert (moved.movement.quantity, moved.movement.balance) == (-3, 3)


def test_a_manual_exit_may_take_what_is_kept_but_not_what_is_not_there(
    sku: Sku, warehouse: Warehouse
) -> None:
    move(MovementKind.ENTRY, sku, 2)
    reservations_set(requests=[request(sku, 1, 2)])
    moved = move(MovementKind.EXIT, sku, 1)
    assert [(each.order_line_id, each.quantity) for each in moved.released] == [(1, 1)]
    with pytest.raises(StockRefused, match="Há só 1 no depósito Geral"):
        move(MovementKind.EXIT, sku, 2)
    assert balance(sku) == (1, 1, 0)


@pytest.mark.parametrize(("kind", "quantity"), [("entry", 0), ("entry", -1), ("exit", 0), ("count", -1)])
def test_a_quantity_has_to_make_sense(sku: Sku, warehouse: Warehouse, kind: str, quantity: int) -> None:
    with pytest.raises(StockRefused, match="maior que zero"):
        move(MovementKind(kind), sku, quantity)
    assert not StockMovement.objects.exists()


def test_a_count_that_finds_nothing_new_is_noted(sku: Sku, warehouse: Warehouse, told: list[Any]) -> None:
    move(MovementKind.COUNT, sku, 0)
    assert (StockMovement.objects.get().quantity, told) == (0, [])


def test_a_form_sent_twice_moves_once(sku: Sku, warehouse: Warehouse) -> None:
    move(MovementKind.ENTRY, sku, 2, request_key="k")
    with pytest.raises(AlreadyMoved):
        move(MovementKind.ENTRY, sku, 2, request_key="k")
    assert balance(sku)[0] == 2


def test_warehouses_keep_their_own(sku: Sku, company: Company, warehouse: Warehouse) -> None:
    shop = warehouse_save(company=company, name="Loja", is_default=False, is_active=True)
    move(MovementKind.ENTRY, sku, 5)
    reservations_set(requests=[request(sku, 1, 1, shop.pk), request(sku, 2, 1)])
    assert held() == {1: 0, 2: 1}
    move(MovementKind.ENTRY, sku, 1, warehouse=shop)
    assert held() == {1: 1, 2: 1}
    assert lines_leave(texts={1: "Pedido 1"})[0].movement.warehouse == shop
    books_agree()


def test_a_warehouse_of_another_company_or_out_of_use_is_not_taken(
    sku: Sku, company: Company, warehouse: Warehouse, other_company: Company
) -> None:
    warehouse_default_create(other_company)
    foreign = Warehouse.objects.get(company=other_company)
    closed = warehouse_save(company=company, name="Velho", is_default=False, is_active=False)
    reservations_set(requests=[request(sku, 1, 1, foreign.pk), request(sku, 2, 1, closed.pk)])
    assert {row.warehouse for row in StockReservation.objects.all()} == {warehouse}
    for wrong in (foreign, closed):
        with pytest.raises(StockRefused, match="não está ativo"):
            move(MovementKind.ENTRY, sku, 1, warehouse=wrong)


def test_a_line_that_wants_less_or_more(sku: Sku, warehouse: Warehouse) -> None:
    move(MovementKind.ENTRY, sku, 4)
    reservations_set(requests=[request(sku, 1, 3), request(sku, 2, 3)])
    reservations_set(requests=[request(sku, 1, 1)])
    assert held() == {1: 1, 2: 3}
    assert [row.missing for row in reservations_set(requests=[request(sku, 1, 2)])] == [1]
    reservations_set(requests=[request(sku, 1, 2), request(sku, 3, 1)], removed_line_ids=[2])
    assert held() == {1: 2, 3: 1}
    books_agree()


def test_leaving_turns_the_reservation_into_a_movement_once(
    sku: Sku, warehouse: Warehouse, admin: User
) -> None:
    move(MovementKind.ENTRY, sku, 5)
    reservations_set(requests=[request(sku, 1, 2)])
    removed = lines_leave(texts={1: "Pedido 9"}, actor=admin)
    assert [(each.movement.quantity, each.movement.balance, each.missing) for each in removed] == [(-2, 3, 0)]
    assert lines_leave(texts={1: "Pedido 9"}) == []
    assert (balance(sku), held(), lines_shipped_out([1, 2])) == ((3, 0, 3), {}, {1})
    row = StockMovement.objects.get(kind=MovementKind.SALE)
    assert (row.order_line_id, row.text, row.actor) == (1, "Pedido 9", admin)


def test_what_was_sent_without_being_there_is_noted_and_never_negative(
    sku: Sku, warehouse: Warehouse
) -> None:
    move(MovementKind.ENTRY, sku, 3)
    reservations_set(requests=[request(sku, 1, 2), request(sku, 2, 5)])
    removed = lines_leave(texts={2: "Pedido 2"})
    # The parcel is gone: it took the one it had and the two kept for the other.
    assert [(each.movement.quantity, each.missing) for each in removed] == [(-3, 2)]
    assert "sem saldo para 2 de 5" in removed[0].movement.text
    assert (balance(sku), held()) == ((0, 0, 0), {1: 0})
    removed = lines_leave(texts={1: "Pedido 1"})
    assert [(each.movement.quantity, each.missing) for each in removed] == [(0, 2)]
    books_agree()


def test_those_who_have_their_goods_take_them_first(sku: Sku, warehouse: Warehouse) -> None:
    reservations_set(requests=[request(sku, 1, 2), request(sku, 2, 1)])
    move(MovementKind.ENTRY, sku, 1)
    reservations_set(requests=[request(sku, 1, 2)])
    move(MovementKind.ENTRY, sku, 2)
    move(MovementKind.COUNT, sku, 2)
    removed = lines_leave(texts={1: "Pedido 1", 2: "Pedido 2"})
    assert [(each.movement.order_line_id, each.missing) for each in removed] == [(1, 0), (2, 1)]


def test_a_cancelled_parcel_comes_back_once(sku: Sku, warehouse: Warehouse) -> None:
    move(MovementKind.ENTRY, sku, 5)
    reservations_set(requests=[request(sku, 1, 2), request(sku, 2, 4)])
    lines_leave(texts={1: "Pedido 1"})
    assert held() == {2: 3}
    assert [row.quantity for row in lines_return(texts={1: "Cancelamento", 2: "Cancelamento"})] == [2]
    assert lines_return(texts={1: "Cancelamento"}) == []
    assert (balance(sku), held()) == ((5, 4, 1), {2: 4})
    books_agree()


def test_a_line_that_came_back_may_leave_again(sku: Sku, warehouse: Warehouse) -> None:
    move(MovementKind.ENTRY, sku, 5)
    for wanted in (2, 3):
        reservations_set(requests=[request(sku, 1, wanted)])
        assert [each.movement.quantity for each in lines_leave(texts={1: "Pedido 1"})] == [-wanted]
        assert lines_shipped_out([1]) == {1}
        assert [row.quantity for row in lines_return(texts={1: "Cancelamento"})] == [wanted]
        assert lines_return(texts={1: "Cancelamento"}) == []
        assert (balance(sku), lines_shipped_out([1])) == ((5, 0, 5), set())
    books_agree()


def test_every_change_is_told(sku: Sku, warehouse: Warehouse, told: list[Any]) -> None:
    move(MovementKind.ENTRY, sku, 2)
    reservations_set(requests=[request(sku, 1)])
    reservations_set(requests=[request(sku, 1)])
    lines_leave(texts={1: "Pedido 1"})
    lines_return(texts={1: "Cancelamento"})
    reservations_set(requests=[request(sku, 2, 9)])
    reservations_set(requests=[request(sku, 3)])  # waits: nothing changed
    reservations_release(order_line_ids=[2])
    assert told == [[sku.pk]] * 6


def statements(work: Callable[[], Any]) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        work()
    return [query["sql"][:45] for query in queries if "SAVEPOINT" not in query["sql"]]


def test_one_order_costs_what_fifty_cost(company: Company, warehouse: Warehouse) -> None:
    skus = [sku_make(company, f"SKU-{index}") for index in range(50)]
    for each in skus:
        move(MovementKind.ENTRY, each, 2)
    costs = []
    for first, own in ((1_000, skus[:1]), (2_000, skus)):
        requests = [request(each, first + index, 3) for index, each in enumerate(own)]
        texts = {each.order_line_id: "Pedido" for each in requests}
        costs.append(
            [
                statements(lambda requests=requests: reservations_set(requests=requests)),
                statements(lambda texts=texts: lines_leave(texts=texts)),
                statements(lambda texts=texts: lines_return(texts=texts)),
            ]
        )
    assert costs[0] == costs[1]
    books_agree()


@pytest.mark.parametrize("seed", range(4))
def test_the_books_agree_whatever_happens(company: Company, warehouse: Warehouse, seed: int) -> None:
    """Two hundred random facts; `books_agree` after each tenth."""
    chance = random.Random(seed)
    skus = [sku_make(company, f"SKU-{index}") for index in range(2)]
    for step in range(200):
        sku, line_id, amount = chance.choice(skus), chance.randrange(12), chance.randrange(1, 6)
        line_id += 100 * skus.index(sku)
        match chance.randrange(7):
            case 0:
                move(MovementKind.ENTRY, sku, amount)
            case 1:
                move(MovementKind.COUNT, sku, amount)
            case 2 | 3:
                if line_id not in lines_shipped_out([line_id]):
                    reservations_set(requests=[request(sku, line_id, amount)])
            case 4:
                reservations_release(order_line_ids=[line_id])
            case 5:
                lines_leave(texts={line_id: "Pedido", line_id + 1: "Pedido"})
            case _:
                lines_return(texts={line_id: "Cancelamento"})
        if step % 10 == 9:
            books_agree()
    assert StockMovement.objects.count() > 50


def test_warehouse_rules(company: Company, warehouse: Warehouse, sku: Sku, admin: User) -> None:
    def save(row: Warehouse | None, **fields: Any) -> Warehouse:
        values = {"name": "Loja", "is_default": False, "is_active": True, **fields}
        return warehouse_save(company=company, warehouse=row, actor=admin, **values)

    with pytest.raises(StockRefused, match="depósito padrão"):
        save(warehouse)
    with pytest.raises(StockRefused, match="precisa estar ativo"):
        save(warehouse, is_default=True, is_active=False)
    shop = save(None, is_default=True)
    assert set(Warehouse.objects.filter(is_default=True)) == {shop}
    warehouse.refresh_from_db()
    move(MovementKind.ENTRY, sku, 1, warehouse=warehouse)
    with pytest.raises(StockRefused, match="saldo ou reservas"):
        save(warehouse, name="Geral", is_active=False)
    move(MovementKind.EXIT, sku, 1, warehouse=warehouse)
    assert not save(warehouse, name="Geral", is_active=False).is_active
    assert AuditEntry.objects.filter(action="warehouse.saved", actor=admin).count() == 2


@pytest.mark.django_db(transaction=True)
def test_two_sales_of_the_last_unit_at_once(sku: Sku, warehouse: Warehouse) -> None:
    move(MovementKind.ENTRY, sku, 1)
    answers = at_once(
        lambda: reservations_set(requests=[request(sku, 1)]),
        lambda: reservations_set(requests=[request(sku, 2)]),
    )
    assert sorted(len(answer) for answer in answers) == [0, 1]
    assert balance(sku) == (1, 1, 0)
    assert sorted(held().values()) == [0, 1]


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_many_hands_on_one_shelf(company: Company, warehouse: Warehouse) -> None:
    """Sales, counts, exits and cancellations of the same two SKUs, in opposite orders: no balance goes
    below zero, nobody is stuck, and every line left once."""
    skus = [sku_make(company, f"SKU-{index}") for index in range(2)]
    for each in skus:
        move(MovementKind.ENTRY, each, 5)

    def sell(first: int, order: Sequence[Sku]) -> None:
        for index in range(5):
            own = [request(each, first + 10 * skus.index(each) + index) for each in order]
            reservations_set(requests=own)
            lines_leave(texts={each.order_line_id: "Pedido" for each in own})

    def leave_again(first: int) -> None:
        for index in range(5):
            lines_leave(texts={first + index: "Pedido", first + 10 + index: "Pedido"})
            move(MovementKind.COUNT, skus[index % 2], index)

    answers = at_once(
        lambda: sell(100, skus),
        lambda: sell(200, skus[::-1]),
        lambda: leave_again(100),
        lambda: leave_again(200),
    )
    assert answers == [None] * 4
    sales = StockMovement.objects.filter(kind=MovementKind.SALE)
    assert sales.count() == sales.values("order_line_id").distinct().count() == 20
    books_agree()


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_eight_sales_of_the_last_unit_at_once(sku: Sku, warehouse: Warehouse) -> None:
    move(MovementKind.ENTRY, sku, 1)
    works = [lambda pk=pk: reservations_set(requests=[request(sku, pk)]) for pk in range(1, 9)]
    answers = at_once(*works)
    assert sorted(len(answer) for answer in answers) == [0, *[1] * 7]
    assert balance(sku) == (1, 1, 0)
    books_agree()


@pytest.mark.parametrize("kind", [MovementKind.ENTRY, MovementKind.COUNT])
def test_serving_one_costs_no_more_however_many_wait(
    kind: MovementKind, company: Company, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither statements nor rows read: 1,600 once cost seven times as much as a few."""
    read = 0
    from_db = StockReservation.from_db.__func__  # type: ignore[attr-defined]

    def counted(cls: type[StockReservation], *values: Any) -> StockReservation:
        nonlocal read
        read += 1
        return from_db(cls, *values)  # type: ignore[no-any-return]

    monkeypatch.setattr(StockReservation, "from_db", classmethod(counted))

    def cost(sku: Sku, waiting: int) -> tuple[int, int]:
        nonlocal read
        place = warehouse
        StockReservation.objects.bulk_create(
            StockReservation(order_line_id=sku.pk * 10_000 + line, sku=sku, warehouse=place, wanted=1)
            for line in range(waiting)
        )
        read = 0
        with CaptureQueriesContext(connection) as captured:
            move(kind, sku, 1)
        assert StockReservation.objects.filter(sku=sku, held=1).count() == 1
        return len(captured), read

    few, many = cost(sku_make(company, "P"), 60), cost(sku_make(company, "M"), 1_600)
    assert few == many
