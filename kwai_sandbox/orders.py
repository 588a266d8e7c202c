"""Orders as the platform keeps them: one JSON detail answer plus what the ERP sent."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from kwai_sandbox.clock import DAY, now_ms
from kwai_sandbox.state import State

AWAITING_PAYMENT, PAID, SHIPPED, RECEIVED, COMPLETED, CANCELLED = 10, 30, 40, 50, 70, 80
STATUS_NAMES = {
    AWAITING_PAYMENT: "aguardando pagamento",
    PAID: "pago",
    SHIPPED: "despachado",
    RECEIVED: "entregue",
    COMPLETED: "concluído",
    CANCELLED: "cancelado",
}
REFUND_NONE, REFUND_ASKED, REFUND_DONE, REFUND_CLOSED = 0, 10, 60, 70
INVOICE_NONE, INVOICE_RECEIVED, INVOICE_ACCEPTED, INVOICE_REFUSED = 0, 1, 2, 3
PLATFORM_LOGISTICS, SELLER_LOGISTICS = "KWAI_ENVIOS", "SELLER"
HANDLING_MS = 2 * DAY
TIME_COLUMNS = {"UPDATE_TIME": "update_time", "CREATE_TIME": "create_time"}


@dataclass
class Order:
    """`detail` is the answer of queryOrderDetails; `received` what arrived by write calls."""

    order_id: str
    merchant_id: str
    create_time: int
    update_time: int
    detail: dict[str, Any]
    received: dict[str, Any]

    @property
    def status(self) -> Any:
        return self.detail.get("orderStatus")

    @property
    def status_name(self) -> str:
        # Odd payloads may hold anything here, also what cannot be a key.
        known = STATUS_NAMES.get(self.status) if isinstance(self.status, int) else None
        return known or f"código {self.status}"

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The lines that can be shown, whatever an odd payload put there."""
        rows = self.detail.get("orderItemView")
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []

    @property
    def frozen_reason(self) -> str | None:
        """Why the order must not ship, None when it may."""
        if self.detail.get("holdReason"):
            return f"O pedido está retido: {self.detail['holdReason']}."
        if self.detail.get("refundStatus") in (REFUND_ASKED, REFUND_DONE):
            return "O pedido tem reembolso em andamento ou concluído."
        return None

    def answer(self, *, masked: bool) -> dict[str, Any]:
        """The detail answer; before payment the buyer may be masked."""
        shown = {
            name: value for name, value in self.detail.items() if name not in self.received.get("omit", [])
        }
        if masked and self.status == AWAITING_PAYMENT and isinstance(shown.get("receiverAddressInfo"), dict):
            shown["receiverAddressInfo"] = _masked(shown["receiverAddressInfo"])
        return shown


def _masked(address: dict[str, Any]) -> dict[str, Any]:
    open_fields = ("state", "city")
    return {name: value if name in open_fields or not value else "***" for name, value in address.items()}


def _order(row: sqlite3.Row) -> Order:
    return Order(
        order_id=row["order_id"],
        merchant_id=row["merchant_id"],
        create_time=row["create_time"],
        update_time=row["update_time"],
        detail=json.loads(row["detail"]),
        received=json.loads(row["received"]),
    )


def order_get(state: State, order_id: str) -> Order | None:
    """One order of any merchant."""
    row = state.row("SELECT * FROM orders WHERE order_id = ?", order_id)
    return None if row is None else _order(row)


def orders_of(state: State, merchant_id: str, order_ids: list[str]) -> list[Order]:
    """Those of the orders that exist and belong to the merchant, in the order asked."""
    rows = state.rows(
        "SELECT * FROM orders WHERE merchant_id = ? AND order_id IN (SELECT value FROM json_each(?))",
        merchant_id,
        json.dumps(order_ids),
    )
    found = {row["order_id"]: _order(row) for row in rows}
    return [found[order_id] for order_id in dict.fromkeys(order_ids) if order_id in found]


def orders_latest(
    state: State, merchant_id: str | None, limit: int, *, status: int | None = None, sought: str = ""
) -> list[Order]:
    """The newest orders, of one merchant or of all; `sought` is in the number or the buyer's name."""
    text = f"%{sought}%"
    rows = state.rows(
        "SELECT * FROM orders WHERE (? IS NULL OR merchant_id = ?)"
        " AND (? IS NULL OR json_extract(detail, '$.orderStatus') = ?)"
        " AND (? = '%%' OR order_id LIKE ? OR json_extract(detail, '$.receiverAddressInfo.name') LIKE ?)"
        " ORDER BY create_time DESC, order_id DESC LIMIT ?",
        merchant_id, merchant_id, status, status, text, text, text, limit,
    )  # fmt: skip
    return [_order(row) for row in rows]


def orders_insert(state: State, orders: list[Order]) -> None:
    """Store new orders in one go."""
    with state.transaction():
        state.run_many("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)", (_values(order) for order in orders))


def _values(order: Order) -> tuple[Any, ...]:
    return (
        order.order_id, order.merchant_id, order.create_time, order.update_time,
        json.dumps(order.detail), json.dumps(order.received),
    )  # fmt: skip


def order_save(state: State, order: Order) -> None:
    """Store a changed order; its update time moves on, also within one millisecond."""
    order.update_time = max(now_ms(), order.update_time + 1)
    order.detail["updateTime"] = order.update_time
    state.run("INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?, ?)", *_values(order))


def order_change(state: State, order: Order, changes: dict[str, Any]) -> None:
    """Change fields of the detail answer from outside, with the dates that go with a new status."""
    at = now_ms()
    moments = {PAID: "paidTime", SHIPPED: "shippedAt", RECEIVED: "deliveredAt", CANCELLED: "canceledAt"}
    status = changes.get("orderStatus")
    if isinstance(status, int) and status in moments and status != order.status:
        order.detail[moments[status]] = at
    if status == PAID != order.status:
        order.detail |= _on_payment(order, at)
    order.detail.update(changes)
    with state.transaction():
        order_save(state, order)
        if "updateTime" in changes:
            order.detail["updateTime"] = changes["updateTime"]
            state.run(
                "UPDATE orders SET detail = ? WHERE order_id = ?", json.dumps(order.detail), order.order_id
            )
        if "refundStatus" in changes:
            refund_put(state, order)


def _on_payment(order: Order, at: int) -> dict[str, Any]:
    """What payment brings: a deadline, and for platform logistics carrier and tracking number."""
    brought: dict[str, Any] = {"shipByTime": at + HANDLING_MS}
    if order.detail.get("shippingType") == PLATFORM_LOGISTICS and not order.detail.get("trackingNumber"):
        brought |= {"carrierCode": PLATFORM_LOGISTICS, "trackingNumber": platform_tracking(order.order_id)}
    return brought


def platform_tracking(order_id: str) -> str:
    """The tracking number of Kwai Envios for an order."""
    return f"KE{order_id[-9:]:0>9}BR"


def refund_put(state: State, order: Order) -> None:
    """Keep the order's refund row in step with its `refundStatus`."""
    status = order.detail.get("refundStatus")
    if not isinstance(status, int):
        return
    row = state.row("SELECT * FROM refunds WHERE order_id = ?", order.order_id)
    if row is None and status == REFUND_NONE:
        return
    refund_id = row["refund_id"] if row else str(5_100_000_000_000_000_000 + state.next_ids("refund")[0])
    created = row["create_time"] if row else now_ms()
    amount = order.detail.get("totalAmount")
    state.run(
        "INSERT OR REPLACE INTO refunds VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        refund_id, order.order_id, order.merchant_id, status, amount if isinstance(amount, int) else 0,
        "Produto não serviu", created, now_ms(),
    )  # fmt: skip
