"""Orders over the open API: reading them and what the ERP writes to them (contract sections 3 and 4)."""

from __future__ import annotations

from typing import Any

from kwai_sandbox import orders
from kwai_sandbox.clock import now_ms
from kwai_sandbox.fiscal import access_key_check, key_matches, xml_check
from kwai_sandbox.ledger import Identity
from kwai_sandbox.orders import Order
from kwai_sandbox.wire import ALREADY_DONE, NOT_FOUND, REFUSED, Call, Refusal, Reply, id_text

LARGEST_PAGE = 50
INVOICE_FIELDS = ("accessKey", "number", "series", "issuedAt")


def order_list(call: Call) -> Reply:
    """POST queryOrderList: ids of a time window, oldest first."""
    total, rows = _window(call, "orders", "order_id")
    return Reply({"total": total, "orderList": [{"orderId": row["order_id"]} for row in rows]})


def refund_list(call: Call) -> Reply:
    """POST queryRefundList: refunds of a time window, oldest first."""
    total, rows = _window(call, "refunds", "refund_id")
    refunds = [
        {
            "refundId": row["refund_id"],
            "orderId": row["order_id"],
            "status": row["status"],
            "amount": row["amount"],
            "reason": row["reason"],
            "updateTime": row["update_time"],
        }
        for row in rows
    ]
    return Reply({"total": total, "refundList": refunds})


def _window(call: Call, table: str, key: str) -> tuple[int, list[Any]]:
    column = orders.TIME_COLUMNS.get(str(call.body.get("timeRangeField")))
    if column is None:
        raise Refusal(REFUSED, "timeRangeField deve ser UPDATE_TIME ou CREATE_TIME.")
    begin, end = call.moment("timeFrom"), call.moment("timeTo")
    longest = call.sandbox.settings["maxWindowMs"]
    if not 0 <= end - begin <= longest:
        raise Refusal(REFUSED, f"A janela de timeFrom a timeTo deve ter de 0 a {longest} ms.")
    where = f"FROM {table} WHERE merchant_id = ? AND {column} BETWEEN ? AND ?"
    window = (call.merchant_id, begin, end)
    state = call.sandbox.state
    limit, offset = page_of(call, "page", "size")
    page = state.rows(f"SELECT * {where} ORDER BY {column}, {key} LIMIT ? OFFSET ?", *window, limit, offset)
    return state.count(f"SELECT count(*) {where}", *window), page_doubled(call, "page", page)


def page_of(call: Call, page_name: str, size_name: str) -> tuple[int, int]:
    """Limit and offset of the page asked for, moved by a page fault."""
    size = call.number(size_name, 1)
    if size > LARGEST_PAGE:
        raise Refusal(REFUSED, f"{size_name} vai até {LARGEST_PAGE}.")
    page = max(1, call.number(page_name, 1) + call.page_shift)
    return size, (page - 1) * size


def page_doubled(call: Call, page_name: str, rows: list[Any]) -> list[Any]:
    """A doubled first page cannot be the one before: it repeats its first row instead."""
    return rows + rows[:1] if call.page_shift < 0 and call.body[page_name] == 1 else rows


def order_details(call: Call) -> Reply:
    """POST queryOrderDetails: up to one page of orders; unknown ids are left out."""
    asked = call.body.get("orderList")
    if not isinstance(asked, list) or not 1 <= len(asked) <= LARGEST_PAGE:
        raise Refusal(REFUSED, f"orderList deve ter de 1 a {LARGEST_PAGE} pedidos.")
    ids = [id_text(entry, "orderList") for entry in asked]
    switches = call.sandbox.settings
    found = orders.orders_of(call.sandbox.state, call.merchant_id, ids)
    answers = [order.answer(masked=switches["maskUntilPayment"]) for order in found]
    return Reply(answers if switches["detailShape"] == "list" else {"orderInfoDetailList": answers})


def _order(call: Call) -> Order:
    order = orders.order_get(call.sandbox.state, call.identifier("orderId"))
    if order is None or order.merchant_id != call.merchant_id:
        raise Refusal(NOT_FOUND, "Pedido não encontrado nesta loja.")
    return order


def _done(call: Call, order: Order, event: str) -> Reply:
    orders.order_save(call.sandbox.state, order)
    info = {"orderId": order.order_id, "orderStatus": order.status}
    call.sandbox.pushes.emit(event, order.merchant_id, order.order_id, info)
    return Reply({"orderId": order.order_id, "orderStatus": order.status}, applied=True)


def invoice_upload(call: Call) -> Reply:
    """POST uploadInvoice: the same key is 409, another one replaces it until the order is shipped."""
    order = _order(call)
    key = call.text("accessKey")
    held = order.received.get("invoice", {}).get("accessKey")
    if held == key:
        raise _invoice_known(order)
    if order.status not in (orders.PAID, orders.SHIPPED):
        raise Refusal(REFUSED, f"O pedido está {order.status_name} e não aceita NF-e.")
    if held and held != key and order.status == orders.SHIPPED:
        raise Refusal(REFUSED, "O pedido já foi despachado com outra NF-e.")
    order.received["invoice"] = _invoice_read(call, key) | {"receivedAt": now_ms()}
    _invoice_review(call, order)
    return _done(call, order, "order_updated")


def _invoice_known(order: Order) -> Refusal:
    if order.detail.get("invoiceStatus") == orders.INVOICE_REFUSED:
        return Refusal(
            REFUSED, f"Esta NF-e foi recusada: {order.detail.get('invoiceRefusalReason')}. Envie outra."
        )
    return Refusal(ALREADY_DONE, "Esta NF-e já foi recebida.")


def _invoice_read(call: Call, key: str) -> dict[str, Any]:
    access_key_check(key)
    number, series = call.body.get("number"), call.body.get("series")
    key_matches(key, number, series)
    xml = call.text("xml")
    xml_check(xml, key)
    return {
        "accessKey": key,
        "number": number,
        "series": series,
        "issuedAt": call.moment("issuedAt"),
        "totalAmount": call.number("totalAmount"),
        "xml": xml,
    }


def _invoice_review(call: Call, order: Order) -> None:
    """What the platform says of a readable note: taken, refused, or received and decided later."""
    switches = call.sandbox.settings
    review, reason = switches["invoiceReview"], switches["invoiceRefusalReason"]
    if review == "refuse":
        raise Refusal(REFUSED, f"A NF-e foi recusada pela plataforma: {reason}")
    call.sandbox.reviews.forget(order.order_id)
    if review in ("soon", "refuse_later"):
        refusal = reason if review == "refuse_later" else ""
        call.sandbox.reviews.plan(order.order_id, refusal, switches["invoiceReviewMs"])
    accepted = orders.INVOICE_ACCEPTED if review == "accept" else orders.INVOICE_RECEIVED
    order.detail |= {"invoiceStatus": accepted, "invoiceRefusalReason": ""}
    order.detail["invoice"] = {name: order.received["invoice"][name] for name in INVOICE_FIELDS}


def order_ship(call: Call) -> Reply:
    """POST shipOrder: to 40; the same number again succeeds and changes nothing, another is 422."""
    order = _order(call)
    shipment = _shipment_read(call)
    if order.status in (orders.SHIPPED, orders.RECEIVED, orders.COMPLETED):
        return _shipped_again(order, shipment)
    if order.status != orders.PAID:
        raise Refusal(REFUSED, f"O pedido está {order.status_name} e não pode ser despachado.")
    if order.frozen_reason:
        raise Refusal(REFUSED, order.frozen_reason)
    _carrier_check(order, shipment)
    _invoice_for_shipment(call, order)
    order.received["shipment"] = shipment | {"receivedAt": now_ms()}
    order.detail |= {"orderStatus": orders.SHIPPED} | {
        name: shipment[name] for name in ("carrierCode", "trackingNumber", "shippedAt", "estimatedDeliveryAt")
    }
    return _done(call, order, "order_updated")


def _shipment_read(call: Call) -> dict[str, Any]:
    shipped_at, estimated_at = call.moment("shippedAt"), call.moment("estimatedDeliveryAt")
    if estimated_at < shipped_at:
        raise Refusal(REFUSED, "estimatedDeliveryAt é anterior a shippedAt.")
    names = ("carrierCode", "carrierName", "trackingNumber")
    shipment = {name: call.text(name) for name in names}
    address = call.body.get("trackingUrl")
    if address is not None and not isinstance(address, str):
        raise Refusal(REFUSED, "trackingUrl deve ser um texto.")
    return shipment | {"trackingUrl": address, "shippedAt": shipped_at, "estimatedDeliveryAt": estimated_at}


def _shipped_again(order: Order, shipment: dict[str, Any]) -> Reply:
    names = ("carrierCode", "trackingNumber")
    if any(order.detail.get(name) != shipment[name] for name in names):
        number = order.detail.get("trackingNumber")
        raise Refusal(REFUSED, f"O pedido já foi despachado com o código {number}.")
    return Reply({"orderId": order.order_id, "orderStatus": order.status})


def _carrier_check(order: Order, shipment: dict[str, Any]) -> None:
    if order.detail.get("shippingType") != orders.PLATFORM_LOGISTICS:
        return
    if any(order.detail.get(name) != shipment[name] for name in ("carrierCode", "trackingNumber")):
        number = order.detail.get("trackingNumber")
        raise Refusal(
            REFUSED, f"Pedido do Kwai Envios: use a transportadora e o código do próprio pedido ({number})."
        )


def _invoice_for_shipment(call: Call, order: Order) -> None:
    """The NF-e must have been uploaded or come with the call; both must then be the same."""
    told = call.body.get("invoice")
    held = order.received.get("invoice")
    if order.detail.get("invoiceStatus") == orders.INVOICE_REFUSED:
        raise Refusal(REFUSED, "A NF-e do pedido foi recusada; envie outra antes de despachar.")
    if not isinstance(told, dict) or not told.get("accessKey"):
        if held is None:
            raise Refusal(REFUSED, "Envie a NF-e do pedido antes de despachar.")
        return
    key = str(told["accessKey"])
    if held is not None and held["accessKey"] != key:
        raise Refusal(REFUSED, "A NF-e informada não é a que já foi recebida para este pedido.")
    access_key_check(key)
    key_matches(key, told.get("number"), told.get("series"))
    order.detail["invoice"] = {name: told.get(name) for name in INVOICE_FIELDS}
    order.received["shipmentInvoice"] = order.detail["invoice"]


def delivery_confirm(call: Call) -> Reply:
    """POST confirmDelivery: 40 to 50; a repeat is 409, anything else 422."""
    order = _order(call)
    delivered_at = call.moment("deliveredAt")
    if order.status in (orders.RECEIVED, orders.COMPLETED):
        raise Refusal(ALREADY_DONE, "A entrega deste pedido já foi confirmada.")
    if order.status != orders.SHIPPED:
        raise Refusal(
            REFUSED, f"O pedido está {order.status_name}; só um pedido despachado pode ser entregue."
        )
    order.received["delivery"] = {"deliveredAt": delivered_at, "receivedAt": now_ms()}
    order.detail |= {"orderStatus": orders.RECEIVED, "deliveredAt": delivered_at}
    return _done(call, order, "order_updated")


def order_cancel(call: Call) -> Reply:
    """POST cancelOrder: 10 or 30 to 80; a repeat is 409, a shipped order 422."""
    order = _order(call)
    reason = call.text("reason")
    if order.status == orders.CANCELLED:
        raise Refusal(ALREADY_DONE, "O pedido já está cancelado.")
    if order.status not in (orders.AWAITING_PAYMENT, orders.PAID):
        raise Refusal(REFUSED, f"O pedido está {order.status_name} e não pode mais ser cancelado.")
    order.received["cancellation"] = {"reason": reason, "receivedAt": now_ms()}
    order.detail |= {"orderStatus": orders.CANCELLED, "cancelReason": reason, "canceledAt": now_ms()}
    return _done(call, order, "order_cancelled")


def invoice_identity(body: dict[str, Any]) -> Identity:
    """Two invoices are equal when their access keys are."""
    return Identity("uploadInvoice", str(body.get("orderId")), {"accessKey": body.get("accessKey")})


def shipment_identity(body: dict[str, Any]) -> Identity:
    """Two shipments are equal when carrier and number are."""
    content = {name: body.get(name) for name in ("carrierCode", "trackingNumber")}
    return Identity("shipOrder", str(body.get("orderId")), content)


def delivery_identity(body: dict[str, Any]) -> Identity:
    """All confirmations of one order are equal."""
    return Identity("confirmDelivery", str(body.get("orderId")), {"delivered": True})


def cancellation_identity(body: dict[str, Any]) -> Identity:
    """All cancellations of one order are equal."""
    return Identity("cancelOrder", str(body.get("orderId")), {"cancelled": True})
