"""The lists and tokens the platform answers with, as typed values. Details of an order: `orders`.

Each reader raises `Unreadable` when the frame itself is not what the contract publishes; a single bad field
inside a listing is left empty instead.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from datetime import datetime, timedelta
from typing import Any

from kwai_integration.mapping import fields
from kwai_integration.wire.codes import LabelFormat
from kwai_integration.wire.names import ItemNames, RefundNames, SkuNames, WireNames
from kwai_integration.wire.types import (
    Arranged,
    ItemPage,
    OrderPage,
    RefundPage,
    RemoteItem,
    RemoteRefund,
    RemoteSku,
    TokenPair,
)

# How a file of each format begins.
LABEL_BEGINS = {LabelFormat.PDF: b"%PDF-", LabelFormat.ZPL: b"^XA"}
LARGEST_LABEL = 5 * 1024 * 1024
TEN_YEARS = 10 * 366 * 86_400


class Unreadable(ValueError):
    """The envelope was fine, its data is not what the contract describes."""


def order_page_read(data: object, wire: WireNames) -> OrderPage:
    """`queryOrderList`. Entries without a usable id are left out, so the total then tells of the gap."""
    frame, names = _frame(data), wire.order_page
    total = _total(frame, names.total)
    entries = fields.records(_entries(frame, names.orders, total))
    ids = (fields.remote_id(entry.get(names.order_id)) for entry in entries)
    return OrderPage(total=total, order_ids=tuple(filter(None, ids)))


def order_details_read(data: object, wire: WireNames) -> tuple[dict[str, Any], ...]:
    """`queryOrderDetails`, which answers with a list or with an object that holds it."""
    entries = data if isinstance(data, list) else _entries(_frame(data), wire.details.orders)
    return tuple(fields.records(entries))


def refund_page_read(data: object, wire: WireNames) -> RefundPage:
    """`queryRefundList`. Rows that name no order are left out, so the total then tells of the gap."""
    frame, names = _frame(data), wire.refund_page
    total = _total(frame, names.total)
    entries = fields.records(_entries(frame, names.refunds, total))
    refunds = (_refund_read(entry, wire.refund) for entry in entries)
    return RefundPage(total=total, refunds=tuple(refund for refund in refunds if refund.order_id))


def item_page_read(data: object, wire: WireNames) -> ItemPage:
    """`listItem`. Listings without an id are left out."""
    frame, names = _frame(data), wire.item_page
    total = _total(frame, names.total)
    entries = fields.records(_entries(frame, names.items, total))
    items = (_item_read(entry, wire.item) for entry in entries)
    return ItemPage(total=total, items=tuple(item for item in items if item.item_id))


def sku_list_read(data: object, wire: WireNames) -> tuple[RemoteSku, ...]:
    """`getSkuList`. SKUs without an id are left out."""
    frame, names = _frame(data), wire.sku_list
    item_id = fields.remote_id(frame.get(names.item_id))
    skus = (_sku_read(entry, wire.sku, item_id) for entry in fields.records(_entries(frame, names.skus)))
    return tuple(sku for sku in skus if sku.sku_id)


def token_pair_read(data: object, wire: WireNames, asked_at: datetime, *, is_first: bool) -> TokenPair:
    """The OAuth answer. Lifetimes count from `asked_at`, the moment before the call, never later.

    `is_first`: the answer makes a connection, which takes merchant and refresh token; one that renews it may
    leave them out, and then the known ones stand.
    """
    frame, names = _frame(data), wire.tokens
    merchant_id = fields.remote_id(frame.get(names.merchant_id))
    if not merchant_id.strip("0"):
        merchant_id = ""  # a number left empty
    if is_first and not merchant_id:
        raise Unreadable("no merchant in the OAuth answer")
    read = _token if is_first else _known_token
    return TokenPair(
        merchant_id=merchant_id,
        shop_name=fields.text(frame.get(names.shop_name), 150),
        access_token=_token(frame, names.access_token),
        refresh_token=read(frame, names.refresh_token),
        access_expires_at=_end(frame.get(names.expires_in), asked_at),
        refresh_expires_at=_end(frame.get(names.refresh_expires_in), asked_at),
        scopes=_scopes(frame.get(names.scopes)),
    )


def arranged_read(data: object, wire: WireNames) -> Arranged:
    """`arrangeShipment`. Without a number nothing was told, although the shipment may be arranged."""
    frame, names = _frame(data), wire.arrangement
    number = fields.text(frame.get(names.tracking_number), 60)
    if not number:
        raise Unreadable("no tracking number for the arranged shipment")
    return Arranged(
        carrier_code=fields.text(frame.get(names.carrier_code), 40),
        carrier_name=fields.text(frame.get(names.carrier_name), 80),
        tracking_number=number,
    )


def label_read(data: object, wanted: LabelFormat, wire: WireNames) -> bytes:
    """`getShippingLabel`: the file itself, which is what it was asked for by how it begins."""
    content = _frame(data).get(wire.label.content)
    if not isinstance(content, str):
        raise Unreadable("the label is no text")
    try:
        label = b64decode(content, validate=True)
    except (NotBase64, ValueError):
        raise Unreadable("the label is not base64") from None
    if len(label) > LARGEST_LABEL:
        raise Unreadable("the label is too large")
    if not label.lstrip().startswith(LABEL_BEGINS[wanted]):
        raise Unreadable(f"the label is no {wanted}")
    return label


def _refund_read(entry: dict[str, Any], names: RefundNames) -> RemoteRefund:
    return RemoteRefund(
        refund_id=fields.remote_id(entry.get(names.id)),
        order_id=fields.remote_id(entry.get(names.order_id)),
        status=fields.remote_code(entry.get(names.status)),
        amount=_not_negative(entry.get(names.amount)),
        reason=fields.text(entry.get(names.reason), 500),
        updated_at=fields.moment(entry.get(names.updated_at)),
    )


def _item_read(entry: dict[str, Any], names: ItemNames) -> RemoteItem:
    return RemoteItem(
        item_id=fields.remote_id(entry.get(names.id)),
        title=fields.text(entry.get(names.title), 300),
        seller_code=seller_code(entry.get(names.seller_code)),
        active_status=fields.remote_code(entry.get(names.active_status)),
        sale_price=_not_negative(entry.get(names.price)),
        stock=_not_negative(entry.get(names.stock)),
        updated_at=fields.moment(entry.get(names.updated_at)),
        sale_country=fields.text(entry.get(names.country), 10),
    )


def _sku_read(entry: dict[str, Any], names: SkuNames, item_id: str) -> RemoteSku:
    return RemoteSku(
        item_id=fields.remote_id(entry.get(names.item_id)) or item_id,
        sku_id=fields.remote_id(entry.get(names.id)),
        seller_code=seller_code(entry.get(names.seller_code)),
        specification=fields.text(entry.get(names.specification), 200),
        price=_not_negative(entry.get(names.price)),
        stock=_not_negative(entry.get(names.stock)),
    )


def seller_code(value: object) -> str:
    """The seller's own code, or "" when it is longer than any SKU code: cut, it could equal another SKU's."""
    code = fields.text(value, 61)
    return code if len(code) <= 60 else ""


def _frame(data: object) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise Unreadable("the data is not an object")
    return data


def _entries(frame: dict[str, Any], name: str, total: int | None = None) -> list[Any]:
    """The list called `name`; null stands for an empty one, and so does nothing at all when the total is 0
    (contract 3.4)."""
    entries = frame.get(name, None if total == 0 else _MISSING)
    if entries is None:
        return []
    if not isinstance(entries, list):
        raise Unreadable(f"{name} is not a list")
    return entries


def _total(frame: dict[str, Any], name: str) -> int:
    total = fields.integer(frame.get(name))
    if total is None or total < 0:
        raise Unreadable(f"{name} is not a count")
    return total


def _not_negative(value: object) -> int | None:
    number = fields.integer(value)
    return number if number is not None and number >= 0 else None


def _token(frame: dict[str, Any], name: str) -> str:
    token = frame.get(name)
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token.strip():
        raise Unreadable(f"{name} is not usable")
    return token


def _known_token(frame: dict[str, Any], name: str) -> str:
    """The token, "" when the answer holds none that is usable."""
    try:
        return _token(frame, name)
    except Unreadable:
        return ""


def _end(seconds: object, asked_at: datetime) -> datetime | None:
    lifetime = fields.integer(seconds)
    if lifetime is None or not 0 < lifetime <= TEN_YEARS:
        return None
    return asked_at + timedelta(seconds=lifetime)


def _scopes(value: object) -> tuple[str, ...]:
    names = value.split(",") if isinstance(value, str) else ()
    return tuple(filter(None, (fields.text(name, 50) for name in names)))


_MISSING = object()
