from __future__ import annotations

import pytest

from kwai_integration.wire.endpoints import (
    CALL_LABELS,
    ENDPOINTS,
    SCOPES,
    Access,
    Source,
    endpoint_table,
)

PUBLISHED = {
    "oauth_token": ("GET", "/rest/open/api/oauth2/token"),
    "oauth_refresh": ("GET", "/rest/open/api/oauth2/refreshToken"),
    "list_orders": ("POST", "/rest/open/api/trade/queryOrderList"),
    "order_details": ("POST", "/rest/open/api/trade/queryOrderDetails"),
    "list_items": ("POST", "/rest/open/api/product/listItem"),
    "sku_list": ("GET", "/rest/open/api/product/getSkuList"),
    "cancel_order": ("POST", "/rest/open/api/trade/merchant/cancelOrder"),
}


def test_published_rows_are_exactly_the_contracts():
    rows = {
        name: (endpoint.verb, endpoint.path)
        for name, endpoint in ENDPOINTS.items()
        if endpoint.source is Source.PUBLISHED
    }
    assert rows == PUBLISHED


def test_every_signed_call_needs_a_published_scope():
    for endpoint in ENDPOINTS.values():
        assert (endpoint.scope in SCOPES) == endpoint.signed


def test_oauth_counts_as_writing():
    assert ENDPOINTS["oauth_refresh"].access is Access.WRITE
    assert {name for name, row in ENDPOINTS.items() if not row.is_write} == {
        "list_orders", "order_details", "list_items", "sku_list", "list_refunds", "shipping_label",
    }  # fmt: skip


def test_a_path_can_be_overridden_alone():
    table = endpoint_table({"ship_order": "/rest/open/api/trade/ship"})
    assert table["ship_order"].path == "/rest/open/api/trade/ship"
    assert table["ship_order"].verb == "POST"
    assert table["upload_invoice"] == ENDPOINTS["upload_invoice"]


@pytest.mark.parametrize("overrides", [{"shipOrder": "/x"}, {"ship_order": "x"}, {"ship_order": 3}])
def test_an_override_that_fits_nothing_is_refused(overrides):
    with pytest.raises(ValueError, match="ship"):
        endpoint_table(overrides)


def test_every_signed_call_has_a_name_for_screens() -> None:
    assert set(CALL_LABELS) == {name for name, endpoint in ENDPOINTS.items() if endpoint.signed}
