"""Orders for people: creating them, what they received, and what buyer and platform may do to them."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from flask import Response, abort, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from kwai_sandbox import control, items, oauth, orders
from kwai_sandbox.actions import actions_for
from kwai_sandbox.centre.blueprint import blueprint, leads_to
from kwai_sandbox.documents import document_read
from kwai_sandbox.gateway import emulator
from kwai_sandbox.ledger import ledger_read
from kwai_sandbox.logistics import label_content
from kwai_sandbox.oddities import oddities
from kwai_sandbox.orders import SandboxOrder
from kwai_sandbox.statuses import Status

SHOWN_ORDERS = 100
LARGEST_COUNT = 200
LABEL_TYPES = {"PDF": "application/pdf", "ZPL": "text/plain; charset=utf-8"}
HANDOVER_NAMES = {"PICKUP": "com coleta", "DROP_OFF": "com postagem"}


def order_or_404(order_id: str) -> SandboxOrder:
    order = orders.order_get(emulator().state, order_id)
    if order is None:
        abort(404, f"O pedido {order_id} não existe aqui.")
    return order


@blueprint.get("/centre/orders")
def orders_page() -> str:
    """Orders, newest first, with what they received."""
    state, merchant_id = emulator().state, request.args.get("merchantId") or None
    sought, status = request.args.get("q", "").strip(), request.args.get("status", type=int)
    shipping_type = request.args.get("shippingType") or None
    return render_template(
        "orders.html",
        orders=orders.orders_latest(
            state, merchant_id, SHOWN_ORDERS, status=status, shipping_type=shipping_type, sought=sought
        ),
        shown=SHOWN_ORDERS,
        chosen=merchant_id,
        status_chosen=status,
        sought=sought,
        shipping_chosen=shipping_type,
        statuses=list(Status),
        usual=Status.AWAITING_INVOICE,
        oddities=oddities(),
        sku_numbers=sorted(
            {sku["number"] for item in items.items_list(state, None) for sku in item.body["skus"]}
        ),
    )


@blueprint.post("/centre/orders")
def orders_create() -> AnyResponse:
    """The button *criar*; one order leads to its page, several to the list."""
    count = request.form.get("count", 1, type=int)
    body: dict[str, Any] = {
        "merchantId": request.form.get("merchantId") or _first_merchant(),
        "count": count,
        "status": request.form.get("status", int(Status.AWAITING_INVOICE), type=int),
        "shippingType": request.form.get("shippingType", orders.SELLER_LOGISTICS),
    }
    if count > LARGEST_COUNT:
        raise ValueError(f"Crie até {LARGEST_COUNT} pedidos de uma vez.")
    if number := request.form.get("sku", "").strip():
        body["skus"] = [{"number": number, "quantity": request.form.get("quantity", 1, type=int)}]
    if odd := oddities().get(request.form.get("oddity", "")):
        body |= odd.fields
    created = control.orders_create(emulator(), body)
    if len(created) == 1:
        return leads_to("centre.order_page", order_id=created[0].order_id)
    return leads_to("centre.orders_page")


def _first_merchant() -> str:
    """The seller who authorised the ERP, else the first one."""
    state = emulator().state
    for grant in oauth.grants_list(state):
        if not grant["revoked"]:
            return str(grant["merchantId"])
    return next((entry["merchantId"] for entry in oauth.merchants_list(state)), "")


@blueprint.get("/centre/orders/<order_id>")
def order_page(order_id: str) -> str:
    """One order: what the platform knows and what the ERP sent."""
    order = order_or_404(order_id)
    return render_template(
        "order.html",
        order=order,
        detail=order.answer(masked=False),
        shop=oauth.merchant_name(emulator().state, order.merchant_id),
        writes=ledger_read(emulator().state, subject=order_id),
        document=_document(order),
        actions=actions_for(order),
        handovers=HANDOVER_NAMES,
        label_forms=list(LABEL_TYPES) if order.has_label else [],
        masked=order.answer(masked=True) != order.detail,
    )


def _document(order: SandboxOrder) -> Any:
    encoded = (order.received.get("invoice") or {}).get("xml")
    return document_read(_xml(encoded)) if encoded else None


def _xml(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded)
    except binascii.Error:
        return b""


@blueprint.get("/centre/orders/<order_id>/xml")
def order_xml(order_id: str) -> Response:
    """The NF-e exactly as it was received, byte for byte."""
    invoice = order_or_404(order_id).received.get("invoice")
    if invoice is None:
        abort(404, "Este pedido não recebeu NF-e.")
    return Response(_xml(invoice["xml"]), content_type="text/plain; charset=utf-8")


@blueprint.get("/centre/orders/<order_id>/label/<form>")
def order_label(order_id: str, form: str) -> Response:
    """The platform's own label, as getShippingLabel hands it out: `PDF` or `ZPL`."""
    order = order_or_404(order_id)
    if form not in LABEL_TYPES or not order.has_label:
        abort(404, "Este pedido não tem etiqueta do Kwai agora.")
    return Response(label_content(order, form), content_type=LABEL_TYPES[form])


@blueprint.post("/centre/orders/<order_id>/<action>")
def order_act(order_id: str, action: str) -> AnyResponse:
    """One of the page's buttons."""
    typed = {name: request.form.get(name, "") for name in ("trackingNumber", "reason")}
    control.order_act(emulator(), order_or_404(order_id), action, typed)
    return leads_to("centre.order_page", order_id=order_id)
