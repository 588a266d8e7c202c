"""The seller centre: pages for people under `/_sandbox/`, in Portuguese, without JavaScript."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from kwai_sandbox import control, faults, items, oauth, orders
from kwai_sandbox.clock import DAY, now_ms
from kwai_sandbox.drafts import s10_invent
from kwai_sandbox.gateway import ENDPOINTS, emulator
from kwai_sandbox.ledger import ledger_read
from kwai_sandbox.orders import Order

blueprint = Blueprint("centre", __name__, url_prefix="/_sandbox")
BRAZIL = ZoneInfo("America/Sao_Paulo")
SHOWN_ORDERS = 200
Action = Callable[[Order], dict[str, Any]]
INVOICE_NAMES = {
    orders.INVOICE_NONE: "não recebida",
    orders.INVOICE_RECEIVED: "recebida, em análise",
    orders.INVOICE_ACCEPTED: "aceita",
    orders.INVOICE_REFUSED: "recusada",
}
REFUND_NAMES = {
    orders.REFUND_NONE: "nenhum",
    orders.REFUND_ASKED: "pedido pelo comprador",
    orders.REFUND_DONE: "reembolsado",
    orders.REFUND_CLOSED: "encerrado",
}


@blueprint.app_template_filter("moment")
def moment(value: Any) -> str:
    """Milliseconds as local Brazilian date and time."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**43:
        return "—"
    return datetime.fromtimestamp(value / 1000, UTC).astimezone(BRAZIL).strftime("%d/%m/%Y %H:%M:%S")


@blueprint.app_template_filter("reais")
def reais(value: Any) -> str:
    """Centavos as `R$ 1.234,56`."""
    if not isinstance(value, int) or isinstance(value, bool):
        return str(value)
    whole, cents = divmod(abs(value), 100)
    return f"{'-' if value < 0 else ''}R$ {whole:,}".replace(",", ".") + f",{cents:02d}"


def _back(endpoint: str, **values: Any) -> AnyResponse:
    return redirect(url_for(endpoint, **values), 303)


def _order(order_id: str) -> Order:
    order = orders.order_get(emulator().state, order_id)
    if order is None:
        abort(404, "Pedido não encontrado.")
    return order


@blueprint.get("/")
def index() -> str:
    """Orders, newest first, with what they received."""
    state, merchant_id = emulator().state, request.args.get("merchantId") or None
    return render_template(
        "orders.html",
        orders=orders.orders_latest(state, merchant_id, SHOWN_ORDERS),
        merchants=oauth.merchants_list(state),
        names={entry["merchantId"]: entry["shopName"] for entry in oauth.merchants_list(state)},
        chosen=merchant_id,
        statuses=orders.STATUS_NAMES,
        invoice_names=INVOICE_NAMES,
    )


@blueprint.post("/centre/orders")
def orders_create() -> AnyResponse:
    """The button *criar pedidos*."""
    body = {
        "merchantId": request.form.get("merchantId"),
        "count": request.form.get("count", 1, type=int),
        "status": request.form.get("status", orders.PAID, type=int),
        "shippingType": request.form.get("shippingType"),
    }
    control.orders_create(emulator(), body)
    return _back("centre.index")


@blueprint.get("/centre/orders/<order_id>")
def order_page(order_id: str) -> str:
    """One order: what the platform knows and what the ERP sent."""
    order = _order(order_id)
    return render_template(
        "order.html",
        order=order,
        detail=order.answer(masked=False),
        shop=oauth.merchant_name(emulator().state, order.merchant_id),
        writes=ledger_read(emulator().state, subject=order_id),
        invoice_names=INVOICE_NAMES,
        refund_names=REFUND_NAMES,
        actions=_actions_for(order),
    )


@blueprint.get("/centre/orders/<order_id>/xml")
def order_xml(order_id: str) -> Response:
    """The NF-e exactly as it was received, byte for byte."""
    invoice = _order(order_id).received.get("invoice")
    if invoice is None:
        abort(404, "Este pedido não recebeu NF-e.")
    try:
        document = base64.b64decode(invoice["xml"])
    except binascii.Error:
        abort(404, "O documento recebido não é legível.")
    return Response(document, content_type="text/plain; charset=utf-8")


def _pay(order: Order) -> dict[str, Any]:
    return {"orderStatus": orders.PAID, "shipByTime": now_ms() + 2 * DAY} | _platform_tracking(order)


def _platform_tracking(order: Order) -> dict[str, Any]:
    if order.detail.get("shippingType") != orders.PLATFORM_LOGISTICS or order.detail.get("trackingNumber"):
        return {}
    return {"carrierCode": "KWAI_ENVIOS", "trackingNumber": f"KE{secrets.randbelow(10**9):09d}BR"}


def _dispatch_outside(order: Order) -> dict[str, Any]:
    number = order.detail.get("trackingNumber") or s10_invent(secrets.randbelow(10**8))
    carrier = order.detail.get("carrierCode") or "CORREIOS"
    return {
        "orderStatus": orders.SHIPPED,
        "carrierCode": carrier,
        "trackingNumber": request.form.get("trackingNumber", "").strip() or number,
        "estimatedDeliveryAt": now_ms() + 6 * DAY,
    }


ACTIONS: dict[str, tuple[str, Action]] = {
    "pay": ("pagar", _pay),
    "cancel": (
        "cancelar",
        lambda _: {"orderStatus": orders.CANCELLED, "cancelReason": "Cancelado pelo comprador"},
    ),
    "hold": ("reter", lambda _: {"holdReason": "Em análise de segurança"}),
    "release": ("liberar retenção", lambda _: {"holdReason": ""}),
    "refund": ("pedir reembolso", lambda _: {"refundStatus": orders.REFUND_ASKED}),
    "refund_pay": ("reembolsar", lambda _: {"refundStatus": orders.REFUND_DONE}),
    "refund_close": ("encerrar reembolso", lambda _: {"refundStatus": orders.REFUND_CLOSED}),
    "dispatch": ("despachar fora do ERP", _dispatch_outside),
    "deliver": ("marcar como entregue", lambda _: {"orderStatus": orders.RECEIVED}),
    "accept_invoice": ("aceitar NF-e", lambda _: {"invoiceStatus": orders.INVOICE_ACCEPTED}),
    "refuse_invoice": (
        "recusar NF-e",
        lambda _: {
            "invoiceStatus": orders.INVOICE_REFUSED,
            "invoiceRefusalReason": "O destinatário não confere com o comprador",
        },
    ),
}


def _actions_for(order: Order) -> list[tuple[str, str]]:
    """The buttons that make sense now."""
    detail, status = order.detail, order.status
    asked = detail.get("refundStatus") == orders.REFUND_ASKED
    held_invoice = "invoice" in order.received
    wanted = {
        "pay": status == orders.AWAITING_PAYMENT,
        "dispatch": status == orders.PAID,
        "deliver": status == orders.SHIPPED,
        "cancel": status in (orders.AWAITING_PAYMENT, orders.PAID),
        "hold": status == orders.PAID and not detail.get("holdReason"),
        "release": bool(detail.get("holdReason")),
        "refund": status not in (orders.AWAITING_PAYMENT, orders.CANCELLED)
        and not detail.get("refundStatus"),
        "refund_pay": asked,
        "refund_close": asked,
        "accept_invoice": held_invoice and detail["invoiceStatus"] != orders.INVOICE_ACCEPTED,
        "refuse_invoice": held_invoice and detail["invoiceStatus"] != orders.INVOICE_REFUSED,
    }
    return [(name, ACTIONS[name][0]) for name, fits in wanted.items() if fits]


@blueprint.post("/centre/orders/<order_id>/<action>")
def order_act(order_id: str, action: str) -> AnyResponse:
    """One of the page's buttons."""
    order = _order(order_id)
    if action not in dict(_actions_for(order)):
        abort(409, "O pedido mudou e esta ação não cabe mais; volte e recarregue a página.")
    control.order_change(emulator(), order, ACTIONS[action][1](order))
    return _back("centre.order_page", order_id=order_id)


@blueprint.get("/centre/listings")
def listings() -> str:
    """Listings with their SKUs."""
    state = emulator().state
    return render_template(
        "listings.html",
        items=items.items_list(state, None),
        names={entry["merchantId"]: entry["shopName"] for entry in oauth.merchants_list(state)},
        waiting=(items.IN_REVIEW,),
    )


@blueprint.post("/centre/listings/<item_id>/<decision>")
def listing_decide(item_id: str, decision: str) -> AnyResponse:
    """The platform's review of a listing: *aprovar* or *recusar*."""
    item = items.item_get(emulator().state, item_id)
    verdicts = {
        "approve": {"activeStatus": items.ACTIVE, "refusalReason": ""},
        "refuse": {"activeStatus": items.REFUSED, "refusalReason": "As imagens não mostram o produto"},
    }
    if item is None or decision not in verdicts:
        abort(404, "Anúncio não encontrado.")
    control.item_change(emulator(), item, dict(verdicts[decision]))
    return _back("centre.listings")


@blueprint.get("/centre/faults")
def faults_page() -> str:
    """Fault switches, pushes and consents."""
    sandbox = emulator()
    return render_template(
        "faults.html",
        faults=sandbox.faults.as_json(),
        kinds=faults.KINDS,
        calls=sorted(name.rsplit("/", 1)[-1] for name in ENDPOINTS),
        effects={
            "after": "antes de gravar (nada é gravado)",
            "before": "depois de gravar",
            "random": "ao acaso",
        },
        pushes=sandbox.pushes.settings(),
        grants=oauth.grants_list(sandbox.state),
        names={entry["merchantId"]: entry["shopName"] for entry in oauth.merchants_list(sandbox.state)},
    )


@blueprint.post("/centre/faults")
def faults_put() -> AnyResponse:
    """Turn a fault on."""
    emulator().faults.put(
        {
            "kind": request.form.get("kind", ""),
            "path": request.form.get("path") or None,
            "rate": request.form.get("rate", 100, type=int) / 100,
            "count": request.form.get("count", type=int),
            "effect": request.form.get("effect", "after"),
        }
    )
    return _back("centre.faults_page")


@blueprint.post("/centre/faults/clear")
def faults_clear() -> AnyResponse:
    """Turn every fault off."""
    emulator().faults.clear()
    return _back("centre.faults_page")


@blueprint.post("/centre/pushes")
def pushes_put() -> AnyResponse:
    """Where pushes go."""
    emulator().pushes.configure({"url": request.form.get("url", "").strip()})
    return _back("centre.faults_page")


@blueprint.post("/centre/grants/<merchant_id>/revoke")
def grant_revoke(merchant_id: str) -> AnyResponse:
    """The seller takes the consent back."""
    control.grant_end(emulator(), merchant_id)
    return _back("centre.faults_page")


@blueprint.get("/centre/calls")
def calls() -> str:
    """The last calls, newest first."""
    sandbox = emulator()
    return render_template(
        "calls.html",
        calls=list(sandbox.stats.last_calls)[::-1],
        stats=sandbox.stats.as_json(),
    )


@blueprint.errorhandler(ValueError)
def on_bad_value(error: ValueError) -> tuple[str, int]:
    """A wrong form field, told as a page."""
    return render_template("centre_error.html", reason=str(error)), 400
