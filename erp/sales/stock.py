"""What orders ask of the stock: kept on arrival, given back on cancellation, out at the store's moment.

The only place that turns lines of orders into units of SKUs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, Subquery
from django.urls import reverse

from erp.accounts.models import User
from erp.channels import Badge
from erp.sales.models import Order, OrderLine
from erp.sales.statuses import OrderStatus
from erp.sales.timeline import EventDraft, order_events_append
from erp.search.lookups import IsAmong
from erp.stock.causes import Cause
from erp.stock.models import MovementKind, StockMovement, StockReservation
from erp.stock.services import (
    Departure,
    ReservationRequest,
    lines_leave,
    lines_return,
    lines_shipped_out,
    reservations_release,
    reservations_set,
)

SHORT = "stock_short"
STOCK = "stock"
LEFT_ALREADY = "A mercadoria já saiu do estoque: quando ela voltar, use devolver ao estoque nesta página."


def orders_stock_reserve(
    *,
    order_ids: Collection[int],
    warehouses: Mapping[int, int | None],
    removed_line_ids: Collection[int] = (),
    actor: User | None = None,
) -> None:
    """Keep goods for the lines of orders that arrived or whose lines changed; call in their transaction.

    `warehouses` maps store id to the warehouse its orders reserve in, None for the company's default;
    `removed_line_ids` are lines that were taken away. An order that arrives beyond its store's exit lets its
    goods leave at once. One from before the store was activated that arrives shipped is history: its
    goods left before anybody counted. One that the platform has closed wants no goods. A constant number of
    statements.
    """
    orders = {
        order.pk: order
        for order in Order.objects.filter(pk__in=order_ids, closed_at=None).select_related("store")
        if order.status != OrderStatus.CANCELLED and not _is_history(order)
    }
    found = OrderLine.objects.filter(order_id__in=orders)
    # Who ordered first is served first, also within one page.
    lines = {
        line.pk: line
        for line in sorted(found, key=lambda line: (orders[line.order_id].placed_at, line.order_id, line.pk))
    }
    settled = lines_shipped_out(lines) | _lines_back(lines.values(), orders)
    waiting = reservations_set(
        requests=[
            ReservationRequest(
                company_id=orders[line.order_id].company_id,
                order_line_id=line.pk,
                sku_id=sku_id,
                wanted=quantity,
                warehouse_id=warehouses.get(orders[line.order_id].store_id),
            )
            for line in lines.values()
            if line.pk not in settled
            for sku_id, quantity in _units(line)
        ],
        removed_line_ids=removed_line_ids,
    )
    leaving = {order.pk for order in orders.values() if _leaves(order)}
    short = [row for row in waiting if lines[row.order_line_id].order_id not in leaving]
    order_events_append(drafts=[_short_event(lines[row.order_line_id], row) for row in short], actor=actor)
    _leave([orders[pk] for pk in leaving], actor)


def orders_stock_follow(
    *,
    before: Mapping[Order, OrderStatus],
    goods_stay: Collection[int] = (),
    actor: User | None = None,
) -> None:
    """Let the stock follow orders that changed their situation; `before` maps each (with its store, and the
    new situation) to the one it had. The goods of the ids of `goods_stay` are known to be in the house:
    nothing leaves for them, and a cancellation puts back what had left. Call in the transaction that moved
    them."""
    cancelled = {order: was for order, was in before.items() if order.status == OrderStatus.CANCELLED}
    if cancelled:
        _cancel(cancelled, goods_stay, actor)
    _leave([order for order in before if order.pk not in goods_stay and _leaves(order)], actor)


def orders_stock_free(*, order_ids: Collection[int], actor: User | None = None) -> None:
    """Give back what orders hold whose goods are known to be in the house, whatever their situation is
    called. Call in the transaction that locked them."""
    if not order_ids:
        return
    lines = _lines(Order.objects.filter(pk__in=order_ids))
    _release(lines, actor)
    _return(lines, actor)


@transaction.atomic
def order_stock_return(*, order_id: int, actor: User | None = None) -> bool:
    """*Devolver ao estoque*: the parcel of an order that `may_come_back` is in the house again. False when
    the order is none of those, nothing of it left, or it is back already."""
    lines = _lines(Order.objects.filter(pk=order_id).that_may_come_back().lock_for_update())
    return bool(lines and _return(lines, actor))


def is_lacking_stock() -> IsAmong:
    """For a query over orders: whether one is *sem estoque*, a line got less than it wants."""
    # PostgreSQL has no statistics of `held < wanted` and takes a third of all reservations for waiting.
    waiting = StockReservation.objects.waiting().order_by().values("order_line_id")
    lines = OrderLine.objects.filter(IsAmong(F("pk"), Subquery(waiting))).order_by()
    return IsAmong(F("pk"), Subquery(lines.values("order_id")))


@dataclass(frozen=True, slots=True)
class LineStock:
    """Where one order line stands with the stock, for a page."""

    wanted: int = 0
    held: int = 0
    # The line's last movement, empty before the first.
    moved: str = ""

    @property
    def missing(self) -> int:
        return self.wanted - self.held

    @property
    def is_away(self) -> bool:
        return self.moved == MovementKind.SALE

    @property
    def is_back(self) -> bool:
        return self.moved == MovementKind.RETURN

    @property
    def badge(self) -> Badge:
        if self.is_away:
            return Badge("saiu do estoque", "purple")
        if self.missing:
            return Badge("sem estoque", "red", title=f"{self.held} de {self.wanted} reservados")
        if self.wanted:
            return Badge("reservado", "green")
        return Badge("devolvido ao estoque", "teal") if self.moved else Badge("não reservado", "secondary")


def lines_stock_read(lines: Iterable[OrderLine]) -> dict[int, LineStock]:
    """Per line of an order, in two statements."""
    ids = [line.pk for line in lines]
    wanted: dict[int, int] = defaultdict(int)
    held: dict[int, int] = defaultdict(int)
    for row in StockReservation.objects.of_lines(ids):
        wanted[row.order_line_id] += row.wanted
        held[row.order_line_id] += row.held
    movements = StockMovement.objects.filter(order_line_id__in=ids).order_by("pk")
    moved: dict[int | None, str] = dict(movements.values_list("order_line_id", "kind"))
    return {pk: LineStock(wanted[pk], held[pk], moved.get(pk, "")) for pk in ids}


def order_lines_describe(user: User, order_line_ids: Collection[int]) -> dict[int, Cause]:
    """What the pages of stock call these lines; those of stores out of the user's reach are left out."""
    orders = Order.objects.visible_to(user)
    lines = OrderLine.objects.filter(pk__in=order_line_ids, order__in=orders).order_by()
    return {
        line_id: Cause(f"Pedido {number}", reverse("sales:order", args=[order_id]))
        for line_id, order_id, number in lines.values_list("pk", "order_id", "order__number")
    }


def _units(line: OrderLine) -> list[tuple[int, int]]:
    """SKU id and units that a line takes from the shelf; a kit would name its components here."""
    return [(line.sku_id, line.quantity)]


def _lines_back(lines: Iterable[OrderLine], orders: Mapping[int, Order]) -> set[int]:
    """Lines whose goods came home after their buyer was refunded: they never leave again by themselves."""
    refunded = {pk for pk, order in orders.items() if order.has_left and order.may_come_back}
    ids = [line.pk for line in lines if line.order_id in refunded]
    moved = StockMovement.objects.filter(order_line_id__in=ids, kind=MovementKind.RETURN)
    return {pk for pk in moved.values_list("order_line_id", flat=True) if pk is not None}


def _is_history(order: Order) -> bool:
    activated_at = order.store.activated_at
    shipped = OrderStatus(order.status).rank >= OrderStatus.SHIPPED.rank
    return shipped and activated_at is not None and order.placed_at < activated_at


def _leaves(order: Order) -> bool:
    """Has the order come to the moment at which its store takes goods off the balance?"""
    status = OrderStatus(order.status)
    return status != OrderStatus.CANCELLED and status.rank >= OrderStatus(order.store.stock_exit_at).rank


def _lines(orders: Iterable[Order]) -> dict[int, Order]:
    """The order of each line of these orders, by the line's id."""
    by_id = {order.pk: order for order in orders}
    lines = OrderLine.objects.filter(order_id__in=by_id).order_by().values_list("pk", "order_id")
    return {line_id: by_id[order_id] for line_id, order_id in lines}


def _leave(orders: Collection[Order], actor: User | None) -> None:
    if not orders:
        return
    lines = _lines(orders)
    departures: dict[int, list[Departure]] = defaultdict(list)
    texts = {line_id: f"Pedido {order.number}" for line_id, order in lines.items()}
    for departure in lines_leave(texts=texts, actor=actor):
        departures[lines[departure.movement.order_line_id or 0].pk].append(departure)
    order_events_append(
        drafts=[_left_event(order_id, removed) for order_id, removed in departures.items()], actor=actor
    )


def _cancel(before: Mapping[Order, OrderStatus], goods_stay: Collection[int], actor: User | None) -> None:
    """Give back what was kept. Goods that left come back by themselves while the parcel was certainly in
    the house; once its expedition is concluded, somebody has to see them arrive."""
    lines = _lines(before)
    _release(lines, actor)
    at_home = {
        line_id: order
        for line_id, order in lines.items()
        if order.pk in goods_stay or before[order].rank < OrderStatus.READY_TO_SHIP.rank
    }
    _return(at_home, actor)
    away = lines_shipped_out(lines.keys() - at_home.keys())
    order_events_append(
        drafts=[EventDraft(pk, STOCK, LEFT_ALREADY) for pk in _order_ids(lines, away)], actor=actor
    )


def _release(lines: Mapping[int, Order], actor: User | None) -> None:
    freed = _order_ids(lines, reservations_release(order_line_ids=lines))
    order_events_append(
        drafts=[EventDraft(pk, STOCK, "Reserva de estoque liberada") for pk in freed], actor=actor
    )


def _return(lines: Mapping[int, Order], actor: User | None) -> set[int]:
    """Put the goods of these lines back, each once; the ids of the orders that got some back."""
    back: dict[int, list[StockMovement]] = defaultdict(list)
    texts = {line_id: _return_text(order) for line_id, order in lines.items()}
    for movement in lines_return(texts=texts, actor=actor):
        back[lines[movement.order_line_id or 0].pk].append(movement)
    order_events_append(
        drafts=[
            EventDraft(pk, STOCK, f"Estoque devolvido: {_units_text(movements)}")
            for pk, movements in back.items()
        ],
        actor=actor,
    )
    return set(back)


def _return_text(order: Order) -> str:
    is_cancelled = order.status == OrderStatus.CANCELLED
    return f"{'Cancelamento' if is_cancelled else 'Devolução'} do pedido {order.number}"


def _order_ids(lines: Mapping[int, Order], line_ids: Collection[int]) -> list[int]:
    return sorted({lines[line_id].pk for line_id in line_ids})


def _short_event(line: OrderLine, row: StockReservation) -> EventDraft:
    text = (
        f"Sem estoque: {row.missing} de {row.wanted} × {row.sku.code} sem saldo no depósito {row.warehouse}. "
        "A reserva se completa sozinha quando houver entrada."
    )
    return EventDraft(line.order_id, SHORT, text, link=reverse("stock:sku", args=[row.sku_id]))


def _left_event(order_id: int, removed: Sequence[Departure]) -> EventDraft:
    text = f"Estoque baixado: {_units_text(departure.movement for departure in removed)}"
    if missing := [departure for departure in removed if departure.missing]:
        codes = ", ".join(f"{each.missing} × {each.movement.sku.code}" for each in missing)
        text += f". Saiu sem saldo: {codes}; confira com um balanço"
    return EventDraft(order_id, STOCK, text)


def _units_text(movements: Iterable[StockMovement]) -> str:
    return ", ".join(f"{abs(each.quantity)} × {each.sku.code} ({each.warehouse})" for each in movements)
