"""The lists and tokens the platform answers with, as typed values. Details of an order: `orders`.

Each reader raises `Unreadable` when the frame itself is not what the contract publishes; a single bad field
inside a listing is left empty instead.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from kwai_integration.client.types import ItemPage, OrderPage, RemoteItem, RemoteSku, TokenPair
from kwai_integration.mapping import fields

TEN_YEARS = 10 * 366 * 86_400


class Unreadable(ValueError):
    """The envelope was fine, its data is not what the contract describes."""


def order_page_read(data: object) -> OrderPage:
    """`queryOrderList`. Entries without a usable id are left out, so the total then tells of the gap."""
    frame = _frame(data)
    ids = (fields.remote_id(entry.get("orderId")) for entry in fields.records(_entries(frame, "orderList")))
    return OrderPage(total=_total(frame, "total"), order_ids=tuple(filter(None, ids)))


def order_details_read(data: object) -> tuple[dict[str, Any], ...]:
    """`queryOrderDetails`, which answers with a list or with `{"orderInfoDetailList": [...]}`."""
    entries = data if isinstance(data, list) else _entries(_frame(data), "orderInfoDetailList")
    return tuple(fields.records(entries))


def item_page_read(data: object) -> ItemPage:
    """`listItem`. Listings without an id are left out."""
    frame = _frame(data)
    items = (_item_read(entry) for entry in fields.records(_entries(frame, "itemList")))
    return ItemPage(total=_total(frame, "totalCount"), items=tuple(item for item in items if item.item_id))


def sku_list_read(data: object) -> tuple[RemoteSku, ...]:
    """`getSkuList`. SKUs without an id are left out."""
    frame = _frame(data)
    item_id = fields.remote_id(frame.get("itemId"))
    skus = (_sku_read(entry, item_id) for entry in fields.records(_entries(frame, "skus")))
    return tuple(sku for sku in skus if sku.sku_id)


def token_pair_read(data: object, asked_at: datetime, *, is_first: bool) -> TokenPair:
    """The OAuth answer. Lifetimes count from `asked_at`, the moment before the call, never later.

    `is_first`: the answer makes a connection, which takes merchant and refresh token; one that renews it may
    leave them out, and then the known ones stand.
    """
    frame = _frame(data)
    merchant_id = fields.remote_id(frame.get("merchantId"))
    if is_first and not merchant_id:
        raise Unreadable("no merchant in the OAuth answer")
    return TokenPair(
        merchant_id=merchant_id,
        shop_name=fields.text(frame.get("shopName"), 150),
        access_token=_token(frame, "accessToken"),
        refresh_token=_token(frame, "refreshToken") if is_first else _known_token(frame, "refreshToken"),
        access_expires_at=_end(frame.get("expiresIn"), asked_at),
        refresh_expires_at=_end(frame.get("refreshTokenExpiresIn"), asked_at),
        scopes=_scopes(frame.get("scopes")),
    )


def _item_read(entry: dict[str, Any]) -> RemoteItem:
    return RemoteItem(
        item_id=fields.remote_id(entry.get("itemId")),
        title=fields.text(entry.get("title"), 300),
        seller_code=seller_code(entry.get("number")),
        active_status=fields.remote_code(entry.get("activeStatus")),
        sale_price=_not_negative(entry.get("salePrice")),
        stock=_not_negative(entry.get("stock")),
        updated_at=fields.moment(entry.get("updateTime")),
        sale_country=fields.text(entry.get("saleCountry"), 10),
    )


def _sku_read(entry: dict[str, Any], item_id: str) -> RemoteSku:
    return RemoteSku(
        item_id=fields.remote_id(entry.get("itemId")) or item_id,
        sku_id=fields.remote_id(entry.get("skuId")),
        seller_code=seller_code(entry.get("number")),
        specification=fields.text(entry.get("skuSpecDesc"), 200),
        price=_not_negative(entry.get("skuPrice")),
        stock=_not_negative(entry.get("stock")),
    )


def seller_code(value: object) -> str:
    """The seller's own code, or "" when it is longer than any SKU code: cut, it could equal another SKU's."""
    code = fields.text(value, 61)
    return code if len(code) <= 60 else ""


def _frame(data: object) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise Unreadable("the data is not an object")
    return data


def _entries(frame: dict[str, Any], name: str) -> list[Any]:
    """The list called `name`; null stands for an empty one."""
    entries = frame.get(name, _MISSING)
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
    return value if type(value) is int and 0 <= value < 2**63 else None


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
