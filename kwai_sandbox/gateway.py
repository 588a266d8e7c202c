"""The open API's front door: endpoint table, authentication, faults, envelope (contract section 1)."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, Request, Response, current_app, request

from kwai_sandbox import fulfilment, logistics, oauth, product, trade
from kwai_sandbox.activity import order_of, sentence
from kwai_sandbox.clock import now_ms
from kwai_sandbox.faults import Fault
from kwai_sandbox.ledger import Identity, IdentityReader, ledger_add
from kwai_sandbox.sandbox import Sandbox
from kwai_sandbox.signing import signature_matches
from kwai_sandbox.stats import Seen
from kwai_sandbox.wire import (
    APP_INVALID,
    BAD_SIGNATURE,
    CLOCK_WRONG,
    CONSENT_REVOKED,
    MERCHANT_INVALID,
    NOT_FOUND,
    OK,
    PLATFORM_FAULT,
    QUOTA_SPENT,
    REFUSED,
    TOKEN_INVALID,
    TOO_MANY_REQUESTS,
    VERSION_INVALID,
    Call,
    Envelope,
    Refusal,
    Reply,
    ids_on_wire,
)

ROOT = "/rest/open/api"
# The common query parameters, with the code that a missing one gets; checked in this order.
COMMON_PARAMETERS = {
    "appKey": APP_INVALID,
    "version": VERSION_INVALID,
    "sign": BAD_SIGNATURE,
    "ts": CLOCK_WRONG,
    "accessToken": TOKEN_INVALID,
    "merchantId": MERCHANT_INVALID,
}
API_VERSION = "1.0"
LONGEST_MESSAGE = 200
LARGEST_BODY = 8 * 1024 * 1024
Handler = Callable[[Call], Reply]
OAuthHandler = Callable[[Sandbox, dict[str, str]], Envelope]


@dataclass(frozen=True)
class Endpoint:
    """One row of the platform's call table; `identity` marks a write, `paged` a list."""

    verb: str
    scope: str
    handler: Handler
    identity: IdentityReader | None = None
    paged: bool = False


ITEM, ORDER = "merchant_item", "merchant_order"
ENDPOINTS = {
    "trade/queryOrderList": Endpoint("POST", ORDER, trade.order_list, paged=True),
    "trade/queryOrderDetails": Endpoint("POST", ORDER, trade.order_details),
    "trade/queryRefundList": Endpoint("POST", ORDER, trade.refund_list, paged=True),
    "trade/merchant/uploadInvoice": Endpoint(
        "POST", ORDER, fulfilment.invoice_upload, fulfilment.invoice_identity
    ),
    "trade/merchant/shipOrder": Endpoint("POST", ORDER, fulfilment.order_ship, fulfilment.shipment_identity),
    "trade/merchant/confirmDelivery": Endpoint(
        "POST", ORDER, fulfilment.delivery_confirm, fulfilment.delivery_identity
    ),
    "trade/merchant/cancelOrder": Endpoint(
        "POST", ORDER, fulfilment.order_cancel, fulfilment.cancellation_identity
    ),
    "product/listItem": Endpoint("POST", ITEM, product.item_list, paged=True),
    "product/getSkuList": Endpoint("GET", ITEM, product.sku_list),
    "product/updateStock": Endpoint("POST", ITEM, product.stock_update, product.stock_identity),
    "product/updatePrice": Endpoint("POST", ITEM, product.price_update, product.price_identity),
    "product/addItem": Endpoint("POST", ITEM, product.item_add, product.new_item_identity),
    "product/updateItem": Endpoint("POST", ITEM, product.item_update, product.item_identity),
    "product/updateActiveStatus": Endpoint(
        "POST", ITEM, product.active_status_update, product.active_status_identity
    ),
    "product/getCategoryList": Endpoint("GET", ITEM, product.category_list),
    "product/getCategoryAttributes": Endpoint("GET", ITEM, product.category_attributes),
    "logistics/arrangeShipment": Endpoint(
        "POST", ORDER, logistics.shipment_arrange, logistics.arrangement_identity
    ),
    "logistics/getShippingLabel": Endpoint("GET", ORDER, logistics.shipping_label),
}
OAUTH_ENDPOINTS: dict[str, OAuthHandler] = {
    "oauth2/token": oauth.token_exchange,
    "oauth2/refreshToken": oauth.token_refresh,
}
FAULT_ENVELOPES = {
    "rate_limit": Envelope(TOO_MANY_REQUESTS, "Muitas chamadas; tente de novo em instantes."),
    "quota": Envelope(QUOTA_SPENT, "A cota diária de chamadas acabou."),
    "token_expired": Envelope(TOKEN_INVALID, "O accessToken venceu."),
    "revoked": Envelope(CONSENT_REVOKED, "O vendedor revogou a autorização."),
    "server_error": Envelope(PLATFORM_FAULT, "Erro interno da plataforma."),
}
PAGE_SHIFTS = {"duplicate_page": -1, "skip_page": 1}

blueprint = Blueprint("gateway", __name__, url_prefix=ROOT)


@dataclass
class Outcome:
    """What the caller sees and how it is counted."""

    response: Response
    label: str
    fault: str | None = None
    message: str = ""


def emulator() -> Sandbox:
    """The sandbox of the running application."""
    found: Sandbox = current_app.extensions["sandbox"]
    return found


@blueprint.route("/<path:name>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
def serve(name: str) -> Response:
    """Every call of the open API."""
    sandbox, started = emulator(), now_ms()
    path, merchant_id = f"{ROOT}/{name}", request.args.get("merchantId", "")
    rates = sandbox.stats.arrived(path, merchant_id)
    try:
        outcome = _answer(sandbox, name, rates)
    except Refusal as refusal:
        outcome = _told(sandbox, Envelope(refusal.result, refusal.message, refusal.data))
    fields = _fields(request)
    sandbox.stats.answered(
        Seen(
            time=started,
            path=path,
            merchant_id=merchant_id,
            result=outcome.label,
            fault=outcome.fault,
            milliseconds=now_ms() - started,
            text=sentence(name, fields),
            order_id=order_of(fields),
            message=outcome.message,
        )
    )
    return outcome.response


def _fields(incoming: Request) -> dict[str, Any]:
    """What the call says, readable or not."""
    if incoming.method == "GET":
        return incoming.args.to_dict()
    body = incoming.get_json(force=True, silent=True)
    return body if isinstance(body, dict) else {}


def _answer(sandbox: Sandbox, name: str, rates: tuple[int, int, int]) -> Outcome:
    query = request.args.to_dict()
    if name in OAUTH_ENDPOINTS and request.method == "GET":
        fault = sandbox.faults.pick(f"{ROOT}/{name}", paged=False)
        return _play(sandbox, fault, lambda: _oauth(sandbox, name, query), lambda: None)
    endpoint = ENDPOINTS.get(name)
    if endpoint is None or endpoint.verb != request.method:
        raise Refusal(NOT_FOUND, f"Não existe {request.method} {ROOT}/{name}.")
    _authenticate(sandbox, request, endpoint)
    call = Call(sandbox, query["merchantId"], query, _body(request, endpoint.verb))
    _limits_check(sandbox, rates)
    fault = sandbox.faults.pick(f"{ROOT}/{name}", endpoint.paged)
    if fault is not None:
        call = replace(call, page_shift=PAGE_SHIFTS.get(fault.kind, 0))
    identity = None if endpoint.identity is None else endpoint.identity(call.body)
    with _in_flight(sandbox, identity):
        run = lambda: _run(call, endpoint, identity, fault)  # noqa: E731
        return _play(sandbox, fault, run, lambda: _note_unapplied(call, identity, fault))


@contextmanager
def _in_flight(sandbox: Sandbox, identity: Identity | None) -> Iterator[None]:
    if identity is None:
        yield
        return
    with sandbox.stats.writing(identity.call, identity.subject):
        yield


def _oauth(sandbox: Sandbox, name: str, query: dict[str, str]) -> Envelope:
    try:
        return OAUTH_ENDPOINTS[name](sandbox, query)
    except Refusal as refusal:
        return Envelope(refusal.result, refusal.message, refusal.data)


def _run(call: Call, endpoint: Endpoint, identity: Identity | None, fault: Fault | None) -> Envelope:
    """The handler and its ledger row in one transaction; a refusal has changed nothing."""
    with call.sandbox.state.transaction():
        try:
            reply = endpoint.handler(call)
            envelope = Envelope(OK, "success", reply.data)
        except Refusal as refusal:
            reply = Reply()
            envelope = Envelope(refusal.result, refusal.message, refusal.data)
        if identity is not None:
            ledger_add(
                call.sandbox.state,
                merchant_id=call.merchant_id,
                identity=identity,
                applied=reply.applied,
                result=envelope.result,
                fault=fault.kind if fault else None,
            )
    return envelope


def _note_unapplied(call: Call, identity: Identity | None, fault: Fault | None) -> None:
    if identity is None or fault is None:
        return
    with call.sandbox.state.transaction():
        ledger_add(
            call.sandbox.state,
            merchant_id=call.merchant_id,
            identity=identity,
            applied=False,
            result=0,
            fault=fault.kind,
        )


def _play(
    sandbox: Sandbox, fault: Fault | None, run: Callable[[], Envelope], note_unapplied: Callable[[], None]
) -> Outcome:
    """The call with its fault: applied or not, then what the caller gets to see."""
    if fault is None or fault.kind in PAGE_SHIFTS:
        return _told(sandbox, run(), fault)
    if fault.kind == "slow":
        return _slow(sandbox, fault, run)
    envelope = Envelope(OK, "success", {})
    if fault.effect == "before":
        envelope = run()
    else:
        note_unapplied()
    if fault.kind in FAULT_ENVELOPES:
        data = {"retryAfter": fault.retryAfter} if fault.retryAfter is not None else None
        envelope = replace(FAULT_ENVELOPES[fault.kind], data=data)
        return _told(sandbox, envelope, fault)
    sandbox.stopping.wait(fault.delay_seconds)
    return Outcome(_broken(sandbox, fault, envelope), fault.kind, fault.kind)


def _slow(sandbox: Sandbox, fault: Fault, run: Callable[[], Envelope]) -> Outcome:
    if fault.effect == "after":
        sandbox.stopping.wait(fault.delay_seconds)
    envelope = run()
    if fault.effect == "before":
        sandbox.stopping.wait(fault.delay_seconds)
    return _told(sandbox, envelope, fault)


def _broken(sandbox: Sandbox, fault: Fault, envelope: Envelope) -> Response:
    if fault.kind == "timeout":
        # The caller gets no byte: what is written to a closed socket is dropped by the server.
        request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        return Response(status=504)
    if fault.kind == "bad_gateway":
        return Response("<html><body><h1>502 Bad Gateway</h1></body></html>", 502, content_type="text/html")
    text = _written(sandbox, envelope)
    return Response(text[: len(text) // 2], content_type="application/json")


def _told(sandbox: Sandbox, envelope: Envelope, fault: Fault | None = None) -> Outcome:
    response = Response(_written(sandbox, envelope), content_type="application/json")
    message = "" if envelope.result == OK else envelope.message[:LONGEST_MESSAGE]
    return Outcome(response, str(envelope.result), fault.kind if fault else None, message)


def _written(sandbox: Sandbox, envelope: Envelope) -> str:
    as_number = sandbox.settings["idsAs"] == "number"
    return json.dumps(ids_on_wire(envelope.as_json(), as_number))


def _authenticate(sandbox: Sandbox, incoming: Request, endpoint: Endpoint) -> None:
    """App, version, signature, clock, token, merchant, scope; `Refusal` names the first miss."""
    query = incoming.args.to_dict()
    for name, result in COMMON_PARAMETERS.items():
        if not query.get(name):
            raise Refusal(result, f"Falta o parâmetro {name}.")
    if any(len(values) > 1 for values in incoming.args.to_dict(flat=False).values()):
        raise Refusal(BAD_SIGNATURE, "Há parâmetros repetidos.")
    if query["appKey"] != sandbox.credentials.app_key:
        raise Refusal(APP_INVALID, "O appKey não é conhecido.")
    if query["version"] != API_VERSION:
        raise Refusal(VERSION_INVALID, f"version deve ser {API_VERSION}.")
    if not signature_matches(incoming.path, query, sandbox.credentials):
        raise Refusal(BAD_SIGNATURE, "A assinatura está errada.")
    _clock_check(sandbox, query["ts"])
    oauth.token_check(
        sandbox.state,
        access_token=query["accessToken"],
        merchant_id=query["merchantId"],
        scope=endpoint.scope,
    )


def _clock_check(sandbox: Sandbox, text: str) -> None:
    skew = sandbox.settings["timestampSkewMs"]
    if not (text.isascii() and text.isdigit() and len(text) == 13) or abs(int(text) - now_ms()) > skew:
        raise Refusal(
            CLOCK_WRONG, f"ts deve ser o horário atual em milissegundos, com diferença até {skew} ms."
        )


def _body(incoming: Request, verb: str) -> dict[str, Any]:
    if verb == "GET":
        return {}
    try:
        body = json.loads(incoming.get_data())
    except ValueError:
        raise Refusal(REFUSED, "O corpo não é JSON.") from None
    if not isinstance(body, dict):
        raise Refusal(REFUSED, "O corpo deve ser um objeto JSON.")
    return body


def _limits_check(sandbox: Sandbox, rates: tuple[int, int, int]) -> None:
    of_path, of_store, today = rates
    switches = sandbox.settings
    for rate, limit in ((of_path, switches["perAppRate"]), (of_store, switches["perStoreRate"])):
        if limit and rate > limit:
            raise Refusal(TOO_MANY_REQUESTS, "Muitas chamadas por segundo.", {"retryAfter": 1})
    if switches["dailyQuota"] and today > switches["dailyQuota"]:
        raise Refusal(QUOTA_SPENT, "A cota diária de chamadas acabou.")
