"""Listings over the open API (contract sections 3 and 4)."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from kwai_sandbox.drafts import SEED_DATA
from tests.kwai_sandbox.conftest import Caller

PRODUCT = SEED_DATA["products"][0]
ITEM_ID, SKU = PRODUCT["itemId"], PRODUCT["skus"][0]
IDS = {"itemId": ITEM_ID, "skuId": SKU["skuId"]}
NEW = {
    "title": "Copo de Vidro",
    "categoryId": "2103",
    "skus": [{"number": "COP-VID", "specification": "300 ml", "salePrice": 1990, "stock": 5}],
}


def sku_of(seller: Caller) -> dict[str, Any]:
    rows = seller.get("product/getSkuList", itemId=ITEM_ID).data["skus"]
    found: dict[str, Any] = next(row for row in rows if row["number"] == SKU["number"])
    return found


def applied(seller: Caller) -> list[bool]:
    return [row["applied"] for row in seller.ledger()]


def test_the_seed_catalogue_is_listed_by_pages(seller: Caller) -> None:
    first = seller.post("product/listItem", {"currentPage": 1, "pageSize": 5, "sort": 0}).data
    last = seller.post("product/listItem", {"currentPage": 3, "pageSize": 5, "sort": 0}).data
    assert first["totalCount"] == 12
    assert len(last["itemList"]) == 2
    row = first["itemList"][0]
    assert (row["itemId"], row["number"], row["activeStatus"]) == (int(ITEM_ID), "CAM-BAS", 1)
    assert row["stock"] == sum(sku["stock"] for sku in PRODUCT["skus"])
    assert seller.post("product/listItem", {"currentPage": 1, "pageSize": 51}).result == 422


def test_skus_carry_the_seller_codes(seller: Caller, other_seller: Caller) -> None:
    assert sku_of(seller)["skuPrice"] == SKU["salePrice"]
    assert other_seller.get("product/getSkuList", itemId=ITEM_ID).result == 404


def test_stock_is_absolute_and_equal_repeats_are_not_applied(seller: Caller) -> None:
    assert seller.post("product/updateStock", IDS | {"stock": 7}).result == 200
    assert seller.post("product/updateStock", IDS | {"stock": 7}).result == 200
    assert sku_of(seller)["stock"] == 7
    assert applied(seller) == [True, False]
    assert seller.sandbox.control("GET", "ledger")["doubled"] == []
    for wrong in (-1, 1.5, "7", None, True, 1_000_000):
        assert seller.post("product/updateStock", IDS | {"stock": wrong}).result == 422


def test_prices_and_promotions(seller: Caller) -> None:
    promotion = {
        "promotionalPrice": 3990,
        "promotionStartsAt": 1_767_312_000_000,
        "promotionEndsAt": 1_767_398_400_000,
    }
    assert seller.post("product/updatePrice", IDS | {"salePrice": 4990} | promotion).result == 200
    assert sku_of(seller)["promotionalPrice"] == 3990
    assert seller.post("product/updatePrice", IDS | {"salePrice": 4990}).result == 200
    assert sku_of(seller)["promotionalPrice"] is None
    assert seller.post("product/updatePrice", IDS | {"salePrice": 3990} | promotion).result == 422
    assert seller.post("product/updatePrice", IDS | {"salePrice": 0}).result == 422


def test_a_new_listing_is_in_review_and_a_second_one_is_doubled(seller: Caller) -> None:
    created = seller.post("product/addItem", NEW).data
    known = seller.sandbox.control("GET", f"items/{created['itemId']}")
    assert (known["activeStatus"], known["number"]) == (0, "COP-VID")
    assert created["skus"][0]["number"] == "COP-VID"
    assert (
        seller.post("product/updateActiveStatus", {"itemId": created["itemId"], "activeStatus": 1}).result
        == 422
    )
    assert seller.sandbox.control("GET", "ledger")["doubled"] == []
    seller.post("product/addItem", NEW | {"title": "Outro título"})
    assert len(seller.sandbox.control("GET", "ledger")["doubled"]) == 1


@pytest.mark.parametrize("changes", [
    {"title": ""}, {"categoryId": "2000"}, {"categoryId": "7"}, {"skus": []}, {"skus": [{"number": "X"}]},
    {"skus": NEW["skus"] * 2},  # type: ignore[operator]
])  # fmt: skip
def test_incomplete_listings_are_refused(seller: Caller, changes: dict[str, Any]) -> None:
    assert seller.post("product/addItem", NEW | changes).result == 422


def test_an_update_keeps_sku_ids_and_returns_to_review(seller: Caller) -> None:
    created = seller.post("product/addItem", NEW).data
    seller.sandbox.control("PATCH", f"items/{created['itemId']}", {"activeStatus": 1})
    body = NEW | {"itemId": created["itemId"]}
    assert seller.post("product/updateItem", body).data["skus"] == created["skus"]
    assert applied(seller)[-1] is False
    seller.post("product/updateItem", body | {"title": "Copo de Vidro Âmbar"})
    assert applied(seller)[-1] is True
    assert seller.sandbox.control("GET", f"items/{created['itemId']}")["activeStatus"] == 0


def test_listings_are_switched_off_and_on(seller: Caller) -> None:
    for status in (3, 1, 1):
        assert (
            seller.post("product/updateActiveStatus", {"itemId": ITEM_ID, "activeStatus": status}).result
            == 200
        )
    assert applied(seller) == [True, True, False]
    assert seller.post("product/updateActiveStatus", {"itemId": ITEM_ID, "activeStatus": 2}).result == 422


def test_categories_and_their_attributes(seller: Caller) -> None:
    rows = seller.get("product/getCategoryList").data
    assert {"categoryId", "parentId", "name", "leaf"} == set(rows[0])
    attributes = seller.get("product/getCategoryAttributes", categoryId="1101").data
    assert [entry["name"] for entry in attributes] == ["Marca", "Garantia", "Gênero", "Material"]
    assert seller.get("product/getCategoryAttributes", categoryId="7").result == 404


PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20


def image(content: bytes) -> dict[str, str]:
    return {"fileName": "foto.png", "content": base64.b64encode(content).decode()}


def test_an_image_gets_an_address_by_its_content(seller: Caller) -> None:
    first, again, other = (
        seller.post("product/uploadImage", image(entry)).data["url"] for entry in (PNG, PNG, PNG + b"1")
    )
    assert first == again != other
    assert first.startswith("https://")
    assert first.endswith(".png")
    assert seller.post("product/uploadImage", image(b"\xff\xd8\xff0")).data["url"].endswith(".jpg")


@pytest.mark.parametrize("body", [
    image(b"GIF89a"), image(PNG + b"0" * 2 * 1024 * 1024), image(b""), {"fileName": "a.png", "content": "?"}, {"fileName": "a.png"},
    image(PNG) | {"fileName": ""},
], ids=range(6))  # fmt: skip
def test_what_is_no_image_is_refused(seller: Caller, body: dict[str, str]) -> None:
    assert seller.post("product/uploadImage", body).result == 422
