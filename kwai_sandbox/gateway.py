"""The open API's front door: endpoint table, authentication, faults, envelope (contract section 1)."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Flask, Request, Response, current_app, request

from kwai_sandbox import fulfilment, logistics, oauth, product, trade
from kwai_sandbox.activity import order_of, sentence
from kwai_sandbox.clock import now_ms
from kwai_sandbox.dialect import ROOT, Dialect
from kwai_sandbox.faults import MISSING_MERCHANT, PAGING, Fault
from kwai_sandbox.ledger import Identity, IdentityReader, ledger_add
from kwai_sandbox.sandbox import Sandbox
from kwai_sandbox.signing import signature_matches
from kwai_sandbox.stats import Arrival, SeenCall
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
    UNKNOWN_CODE,
    VERSION_INVALID,
    Call,
    CallRefusal,
    Envelope,
    SandboxReply,
    ids_on_wire,
)

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
LIMIT_SECONDS = 1
LONGEST_MESSAGE = 200
LARGEST_BODY = 8 * 1024 * 1024
Handler = Callable[[Call], SandboxReply]
OAuthHandler = Callable[[Sandbox, dict[str, str]], Envelope]


@dataclass(frozen=True)
class SandboxEndpoint:
    """One row of the platform's call table; `identity` marks a write, `paged` a list."""

    verb: str
    scope: str
    handler: Handler
    identity: IdentityReader | None = None
    paged: bool = False


ITEM, ORDER = "merchant_item", "merchant_order"
ENDPOINTS = {
    "trade/queryOrderList": SandboxEndpoint("POST", ORDER, trade.order_list, paged=True),
    "trade/queryOrderDetails": SandboxEndpoint("POST", ORDER, trade.order_details),
    "trade/queryRefundList": SandboxEndpoint("POST", ORDER, trade.refund_list, paged=True),
    "trade/merchant/uploadInvoice": SandboxEndpoint(
        "POST", ORDER, fulfilment.invoice_upload, fulfilment.invoice_identity
    ),
    "trade/merchant/shipOrder": SandboxEndpoint(
        "POST", ORDER, fulfilment.order_ship, fulfilment.shipment_identity
    ),
    "trade/merchant/confirmDelivery": SandboxEndpoint(
        "POST", ORDER, fulfilment.delivery_confirm, fulfilment.delivery_identity
    ),
    "trade/merchant/cancelOrder": SandboxEndpoint(
        "POST", ORDER, fulfilment.order_cancel, fulfilment.cancellation_identity
    ),
    "product/listItem": SandboxEndpoint("POST", ITEM, product.item_list, paged=True),
    "product/getSkuList": SandboxEndpoint("GET", ITEM, product.sku_list),
    "product/updateStock": SandboxEndpoint("POST", ITEM, product.stock_update, product.stock_identity),
    "product/updatePrice": SandboxEndpoint("POST", ITEM, product.price_update, product.price_identity),
    "product/addItem": SandboxEndpoint("POST", ITEM, product.item_add, product.new_item_identity),
    "product/updateItem": SandboxEndpoint("POST", ITEM, product.item_update, product.item_identity),
    "product/updateActiveStatus": SandboxEndpoint(
        "POST", ITEM, product.active_status_update, product.active_status_identity
    ),
    "product/uploadImage": SandboxEndpoint("POST", ITEM, product.image_upload),
    "product/getCategoryList": SandboxEndpoint("GET", ITEM, product.category_list),
    "product/getCategoryAttributes": SandboxEndpoint("GET", ITEM, product.category_attributes),
    "logistics/arrangeShipment": SandboxEndpoint(
        "POST", ORDER, logistics.shipment_arrange, logistics.arrangement_identity
    ),
    "logistics/getShippingLabel": SandboxEndpoint("GET", ORDER, logistics.shipping_label),
}
OAUTH_ENDPOINTS: dict[str, OAuthHandler] = {
    "oauth2/token": oauth.token_exchange,
    "oauth2/refreshToken": oauth.token_refresh,
}
FAULT_ENVELOPES = {
    "rate_limit": Envelope(TOO_MANY_REQUESTS, "Muitas chamadas; tente de novo em instantes."),
    "quota": Envelope(QUOTA_SPENT, "A cota diária de chamadas acabou."),
    "token_expired": Envelope(TOKEN_INVALID, "O accessToken venceu."),
    "clock": Envelope(CLOCK_WRONG, "ts está longe do horário da plataforma."),
    "unknown_code": Envelope(UNKNOWN_CODE, "Resultado que ninguém documentou."),
    "revoked": Envelope(CONSENT_REVOKED, "O vendedor revogou a autorização."),
    "server_error": Envelope(PLATFORM_FAULT, "Erro interno da plataforma."),
}
CALLS = (*ENDPOINTS, *OAUTH_ENDPOINTS)
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
MERCHANT_FIELDS = ("merchantId", "shopName")

blueprint = Blueprint("gateway", __name__, url_prefix=ROOT)


@dataclass(frozen=True)
class IncomingCall:
    """A call as it came: its name in `CALLS` or empty, path and query in the contract's words."""

    call: str
    path: str
    merchant_id: str
    query: dict[str, str]


@dataclass
class CallOutcome:
    """What the caller sees and how it is counted."""

    response: Response
    label: str
    fault: str | None = None
    message: str = ""


def emulator() -> Sandbox:
    """The sandbox of the running application."""
    found: Sandbox = current_app.extensions["sandbox"]
    return found


def calls_register(app: Flask, dialect: Dialect) -> None:
    """Serve the calls where the dialect has them, beside the usual root where unknown ones are answered."""
    for path in dialect.paths.values():
        app.add_url_rule(path, f"dialect {path}", serve, methods=METHODS)


@blueprint.route("/<path:name>", methods=METHODS)
def serve(name: str = "") -> Response:
    """Every call of the open API; which one it is says the dialect, by the path."""
    sandbox, started = emulator(), now_ms()
    known = next((call for call in CALLS if sandbox.dialect.path_of(call) == request.path), "")
    incoming = IncomingCall(
        call=known,
        path=f"{ROOT}/{known}" if known else request.path,
        merchant_id=request.args.get("merchantId", ""),
        query=_query(sandbox, known),
    )
    arrival = sandbox.stats.arrived(incoming.path, incoming.merchant_id)
    try:
        outcome = _answer(sandbox, incoming, arrival)
    except CallRefusal as refusal:
        outcome = _told(sandbox, incoming, Envelope(refusal.result, refusal.message, refusal.data))
    fields = incoming.query if request.method == "GET" else _readable_body(sandbox, known)
    sandbox.stats.answered(
        SeenCall(
            time=started,
            path=incoming.path,
            merchant_id=incoming.merchant_id,
            result=outcome.label,
            fault=outcome.fault,
            milliseconds=now_ms() - started,
            text=sentence(known or name, fields),
            order_id=order_of(fields),
            message=outcome.message,
            early=arrival.early,
        )
    )
    return outcome.response


def _query(sandbox: Sandbox, call: str) -> dict[str, str]:
    """The query in the contract's words; the names of the transport stay."""
    query = request.args.to_dict()
    if call not in ENDPOINTS:
        return query
    own = {name: value for name, value in query.items() if name not in COMMON_PARAMETERS}
    meant: dict[str, str] = sandbox.dialect.body_in(call, own)
    return {name: query[name] for name in COMMON_PARAMETERS if name in query} | meant


def _readable_body(sandbox: Sandbox, call: str) -> dict[str, Any]:
    """What the call says, as far as it can be read."""
    body = request.get_json(force=True, silent=True)
    meant = sandbox.dialect.body_in(call, body)
    return meant if isinstance(meant, dict) else {}


def _answer(sandbox: Sandbox, incoming: IncomingCall, arrival: Arrival) -> CallOutcome:
    name, query = incoming.call, incoming.query
    if name in OAUTH_ENDPOINTS and request.method == "GET":
        fault = sandbox.faults.pick(incoming.path, oauth=True)
        return _play(sandbox, incoming, fault, lambda: _oauth(sandbox, name, query), lambda: None)
    endpoint = ENDPOINTS.get(name)
    if endpoint is None or endpoint.verb != request.method:
        raise CallRefusal(NOT_FOUND, f"Não existe {request.method} {request.path}.")
    _authenticate(sandbox, request, endpoint)
    call = Call(sandbox, query["merchantId"], query, _body(sandbox, incoming, endpoint.verb))
    _limits_check(sandbox, arrival, incoming)
    fault = sandbox.faults.pick(incoming.path, paged=endpoint.paged)
    if fault is not None:
        call = replace(call, page_fault=fault.kind)
    identity = None if endpoint.identity is None else endpoint.identity(call.body)
    with _in_flight(sandbox, identity):
        run = lambda: _run(call, endpoint, identity, fault)  # noqa: E731
        return _play(sandbox, incoming, fault, run, lambda: _note_unapplied(call, identity, fault))


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
    except CallRefusal as refusal:
        return Envelope(refusal.result, refusal.message, refusal.data)


def _run(call: Call, endpoint: SandboxEndpoint, identity: Identity | None, fault: Fault | None) -> Envelope:
    """The handler and its ledger row in one transaction; a refusal has changed nothing."""
    with call.sandbox.state.transaction():
        try:
            reply = endpoint.handler(call)
            envelope = Envelope(OK, "success", reply.data)
        except CallRefusal as refusal:
            reply = SandboxReply()
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
    sandbox: Sandbox,
    incoming: IncomingCall,
    fault: Fault | None,
    run: Callable[[], Envelope],
    note_unapplied: Callable[[], None],
) -> CallOutcome:
    """The call with its fault: applied or not, then what the caller gets to see."""
    if fault is None or fault.kind in PAGING:
        return _told(sandbox, incoming, run(), fault)
    if fault.kind == MISSING_MERCHANT:
        return _told(sandbox, incoming, _without_merchant(run()), fault)
    if fault.kind == "slow":
        return _slow(sandbox, incoming, fault, run)
    envelope = Envelope(OK, "success", {})
    if fault.effect == "before":
        envelope = run()
    else:
        note_unapplied()
    if fault.kind in FAULT_ENVELOPES:
        return _told(sandbox, incoming, _fault_envelope(sandbox, incoming, fault), fault)
    sandbox.stopping.wait(fault.delay_seconds)
    return CallOutcome(_broken(sandbox, incoming, fault, envelope), fault.kind, fault.kind)


def _without_merchant(envelope: Envelope) -> Envelope:
    if not isinstance(envelope.data, dict):
        return envelope
    kept = {name: value for name, value in envelope.data.items() if name not in MERCHANT_FIELDS}
    return replace(envelope, data=kept)


def _fault_envelope(sandbox: Sandbox, incoming: IncomingCall, fault: Fault) -> Envelope:
    usual = FAULT_ENVELOPES[fault.kind]
    data = None
    if fault.retryAfter is not None:
        data = {"retryAfter": fault.retryAfter}
        sandbox.stats.wait_told((incoming.merchant_id, incoming.path), fault.retryAfter)
    return replace(usual, result=usual.result if fault.code is None else fault.code, data=data)


def _slow(sandbox: Sandbox, incoming: IncomingCall, fault: Fault, run: Callable[[], Envelope]) -> CallOutcome:
    if fault.effect == "after":
        sandbox.stopping.wait(fault.delay_seconds)
    envelope = run()
    if fault.effect == "before":
        sandbox.stopping.wait(fault.delay_seconds)
    return _told(sandbox, incoming, envelope, fault)


def _broken(sandbox: Sandbox, incoming: IncomingCall, fault: Fault, envelope: Envelope) -> Response:
    if fault.kind == "timeout":
        # The caller gets no byte: what is written to a closed socket is dropped by the server.
        request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        return Response(status=504)
    if fault.kind == "bad_gateway":
        return Response("<html><body><h1>502 Bad Gateway</h1></body></html>", 502, content_type="text/html")
    text = envelope_text(sandbox, envelope, incoming.call)
    return Response(text[: len(text) // 2], content_type="application/json")


def _told(
    sandbox: Sandbox, incoming: IncomingCall, envelope: Envelope, fault: Fault | None = None
) -> CallOutcome:
    text = envelope_text(sandbox, envelope, incoming.call)
    response = Response(text, content_type="application/json")
    # The server writes the true time unless told another.
    if fault is not None and fault.offsetMs:
        response.date = datetime.now(UTC) + timedelta(milliseconds=fault.offsetMs)
    message = "" if envelope.result == OK else envelope.message[:LONGEST_MESSAGE]
    return CallOutcome(response, str(envelope.result), fault.kind if fault else None, message)


def envelope_text(sandbox: Sandbox, envelope: Envelope, call: str = "") -> str:
    """The answer's body as it leaves: in the words of the dialect."""
    data = ids_on_wire(envelope.data, sandbox.settings["idsAs"] == "number")
    return json.dumps(
        {
            "result": sandbox.dialect.result_out(envelope.result),
            "message": envelope.message,
            "data": sandbox.dialect.data_out(call, data),
        }
    )


def _authenticate(sandbox: Sandbox, incoming: Request, endpoint: SandboxEndpoint) -> None:
    """App, version, signature, clock, token, merchant, scope; `CallRefusal` names the first miss."""
    query = incoming.args.to_dict()
    for name, result in COMMON_PARAMETERS.items():
        if not query.get(name):
            raise CallRefusal(result, f"Falta o parâmetro {name}.")
    if any(len(values) > 1 for values in incoming.args.to_dict(flat=False).values()):
        raise CallRefusal(BAD_SIGNATURE, "Há parâmetros repetidos.")
    if query["appKey"] != sandbox.credentials.app_key:
        raise CallRefusal(APP_INVALID, "O appKey não é conhecido.")
    if query["version"] != API_VERSION:
        raise CallRefusal(VERSION_INVALID, f"version deve ser {API_VERSION}.")
    if not signature_matches(incoming.path, query, sandbox.credentials):
        raise CallRefusal(BAD_SIGNATURE, "A assinatura está errada.")
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
        raise CallRefusal(
            CLOCK_WRONG, f"ts deve ser o horário atual em milissegundos, com diferença até {skew} ms."
        )


def _body(sandbox: Sandbox, incoming: IncomingCall, verb: str) -> dict[str, Any]:
    if verb == "GET":
        return {}
    try:
        body = sandbox.dialect.body_in(incoming.call, json.loads(request.get_data()))
    except ValueError:
        raise CallRefusal(REFUSED, "O corpo não é JSON.") from None
    if not isinstance(body, dict):
        raise CallRefusal(REFUSED, "O corpo deve ser um objeto JSON.")
    return body


def _limits_check(sandbox: Sandbox, arrival: Arrival, incoming: IncomingCall) -> None:
    switches = sandbox.settings
    for rate, limit, scope in (
        (arrival.of_path, switches["perAppRate"], (None, incoming.path)),
        (arrival.of_store, switches["perStoreRate"], (incoming.merchant_id, None)),
    ):
        if limit and rate > limit:
            sandbox.stats.wait_told(scope, LIMIT_SECONDS)
            raise CallRefusal(
                TOO_MANY_REQUESTS, f"Passou de {limit} chamadas por segundo.", {"retryAfter": LIMIT_SECONDS}
            )
    if switches["dailyQuota"] and arrival.today > switches["dailyQuota"]:
        raise CallRefusal(QUOTA_SPENT, "A cota diária de chamadas acabou.")
