from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from pytest_httpserver import HTTPServer

from kwai_integration.client import gateway
from kwai_integration.wire import errors
from kwai_integration.wire.codes import KwaiRole
from kwai_integration.wire.types import (
    Cancellation,
    DeliveryNotice,
    InvoiceUpload,
    KwaiCredentials,
    PriceUpdate,
    StockUpdate,
)
from tests.kwai_integration.client.fakes import (
    APP_SECRET,
    NOW_MS,
    TOKEN,
    MemoryLimiter,
    MemoryRecorder,
    MemoryTokens,
    config,
)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LIST, DETAILS = "/rest/open/api/trade/queryOrderList", "/rest/open/api/trade/queryOrderDetails"
REFUNDS = "/rest/open/api/trade/queryRefundList"
STOCK = "/rest/open/api/product/updateStock"


class Shop:
    """A client with memory behind it, and the server it speaks to."""

    def __init__(self, server: HTTPServer) -> None:
        self.server = server
        self.tokens, self.limiter, self.recorder = MemoryTokens(), MemoryLimiter(), MemoryRecorder()
        self.client = gateway.KwaiClient(
            config=config(server.url_for("").rstrip("/")),
            tokens=self.tokens,
            limiter=self.limiter,
            recorder=self.recorder,
            clock=lambda: NOW_MS,
        )

    def answer(self, path: str, *envelopes: dict) -> None:
        for envelope in envelopes:
            self.server.expect_ordered_request(path).respond_with_json(envelope)

    def sent(self, index: int = 0) -> dict:
        return json.loads(self.server.log[index][0].get_data())


@pytest.fixture
def shop(httpserver: HTTPServer) -> Shop:
    return Shop(httpserver)


def ok(data: object = None) -> dict:
    return {"result": 200, "message": "ok", "data": data}


def list_orders(shop: Shop, **changes):
    window = {"time_from": NOW - timedelta(hours=1), "time_to": NOW, "page": 1, **changes}
    return shop.client.list_orders(**window)


def test_list_orders(shop: Shop):
    shop.answer(LIST, ok({"total": 3, "orderList": [{"orderId": 9223372036854775807}, {"orderId": "2"}]}))
    page = list_orders(shop)
    assert (page.total, page.order_ids) == (3, ("9223372036854775807", "2"))
    assert shop.sent() == {
        "page": 1,
        "size": 50,
        "timeFrom": 1_795_431_600_000,
        "timeTo": 1_795_435_200_000,
        "timeRangeField": "UPDATE_TIME",
    }


@pytest.mark.parametrize(
    "changes",
    [{"size": 51}, {"size": 0}, {"time_from": NOW - timedelta(days=32)}, {"time_from": NOW + timedelta(1)}],
)
def test_a_window_the_platform_would_refuse_is_not_asked(shop: Shop, changes):
    with pytest.raises(ValueError, match="31 days"):
        list_orders(shop, **changes)
    assert shop.server.log == []


def test_list_refunds(shop: Shop):
    refund = {"refundId": 51, "orderId": 2**62, "status": 60, "amount": 17000, "reason": "Defeito\x00"}
    rows = [refund | {"updateTime": NOW_MS}, {"refundId": 52}, {"orderId": 3, "amount": "17000"}]
    shop.answer(REFUNDS, ok({"total": 3, "refundList": rows}))
    page = shop.client.list_refunds(time_from=NOW - timedelta(hours=1), time_to=NOW, page=2)
    assert shop.sent() == {
        "page": 2,
        "size": 50,
        "timeFrom": 1_795_431_600_000,
        "timeTo": 1_795_435_200_000,
        "timeRangeField": "UPDATE_TIME",
    }
    assert page.total == 3
    found, bare = page.refunds
    assert (found.refund_id, found.order_id, found.status) == ("51", str(2**62), "60")
    assert (found.amount, found.reason) == (17000, "Defeito")
    assert found.updated_at == datetime(2026, 1, 2, 0, 0, 0, 123000, tzinfo=UTC)
    assert (bare.refund_id, bare.order_id, bare.status, bare.amount) == ("", "3", "", 17000)
    assert bare.updated_at is None


@pytest.mark.parametrize("data", [None, [], {"total": 1}, {"refundList": []}])
def test_refunds_of_another_shape_are_an_unreadable_read(shop: Shop, data):
    shop.answer(REFUNDS, ok(data))
    with pytest.raises(errors.KwaiOutcomeUnknown) as caught:
        shop.client.list_refunds(time_from=NOW, time_to=NOW, page=1)
    assert caught.value.write is False


@pytest.mark.parametrize("shape", [lambda orders: orders, lambda orders: {"orderInfoDetailList": orders}])
def test_order_details_in_both_shapes(shop: Shop, shape):
    shop.answer(DETAILS, ok(shape([{"orderId": 1}, None, {"orderId": 2}])))
    assert shop.client.order_details(["1", "9223372036854775807"]) == ({"orderId": 1}, {"orderId": 2})
    assert b"[1, 9223372036854775807]" in shop.server.log[0][0].get_data()


@pytest.mark.parametrize("ids", [[], ["1"] * 51])
def test_details_are_asked_by_the_page(shop: Shop, ids):
    with pytest.raises(ValueError, match="50"):
        shop.client.order_details(ids)


@pytest.mark.parametrize("data", [None, "x", {}, {"orderInfoDetailList": 3}])
def test_details_of_another_shape_are_an_unreadable_read(shop: Shop, data):
    shop.answer(DETAILS, ok(data))
    with pytest.raises(errors.KwaiOutcomeUnknown) as caught:
        shop.client.order_details(["1"])
    assert caught.value.write is False


def test_listings(shop: Shop):
    item = {
        "itemId": 8,
        "title": "Caneca\x00",
        "number": "CAN",
        "activeStatus": 1,
        "salePrice": 5000,
        "stock": 3,
    }
    shop.answer(
        "/rest/open/api/product/listItem", ok({"totalCount": 1, "itemList": [item, {"title": "no id"}]})
    )
    page = shop.client.list_items(page=2, size=10)
    assert shop.sent() == {"currentPage": 2, "pageSize": 10, "sort": 0}
    assert page.total == 1
    (found,) = page.items
    assert (found.item_id, found.title, found.seller_code, found.active_status) == ("8", "Caneca", "CAN", "1")
    assert (found.sale_price, found.stock, found.updated_at) == (5000, 3, None)


def test_sku_list(shop: Shop):
    sku = {"skuId": 9, "number": "CAN-AZ", "skuSpecDesc": "Azul", "skuPrice": "50.00", "stock": 3}
    shop.answer("/rest/open/api/product/getSkuList", ok({"itemId": 8, "skus": [sku]}))
    (found,) = shop.client.sku_list("8")
    assert (found.item_id, found.sku_id, found.seller_code) == ("8", "9", "CAN-AZ")
    assert (found.specification, found.price, found.stock) == ("Azul", None, 3)
    assert shop.server.log[0][0].args["itemId"] == "8"


def test_writes_reach_their_paths(shop: Shop):
    client = shop.client
    base = "/rest/open/api"
    shop.answer(f"{base}/trade/merchant/confirmDelivery", ok())
    shop.answer(f"{base}/trade/merchant/cancelOrder", ok())
    shop.answer(STOCK, ok())
    shop.answer(f"{base}/product/updatePrice", ok())
    client.confirm_delivery(DeliveryNotice("1", NOW))
    client.cancel_order(Cancellation("1", "sem estoque"))
    client.update_stock(StockUpdate("8", "9", 0))
    client.update_price(PriceUpdate("8", "9", 100))
    assert [shop.sent(index) for index in range(4)] == [
        {"orderId": 1, "deliveredAt": 1_795_435_200_000},
        {"orderId": 1, "reason": "sem estoque"},
        {"itemId": 8, "skuId": 9, "stock": 0},
        {"itemId": 8, "skuId": 9, "salePrice": 100},
    ]
    assert shop.limiter.acquired == ["confirm_delivery", "cancel_order", "update_stock", "update_price"]


def test_expired_token_is_renewed_once_and_the_call_repeated(shop: Shop):
    shop.answer(STOCK, {"result": 401, "message": "expired"}, ok())
    shop.client.update_stock(StockUpdate("8", "9", 1))
    used = [request.args["accessToken"] for request, _ in shop.server.log]
    assert used == [TOKEN, "AT_demo_0002"]
    assert shop.tokens.renewals == 1
    assert [exchange.outcome for exchange in shop.recorder.exchanges] == ["TokenExpired", "ok"]
    assert len(shop.limiter.acquired) == 2


def test_a_second_expiry_is_the_callers_matter(shop: Shop):
    shop.answer(STOCK, {"result": 401}, {"result": 401})
    with pytest.raises(errors.TokenExpired):
        shop.client.update_stock(StockUpdate("8", "9", 1))
    assert shop.tokens.renewals == 1
    assert len(shop.server.log) == 2


@pytest.mark.parametrize("result", [402, 403, 404, 409, 422, 429, 430, 443, 500, 777])
def test_nothing_else_is_ever_repeated(shop: Shop, result):
    shop.answer(STOCK, {"result": result}, ok())
    with pytest.raises(errors.KwaiError):
        shop.client.update_stock(StockUpdate("8", "9", 1))
    assert len(shop.server.log) == 1
    assert shop.tokens.renewals == 0


def test_a_failed_renewal_ends_the_call(shop: Shop):
    def fail(stale: KwaiCredentials) -> KwaiCredentials:
        raise errors.ConsentRevoked(call="oauth_refresh", write=True)

    shop.tokens.refresh = fail
    shop.answer(STOCK, {"result": 401})
    with pytest.raises(errors.ConsentRevoked):
        shop.client.update_stock(StockUpdate("8", "9", 1))


def test_the_limiter_is_asked_before_anything_is_sent(shop: Shop):
    shop.limiter.refusal = errors.RateLimited(call="update_stock", write=True, retry_after=0.2)
    with pytest.raises(errors.RateLimited):
        shop.client.update_stock(StockUpdate("8", "9", 1))
    assert shop.server.log == []
    assert shop.recorder.exchanges == []


def test_the_record_of_an_attempt_holds_no_secret_and_no_document(shop: Shop):
    shop.answer("/rest/open/api/trade/merchant/uploadInvoice", {"result": 422, "message": "CNPJ divergente"})
    xml = b"<nfeProc>Maria da Silva</nfeProc>"
    with pytest.raises(errors.BusinessRefused):
        shop.client.upload_invoice(InvoiceUpload("1", "3526", 123, 1, NOW, 17000, xml))
    (exchange,) = shop.recorder.exchanges
    assert (exchange.call, exchange.outcome, exchange.code) == ("upload_invoice", "BusinessRefused", 422)
    assert (exchange.http_status, exchange.text) == (200, "CNPJ divergente")
    assert exchange.duration_ms >= 0
    stored = json.dumps(exchange.request)
    assert exchange.request["xml"]["base64_length"] == 44
    assert exchange.request["accessKey"] == "3526"
    assert TOKEN not in stored
    assert "PG5mZVByb2M" not in stored


def test_a_client_works_without_a_recorder(shop: Shop):
    client = gateway.KwaiClient(config=shop.client.config, tokens=shop.tokens, limiter=shop.limiter)
    shop.answer(STOCK, ok())
    client.update_stock(StockUpdate("8", "9", 1))
    sent_at = int(shop.server.log[0][0].args["ts"])
    assert abs(sent_at - datetime.now(UTC).timestamp() * 1000) < 60_000


@pytest.mark.parametrize("scheme", ["https://", "http://"])
def test_consent_url_has_the_contracts_parameters(scheme):
    url = gateway.consent_url(
        config(), redirect_url=f"{scheme}erp.example/kwai/oauth/callback/", status="a b&c"
    )
    assert url.startswith("https://shop.kwai.com/shop/b/authorize?")
    assert {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()} == {
        "appKey": "ks700000000000000001",
        "scope": "user_info,merchant_item,merchant_order",
        "redirect_uri": "erp.example/kwai/oauth/callback/",
        "status": "a b&c",
    }


PAIR = {
    "merchantId": 123,
    "shopName": "Loja",
    "accessToken": "AT_2",
    "refreshToken": "RT_2",
    "expiresIn": 604800,
    "refreshTokenExpiresIn": 31536000,
    "scopes": "user_info,merchant_item",
}


def test_exchange_of_the_code(httpserver: HTTPServer):
    httpserver.expect_request("/rest/open/api/oauth2/token").respond_with_json(ok(PAIR))
    pair = gateway.exchange_code(config(httpserver.url_for("").rstrip("/")), code="C1")
    assert dict(httpserver.log[0][0].args) == {
        "appKey": "ks700000000000000001",
        "appSecret": APP_SECRET,
        "grant_type": "authorization_code",
        "code": "C1",
    }
    assert (pair.merchant_id, pair.shop_name, pair.scopes) == ("123", "Loja", ("user_info", "merchant_item"))
    assert (pair.access_token, pair.refresh_token) == ("AT_2", "RT_2")
    assert abs(pair.access_expires_at - datetime.now(UTC) - timedelta(days=7)) < timedelta(minutes=1)
    assert abs(pair.refresh_expires_at - datetime.now(UTC) - timedelta(days=365)) < timedelta(minutes=1)
    assert "AT_2" not in repr(pair)
    assert "RT_2" not in repr(pair)


def test_refresh(httpserver: HTTPServer):
    httpserver.expect_request("/rest/open/api/oauth2/refreshToken").respond_with_json(ok(PAIR))
    pair = gateway.refresh_tokens(config(httpserver.url_for("").rstrip("/")), refresh_token="RT_1")
    assert pair.refresh_token == "RT_2"
    assert httpserver.log[0][0].args["grant_type"] == "refresh_token"
    assert httpserver.log[0][0].args["refresh_token"] == "RT_1"


@pytest.mark.parametrize(
    "changes", [{"merchantId": None}, {"accessToken": ""}, {"refreshToken": None}, {"accessToken": "a\nb"}]
)
def test_an_unusable_pair_is_an_unknown_outcome(httpserver: HTTPServer, changes):
    httpserver.expect_request("/rest/open/api/oauth2/token").respond_with_json(ok(PAIR | changes))
    with pytest.raises(errors.KwaiOutcomeUnknown) as caught:
        gateway.exchange_code(config(httpserver.url_for("").rstrip("/")), code="C1")
    assert caught.value.write is True


@pytest.mark.parametrize(
    ("changes", "kept"),
    [({"merchantId": None}, ("", "RT_2")), ({"refreshToken": None}, (str(PAIR["merchantId"]), ""))],
)
def test_a_renewal_needs_less_than_a_connection(httpserver: HTTPServer, changes, kept):
    httpserver.expect_request("/rest/open/api/oauth2/refreshToken").respond_with_json(ok(PAIR | changes))
    pair = gateway.refresh_tokens(config(httpserver.url_for("").rstrip("/")), refresh_token="RT_1")
    assert (pair.merchant_id, pair.refresh_token) == kept


@pytest.mark.parametrize("token", [None, "", "a\nb", 7])
def test_a_renewal_without_an_access_token_is_an_unknown_outcome(httpserver: HTTPServer, token):
    httpserver.expect_request("/rest/open/api/oauth2/refreshToken").respond_with_json(
        ok(PAIR | {"accessToken": token})
    )
    with pytest.raises(errors.KwaiOutcomeUnknown):
        gateway.refresh_tokens(config(httpserver.url_for("").rstrip("/")), refresh_token="RT_1")


@pytest.mark.parametrize("lifetime", [None, 0, -1, True, "soon", 10**12])
def test_an_unreadable_lifetime_is_none(httpserver: HTTPServer, lifetime):
    httpserver.expect_request("/rest/open/api/oauth2/token").respond_with_json(
        ok(PAIR | {"expiresIn": lifetime})
    )
    pair = gateway.exchange_code(config(httpserver.url_for("").rstrip("/")), code="C1")
    assert pair.access_expires_at is None


def test_refusal_of_a_grant_keeps_the_secrets_out(httpserver: HTTPServer):
    message = f"refresh RT_1 of {APP_SECRET}"
    httpserver.expect_request("/rest/open/api/oauth2/refreshToken").respond_with_json(
        {"result": 401, "message": message}
    )
    with pytest.raises(errors.TokenExpired) as caught:
        gateway.refresh_tokens(config(httpserver.url_for("").rstrip("/")), refresh_token="RT_1")
    assert caught.value.text == "refresh *** of ***"


def test_configuration_comes_from_the_settings(settings):
    settings.KWAI_API_URL = "http://127.0.0.1:8100/"
    settings.KWAI_PATHS = {"ship_order": "/ship"}
    settings.KWAI_STATUS_ROLES = {"35": "shipped"}
    configuration = gateway.client_config()
    assert configuration.api_url == "http://127.0.0.1:8100"
    assert configuration.endpoints["ship_order"].path == "/ship"
    assert configuration.situations.role("35") is KwaiRole.SHIPPED
