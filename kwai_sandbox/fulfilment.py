"""What the ERP writes to an order over the open API (contract sections 3.2 and 4)."""

from __future__ import annotations

from typing import Any

from kwai_sandbox import orders, preconditions
from kwai_sandbox.clock import now_ms
from kwai_sandbox.fiscal import (
    access_key_check,
    document_check,
    document_decode,
    document_glance,
    key_matches,
)
from kwai_sandbox.ledger import Identity
from kwai_sandbox.orders import SandboxOrder, order_move
from kwai_sandbox.statuses import ARRANGED, BY_CODE, DELIVERED_ONCE, SHIPPED_ONCE, Status, status_of
from kwai_sandbox.wire import ALREADY_DONE, NOT_FOUND, REFUSED, Call, CallRefusal, SandboxReply

INVOICE_FIELDS = ("accessKey", "number", "series", "issuedAt")
SHIPMENT_FIELDS = ("carrierCode", "trackingNumber", "shippedAt", "estimatedDeliveryAt")


def order_owned(call: Call, order_id: str) -> SandboxOrder:
    """An order of the calling merchant; `CallRefusal` 404 for any other."""
    order = orders.order_get(call.sandbox.state, order_id)
    if order is None or order.merchant_id != call.merchant_id:
        raise CallRefusal(NOT_FOUND, "Pedido não encontrado nesta loja.")
    return order


def _order(call: Call) -> SandboxOrder:
    return order_owned(call, call.identifier("orderId"))


def order_written(
    call: Call, order: SandboxOrder, event: str, data: dict[str, Any] | None = None
) -> SandboxReply:
    """Keep an order that a write changed, push the event, answer `data` or where the order now stands."""
    orders.order_save(call.sandbox.state, order)
    call.sandbox.pushes.emit_order(event, order)
    return SandboxReply(data or {"orderId": order.order_id, "orderStatus": order.status}, applied=True)


def invoice_upload(call: Call) -> SandboxReply:
    """POST uploadInvoice: the same key is 409, another one replaces it until the order is shipped.

    A note that is accepted at once moves the order on to be arranged; a refusal leaves it where it is.
    """
    order = _order(call)
    key = call.text("accessKey")
    held = order.received.get("invoice", {}).get("accessKey")
    if held == key:
        raise _invoice_known(order)
    preconditions.UPLOAD_INVOICE.check(order)
    order.received["invoice"] = _invoice_read(call, key) | {"receivedAt": now_ms()}
    _invoice_review(call, order)
    return order_written(call, order, "order_updated")


def _invoice_known(order: SandboxOrder) -> CallRefusal:
    if order.detail.get("invoiceStatus") == orders.INVOICE_REFUSED:
        return CallRefusal(
            REFUSED, f"Esta NF-e foi recusada: {order.detail.get('invoiceRefusalReason')}. Envie outra."
        )
    return CallRefusal(ALREADY_DONE, "Esta NF-e já foi recebida.")


def _invoice_read(call: Call, key: str) -> dict[str, Any]:
    access_key_check(key)
    number, series = call.body.get("number"), call.body.get("series")
    key_matches(key, number, series)
    xml = call.text("xml")
    document = document_decode(xml)
    if call.sandbox.settings["invoiceChecks"] == "strict":
        document_check(document, key=key, number=number, series=series)
    else:
        document_glance(document, key)
    return {
        "accessKey": key,
        "number": number,
        "series": series,
        "issuedAt": call.moment("issuedAt"),
        "totalAmount": call.number("totalAmount"),
        "xml": xml,
    }


def _invoice_review(call: Call, order: SandboxOrder) -> None:
    """What the platform says of a readable note: taken, refused, or received and decided later."""
    switches = call.sandbox.settings
    review, reason = switches["invoiceReview"], switches["invoiceRefusalReason"]
    if review == "refuse":
        raise CallRefusal(REFUSED, f"A NF-e foi recusada pela plataforma: {reason}")
    call.sandbox.reviews.forget(order.order_id)
    if review in ("soon", "refuse_later"):
        refusal = reason if review == "refuse_later" else ""
        call.sandbox.reviews.plan(order.order_id, refusal, switches["invoiceReviewMs"])
    if review == "accept":
        orders.invoice_accept(order)
    else:
        order.detail |= {"invoiceStatus": orders.INVOICE_RECEIVED, "invoiceRefusalReason": ""}
    order.detail["invoice"] = {name: order.received["invoice"][name] for name in INVOICE_FIELDS}


def order_ship(call: Call) -> SandboxReply:
    """POST shipOrder: own carrier only. The same number again succeeds and changes nothing, another is 422.

    The setting `shipLeadsTo` says whether the order is then shipped or first waits for its pickup.
    """
    order = _order(call)
    shipment = _shipment_read(call)
    if order.is_platform_shipped:
        raise CallRefusal(
            REFUSED, "O Kwai Envios cuida do envio deste pedido; o código de rastreio não é aceito."
        )
    if order.detail.get("trackingNumber") and status_of(order.status) in ARRANGED | SHIPPED_ONCE:
        return _shipped_again(order, shipment)
    preconditions.SHIP_ORDER.check(order)
    _invoice_for_shipment(call, order)
    order.received["shipment"] = shipment | {"receivedAt": now_ms()}
    order.detail |= {name: shipment[name] for name in SHIPMENT_FIELDS}
    order_move(order, _after_shipping(call, order), now_ms())
    return order_written(call, order, "order_updated")


def _after_shipping(call: Call, order: SandboxOrder) -> Status:
    leads_to = BY_CODE[call.sandbox.settings["shipLeadsTo"]]
    now = status_of(order.status)
    return now if leads_to in ARRANGED and now in ARRANGED else leads_to


def _shipment_read(call: Call) -> dict[str, Any]:
    shipped_at, estimated_at = call.moment("shippedAt"), call.moment("estimatedDeliveryAt")
    if estimated_at < shipped_at:
        raise CallRefusal(REFUSED, "estimatedDeliveryAt é anterior a shippedAt.")
    names = ("carrierCode", "carrierName", "trackingNumber")
    shipment = {name: call.text(name) for name in names}
    address = call.body.get("trackingUrl")
    if address is not None and not isinstance(address, str):
        raise CallRefusal(REFUSED, "trackingUrl deve ser um texto.")
    return shipment | {"trackingUrl": address, "shippedAt": shipped_at, "estimatedDeliveryAt": estimated_at}


def _shipped_again(order: SandboxOrder, shipment: dict[str, Any]) -> SandboxReply:
    names = ("carrierCode", "trackingNumber")
    if any(order.detail.get(name) != shipment[name] for name in names):
        raise CallRefusal(
            REFUSED,
            f"O pedido está na situação “{order.status_name}” e já foi despachado com o código"
            f" {order.detail['trackingNumber']}.",
        )
    return SandboxReply({"orderId": order.order_id, "orderStatus": order.status})


def _invoice_for_shipment(call: Call, order: SandboxOrder) -> None:
    """The NF-e must have been uploaded or come with the call; both must then be the same."""
    told = call.body.get("invoice")
    held = order.received.get("invoice")
    if order.detail.get("invoiceStatus") == orders.INVOICE_REFUSED:
        raise CallRefusal(REFUSED, "A NF-e do pedido foi recusada; envie outra antes de despachar.")
    if not isinstance(told, dict) or not told.get("accessKey"):
        if held is None and order.detail.get("invoiceStatus") != orders.INVOICE_ACCEPTED:
            raise CallRefusal(REFUSED, "Envie a NF-e do pedido antes de despachar.")
        return
    key = str(told["accessKey"])
    if held is not None and held["accessKey"] != key:
        raise CallRefusal(REFUSED, "A NF-e informada não é a que já foi recebida para este pedido.")
    access_key_check(key)
    key_matches(key, told.get("number"), told.get("series"))
    order.detail["invoice"] = {name: told.get(name) for name in INVOICE_FIELDS}
    order.received["shipmentInvoice"] = order.detail["invoice"]


def delivery_confirm(call: Call) -> SandboxReply:
    """POST confirmDelivery: only of a shipped order. Confirming again what was confirmed here is 409."""
    order = _order(call)
    delivered_at = call.moment("deliveredAt")
    if "delivery" in order.received and status_of(order.status) in DELIVERED_ONCE:
        raise CallRefusal(ALREADY_DONE, "A entrega deste pedido já foi confirmada.")
    preconditions.CONFIRM_DELIVERY.check(order)
    order.received["delivery"] = {"deliveredAt": delivered_at, "receivedAt": now_ms()}
    order.detail["deliveredAt"] = delivered_at
    order_move(order, Status.DELIVERED, now_ms())
    return order_written(call, order, "order_updated")


def order_cancel(call: Call) -> SandboxReply:
    """POST cancelOrder: until the shipment is arranged. Cancelling again what was cancelled here is 409."""
    order = _order(call)
    reason = call.text("reason")
    if "cancellation" in order.received and order.status == Status.CLOSED:
        raise CallRefusal(ALREADY_DONE, "O pedido já foi cancelado.")
    preconditions.CANCEL_ORDER.check(order)
    order.received["cancellation"] = {"reason": reason, "receivedAt": now_ms()}
    order.detail["cancelReason"] = reason
    order_move(order, Status.CLOSED, now_ms())
    return order_written(call, order, "order_cancelled")


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
