"""What a platform may send by mistake, over real HTTP: the other 49 orders of the page become orders."""

from __future__ import annotations

from typing import Any

import pytest

from erp.catalog.models import Sku
from erp.sales.models import Order
from kwai_integration.models import KwaiOrder, KwaiOrderState, KwaiSettings
from tests.kwai_integration.inbound.conftest import Kwai, line

pytestmark = pytest.mark.django_db

QUARANTINED = {
    "text price": ({"orderItemView": [line(skuPrice="50,00")]}, "price_invalid"),
    "negative price": ({"orderItemView": [line(skuPrice=-1)]}, "price_invalid"),
    "negative quantity": ({"orderItemView": [line(skuQuantity=-2)]}, "quantity_invalid"),
    "zero quantity": ({"orderItemView": [line(skuQuantity=0)]}, "quantity_invalid"),
    "price over 2^63": ({"orderItemView": [line(skuPrice=2**63)]}, "amount_too_large"),
    "total over 2^63": ({"totalAmount": 2**70}, "amount_too_large"),
    "sum over 2^63": ({"orderItemView": [line(skuPrice=2**62, skuQuantity=2)]}, "amount_too_large"),
    "another currency": ({"currency": "USD"}, "currency_unknown"),
    "no items": ({"orderItemView": []}, "items_missing"),
    "items that are none": ({"orderItemView": "SKU-1"}, "items_missing"),
    "a status that is none": ({"orderStatus": {"code": 30}}, "status_missing"),
}
ORDERS = {
    "unknown status": {"orderStatus": 77},
    "null buyer": {"receiverAddressInfo": None},
    "NUL": {"buyerRemark": "a\x00b", "receiverAddressInfo": {"name": "A\x00na", "city": "\x00"}},
    "lone surrogate": {"buyerRemark": "a\ud800b", "receiverAddressInfo": {"name": "\udfff"}},
    "19 digit id": {"orderId": 9_223_372_036_854_775_807},
    "19 digits above 2^63": {"orderItemView": [line(itemId=9_999_999_999_999_999_999, skuId="9" * 19)]},
    "the same SKU twice": {"orderItemView": [line(), line()]},
    "unknown fields": {"novo": {"lista": [1, None, {"x": "y"}]}, "outro": True},
    "moments in seconds": {"createTime": 1_795_000_000, "paidTime": "ontem", "shipByTime": -5},
    "refund code nobody knows": {"refundStatus": 999},
    "negative freight": {"shippingFee": -100},
    "text discount": {"productSellerDiscount": "10%"},
}


@pytest.fixture
def page(kwai: Kwai, sku: Sku) -> Kwai:
    """49 good orders of a store that receives by itself."""
    KwaiSettings.objects.update(auto_receive=True)
    kwai.orders(49)
    return kwai


@pytest.mark.parametrize("name", QUARANTINED)
def test_unusable_orders_are_quarantined_with_their_reason(page: Kwai, name: str) -> None:
    overrides, code = QUARANTINED[name]
    (order_id,) = page.orders(1, overrides=overrides)
    page.poll()
    bad = KwaiOrder.objects.get(external_id=order_id)
    assert (bad.state, bad.problem_code, bad.order) == (KwaiOrderState.QUARANTINED, code, None)
    assert bad.problem.endswith((".", "centavos.", "Kwai."))
    assert Order.objects.count() == 49
    assert page.cursor.last_error == ""


@pytest.mark.parametrize("name", ORDERS)
def test_odd_orders_come_in_all_the_same(page: Kwai, name: str) -> None:
    overrides: dict[str, Any] = ORDERS[name]
    (order_id,) = page.orders(1, overrides=overrides)
    page.poll()
    row = KwaiOrder.objects.get(external_id=order_id)
    assert (row.state, row.problem) == (KwaiOrderState.RECEIVED, "")
    assert Order.objects.get(external_id=order_id).lines.count() == len(overrides.get("orderItemView", [0]))
    assert Order.objects.count() == 50


def test_an_unlinked_sku_parks_its_order_alone(page: Kwai) -> None:
    (order_id,) = page.orders(1, skus=["SEM-SKU"])
    page.poll()
    row = KwaiOrder.objects.get(external_id=order_id)
    assert (row.state, row.waiting_for.get().seller_code) == (KwaiOrderState.UNLINKED, "SEM-SKU")
    assert Order.objects.count() == 49
