"""Recorded answers of a real platform, served again (`--fixtures FILE`, `POST /_sandbox/fixtures`).

A recording is a JSON object, its personal data already replaced by whoever made it:

    {
      "kind": "kwai-recording",
      "edition": 2,
      "merchantId": "700000000000000001",
      "shopName": "Loja gravada",
      "orders": [details as queryOrderDetails answered them],
      "items": [rows as listItem answered them, each with an optional "skus": [rows of getSkuList]],
      "refunds": [rows as queryRefundList answered them]
    }

`shopName` and the three lists may be missing. An entry needs its id of up to 19 digits, as number or text
(`orderId`, `itemId`, `skuId`, `refundId` with `orderId`); any other field may be there or not and is kept.
With a dialect the recording is in the dialect's words.

Each order, item and refund is then answered exactly as it was recorded, until the ERP or the control calls
change it. An order is listed under the moment it was loaded, so that a caller who asks for what is new finds
it, and a push tells of it. What is already here under its id stays as it is. A recording that is wrong
anywhere raises `ValueError` with one sentence and loads nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kwai_sandbox import items, oauth, orders
from kwai_sandbox.clock import now_ms
from kwai_sandbox.items import SandboxItem
from kwai_sandbox.orders import SandboxOrder
from kwai_sandbox.wire import CallRefusal, id_text

if TYPE_CHECKING:
    from kwai_sandbox.sandbox import Sandbox

KIND, EDITION = "kwai-recording", 2
Row = dict[str, Any]


@dataclass(frozen=True)
class Recording:
    """A checked recording in the contract's words; an item's `skus` are taken out of its row."""

    merchant_id: str
    shop_name: str
    orders: dict[str, Row]
    items: dict[str, tuple[Row, dict[str, Row]]]
    refunds: dict[str, Row]


def recording_read(sandbox: Sandbox, path: Path) -> dict[str, int]:
    """Load the recording in a file; see `recording_load`."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} não pôde ser lido como JSON: {error}") from None
    try:
        return recording_load(sandbox, content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def recording_load(sandbox: Sandbox, content: Any) -> dict[str, int]:
    """Keep what is not here yet; answers how many of each were loaded and how many were here already."""
    recording = _checked(sandbox, content)
    state, known = sandbox.state, oauth.merchant_name(sandbox.state, recording.merchant_id)
    with state.transaction():
        if known is None:
            oauth.merchant_put(state, merchant_id=recording.merchant_id, shop_name=recording.shop_name)
        loaded = {
            "orders": sum(_order_keep(sandbox, recording, order_id) for order_id in recording.orders),
            "items": sum(_item_keep(sandbox, recording, item_id) for item_id in recording.items),
            "refunds": sum(_refund_keep(sandbox, recording, refund_id) for refund_id in recording.refunds),
        }
    total = len(recording.orders) + len(recording.items) + len(recording.refunds)
    return loaded | {"kept": total - sum(loaded.values())}


def _checked(sandbox: Sandbox, content: Any) -> Recording:
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise ValueError(f"não é uma gravação: falta “kind”: “{KIND}”")
    if content.get("edition") != EDITION:
        raise ValueError(f"a gravação é da edição {content.get('edition')} e o simulador lê a {EDITION}")
    said = sandbox.dialect.body_in
    return Recording(
        merchant_id=_id(content, "merchantId", "a gravação"),
        shop_name=str(content.get("shopName") or "Loja gravada"),
        orders=_rows(content.get("orders"), "orderId", "orders", lambda row: said("queryOrderDetails", row)),
        items=_items(content, said),
        refunds=_refunds(content, said),
    )


def _items(content: Row, said: Callable[[str, Any], Any]) -> dict[str, tuple[Row, dict[str, Row]]]:
    def without_skus(raw: Row) -> Row:
        row: Row = said("listItem", {name: value for name, value in raw.items() if name != "skus"})
        return row

    rows = _rows(content.get("items"), "itemId", "items", without_skus)
    return {
        item_id: (
            row,
            _rows(raw.get("skus"), "skuId", f"skus do {item_id}", lambda sku: said("getSkuList", sku)),
        )
        for (item_id, row), raw in zip(rows.items(), content.get("items") or [], strict=True)
    }


def _refunds(content: Row, said: Callable[[str, Any], Any]) -> dict[str, Row]:
    rows = _rows(content.get("refunds"), "refundId", "refunds", lambda row: said("queryRefundList", row))
    of_orders = [_id(row, "orderId", f"o reembolso {refund_id}") for refund_id, row in rows.items()]
    if len(set(of_orders)) != len(of_orders):
        raise ValueError("refunds: há dois reembolsos do mesmo pedido")
    return rows


def _rows(value: Any, id_name: str, where: str, meant: Callable[[Row], Row]) -> dict[str, Row]:
    """The objects of a list by their ids."""
    if value is None:
        return {}
    if not isinstance(value, list):
        raise ValueError(f"{where}: use uma lista")
    found: dict[str, Row] = {}
    for place, raw in enumerate(value, 1):
        if not isinstance(raw, dict):
            raise ValueError(f"{where}: o {place}º não é um objeto")
        row = meant(raw)
        row_id = _id(row, id_name, f"{where}, o {place}º")
        if row_id in found:
            raise ValueError(f"{where}: {id_name} {row_id} está repetido")
        found[row_id] = dict(row)
    return found


def _id(row: Row, name: str, where: str) -> str:
    try:
        return id_text(row.get(name), name)
    except CallRefusal:
        raise ValueError(f"{where}: {name} deve ter de 1 a 19 dígitos") from None


def _order_keep(sandbox: Sandbox, recording: Recording, order_id: str) -> bool:
    if orders.order_get(sandbox.state, order_id) is not None:
        return False
    detail, at = recording.orders[order_id], now_ms()
    created_at = detail.get("createTime")
    order = SandboxOrder(
        order_id=order_id,
        merchant_id=recording.merchant_id,
        create_time=created_at if orders.is_whole(created_at) else at,
        update_time=at,
        detail=detail,
        received={"recorded": True},
    )
    orders.orders_insert(sandbox.state, [order])
    sandbox.pushes.emit_order("order_created", order)
    return True


def _item_keep(sandbox: Sandbox, recording: Recording, item_id: str) -> bool:
    state, (row, skus) = sandbox.state, recording.items[item_id]
    if items.item_get(state, item_id) is not None:
        return False
    values = {
        "itemId": item_id,
        "title": str(row.get("title") or ""),
        "number": str(row.get("number") or ""),
        "activeStatus": _whole(row.get("activeStatus"), items.ACTIVE),
        "recorded": row,
        "skus": [_sku(sku_id, sku) for sku_id, sku in skus.items()],
    }
    item: SandboxItem = items.item_insert(
        state, merchant_id=recording.merchant_id, values=values, status=items.ACTIVE
    )
    sandbox.pushes.emit_item(item)
    return True


def _sku(sku_id: str, row: Row) -> Row:
    return {
        "skuId": sku_id,
        "number": str(row.get("number") or ""),
        "specification": str(row.get("skuSpecDesc") or ""),
        "salePrice": _whole(row.get("skuPrice"), 0),
        "stock": _whole(row.get("stock"), 0),
        "recorded": row,
    }


def _refund_keep(sandbox: Sandbox, recording: Recording, refund_id: str) -> bool:
    row, state = recording.refunds[refund_id], sandbox.state
    order_id = _id(row, "orderId", "refunds")
    if state.row("SELECT 1 FROM refunds WHERE refund_id = ? OR order_id = ?", refund_id, order_id):
        return False
    at = now_ms()
    state.run(
        "INSERT INTO refunds VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        refund_id, order_id, recording.merchant_id, _whole(row.get("status"), orders.REFUND_NONE),
        _whole(row.get("amount"), 0), str(row.get("reason") or ""), at, at, json.dumps(row),
    )  # fmt: skip
    return True


def _whole(value: Any, default: int) -> int:
    """A number of the recording, also in digits, for what the emulator has to reckon with."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else default
