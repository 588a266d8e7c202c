"""Reading orders and refunds over the open API (contract sections 3 and 4)."""

from __future__ import annotations

from typing import Any

from kwai_sandbox import orders
from kwai_sandbox.faults import DUPLICATE_PAGE, SKIP_PAGE
from kwai_sandbox.wire import REFUSED, Call, CallRefusal, SandboxReply, id_text

LARGEST_PAGE = 50


def order_list(call: Call) -> SandboxReply:
    """POST queryOrderList: ids of a time window, oldest first."""
    total, rows = _window(call, "orders", "order_id")
    return SandboxReply({"total": total, "orderList": [{"orderId": row["order_id"]} for row in rows]})


def refund_list(call: Call) -> SandboxReply:
    """POST queryRefundList: refunds of a time window, oldest first."""
    total, rows = _window(call, "refunds", "refund_id")
    refunds = [orders.refund_answer(row) for row in rows]
    return SandboxReply({"total": total, "refundList": refunds})


def _window(call: Call, table: str, key: str) -> tuple[int, list[Any]]:
    column = orders.TIME_COLUMNS.get(str(call.body.get("timeRangeField")))
    if column is None:
        raise CallRefusal(REFUSED, "timeRangeField deve ser UPDATE_TIME ou CREATE_TIME.")
    begin, end = call.moment("timeFrom"), call.moment("timeTo")
    longest = call.sandbox.settings["maxWindowMs"]
    if not 0 <= end - begin <= longest:
        raise CallRefusal(REFUSED, f"A janela de timeFrom a timeTo deve ter de 0 a {longest} ms.")
    where = f"FROM {table} WHERE merchant_id = ? AND {column} BETWEEN ? AND ?"
    window = (call.merchant_id, begin, end)
    state = call.sandbox.state
    limit, offset = page_of(call, "page", "size")
    page = state.rows(f"SELECT * {where} ORDER BY {column}, {key} LIMIT ? OFFSET ?", *window, limit, offset)
    return state.count(f"SELECT count(*) {where}", *window), page


def page_of(call: Call, page_name: str, size_name: str) -> tuple[int, int]:
    """Limit and offset of the page asked for.

    A doubled page begins one row too early: with the last row of the page before, once more. A skipped one
    is the page after.
    """
    size = call.number(size_name, 1)
    if size > LARGEST_PAGE:
        raise CallRefusal(REFUSED, f"{size_name} vai até {LARGEST_PAGE}.")
    offset = (call.number(page_name, 1) - 1) * size
    if call.page_fault == DUPLICATE_PAGE:
        offset = max(0, offset - 1)
    elif call.page_fault == SKIP_PAGE:
        offset += size
    return size, offset


def order_details(call: Call) -> SandboxReply:
    """POST queryOrderDetails: up to one page of orders; unknown ids are left out."""
    asked = call.body.get("orderList")
    if not isinstance(asked, list) or not 1 <= len(asked) <= LARGEST_PAGE:
        raise CallRefusal(REFUSED, f"orderList deve ter de 1 a {LARGEST_PAGE} pedidos.")
    ids = [id_text(entry, "orderList") for entry in asked]
    switches = call.sandbox.settings
    found = orders.orders_of(call.sandbox.state, call.merchant_id, ids)
    answers = [order.answer(masked=switches["maskUntilPayment"]) for order in found]
    return SandboxReply(answers if switches["detailShape"] == "list" else {"orderInfoDetailList": answers})
