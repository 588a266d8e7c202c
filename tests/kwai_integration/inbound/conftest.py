"""A store with the default situation mapping, SKUs, and answers of the platform as it writes them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from erp.accounts.models import Company, Store
from erp.catalog.models import Product, Sku
from erp.stock.models import MovementKind, Warehouse
from erp.stock.services import stock_move
from kwai_integration.client import gateway
from kwai_integration.connection import account_store_pair
from kwai_integration.inbound.payload import answers_read, answers_write, payload_keep
from kwai_integration.inbound.poll import PollResult, store_poll
from kwai_integration.models import (
    ConnectionHealth,
    KwaiAccount,
    KwaiOrder,
    KwaiSettings,
    StatusMapping,
    SyncCursor,
)
from kwai_integration.situations import default_situations
from kwai_sandbox.server import RunningSandbox, running
from tests.kwai_integration.codes import PAID

FETCHED = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
UPDATED_MS = 1_795_000_000_000
FIRST_ID = 2_600_000_000_000_000_001


def detail(number: int = 0, **overrides: Any) -> dict[str, Any]:
    """A paid order as `queryOrderDetails` answers it: two of SKU-1 at R$ 50,00, freight R$ 10,00."""
    answer: dict[str, Any] = {
        "orderId": FIRST_ID + number,
        "orderStatus": PAID,
        "currency": "BRL",
        "country": "BRA",
        "createTime": UPDATED_MS - 3_600_000,
        "updateTime": UPDATED_MS,
        "paidTime": UPDATED_MS,
        "totalAmount": 11_000,
        "shippingFee": 1_000,
        "productSellerDiscount": 0,
        "productPlatformDiscount": 0,
        "shipByTime": UPDATED_MS + 172_800_000,
        "holdReason": "",
        "refundStatus": 0,
        "shippingType": "SELLER",
        "carrierCode": "",
        "trackingNumber": "",
        "orderItemView": [line()],
        "receiverAddressInfo": {
            "name": "Ana Souza",
            "cpf": "52998224725",
            "phone": "+5511999990000",
            "zipCode": "01310-100",
            "state": "SP",
            "city": "São Paulo",
            "district": "Bela Vista",
            "street": "Avenida Paulista",
            "number": "1000",
            "complement": "",
        },
    }
    return {**copy.deepcopy(answer), **overrides}


def line(code: str = "SKU-1", **overrides: Any) -> dict[str, Any]:
    """Each seller code has its own item and SKU ids, 19 digits long."""
    offset = int(code.rsplit("-", 1)[-1]) if code[-1].isdigit() else 999
    answer = {
        "itemId": 2_900_000_000_000_000_000 + offset,
        "skuId": 3_900_000_000_000_000_000 + offset,
        "itemName": f"Produto {code}",
        "skuName": "Único",
        "skuNumber": code,
        "skuQuantity": 2,
        "skuPrice": 5_000,
    }
    return {**answer, **overrides}


def answer_of(row: KwaiOrder) -> Any:
    """The stored answer of an order, read again."""
    return answers_read([row.pk])[row.pk].load()


def answers_replace(row: KwaiOrder, answer: Any) -> None:
    """Have another answer stored without anybody having looked at it."""
    answers_write({row.pk: payload_keep(answer)})


def sku_make(company: Company, code: str) -> Sku:
    product = Product.objects.create(company=company, name=f"Produto {code}")
    return Sku.objects.create(company=company, product=product, code=code, price=5_000)


@pytest.fixture
def kwai_store(store: Store) -> Store:
    KwaiSettings.objects.create(store=store)
    StatusMapping.objects.bulk_create(
        StatusMapping(store=store, remote_code=code, status=status)
        for code, status in default_situations().items()
    )
    return store


@pytest.fixture
def sku(company: Company) -> Sku:
    """With enough on the shelf for every order of a test."""
    made = sku_make(company, "SKU-1")
    warehouse = Warehouse.objects.create(company=company, name="Geral", is_default=True)
    stock_move(kind=MovementKind.COUNT, sku=made, warehouse=warehouse, quantity=10_000, text="Contagem")
    return made


MERCHANT = "700000000000000001"


@dataclass
class Kwai:
    """The emulator with one seller, and our store connected to it."""

    sandbox: RunningSandbox
    store: Store

    def orders(self, count: int = 1, **fields: Any) -> list[str]:
        """Create orders of two SKU-1 each; `overrides` and the other fields go to the emulator."""
        body = {
            "merchantId": MERCHANT,
            "count": count,
            "skus": [{"number": "SKU-1", "quantity": 2}],
            **fields,
        }
        created: list[str] = self.sandbox.control("POST", "orders", body)["orderIds"]
        return created

    def change(self, order_id: str, **fields: Any) -> None:
        self.sandbox.control("PATCH", f"orders/{order_id}", fields)

    def fault(self, kind: str, call: str, **fields: Any) -> None:
        path = {"list": "queryOrderList", "details": "queryOrderDetails"}[call]
        self.sandbox.control("PUT", "faults", {"path": path, "kind": kind, "rate": 1, **fields})

    def calls(self, path: str) -> int:
        paths = self.sandbox.control("GET", "stats")["paths"]
        return sum(counts["total"] for name, counts in paths.items() if name.endswith(path))

    def due(self) -> None:
        SyncCursor.objects.update(due_at=timezone.now() - timedelta(seconds=1))

    def poll(self) -> PollResult:
        """Poll now, whenever it would be due."""
        self.due()
        result = store_poll(self.store.pk)
        assert result is not None
        return result

    @property
    def cursor(self) -> SyncCursor:
        return SyncCursor.objects.get(pk=self.store.pk)


@pytest.fixture
def kwai(kwai_store: Store, settings: Any) -> Iterator[Kwai]:
    """A connected, polled store; its history reaches one hour back."""
    with running() as sandbox:
        settings.KWAI_API_URL = sandbox.url
        sandbox.control("POST", "merchants", {"merchantId": MERCHANT, "shopName": "Loja"})
        code = sandbox.control("POST", "grants", {"merchantId": MERCHANT})["code"]
        account = KwaiAccount(store=kwai_store, merchant_id=MERCHANT, health=ConnectionHealth.OK)
        account_store_pair(account, gateway.exchange_code(gateway.client_config(), code=code))
        account.save()
        now = timezone.now()
        SyncCursor.objects.create(store=kwai_store, watermark=now - timedelta(hours=1), due_at=now)
        yield Kwai(sandbox, kwai_store)
