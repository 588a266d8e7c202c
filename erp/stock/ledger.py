"""The one place that writes balances, reservations' holds and movements.

Every writer first locks the warehouses of its companies, in one order and after any order it locks, so
that two of them can neither read a balance at once nor wait for each other (ADR 0007).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from erp import channels
from erp.rows import rows_insert, rows_update
from erp.stock.models import (
    DEFAULT_WAREHOUSE,
    StockItem,
    StockMovement,
    StockReservation,
    StockReservationQuerySet,
    Warehouse,
)

Place: TypeAlias = tuple[int, int]  # SKU id, warehouse id
READ_AT_ONCE = 50


def place_of(row: StockReservation) -> Place:
    return row.sku_id, row.warehouse_id


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

    A constant number of statements, whatever the number of places and of reservations there. Call under
    `warehouses_lock`. At rest nobody waits where something is free: what every `settle` leaves behind.
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
        self._held = {place: item.reserved for place, item in self.items.items()}
        # Where something came free, so that whoever waits there is served.
        self._freed: set[Place] = set()
        self._movements: list[StockMovement] = []

    def on_hand(self, place: Place) -> int:
        return self.items[place].on_hand

    def move(self, place: Place, kind: str, quantity: int, text: str, **fields: Any) -> StockMovement:
        """Change `on_hand` by `quantity` and note the movement; it is saved by `settle`."""
        item = self.items[place]
        item.on_hand += quantity
        self._freed.add(place)
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

    def give_back(self, place: Place, held: int) -> None:
        """Reservations there hold so much less than before."""
        self._held[place] -= held
        self._freed.add(place)

    def hold(self, rows: Iterable[StockReservation]) -> None:
        """Let new, unsaved reservations take what is free, in their order. Where something came free just now
        they take nothing: who waits there already is served first, by `settle`."""
        for row in rows:
            place = place_of(row)
            if place not in self._freed:
                row.held = max(0, min(row.wanted, self.on_hand(place) - self._held[place]))
                self._held[place] += row.held

    def settle(self) -> list[Released]:
        """Bring the holds into line with `on_hand` and save.

        Where more is held than there is, the newest holds give way and are returned; where something came
        free, waiting reservations take it, oldest first.
        """
        released = self._release()
        self._serve()
        changed = [place for place, item in self.items.items() if self._reserve(item, place)]
        rows_update([self.items[place] for place in changed], ["on_hand", "reserved"])
        rows_insert(self._movements)
        channels.stock_changed(sku_id for sku_id, _ in changed)
        return released

    def _reserve(self, item: StockItem, place: Place) -> bool:
        item.reserved = self._held[place]
        return (item.on_hand, item.reserved) != self._before[place]

    def _release(self) -> list[Released]:
        """Newest first, until what is held is there again."""
        over = {place: self._held[place] - self.on_hand(place) for place in self.items}
        excess = {place: units for place, units in over.items() if units > 0}
        given: list[Released] = []
        changed: list[StockReservation] = []
        for place, row in _until_even(excess, StockReservation.objects.filter(held__gt=0).order_by("-pk")):
            quantity = min(excess[place], row.held)
            row.held -= quantity
            excess[place] -= quantity
            self._held[place] -= quantity
            changed.append(row)
            given.append(Released(row.order_line_id, *place, quantity))
        rows_update(changed, ["held"])
        return given

    def _serve(self) -> None:
        """Oldest first, as far as it goes."""
        rest = {place: free for place in self._freed if (free := self.on_hand(place) - self._held[place]) > 0}
        changed: list[StockReservation] = []
        for place, row in _until_even(rest, StockReservation.objects.waiting().order_by("pk")):
            quantity = min(rest[place], row.missing)
            row.held += quantity
            rest[place] -= quantity
            self._held[place] += quantity
            changed.append(row)
        rows_update(changed, ["held"])


def _until_even(
    left: Mapping[Place, int], rows: StockReservationQuerySet
) -> Iterator[tuple[Place, StockReservation]]:
    """The reservations at the places of `left`, in the order of `rows`, while the caller, who counts `left`
    down, has something left; however many there are, no more are read than that takes."""
    if not any(left.values()):
        return
    own = rows.filter(sku_id__in={place[0] for place in left}, warehouse_id__in={place[1] for place in left})
    for row in own.iterator(chunk_size=READ_AT_ONCE):
        place = place_of(row)
        if left.get(place, 0):
            yield place, row
            if not any(left.values()):
                return
