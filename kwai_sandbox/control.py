"""The emulator's own JSON calls under `/_sandbox/`. Loopback only."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, jsonify, request
from werkzeug.exceptions import HTTPException

from kwai_sandbox import items, oauth, orders, settings
from kwai_sandbox.actions import ACTIONS, actions_for
from kwai_sandbox.clock import now_ms
from kwai_sandbox.consent import is_loopback
from kwai_sandbox.drafts import line_of, line_unlisted, lines_invent, order_draft
from kwai_sandbox.gateway import emulator
from kwai_sandbox.items import SandboxItem
from kwai_sandbox.ledger import ledger_doubled, ledger_read
from kwai_sandbox.orders import SandboxOrder
from kwai_sandbox.recordings import recording_load
from kwai_sandbox.sandbox import Sandbox
from kwai_sandbox.statuses import Status
from kwai_sandbox.wire import MAX_ID

blueprint = Blueprint("control", __name__, url_prefix="/_sandbox")
LARGEST_COUNT = 20_000
READING = ("GET", "HEAD", "OPTIONS")


def guard() -> None:
    """Loopback peers and host names only, and no writes sent by another site's page."""
    if not request.path.startswith("/_sandbox"):
        return
    host = urlsplit(f"//{request.host}").hostname or ""
    if not is_loopback(request.remote_addr or "") or not is_loopback(host):
        abort(403, "A área /_sandbox/ só atende o próprio computador.")
    origin = request.headers.get("Origin")
    foreign_origin = origin is not None and urlsplit(origin).netloc != request.host
    site = request.headers.get("Sec-Fetch-Site", "none")
    if request.method not in READING and (foreign_origin or site not in ("none", "same-origin")):
        abort(403, "A área /_sandbox/ não aceita envios de outro site.")


@blueprint.errorhandler(ValueError)
def on_bad_value(error: ValueError) -> tuple[Response, int]:
    """A wrong field is 400 with its reason."""
    return jsonify(error=str(error)), 400


@blueprint.errorhandler(HTTPException)
def on_http_error(error: HTTPException) -> tuple[Response, int]:
    """Every other failure is JSON as well."""
    return jsonify(error=error.description), error.code or 500


def _body() -> dict[str, Any]:
    if not request.is_json:
        raise ValueError("envie JSON com Content-Type: application/json")
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise ValueError("o corpo deve ser um objeto JSON")
    return body


def _merchant(sandbox: Sandbox, value: Any) -> str:
    merchant_id = str(value)
    if oauth.merchant_name(sandbox.state, merchant_id) is None:
        raise ValueError(f"merchantId {merchant_id} não existe; crie-o com POST /_sandbox/merchants")
    return merchant_id


@blueprint.get("/merchants")
def merchants_get() -> Response:
    return jsonify(merchants=oauth.merchants_list(emulator().state))


@blueprint.post("/merchants")
def merchants_post() -> Response:
    body = _body()
    merchant_id = str(body.get("merchantId", ""))
    if not (merchant_id.isascii() and merchant_id.isdigit()) or int(merchant_id) > MAX_ID:
        raise ValueError("merchantId: use até 19 dígitos")
    name = str(body.get("shopName") or f"Loja {merchant_id}")
    oauth.merchant_put(emulator().state, merchant_id=merchant_id, shop_name=name)
    return jsonify(merchantId=merchant_id, shopName=name)


@blueprint.get("/grants")
def grants_get() -> Response:
    return jsonify(grants=oauth.grants_list(emulator().state))


@blueprint.post("/grants")
def grants_post() -> Response:
    """The `code` of a finished consent, without a browser."""
    sandbox, body = emulator(), _body()
    merchant_id = _merchant(sandbox, body.get("merchantId"))
    asked = body.get("scopes") or list(oauth.SCOPES)
    scopes = oauth.scopes_parse(asked if isinstance(asked, str) else ",".join(map(str, asked)))
    return jsonify(code=oauth.code_issue(sandbox.state, merchant_id=merchant_id, scopes=scopes))


@blueprint.patch("/grants/<merchant_id>")
def grants_patch(merchant_id: str) -> Response:
    """`{"expired": "access"}` or `{"expired": "both"}`: let tokens end now."""
    expired = _body().get("expired")
    if expired not in ("access", "both"):
        raise ValueError("expired: use access ou both")
    if not oauth.grant_expire(emulator().state, merchant_id, refresh_too=expired == "both"):
        abort(404, "Esta loja não tem autorização.")
    return jsonify(grants=oauth.grants_list(emulator().state))


@blueprint.delete("/grants/<merchant_id>")
def grants_delete(merchant_id: str) -> Response:
    """The seller revokes the consent."""
    if not oauth.consent_end(emulator(), merchant_id):
        abort(404, "Esta loja não tem autorização em vigor.")
    return jsonify(revoked=True)


@blueprint.get("/orders")
def orders_get() -> Response:
    """The newest orders, of one seller, situation or shipping type when asked so."""
    found = orders.orders_latest(
        emulator().state,
        request.args.get("merchantId"),
        request.args.get("limit", 100, type=int),
        status=request.args.get("status", type=int),
        shipping_type=request.args.get("shippingType"),
    )
    return jsonify(orders=[_order_json(order) for order in found])


@blueprint.post("/orders")
def orders_post() -> Response:
    """Create orders; answers their ids as text, in creation order."""
    created = orders_create(emulator(), _body())
    return jsonify(orderIds=[order.order_id for order in created])


def orders_create(sandbox: Sandbox, body: dict[str, Any]) -> list[SandboxOrder]:
    """New orders by the fields of `POST /_sandbox/orders`; raises `ValueError`."""
    merchant_id = _merchant(sandbox, body.get("merchantId"))
    count = body.get("count", 1)
    if not isinstance(count, int) or not 1 <= count <= LARGEST_COUNT:
        raise ValueError(f"count: use de 1 a {LARGEST_COUNT}")
    shipping_type = body.get("shippingType", orders.SELLER_LOGISTICS)
    if shipping_type not in tuple(orders.SHIPPING_TYPES):
        raise ValueError(f"shippingType: use {' ou '.join(orders.SHIPPING_TYPES)}")
    status = body.get("status", Status.AWAITING_INVOICE)
    if isinstance(status, bool) or not isinstance(status, int):
        raise ValueError("status: use um número inteiro")
    listed = items.items_list(sandbox.state, merchant_id)
    created = [
        order_draft(
            sandbox.chance,
            merchant_id=merchant_id,
            sequence=sequence,
            created_at=now_ms(),
            status=status,
            shipping_type=shipping_type,
            lines=_lines(listed, body["skus"]) if body.get("skus") else lines_invent(sandbox.chance, listed),
        )
        for sequence in sandbox.state.next_ids("order", count)
    ]
    for order in created:
        _nothing_later(order)
        _overrule(order, body.get("overrides") or {}, body.get("omit") or [])
    _orders_store(sandbox, created)
    return created


def _nothing_later(order: SandboxOrder) -> None:
    """A draft that has progressed carries later moments; what is created now has none in the future."""
    order.update_time = order.create_time
    for name in ("paidTime", "shippedAt", "deliveredAt", "canceledAt", "updateTime"):
        if order.detail.get(name):
            order.detail[name] = order.create_time


def _overrule(order: SandboxOrder, overrides: dict[str, Any], omit: list[str]) -> None:
    """Odd payloads: any field replaced; a proper id or time also moves the order itself."""
    if not isinstance(overrides, dict) or not isinstance(omit, list):
        raise ValueError("overrides: use um objeto; omit: use uma lista de nomes")
    order.detail |= overrides
    own_id = str(overrides.get("orderId", ""))
    if own_id.isascii() and own_id.isdigit() and int(own_id) <= MAX_ID:
        order.order_id = own_id
    if orders.is_whole(overrides.get("createTime")):
        order.create_time = overrides["createTime"]
    if orders.is_whole(overrides.get("updateTime")):
        order.update_time = overrides["updateTime"]
    order.received["omit"] = omit


def _orders_store(sandbox: Sandbox, created: list[SandboxOrder]) -> None:
    ids = {order.order_id for order in created}
    if len(ids) != len(created) or any(orders.order_get(sandbox.state, order_id) for order_id in ids):
        raise ValueError("orderId: já existe um pedido com este número")
    with sandbox.state.transaction():
        orders.orders_insert(sandbox.state, created)
        for order in created:
            if order.detail.get("refundStatus"):
                orders.refund_put(sandbox.state, order)
            sandbox.pushes.emit_order("order_created", order)


def _lines(listed: list[SandboxItem], wanted: Any) -> list[dict[str, Any]]:
    if not isinstance(wanted, list):
        raise ValueError("skus: use uma lista")
    return [_line(listed, entry) for entry in wanted]


def _line(listed: list[SandboxItem], wanted: Any) -> dict[str, Any]:
    """A line from a seller code or SKU id, or from `{number|skuId, quantity, price, ...line fields}`."""
    entry: dict[str, Any] = dict(wanted) if isinstance(wanted, dict) else {"number": str(wanted)}
    code = str(entry.pop("number", None) or entry.get("skuId") or entry.get("skuNumber") or "")
    quantity = entry.pop("quantity", 1)
    pairs = [
        (item, sku) for item in listed for sku in item.body["skus"] if code in (sku["number"], sku["skuId"])
    ]
    line = line_of(*pairs[0], quantity) if pairs else line_unlisted(code, quantity)
    if "price" in entry:
        line["skuPrice"] = entry.pop("price")
    return line | entry


@blueprint.get("/orders/<order_id>")
def order_get(order_id: str) -> Response:
    return jsonify(
        _order_json(_order(order_id)) | {"writes": ledger_read(emulator().state, subject=order_id)}
    )


def _order(order_id: str) -> SandboxOrder:
    order = orders.order_get(emulator().state, order_id)
    if order is None:
        abort(404, "Pedido não encontrado.")
    return order


def _order_json(order: SandboxOrder) -> dict[str, Any]:
    received = order.received
    return {
        "orderId": order.order_id,
        "merchantId": order.merchant_id,
        "status": order.status,
        "createTime": order.create_time,
        "updateTime": order.update_time,
        "order": order.answer(masked=False),
        "invoice": received.get("invoice") or received.get("shipmentInvoice"),
        "arrangement": received.get("arrangement"),
        "hasLabel": order.has_label,
        "shipment": received.get("shipment"),
        "delivery": received.get("delivery"),
        "cancellation": received.get("cancellation"),
    }


@blueprint.patch("/orders/<order_id>")
def order_patch(order_id: str) -> Response:
    """Change any field. `status` (or `orderStatus`) does what the platform would; all else is set as told.

    `refundAmount` (centavos) and `refundReason` go to the row of queryRefundList.
    """
    changes = _body()
    if "status" in changes:
        changes["orderStatus"] = changes.pop("status")
    if not orders.is_whole(changes.get("refundAmount", 0)):
        raise ValueError("refundAmount: use centavos inteiros")
    if not isinstance(changes.get("refundReason", ""), str):
        raise ValueError("refundReason: use um texto")
    order = _order(order_id)
    order_change(emulator(), order, changes)
    return jsonify(_order_json(order))


def order_change(sandbox: Sandbox, order: SandboxOrder, changes: dict[str, Any]) -> None:
    """Change an order from the platform's side and push the event that fits."""
    event = _event(order, changes)
    if "omit" in changes:
        order.received["omit"] = changes.pop("omit")
    with sandbox.state.transaction():
        orders.order_change(sandbox.state, order, changes)
        sandbox.pushes.emit_order(event, order)


@blueprint.post("/orders/<order_id>/<action>")
def order_action(order_id: str, action: str) -> Response:
    """What a button of the order's page does, by its name in `ACTIONS`; 409 when it does not fit now."""
    body = _body() if request.data else {}
    typed = {name: str(body.get(name, "")) for name in ("trackingNumber", "reason")}
    order = _order(order_id)
    order_act(emulator(), order, action, typed)
    return jsonify(_order_json(order))


def order_act(sandbox: Sandbox, order: SandboxOrder, action: str, typed: dict[str, str]) -> None:
    """Press a button; aborts with 404 for an unknown one and 409 when the order does not permit it."""
    if action not in ACTIONS:
        abort(404, "Esta ação não existe.")
    if action not in actions_for(order):
        abort(409, "O pedido mudou e esta ação não cabe mais.")
    reason = typed["reason"].strip() or sandbox.settings["invoiceRefusalReason"]
    order_change(sandbox, order, ACTIONS[action].changes(order, typed | {"reason": reason}))


def _event(order: SandboxOrder, changes: dict[str, Any]) -> str:
    status = changes.get("orderStatus", order.status)
    if status == Status.CLOSED != order.status:
        return "order_cancelled"
    if status == Status.AWAITING_INVOICE and order.status == Status.AWAITING_PAYMENT:
        return "order_paid"
    return "refund_updated" if "refundStatus" in changes else "order_updated"


@blueprint.get("/items")
def items_get() -> Response:
    found = items.items_list(emulator().state, request.args.get("merchantId"))
    return jsonify(items=[item.as_json() for item in found])


@blueprint.post("/items")
def items_post() -> Response:
    """A listing, active unless told otherwise: `{merchantId, title, number?, skus: [...], ...}`."""
    sandbox, body = emulator(), _body()
    merchant_id = _merchant(sandbox, body.pop("merchantId", None))
    skus = body.get("skus", [])
    if not isinstance(skus, list) or not all(isinstance(sku, dict) for sku in skus):
        raise ValueError("skus: use uma lista de objetos")
    if body.get("itemId") and items.item_get(sandbox.state, str(body["itemId"])):
        raise ValueError("itemId: já existe um anúncio com este número")
    with sandbox.state.transaction():
        item = items.item_insert(sandbox.state, merchant_id=merchant_id, values=body, status=items.ACTIVE)
        sandbox.pushes.emit_item(item)
    return jsonify(item.as_json())


@blueprint.get("/items/<item_id>")
def item_get(item_id: str) -> Response:
    return jsonify(_item(item_id).as_json())


def _item(item_id: str) -> SandboxItem:
    item = items.item_get(emulator().state, item_id)
    if item is None:
        abort(404, "Anúncio não encontrado.")
    return item


@blueprint.patch("/items/<item_id>")
def item_patch(item_id: str) -> Response:
    """Change any field; an entry of `skus` changes the SKU with its `skuId`, or else with its `number`."""
    item, changes = _item(item_id), _body()
    item_change(emulator(), item, changes)
    return jsonify(item.as_json())


@blueprint.patch("/items")
def items_patch() -> Response:
    """The same for the listing of `itemId` or of a SKU: `{"skuId": ..., "number": new code, ...}`."""
    changes = _body()
    if "itemId" in changes:
        item = _item(str(changes.pop("itemId")))
    else:
        changes = {"skus": changes.get("skus") or [changes]}
        item = _item_of(changes["skus"])
    item_change(emulator(), item, changes)
    return jsonify(item.as_json())


def _item_of(entries: Any) -> SandboxItem:
    first = entries[0] if isinstance(entries, list) and isinstance(entries[0], dict) else {}
    item = items.item_of_sku(emulator().state, str(first.get("skuId", "")))
    if item is None:
        abort(404, "SKU não encontrado em nenhum anúncio.")
    return item


def item_change(sandbox: Sandbox, item: SandboxItem, changes: dict[str, Any]) -> None:
    """Change a listing from the platform's side and push it."""
    for change in changes.pop("skus", []):
        _sku_change(sandbox, item, change)
    item.body |= changes
    with sandbox.state.transaction():
        items.item_save(sandbox.state, item)
        sandbox.pushes.emit_item(item)


def _sku_change(sandbox: Sandbox, item: SandboxItem, change: Any) -> None:
    if not isinstance(change, dict):
        raise ValueError("skus: use uma lista de objetos")
    key = "skuId" if "skuId" in change else "number"
    match = next((sku for sku in item.body["skus"] if str(change.get(key, sku[key])) == sku[key]), None)
    if match is None:
        item.body["skus"].append(items.sku_fill(sandbox.state, change))
    else:
        match.update(change | {"skuId": match["skuId"]})


@blueprint.get("/faults")
def faults_get() -> Response:
    return jsonify(faults=emulator().faults.as_json())


@blueprint.put("/faults")
def faults_put() -> Response:
    emulator().faults.put(_body())
    return faults_get()


@blueprint.delete("/faults")
def faults_delete() -> Response:
    emulator().faults.clear()
    return faults_get()


@blueprint.get("/pushes")
def pushes_get() -> Response:
    return jsonify(emulator().pushes.settings())


@blueprint.put("/pushes")
def pushes_put() -> Response:
    emulator().pushes.configure(_body())
    return pushes_get()


@blueprint.post("/pushes/heartbeat")
def pushes_heartbeat() -> Response:
    """Send the platform's test message."""
    emulator().pushes.heartbeat()
    return pushes_get()


@blueprint.get("/settings")
def settings_get() -> Response:
    return jsonify(emulator().settings)


@blueprint.put("/settings")
def settings_put() -> Response:
    return jsonify(settings.settings_change(emulator().state, _body()))


@blueprint.post("/fixtures")
def fixtures_post() -> Response:
    """Load a recording (see `recordings`); answers how many orders, items and refunds are new here."""
    return jsonify(recording_load(emulator(), _body()))


@blueprint.get("/dialect")
def dialect_get() -> Response:
    """The words in which the platform speaks now, by the contract's words."""
    return jsonify(emulator().dialect.as_json())


@blueprint.get("/ledger")
def ledger_get() -> Response:
    """Rows since a moment (ms) or after a row id; which of them are doubled is judged against all rows."""
    state = emulator().state
    since, after = request.args.get("since", 0, type=int), request.args.get("after", 0, type=int)
    rows = ledger_read(state, since=since, after=after)
    return jsonify(rows=rows, doubled=ledger_doubled(state, since=since, after=after))


@blueprint.get("/stats")
def stats_get() -> Response:
    return jsonify(emulator().stats.as_json())


@blueprint.post("/reset")
def reset_post() -> Response:
    """Empty state; with `{"seed": N}` the seed is loaded afterwards."""
    sandbox = emulator()
    number = (_body() if request.data else {}).get("seed")
    sandbox.reset()
    if isinstance(number, int):
        sandbox.seed(number)
    return jsonify(reset=True)
