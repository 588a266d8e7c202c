"""Listings as the platform keeps them."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from kwai_sandbox.clock import now_ms
from kwai_sandbox.state import State
from kwai_sandbox.wire import Verbatim

IN_REVIEW, ACTIVE, REFUSED, INACTIVE = 0, 1, 2, 3
STATUS_NAMES = {IN_REVIEW: "em análise", ACTIVE: "ativo", REFUSED: "recusado", INACTIVE: "inativo"}
FIRST_ITEM_ID = 2_200_000_000_000_000_000
FIRST_SKU_ID = 3_200_000_000_000_000_000


@dataclass
class SandboxItem:
    """`body` is everything the platform knows of the listing, `skus` included."""

    item_id: str
    merchant_id: str
    update_time: int
    body: dict[str, Any]

    @property
    def status_name(self) -> str:
        status = self.body["activeStatus"]
        return STATUS_NAMES.get(status, "código desconhecido") if isinstance(status, int) else str(status)

    def sku(self, sku_id: str) -> dict[str, Any] | None:
        """One of the item's SKUs."""
        return next((sku for sku in self.body["skus"] if sku["skuId"] == sku_id), None)

    def summary(self) -> dict[str, Any]:
        """The row of listItem; the price is the lowest, the stock the sum."""
        skus = self.body["skus"]
        row = {
            "itemId": self.item_id,
            "title": self.body["title"],
            "number": self.body["number"],
            "activeStatus": self.body["activeStatus"],
            "refusalReason": self.body.get("refusalReason", ""),
            "salePrice": min((sku["salePrice"] for sku in skus), default=0),
            "stock": sum(sku["stock"] for sku in skus),
            "updateTime": self.update_time,
            "saleCountry": "BRA",
        }
        return self._as_recorded(row, self.body.get("recorded"))

    def sku_rows(self) -> list[dict[str, Any]]:
        """The `skus` of getSkuList."""
        return [self._as_recorded(self._sku_row(sku), sku.get("recorded")) for sku in self.body["skus"]]

    def _sku_row(self, sku: dict[str, Any]) -> dict[str, Any]:
        return {
            "itemId": self.item_id,
            "skuId": sku["skuId"],
            "number": sku["number"],
            "skuSpecDesc": sku["specification"],
            "skuPrice": sku["salePrice"],
            "promotionalPrice": sku.get("promotionalPrice"),
            "stock": sku["stock"],
        }

    def _as_recorded(self, row: dict[str, Any], recorded: dict[str, Any] | None) -> dict[str, Any]:
        """A recorded row until the listing changes, then the present one with what else was recorded."""
        if recorded is None:
            return row
        return recorded | row if self.body.get("changed") else Verbatim(recorded)

    def as_json(self) -> dict[str, Any]:
        """The answer of the control API."""
        return {
            "itemId": self.item_id,
            "merchantId": self.merchant_id,
            "updateTime": self.update_time,
            **self.body,
        }


def _item(row: sqlite3.Row) -> SandboxItem:
    return SandboxItem(row["item_id"], row["merchant_id"], row["update_time"], json.loads(row["body"]))


def item_get(state: State, item_id: str) -> SandboxItem | None:
    """One listing of any merchant."""
    row = state.row("SELECT * FROM items WHERE item_id = ?", item_id)
    return None if row is None else _item(row)


def item_of_sku(state: State, sku_id: str) -> SandboxItem | None:
    """The listing of any merchant that has this SKU."""
    return next((item for item in items_list(state, None) if item.sku(sku_id)), None)


def items_count(state: State, merchant_id: str) -> int:
    """How many listings the merchant has."""
    return state.count("SELECT count(*) FROM items WHERE merchant_id = ?", merchant_id)


def items_list(state: State, merchant_id: str | None, offset: int = 0, limit: int = -1) -> list[SandboxItem]:
    """Listings in the order they were created; -1 means all."""
    rows = state.rows(
        "SELECT * FROM items WHERE ? IS NULL OR merchant_id = ? ORDER BY rowid LIMIT ? OFFSET ?",
        merchant_id, merchant_id, limit, offset,
    )  # fmt: skip
    return [_item(row) for row in rows]


def item_insert(state: State, *, merchant_id: str, values: dict[str, Any], status: int) -> SandboxItem:
    """A new listing; missing ids are given, missing facts get plain defaults."""
    with state.transaction():
        item_id = str(values.get("itemId") or FIRST_ITEM_ID + state.next_ids("item")[0])
        skus = [sku_fill(state, sku) for sku in values.get("skus", [])]
        number = values.get("number") or (skus[0]["number"] if skus else "")
        body = {"title": "", "refusalReason": "", "activeStatus": status} | values
        body |= {"number": number, "skus": skus}
        body.pop("itemId", None)
        item = SandboxItem(item_id, merchant_id, now_ms(), body)
        state.run(
            "INSERT INTO items VALUES (?, ?, ?, ?)", item_id, merchant_id, item.update_time, json.dumps(body)
        )
    return item


def sku_fill(state: State, values: dict[str, Any]) -> dict[str, Any]:
    """A SKU with id, code, specification, price (centavos) and stock."""
    sku = {"number": "", "specification": "", "salePrice": 0, "stock": 0} | values
    sku["skuId"] = str(values.get("skuId") or FIRST_SKU_ID + state.next_ids("sku")[0])
    return sku


def item_save(state: State, item: SandboxItem) -> None:
    """Store a changed listing; its update time moves on."""
    item.update_time = max(now_ms(), item.update_time + 1)
    if "recorded" in item.body:
        item.body["changed"] = True
    state.run(
        "UPDATE items SET update_time = ?, body = ? WHERE item_id = ?",
        item.update_time, json.dumps(item.body), item.item_id,
    )  # fmt: skip
