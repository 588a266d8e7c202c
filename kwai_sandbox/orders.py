"""Orders as the platform keeps them: one JSON detail answer plus what the ERP sent."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any, TypeGuard

from kwai_sandbox.clock import DAY, now_ms
from kwai_sandbox.state import State
from kwai_sandbox.statuses import (
    ARRANGED,
    DELIVERED_ONCE,
    PAID,
    SHIPPED_ONCE,
    WITH_INVOICE,
    Status,
    label_of,
    status_of,
)
from kwai_sandbox.wire import Verbatim

REFUND_NONE, REFUND_ASKED, REFUND_DONE, REFUND_CLOSED = 0, 10, 60, 70
INVOICE_NONE, INVOICE_RECEIVED, INVOICE_ACCEPTED, INVOICE_REFUSED = 0, 1, 2, 3
PLATFORM_LOGISTICS, SELLER_LOGISTICS = "KWAI_ENVIOS", "SELLER"
SHIPPING_TYPES = {SELLER_LOGISTICS: "transportadora própria", PLATFORM_LOGISTICS: "Kwai Envios"}
# Each number of a reissue begins with the next letter.
TRACKING_LETTERS = "EFGHJKLMNPQRSTUVWXYZ"
REFUND_FIELDS = ("refundId", "orderId", "status", "amount", "reason", "updateTime")
FIRST_REFUND_ID = 5_100_000_000_000_000_000
HANDLING_MS = 2 * DAY
DELIVERY_MS = 6 * DAY
CLOSED_BY_PLATFORM = "Encerrado pela plataforma"
TIME_COLUMNS = {"UPDATE_TIME": "update_time", "CREATE_TIME": "create_time"}


@dataclass
class SandboxOrder:
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
        return label_of(self.status)

    @property
    def status_tone(self) -> str:
        """The colour of its badge; empty for a plain one."""
        known = status_of(self.status)
        return known.tone if known is not None else ""

    @property
    def is_platform_shipped(self) -> bool:
        """Whether Kwai Envios carries it."""
        return bool(self.detail.get("shippingType") == PLATFORM_LOGISTICS)

    @property
    def has_label(self) -> bool:
        """Whether the platform hands out a label: its own shipping, note accepted, shipment arranged."""
        return (
            self.is_platform_shipped
            and status_of(self.status) in ARRANGED
            and self.detail.get("invoiceStatus") == INVOICE_ACCEPTED
        )

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
        if self.detail.get("refundStatus") == REFUND_ASKED:
            return "O pedido tem reembolso em andamento."
        return None

    def answer(self, *, masked: bool) -> dict[str, Any]:
        """The detail answer; before payment the buyer may be masked. What was recorded stays as it was."""
        if self.received.get("recorded"):
            return Verbatim(self.detail)
        shown = {
            name: value for name, value in self.detail.items() if name not in self.received.get("omit", [])
        }
        address = shown.get("receiverAddressInfo")
        if masked and self.status == Status.AWAITING_PAYMENT and isinstance(address, dict):
            shown["receiverAddressInfo"] = _masked(address)
        return shown


def _masked(address: dict[str, Any]) -> dict[str, Any]:
    open_fields = ("state", "city")
    return {name: value if name in open_fields or not value else "***" for name, value in address.items()}


def _order(row: sqlite3.Row) -> SandboxOrder:
    return SandboxOrder(
        order_id=row["order_id"],
        merchant_id=row["merchant_id"],
        create_time=row["create_time"],
        update_time=row["update_time"],
        detail=json.loads(row["detail"]),
        received=json.loads(row["received"]),
    )


def order_get(state: State, order_id: str) -> SandboxOrder | None:
    """One order of any merchant."""
    row = state.row("SELECT * FROM orders WHERE order_id = ?", order_id)
    return None if row is None else _order(row)


def orders_of(state: State, merchant_id: str, order_ids: list[str]) -> list[SandboxOrder]:
    """Those of the orders that exist and belong to the merchant, in the order asked."""
    rows = state.rows(
        "SELECT * FROM orders WHERE merchant_id = ? AND order_id IN (SELECT value FROM json_each(?))",
        merchant_id,
        json.dumps(order_ids),
    )
    found = {row["order_id"]: _order(row) for row in rows}
    return [found[order_id] for order_id in dict.fromkeys(order_ids) if order_id in found]


def orders_latest(
    state: State,
    merchant_id: str | None,
    limit: int,
    *,
    status: int | None = None,
    shipping_type: str | None = None,
    sought: str = "",
) -> list[SandboxOrder]:
    """The newest orders, of one merchant or of all; `sought` is in the number or the buyer's name."""
    text = f"%{sought}%"
    rows = state.rows(
        "SELECT * FROM orders WHERE (? IS NULL OR merchant_id = ?)"
        " AND (? IS NULL OR json_extract(detail, '$.orderStatus') = ?)"
        " AND (? IS NULL OR json_extract(detail, '$.shippingType') = ?)"
        " AND (? = '%%' OR order_id LIKE ? OR json_extract(detail, '$.receiverAddressInfo.name') LIKE ?)"
        " ORDER BY create_time DESC, order_id DESC LIMIT ?",
        merchant_id, merchant_id, status, status, shipping_type, shipping_type, text, text, text, limit,
    )  # fmt: skip
    return [_order(row) for row in rows]


def orders_insert(state: State, orders: list[SandboxOrder]) -> None:
    """Store new orders in one go."""
    with state.transaction():
        state.run_many("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)", (_values(order) for order in orders))


def _values(order: SandboxOrder) -> tuple[Any, ...]:
    return (
        order.order_id, order.merchant_id, order.create_time, order.update_time,
        json.dumps(order.detail), json.dumps(order.received),
    )  # fmt: skip


def order_save(state: State, order: SandboxOrder) -> None:
    """Store a changed order; its update time moves on, also within one millisecond."""
    order.update_time = max(now_ms(), order.update_time + 1)
    order.detail["updateTime"] = order.update_time
    state.run("INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?, ?)", *_values(order))


def order_change(state: State, order: SandboxOrder, changes: dict[str, Any]) -> None:
    """Change an order from outside: a new situation brings what the platform does, the rest is as told."""
    _move_along(order, changes)
    refund = {name: changes.pop(name) for name in ("refundAmount", "refundReason") if name in changes}
    order.detail.update(changes)
    with state.transaction():
        order_save(state, order)
        if "updateTime" in changes:
            order.detail["updateTime"] = changes["updateTime"]
            state.run(
                "UPDATE orders SET detail = ? WHERE order_id = ?", json.dumps(order.detail), order.order_id
            )
        if "refundStatus" in changes or refund:
            refund_put(state, order, amount=refund.get("refundAmount"), reason=refund.get("refundReason"))


def _move_along(order: SandboxOrder, changes: dict[str, Any]) -> None:
    if "orderStatus" in changes:
        wanted = status_of(changes["orderStatus"])
        if wanted is not None and wanted != order.status:
            order_move(order, wanted, now_ms())
    elif changes.get("invoiceStatus") == INVOICE_ACCEPTED and order.status == Status.AWAITING_INVOICE:
        invoice_accept(order)


def order_move(order: SandboxOrder, status: Status, at: int) -> None:
    """Bring an order to a situation at a moment (ms), with everything the platform does then.

    What the order already has (a payment time, a tracking number) stays. Coming from before the invoice,
    a note counts as accepted.
    """
    before, order.detail["orderStatus"] = status_of(order.status), status
    if status in WITH_INVOICE and before not in WITH_INVOICE:
        order.detail |= {"invoiceStatus": INVOICE_ACCEPTED, "invoiceRefusalReason": ""}
    if status in PAID:
        _set_missing(order, paidTime=at, shipByTime=at + HANDLING_MS)
    if status in ARRANGED | SHIPPED_ONCE and order.is_platform_shipped:
        number = platform_tracking(order.order_id)
        _set_missing(order, trackingNumber=number, carrierCode=PLATFORM_LOGISTICS)
    if status in SHIPPED_ONCE:
        _set_missing(order, shippedAt=at, estimatedDeliveryAt=at + DELIVERY_MS)
    if status in DELIVERED_ONCE:
        _set_missing(order, deliveredAt=at)
    if status == Status.CLOSED:
        _set_missing(order, canceledAt=at, cancelReason=CLOSED_BY_PLATFORM)


def _set_missing(order: SandboxOrder, **values: Any) -> None:
    """Set those that the order does not have yet."""
    order.detail |= {name: value for name, value in values.items() if not order.detail.get(name)}


def invoice_accept(order: SandboxOrder) -> None:
    """The platform takes the note: an order that waited for it goes on to be arranged."""
    order.detail |= {"invoiceStatus": INVOICE_ACCEPTED, "invoiceRefusalReason": ""}
    if order.status == Status.AWAITING_INVOICE:
        order_move(order, Status.TO_ARRANGE, now_ms())


def platform_tracking(order_id: str, issue: int = 0) -> str:
    """The tracking number of Kwai Envios for an order; every issue has another one."""
    return f"K{TRACKING_LETTERS[issue % len(TRACKING_LETTERS)]}{order_id[-9:]:0>9}BR"


def tracking_reissue(order: SandboxOrder) -> str:
    """The tracking number that follows the order's present one."""
    present = str(order.detail.get("trackingNumber"))
    return platform_tracking(order.order_id, TRACKING_LETTERS.find(present[1:2]) + 1)


def refund_put(state: State, order: SandboxOrder, *, amount: Any = None, reason: Any = None) -> None:
    """Keep the order's refund row in step with it; amount (centavos) and reason may be told."""
    status = order.detail.get("refundStatus")
    if not isinstance(status, int):
        return
    row = state.row("SELECT * FROM refunds WHERE order_id = ?", order.order_id)
    if row is None and status == REFUND_NONE:
        return
    at = now_ms()
    kept = dict(row) if row else _refund_new(state, order, at)
    state.run(
        "INSERT OR REPLACE INTO refunds VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        kept["refund_id"], order.order_id, order.merchant_id, status,
        kept["amount"] if amount is None else amount, kept["reason"] if reason is None else reason,
        kept["create_time"], max(at, kept["update_time"] + 1), _beside(kept["recorded"]),
    )  # fmt: skip


def refund_answer(row: sqlite3.Row) -> dict[str, Any]:
    """The row of queryRefundList; a recorded one stays as it was."""
    answer = {
        "refundId": row["refund_id"],
        "orderId": row["order_id"],
        "status": row["status"],
        "amount": row["amount"],
        "reason": row["reason"],
        "updateTime": row["update_time"],
    }
    recorded = json.loads(row["recorded"])
    return Verbatim(recorded) if "refundId" in recorded else answer | recorded


def _beside(recorded: str) -> str:
    """What a recorded refund has beside the contract's fields, which a change makes untrue."""
    kept = {name: value for name, value in json.loads(recorded).items() if name not in REFUND_FIELDS}
    return json.dumps(kept)


def is_whole(value: Any) -> TypeGuard[int]:
    """Whether an odd payload's value is a number that the database can keep: an amount, a moment."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**62


def _refund_new(state: State, order: SandboxOrder, at: int) -> dict[str, Any]:
    total = order.detail.get("totalAmount")
    return {
        "refund_id": str(FIRST_REFUND_ID + state.next_ids("refund")[0]),
        "amount": total if is_whole(total) else 0,
        "reason": "Produto não serviu",
        "create_time": at,
        "update_time": at - 1,
        "recorded": "{}",
    }
