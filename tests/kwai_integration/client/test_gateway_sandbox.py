"""The client against the emulator, over real HTTP: what one side sends, the other must accept."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from kwai_integration.client import gateway
from kwai_integration.mapping.orders import MappedOrder, Problem, order_read
from kwai_integration.wire import errors
from kwai_integration.wire.codes import SITUATIONS, KwaiRole
from kwai_integration.wire.types import (
    Cancellation,
    ClientConfig,
    DeliveryNotice,
    InvoiceReference,
    InvoiceUpload,
    KwaiCredentials,
    PriceUpdate,
    ShipmentNotice,
    StockUpdate,
)
from kwai_sandbox.server import RunningSandbox, running
from tests.kwai_integration.client.fakes import MemoryLimiter, MemoryRecorder, MemoryTokens, config
from tests.kwai_integration.codes import NOBODYS, PAID

MERCHANT = "123"
KEY = "35261111222333000181550010000001231482139070"
XML = f'<?xml version="1.0"?>\r\n<nfeProc><NFe><infNFe Id="NFe{KEY}"/></NFe></nfeProc>\n'.encode()
ISSUED = datetime(2026, 11, 20, 13, 30, 15, tzinfo=UTC)


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with running(settings={"invoiceChecks": "loose"}) as emulator:
        emulator.control("POST", "merchants", {"merchantId": MERCHANT, "shopName": "Loja"})
        skus = [{"skuId": 9001, "number": "CAN-AZ", "specification": "Azul", "salePrice": 5000, "stock": 10}]
        emulator.control(
            "POST", "items", {"merchantId": MERCHANT, "itemId": 8001, "title": "Caneca", "skus": skus}
        )
        yield emulator


@pytest.fixture
def configuration(sandbox: RunningSandbox) -> ClientConfig:
    secrets = sandbox.credentials
    return config(
        sandbox.url, app_key=secrets.app_key, app_secret=secrets.app_secret, sign_secret=secrets.sign_secret
    )


@pytest.fixture
def tokens(sandbox: RunningSandbox, configuration: ClientConfig) -> MemoryTokens:
    """Connected: the code is exchanged, and a renewal really refreshes."""
    code = sandbox.control("POST", "grants", {"merchantId": MERCHANT})["code"]
    pair = gateway.exchange_code(configuration, code=code)
    assert pair.merchant_id == MERCHANT
    assert set(pair.scopes) == {"user_info", "merchant_item", "merchant_order"}
    refresh_token = pair.refresh_token

    def refresh(stale: KwaiCredentials) -> KwaiCredentials:
        nonlocal refresh_token
        renewed = gateway.refresh_tokens(configuration, refresh_token=refresh_token)
        assert renewed.refresh_token != refresh_token
        refresh_token = renewed.refresh_token
        return KwaiCredentials(renewed.merchant_id, renewed.access_token)

    return MemoryTokens(KwaiCredentials(pair.merchant_id, pair.access_token), refresh)


@pytest.fixture
def recorder() -> MemoryRecorder:
    return MemoryRecorder()


@pytest.fixture
def client(configuration: ClientConfig, tokens: MemoryTokens, recorder: MemoryRecorder) -> gateway.KwaiClient:
    return gateway.KwaiClient(config=configuration, tokens=tokens, limiter=MemoryLimiter(), recorder=recorder)


def order(sandbox: RunningSandbox, **fields: Any) -> str:
    return sandbox.control("POST", "orders", {"merchantId": MERCHANT, **fields})["orderIds"][0]


def known(sandbox: RunningSandbox, order_id: str) -> dict[str, Any]:
    return sandbox.control("GET", f"orders/{order_id}")


def read(client: gateway.KwaiClient, order_id: str) -> MappedOrder | Problem:
    fetched_at = datetime.now(UTC)
    (raw,) = client.order_details([order_id])
    return order_read(raw, fetched_at, client.config.situations.roles)


def upload(client: gateway.KwaiClient, order_id: str) -> None:
    client.upload_invoice(InvoiceUpload(order_id, KEY, 123, 1, ISSUED, 17000, XML))


def ship(client: gateway.KwaiClient, order_id: str, number: str = "AA123456785BR") -> None:
    client.ship_order(
        ShipmentNotice(
            order_id=order_id,
            carrier_code="CORREIOS",
            carrier_name="Correios",
            tracking_number=number,
            shipped_at=ISSUED + timedelta(hours=2),
            expected_delivery_on=date(2026, 12, 1),
            invoice=InvoiceReference(KEY, 123, 1, ISSUED),
        )
    )


def test_every_page_of_a_window_is_read(sandbox, client):
    created = sandbox.control("POST", "orders", {"merchantId": MERCHANT, "count": 7})["orderIds"]
    now = datetime.now(UTC)
    window = {"time_from": now - timedelta(hours=1), "time_to": now + timedelta(minutes=1), "size": 3}
    pages = [client.list_orders(page=page, **window) for page in (1, 2, 3, 4)]
    assert {page.total for page in pages} == {7}
    assert sorted(order_id for page in pages for order_id in page.order_ids) == sorted(created)
    assert pages[3].order_ids == ()


@pytest.mark.parametrize(
    ("status", "role"), [*((int(row.code), row.role) for row in SITUATIONS.values()), (NOBODYS, None)]
)
def test_an_order_of_the_platform_maps_cleanly(sandbox, client, status, role):
    mapped = read(client, order(sandbox, status=status))
    assert isinstance(mapped, MappedOrder)
    assert (mapped.remote_status, mapped.role) == (str(status), role)
    assert mapped.total == mapped.computed_total
    assert "total_differs" not in mapped.warnings
    assert mapped.lines
    assert mapped.placed_at
    if status == PAID:
        assert mapped.warnings == ()
        assert mapped.address.incomplete_reason == ""
        assert mapped.buyer.tax_id


@pytest.mark.parametrize("shape", ["list", "wrapped"])
def test_details_in_both_shapes(sandbox, client, shape):
    sandbox.control("PUT", "settings", {"detailShape": shape})
    assert isinstance(read(client, order(sandbox)), MappedOrder)


def test_the_whole_way_of_an_order(sandbox, client):
    order_id = order(sandbox)
    upload(client, order_id)
    with pytest.raises(errors.KwaiAlreadyDone):
        upload(client, order_id)
    mapped = read(client, order_id)
    assert isinstance(mapped, MappedOrder)
    assert mapped.invoice_status == "2"
    ship(client, order_id)
    ship(client, order_id)
    with pytest.raises(errors.BusinessRefused) as caught:
        ship(client, order_id, "AA473124829BR")
    assert "AA123456785BR" in caught.value.text
    mapped = read(client, order_id)
    assert isinstance(mapped, MappedOrder)
    assert (mapped.role, mapped.tracking_code) == (KwaiRole.SHIPPED, "AA123456785BR")
    client.confirm_delivery(DeliveryNotice(order_id, datetime.now(UTC)))
    mapped = read(client, order_id)
    assert isinstance(mapped, MappedOrder)
    assert mapped.role is KwaiRole.DELIVERED
    received = known(sandbox, order_id)
    assert b64decode(received["invoice"]["xml"]) == XML
    assert received["invoice"]["issuedAt"] == 1_795_181_415_000
    assert received["shipment"]["trackingNumber"] == "AA123456785BR"


def test_cancellation(sandbox, client):
    order_id = order(sandbox)
    client.cancel_order(Cancellation(order_id, "sem estoque"))
    mapped = read(client, order_id)
    assert isinstance(mapped, MappedOrder)
    assert (mapped.role, mapped.cancel_reason) == (KwaiRole.CLOSED, "sem estoque")
    with pytest.raises(errors.BusinessRefused):
        ship(client, order_id)


def test_listings_and_their_state(sandbox, client):
    page = client.list_items(page=1)
    assert [(item.item_id, item.title) for item in page.items] == [("8001", "Caneca")]
    (sku,) = client.sku_list("8001")
    assert (sku.sku_id, sku.seller_code, sku.price, sku.stock) == ("9001", "CAN-AZ", 5000, 10)
    client.update_stock(StockUpdate("8001", "9001", 3))
    starts_at = datetime.now(UTC)
    client.update_price(PriceUpdate("8001", "9001", 5500, 4500, starts_at, starts_at + timedelta(days=2)))
    (sku,) = client.sku_list("8001")
    assert sku.stock == 3


def test_an_expired_token_is_renewed_on_the_way(sandbox, client, tokens, recorder):
    sandbox.control("PUT", "faults", {"kind": "token_expired", "rate": 1, "count": 1})
    client.list_items(page=1)
    assert tokens.renewals == 1
    assert [exchange.outcome for exchange in recorder.exchanges] == ["TokenExpired", "ok"]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"kind": "rate_limit", "retryAfter": 3}, errors.RateLimited),
        ({"kind": "quota"}, errors.KwaiQuotaSpent),
        ({"kind": "revoked"}, errors.ConsentRevoked),
        ({"kind": "server_error"}, errors.KwaiError),
        ({"kind": "bad_gateway"}, errors.KwaiOutcomeUnknown),
        ({"kind": "truncated"}, errors.KwaiOutcomeUnknown),
    ],
)
def test_faults_arrive_as_their_errors(sandbox, client, fault, kind):
    order_id = order(sandbox)
    sandbox.control("PUT", "faults", {"rate": 1, "path": "uploadInvoice", **fault})
    with pytest.raises(kind) as caught:
        upload(client, order_id)
    if fault["kind"] == "server_error":
        assert isinstance(caught.value, errors.PlatformFault | errors.KwaiOutcomeUnknown)
    if fault["kind"] == "rate_limit":
        assert caught.value.retry_after == 3
    assert caught.value.write is True


def test_a_wrong_secret_is_a_matter_of_configuration(client, configuration, tokens):
    wrong = gateway.KwaiClient(
        config=replace(configuration, sign_secret="x"), tokens=tokens, limiter=MemoryLimiter()
    )
    with pytest.raises(errors.SignatureInvalid):
        wrong.list_items(page=1)


def test_a_missing_scope_is_named(sandbox, configuration):
    code = sandbox.control("POST", "grants", {"merchantId": MERCHANT, "scopes": "user_info"})["code"]
    pair = gateway.exchange_code(configuration, code=code)
    limited = gateway.KwaiClient(
        config=configuration,
        tokens=MemoryTokens(KwaiCredentials(pair.merchant_id, pair.access_token)),
        limiter=MemoryLimiter(),
    )
    with pytest.raises(errors.PermissionMissing):
        limited.list_items(page=1)


def test_a_spent_code_and_a_dead_refresh_token_are_refused(sandbox, configuration):
    code = sandbox.control("POST", "grants", {"merchantId": MERCHANT})["code"]
    pair = gateway.exchange_code(configuration, code=code)
    gateway.refresh_tokens(configuration, refresh_token=pair.refresh_token)
    with pytest.raises(errors.KwaiError):
        gateway.refresh_tokens(configuration, refresh_token=pair.refresh_token)
    with pytest.raises(errors.KwaiError):
        gateway.exchange_code(configuration, code=code)


@pytest.mark.parametrize(
    ("overrides", "code"),
    [
        ({"currency": "USD"}, "currency_unknown"),
        ({"totalAmount": 2**63}, "amount_too_large"),
        ({"orderItemView": []}, "items_missing"),
        ({"orderItemView": [{"skuQuantity": 1, "skuPrice": "50.00"}]}, "price_invalid"),
        ({"orderItemView": [{"skuQuantity": 0, "skuPrice": 5000}]}, "quantity_invalid"),
    ],
)
def test_odd_payloads_become_problems_with_their_order(sandbox, client, overrides, code):
    order_id = order(sandbox, overrides=overrides)
    problem = read(client, order_id)
    assert isinstance(problem, MappedOrder)
    problem = problem.problem
    assert isinstance(problem, Problem)
    assert (problem.code, problem.external_id) == (code, order_id)
