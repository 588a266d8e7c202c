"""Writes on warehouses, balances and reservations. Orders are named by the ids of their lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction

from erp.accounts.models import Company, User
from erp.accounts.services import audit_append
from erp.catalog.models import Sku
from erp.refusals import RefusedError
from erp.rows import rows_insert, rows_update
from erp.stock import refusals
from erp.stock.ledger import Balances, Released, Warehouses, place_of, warehouses_lock
from erp.stock.models import (
    DEFAULT_WAREHOUSE,
    MovementKind,
    StockItem,
    StockMovement,
    StockReservation,
    Warehouse,
)


class StockRefused(RefusedError):
    """The change cannot be made."""


class AlreadyMoved(Exception):
    """The same form was sent before: its movement is there."""


@dataclass(frozen=True, slots=True)
class ReservationRequest:
    """What an order line wants kept: `wanted` units of a SKU, in that warehouse or the company's default."""

    company_id: int
    order_line_id: int
    sku_id: int
    wanted: int
    warehouse_id: int | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """A movement, and the reservations that lost their goods by it, newest first."""

    movement: StockMovement
    released: Sequence[Released] = ()


@dataclass(frozen=True, slots=True)
class Departure:
    """What left for an order line; `missing` units were sent although no balance knew of them."""

    movement: StockMovement
    missing: int


def warehouse_default_create(company: Company) -> None:
    """The *depósito* every new company starts with."""
    Warehouse.objects.create(company=company, name=DEFAULT_WAREHOUSE, is_default=True)


@transaction.atomic
def warehouse_save(
    *,
    company: Company,
    name: str,
    is_default: bool,
    is_active: bool,
    warehouse: Warehouse | None = None,
    actor: User | None = None,
) -> Warehouse:
    """Create or change a *depósito*; a new default takes the place of the old one.

    Raises StockRefused: the default stays the default until another one is, and a warehouse with
    balance or reservations stays active.
    """
    warehouses = warehouses_lock([company.pk])
    row = warehouses.rows[warehouse.pk] if warehouse else Warehouse(company=company)
    if row.is_default and not is_default:
        raise StockRefused(refusals.DEFAULT_WAREHOUSE)
    if is_default and not is_active:
        raise StockRefused(refusals.DEFAULT_INACTIVE)
    if not is_active and row.pk and _is_used(row):
        raise StockRefused(refusals.WAREHOUSE_IN_USE.of(warehouse=row))
    if is_default and not row.is_default:
        Warehouse.objects.filter(company=company, is_default=True).update(is_default=False)
    row.name, row.is_default, row.is_active = name, is_default, is_active
    row.save()
    audit_append(
        company_id=company.pk,
        actor=actor,
        action="warehouse.saved",
        subject=f"warehouse:{row.pk}",
        text=f"Depósito {name} salvo",
        data={"is_default": is_default, "is_active": is_active},
    )
    return row


def _is_used(warehouse: Warehouse) -> bool:
    return (
        StockItem.objects.filter(warehouse=warehouse, on_hand__gt=0).exists()
        or StockReservation.objects.filter(warehouse=warehouse).exists()
    )


@transaction.atomic
def stock_move(
    *,
    kind: MovementKind,
    sku: Sku,
    warehouse: Warehouse,
    quantity: int,
    text: str,
    actor: User | None = None,
    request_key: str | None = None,
) -> Moved:
    """*Entrada*, *saída* or *balanço* of one SKU by hand; `quantity` is what came, what went, or what was
    counted.

    Raises StockRefused when it cannot be, AlreadyMoved when `request_key` is known.
    """
    row = warehouses_lock([sku.company_id]).rows.get(warehouse.pk)
    if row is None or not row.is_active:
        raise StockRefused(refusals.WAREHOUSE_INACTIVE)
    if request_key and StockMovement.objects.filter(request_key=request_key).exists():
        raise AlreadyMoved
    place = (sku.pk, row.pk)
    balances = Balances([place])
    change = _change(kind, quantity, balances.on_hand(place), row)
    movement = balances.move(place, kind, change, text, actor=actor, request_key=request_key)
    return Moved(movement, balances.settle())


def _change(kind: MovementKind, quantity: int, on_hand: int, warehouse: Warehouse) -> int:
    """The signed change that `kind` makes of `quantity`."""
    if quantity < 0 or (quantity == 0 and kind != MovementKind.COUNT):
        raise StockRefused(refusals.NO_QUANTITY)
    if kind == MovementKind.EXIT and quantity > on_hand:
        raise StockRefused(refusals.NOT_ENOUGH.of(on_hand=on_hand, warehouse=warehouse))
    return {
        MovementKind.ENTRY: quantity,
        MovementKind.EXIT: -quantity,
        MovementKind.COUNT: quantity - on_hand,
    }[kind]


@transaction.atomic
def reservations_set(
    *, requests: Sequence[ReservationRequest], removed_line_ids: Collection[int] = ()
) -> list[StockReservation]:
    """Reserve for order lines, or change how much they want; returns those that did not get all of it.

    A line that has a reservation keeps its warehouse; those of `removed_line_ids` (lines of the same
    companies that exist no longer) are given back first. Nothing is taken below an available of zero:
    the rest waits and is served when goods come in. A constant number of statements.
    """
    if not requests:
        reservations_release(order_line_ids=removed_line_ids)
        return []
    warehouses = warehouses_lock({request.company_id for request in requests})
    removed = list(StockReservation.objects.of_lines(removed_line_ids))
    if removed:
        StockReservation.objects.filter(pk__in=[row.pk for row in removed]).delete()
    line_ids = [request.order_line_id for request in requests]
    known = {(row.order_line_id, row.sku_id): row for row in StockReservation.objects.of_lines(line_ids)}
    pairs = [(request, known.get((request.order_line_id, request.sku_id))) for request in requests]
    if not _requests_write(pairs, removed, warehouses):
        return []
    return list(
        StockReservation.objects.of_lines(line_ids)
        .waiting()
        .select_related("sku", "warehouse")
        .order_by("pk")
    )


def _requests_write(
    pairs: Sequence[tuple[ReservationRequest, StockReservation | None]],
    removed: Sequence[StockReservation],
    warehouses: Warehouses,
) -> bool:
    """Write what is asked for beside the reservation it changes, if any; what `removed` held is free. Whether
    one of them may have got less than it wants."""
    added = [_reservation(request, warehouses) for request, row in pairs if row is None]
    changed = [(row, request) for request, row in pairs if row is not None and row.wanted != request.wanted]
    rows = [row for row, _ in changed]
    balances = Balances(place_of(row) for row in [*removed, *added, *rows])
    for row in removed:
        balances.give_back(place_of(row), row.held)
    for row, request in changed:
        _want(row, request, balances)
    rows_update(rows, ["wanted", "held"])
    balances.hold(added)
    rows_insert(added, ids=False)
    balances.settle()
    return any(row.missing for row in [*added, *(row for _, row in pairs if row is not None)])


def _reservation(request: ReservationRequest, warehouses: Warehouses) -> StockReservation:
    return StockReservation(
        order_line_id=request.order_line_id,
        sku_id=request.sku_id,
        warehouse_id=warehouses.chosen(request.company_id, request.warehouse_id),
        wanted=request.wanted,
    )


def _want(row: StockReservation, request: ReservationRequest, balances: Balances) -> None:
    """Let `row` want what `request` says; what it holds beyond that is free again."""
    row.wanted, held = request.wanted, row.held
    row.held = min(held, request.wanted)
    balances.give_back(place_of(row), held - row.held)


@transaction.atomic
def reservations_release(*, order_line_ids: Collection[int]) -> set[int]:
    """Give back what these lines keep; the ids of those that had a reservation. The goods go to whoever
    waits longest."""
    rows = _reservations_lock(order_line_ids)
    if rows:
        _removed(rows, Balances(place_of(row) for row in rows)).settle()
    return {row.order_line_id for row in rows}


@transaction.atomic
def lines_leave(*, texts: Mapping[int, str], actor: User | None = None) -> list[Departure]:
    """Physical exit of order lines: their reservations become movements. `texts` is the movement's text by
    order line id.

    Only a reservation lets a line leave, and it is gone afterwards, so repeating this changes nothing. A
    line whose goods came back and that was reserved again leaves in a round of its own.
    What was sent without being there takes from the newest holds of others; beyond the balance it is
    only noted, because no balance goes below zero.
    """
    rows = _reservations_lock(texts)
    balances = Balances(place_of(row) for row in rows)
    rounds = _rounds(rows)
    departures = []
    # Whoever has its goods kept takes them before those who do not.
    for row in sorted(rows, key=lambda row: (row.missing > 0, row.pk)):
        place = place_of(row)
        taken = min(row.wanted, balances.on_hand(place))
        missing = row.wanted - taken
        text = texts[row.order_line_id] + (f" (sem saldo para {missing} de {row.wanted})" if missing else "")
        movement = balances.move(
            place,
            MovementKind.SALE,
            -taken,
            text,
            order_line_id=row.order_line_id,
            round=rounds[row.order_line_id, row.sku_id] + 1,
            actor=actor,
        )
        movement.sku, movement.warehouse = row.sku, row.warehouse
        departures.append(Departure(movement, missing))
    if rows:
        _removed(rows, balances).settle()
    return departures


@transaction.atomic
def lines_return(*, texts: Mapping[int, str], actor: User | None = None) -> list[StockMovement]:
    """Take back what these order lines had let leave; each leaving comes back once."""
    removed = StockMovement.objects.filter(order_line_id__in=texts)
    companies = set(removed.values_list("sku__company_id", flat=True))
    if not companies:
        return []
    warehouses_lock(companies)
    rows = list(removed.select_related("sku", "warehouse").order_by("pk"))
    back = {(row.order_line_id, row.sku_id, row.round) for row in rows if row.kind == MovementKind.RETURN}
    sales = [row for row in rows if row.kind == MovementKind.SALE]
    coming = [row for row in sales if (row.order_line_id, row.sku_id, row.round) not in back]
    balances = Balances((row.sku_id, row.warehouse_id) for row in coming)
    movements = []
    for row in coming:
        movement = balances.move(
            (row.sku_id, row.warehouse_id),
            MovementKind.RETURN,
            -row.quantity,
            texts[row.order_line_id or 0],
            order_line_id=row.order_line_id,
            round=row.round,
            actor=actor,
        )
        movement.sku, movement.warehouse = row.sku, row.warehouse
        movements.append(movement)
    balances.settle()
    return movements


def lines_shipped_out(order_line_ids: Iterable[int]) -> set[int]:
    """Those of these lines whose goods have left a warehouse and did not come back."""
    removed = StockMovement.objects.filter(order_line_id__in=list(order_line_ids)).order_by("pk")
    last: dict[int | None, str] = dict(removed.values_list("order_line_id", "kind"))
    return {pk for pk, kind in last.items() if pk is not None and kind == MovementKind.SALE}


def _rounds(rows: Iterable[StockReservation]) -> Counter[tuple[int, int]]:
    """How often the line of each of these reservations has left, by line and SKU."""
    sales = StockMovement.objects.filter(
        order_line_id__in=[row.order_line_id for row in rows], kind=MovementKind.SALE
    )
    return Counter(sales.values_list("order_line_id", "sku_id"))


def _reservations_lock(order_line_ids: Iterable[int]) -> list[StockReservation]:
    """The reservations of these lines, read after their warehouses are locked."""
    own = StockReservation.objects.of_lines(order_line_ids)
    companies = set(own.order_by().values_list("warehouse__company_id", flat=True))
    if not companies:
        return []
    warehouses_lock(companies)
    return list(own.select_related("sku", "warehouse").order_by("pk"))


def _removed(rows: Sequence[StockReservation], balances: Balances) -> Balances:
    """Delete these reservations; what they held is free again."""
    StockReservation.objects.filter(pk__in=[row.pk for row in rows]).delete()
    for row in rows:
        balances.give_back(place_of(row), row.held)
    return balances
