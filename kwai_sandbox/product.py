"""Listings over the open API (contract sections 3 and 4)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Any

from kwai_sandbox import items
from kwai_sandbox.drafts import SEED_DATA
from kwai_sandbox.items import SandboxItem
from kwai_sandbox.ledger import Identity
from kwai_sandbox.trade import page_of
from kwai_sandbox.wire import NOT_FOUND, REFUSED, Call, CallRefusal, SandboxReply, id_text

LARGEST_STOCK = 999_999
LARGEST_IMAGE = 2 * 1024 * 1024
IMAGE_FORMS = {b"\xff\xd8\xff": "jpg", b"\x89PNG\r\n\x1a\n": "png"}
IMAGE_HOST = "https://images.kwai-sandbox.invalid"
ITEM_FIELDS = (
    "title", "description", "categoryId", "images", "attributes", "ncm", "gtin", "package",
    "handlingDays", "number",
)  # fmt: skip
SKU_FIELDS = ("number", "specification", "salePrice", "promotionalPrice", "stock", "gtin", "images")
PROMOTION_FIELDS = ("promotionalPrice", "promotionStartsAt", "promotionEndsAt")


def item_list(call: Call) -> SandboxReply:
    """POST listItem: the merchant's listings, page by page."""
    limit, offset = page_of(call, "currentPage", "pageSize")
    found = items.items_list(call.sandbox.state, call.merchant_id, offset, limit)
    total = items.items_count(call.sandbox.state, call.merchant_id)
    return SandboxReply({"totalCount": total, "itemList": [item.summary() for item in found]})


def sku_list(call: Call) -> SandboxReply:
    """GET getSkuList: one listing's SKUs."""
    item = _owned(call, id_text(call.query.get("itemId"), "itemId"))
    return SandboxReply({"itemId": item.item_id, "saleCountry": "BRA", "skus": item.sku_rows()})


def _owned(call: Call, item_id: str) -> SandboxItem:
    item = items.item_get(call.sandbox.state, item_id)
    if item is None or item.merchant_id != call.merchant_id:
        raise CallRefusal(NOT_FOUND, "Anúncio não encontrado nesta loja.")
    return item


def _sku(call: Call) -> tuple[SandboxItem, dict[str, Any]]:
    item = _owned(call, call.identifier("itemId"))
    sku = item.sku(call.identifier("skuId"))
    if sku is None:
        raise CallRefusal(NOT_FOUND, "SKU não encontrado neste anúncio.")
    return item, sku


def _changed(call: Call, item: SandboxItem, applied: bool, data: Any = None) -> SandboxReply:
    if applied:
        items.item_save(call.sandbox.state, item)
        call.sandbox.pushes.emit_item(item)
    return SandboxReply(data or {"itemId": item.item_id}, applied)


def stock_update(call: Call) -> SandboxReply:
    """POST updateStock: the absolute stock of one SKU."""
    item, sku = _sku(call)
    stock = call.number("stock")
    if stock > LARGEST_STOCK:
        raise CallRefusal(REFUSED, f"O estoque vai até {LARGEST_STOCK}.")
    applied = sku["stock"] != stock
    sku["stock"] = stock
    return _changed(call, item, applied)


def price_update(call: Call) -> SandboxReply:
    """POST updatePrice: price and promotion of one SKU, in centavos; no promotion ends the old one."""
    item, sku = _sku(call)
    prices = {"salePrice": call.number("salePrice", 1)} | _promotion(call)
    applied = any(sku.get(name) != value for name, value in prices.items())
    sku.update(prices)
    return _changed(call, item, applied)


def _promotion(call: Call) -> dict[str, Any]:
    if call.body.get("promotionalPrice") is None:
        return dict.fromkeys(PROMOTION_FIELDS)
    price = call.number("promotionalPrice", 1)
    if price >= call.number("salePrice", 1):
        raise CallRefusal(REFUSED, "O preço promocional deve ser menor que o preço.")
    moments = {
        name: call.moment(name) if call.body.get(name) is not None else None for name in PROMOTION_FIELDS[1:]
    }
    begin, end = moments["promotionStartsAt"], moments["promotionEndsAt"]
    if begin is not None and end is not None and end <= begin:
        raise CallRefusal(REFUSED, "O fim da promoção deve vir depois do começo.")
    return {"promotionalPrice": price, **moments}


def item_add(call: Call) -> SandboxReply:
    """POST addItem: a new listing, in review."""
    values = _content(call)
    item = items.item_insert(
        call.sandbox.state, merchant_id=call.merchant_id, values=values, status=items.IN_REVIEW
    )
    return _changed(call, item, True, _ids(item))


def item_update(call: Call) -> SandboxReply:
    """POST updateItem: new content; a change goes back to review. SKUs are matched by seller code."""
    item = _owned(call, call.identifier("itemId"))
    values = _content(call)
    before = json.dumps(item.body, sort_keys=True)
    known = {sku["number"]: sku for sku in item.body["skus"]}
    state = call.sandbox.state
    values["skus"] = [
        known[sku["number"]] | sku if sku["number"] in known else items.sku_fill(state, sku)
        for sku in values["skus"]
    ]
    item.body |= values
    applied = json.dumps(item.body, sort_keys=True) != before
    if applied:
        item.body |= {"activeStatus": items.IN_REVIEW, "refusalReason": ""}
    return _changed(call, item, applied, _ids(item))


def _ids(item: SandboxItem) -> dict[str, Any]:
    skus = [{"number": sku["number"], "skuId": sku["skuId"]} for sku in item.body["skus"]]
    return {"itemId": item.item_id, "skus": skus}


def _content(call: Call) -> dict[str, Any]:
    values = {name: call.body[name] for name in ITEM_FIELDS if name in call.body}
    values["title"] = call.text("title")
    values["categoryId"] = _category(call)
    skus = call.body.get("skus")
    if not isinstance(skus, list) or not skus:
        raise CallRefusal(REFUSED, "Informe ao menos um SKU.")
    values["skus"] = [_sku_content(call, sku) for sku in skus]
    numbers = [sku["number"] for sku in values["skus"]]
    if len(set(numbers)) != len(numbers):
        raise CallRefusal(REFUSED, "Há códigos de SKU repetidos no anúncio.")
    return values


def _category(call: Call) -> str:
    category_id = call.identifier("categoryId")
    if not any(entry["categoryId"] == category_id and entry["leaf"] for entry in SEED_DATA["categories"]):
        raise CallRefusal(REFUSED, "A categoria não existe ou não é do último nível.")
    return category_id


def _sku_content(call: Call, sku: Any) -> dict[str, Any]:
    if not isinstance(sku, dict):
        raise CallRefusal(REFUSED, "Cada SKU deve ser um objeto.")
    inner = Call(call.sandbox, call.merchant_id, call.query, sku)
    values = {name: sku[name] for name in SKU_FIELDS if name in sku}
    values["number"] = inner.text("number")
    values["salePrice"] = inner.number("salePrice", 1)
    values["stock"] = inner.number("stock")
    return values


def active_status_update(call: Call) -> SandboxReply:
    """POST updateActiveStatus: 1 or 3; a listing in review or refused cannot be switched."""
    item = _owned(call, call.identifier("itemId"))
    status = call.number("activeStatus")
    if status not in (items.ACTIVE, items.INACTIVE):
        raise CallRefusal(REFUSED, "activeStatus deve ser 1 (ativo) ou 3 (inativo).")
    if item.body["activeStatus"] in (items.IN_REVIEW, items.REFUSED):
        raise CallRefusal(REFUSED, f"O anúncio está {item.status_name}.")
    applied = item.body["activeStatus"] != status
    item.body["activeStatus"] = status
    return _changed(call, item, applied)


def image_upload(call: Call) -> SandboxReply:
    """POST uploadImage: a JPG or PNG in base64, up to 2 MB; the same content always has the same address."""
    call.text("fileName")
    try:
        content = base64.b64decode(call.text("content"), validate=True)
    except (binascii.Error, ValueError):
        raise CallRefusal(REFUSED, "A imagem não está em base64.") from None
    form = next((name for start, name in IMAGE_FORMS.items() if content.startswith(start)), None)
    if form is None or len(content) > LARGEST_IMAGE:
        raise CallRefusal(REFUSED, "A imagem deve ser JPG ou PNG de até 2 MB.")
    return SandboxReply({"url": f"{IMAGE_HOST}/{hashlib.sha256(content).hexdigest()}.{form}"})


def category_list(call: Call) -> SandboxReply:
    """GET getCategoryList: the whole tree as rows."""
    return SandboxReply(SEED_DATA["categories"])


def category_attributes(call: Call) -> SandboxReply:
    """GET getCategoryAttributes: what a listing of the category is asked for."""
    category_id = id_text(call.query.get("categoryId"), "categoryId")
    if not any(entry["categoryId"] == category_id for entry in SEED_DATA["categories"]):
        raise CallRefusal(NOT_FOUND, "Categoria não encontrada.")
    attributes = SEED_DATA["attributes"]
    return SandboxReply(attributes["default"] + attributes.get(category_id, []))


def stock_identity(body: dict[str, Any]) -> Identity:
    """Two stock writes of a SKU are equal when the number is."""
    return Identity("updateStock", str(body.get("skuId")), {"stock": body.get("stock")})


def price_identity(body: dict[str, Any]) -> Identity:
    """Two price writes of a SKU are equal when every price and date is."""
    content = {name: body.get(name) for name in ("salePrice", *PROMOTION_FIELDS)}
    return Identity("updatePrice", str(body.get("skuId")), content)


def new_item_identity(body: dict[str, Any]) -> Identity:
    """The subject of a creation is the seller code, of the item or else of its first SKU."""
    skus = body.get("skus")
    first = skus[0] if isinstance(skus, list) and skus and isinstance(skus[0], dict) else {}
    return Identity("addItem", str(body.get("number") or first.get("number")), body)


def item_identity(body: dict[str, Any]) -> Identity:
    """Two updates of a listing are equal when the whole content is."""
    return Identity("updateItem", str(body.get("itemId")), body)


def active_status_identity(body: dict[str, Any]) -> Identity:
    """Two switches of a listing are equal when the wish is."""
    return Identity("updateActiveStatus", str(body.get("itemId")), {"activeStatus": body.get("activeStatus")})
