"""The one place that writes balances, reservations' holds and movements.

Every writer first locks the warehouses of its companies, in one order and after any order it locks, so
that two of them can neither read a balance at once nor wait for each other (ADR 0007).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from django.db.models import Sum

from erp import channels
from erp.stock.models import DEFAULT_WAREHOUSE, StockItem, StockMovement, StockReservation, Warehouse

Place: TypeAlias = tuple[int, int]  # SKU id, warehouse id


@dataclass(frozen=True, slots=True)
class Released:
    """What a reservation lost because the balance went down."""

    order_line_id: int
    sku_id: int
    warehouse_id: int
    quantity: int


@dataclass(frozen=True)
class Warehouses:
    """The warehouses of some companies, locked."""

    rows: dict[int, Warehouse]

    def chosen(self, company_id: int, warehouse_id: int | None) -> int:
        """The wanted warehouse where the company may use it, else its default."""
        row = self.rows.get(warehouse_id or 0)
        if row is not None and row.company_id == company_id and row.is_active:
            return row.pk
        return next(
            each.pk for each in self.rows.values() if each.company_id == company_id and each.is_default
        )


def warehouses_lock(company_ids: Collection[int]) -> Warehouses:
    """Lock before touching a balance; a company without a default warehouse gets it now. Taking the lock
    again in the same transaction is free of risk."""
    rows = _rows_lock(company_ids)
    missing = set(company_ids) - {row.company_id for row in rows if row.is_default}
    if missing:
        Warehouse.objects.bulk_create(
            [Warehouse(company_id=pk, name=DEFAULT_WAREHOUSE, is_default=True) for pk in sorted(missing)],
            ignore_conflicts=True,
        )
        rows = _rows_lock(company_ids)
    return Warehouses({row.pk: row for row in rows})


def _rows_lock(company_ids: Collection[int]) -> list[Warehouse]:
    return list(Warehouse.objects.filter(company_id__in=company_ids).lock_for_update())


def _at(model: type[Any], places: Collection[Place]) -> Any:
    """Rows of `model` at these places, and perhaps at other pairings of their SKUs and warehouses."""
    return model.objects.filter(
        sku_id__in={place[0] for place in places}, warehouse_id__in={place[1] for place in places}
    )


class Balances:
    """The balances of some places while one transaction changes them; `settle` writes everything.

    A constant number of statements, whatever the number of places. Call under `warehouses_lock`.
    """

    def __init__(self, places: Iterable[Place]) -> None:
        wanted = set(places)
        rows: dict[Place, StockItem] = {
            (item.sku_id, item.warehouse_id): item for item in _at(StockItem, wanted)
        }
        missing = [StockItem(sku_id=place[0], warehouse_id=place[1]) for place in wanted - rows.keys()]
        for item in StockItem.objects.bulk_create(missing):
            rows[item.sku_id, item.warehouse_id] = item
        self.items = {place: rows[place] for place in wanted}
        self._before = {place: (item.on_hand, item.reserved) for place, item in self.items.items()}
        self._movements: list[StockMovement] = []

    def on_hand(self, place: Place) -> int:
        return self.items[place].on_hand

    def move(self, place: Place, kind: str, quantity: int, text: str, **fields: Any) -> StockMovement:
        """Change `on_hand` by `quantity` and note the movement; it is saved by `settle`."""
        item = self.items[place]
        item.on_hand += quantity
        sku_id, warehouse_id = place
        movement = StockMovement(
            sku_id=sku_id,
            warehouse_id=warehouse_id,
            kind=kind,
            quantity=quantity,
            balance=item.on_hand,
            text=text[:300],
            **fields,
        )
        self._movements.append(movement)
        return movement

    def settle(self) -> list[Released]:
        """Bring the holds into line with `on_hand` and save.

        Where more is held than there is, the newest holds give way and are returned; where something is
        free, waiting reservations take it, oldest first.
        """
        held = self._held()
        released = self._release(
            {place for place, total in held.items() if total > self.on_hand(place)}, held
        )
        self._serve({place for place in self.items if held[place] < self.on_hand(place)}, held)
        changed = [place for place, item in self.items.items() if self._reserve(item, held[place], place)]
        StockItem.objects.bulk_update([self.items[place] for place in changed], ["on_hand", "reserved"])
        StockMovement.objects.bulk_create(self._movements)
        channels.stock_changed(sku_id for sku_id, _ in changed)
        return released

    def _reserve(self, item: StockItem, held: int, place: Place) -> bool:
        item.reserved = held
        return (item.on_hand, item.reserved) != self._before[place]

    def _held(self) -> dict[Place, int]:
        sums = _at(StockReservation, self.items).order_by().values("sku_id", "warehouse_id")
        held: dict[Place, int] = defaultdict(int)
        for row in sums.annotate(total=Sum("held")):
            held[row["sku_id"], row["warehouse_id"]] = row["total"]
        return {place: held[place] for place in self.items}

    def _release(self, over: Collection[Place], held: dict[Place, int]) -> list[Released]:
        """Newest first, until what is held is there again."""
        if not over:
            return []
        given: list[Released] = []
        changed: list[StockReservation] = []
        for row in _at(StockReservation, over).filter(held__gt=0).order_by("-pk"):
            place = (row.sku_id, row.warehouse_id)
            excess = held[place] - self.on_hand(place) if place in over else 0
            if excess > 0:
                quantity = min(excess, row.held)
                row.held -= quantity
                held[place] -= quantity
                changed.append(row)
                given.append(Released(row.order_line_id, *place, quantity))
        StockReservation.objects.bulk_update(changed, ["held"])
        return given

    def _serve(self, free: Collection[Place], held: dict[Place, int]) -> None:
        """Oldest first, as far as it goes."""
        if not free:
            return
        changed: list[StockReservation] = []
        for row in _at(StockReservation, free).waiting().order_by("pk"):
            place = (row.sku_id, row.warehouse_id)
            rest = self.on_hand(place) - held[place] if place in free else 0
            if rest > 0:
                quantity = min(rest, row.missing)
                row.held += quantity
                held[place] += quantity
                changed.append(row)
        StockReservation.objects.bulk_update(changed, ["held"])
