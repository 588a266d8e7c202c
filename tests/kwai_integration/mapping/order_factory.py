"""A complete raw order as `queryOrderDetails` answers it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.kwai_integration.codes import PAID

FETCHED_AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PLACED_MS = 1_763_899_200_000


def raw_order(**changes: Any) -> dict[str, Any]:
    """Two lines of 2 x 50.00 and 1 x 80.00, freight 15.00, discounts 10.00 and 5.00: 180.00 in all."""
    return {
        "orderId": 7000000000000000001,
        "orderStatus": PAID,
        "currency": "BRL",
        "country": "BRA",
        "createTime": PLACED_MS,
        "paidTime": PLACED_MS + 60_000,
        "updateTime": PLACED_MS + 120_000,
        "shipByTime": PLACED_MS + 172_800_000,
        "totalAmount": 18000,
        "shippingFee": 1500,
        "productPlatformDiscount": 500,
        "productSellerDiscount": 1000,
        "orderItemView": [raw_line(), raw_line(skuId="9002", skuPrice=8000, skuQuantity=1)],
        "receiverAddressInfo": raw_receiver(),
        "shippingType": "SELLER",
        "payments": [{"method": "PIX", "amount": 18000}],
        "invoiceStatus": 0,
        "refundStatus": 0,
        **changes,
    }


def raw_line(**changes: Any) -> dict[str, Any]:
    return {
        "itemId": 8001,
        "skuId": 9001,
        "itemName": "Caneca esmaltada",
        "skuName": "Azul",
        "skuNumber": "CAN-AZ",
        "skuQuantity": 2,
        "skuPrice": 5000,
        **changes,
    }


def raw_receiver(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Maria da Silva",
        "cpf": "529.982.247-25",
        "phone": "11987654321",
        "zipCode": "01310-100",
        "state": "SP",
        "city": "São Paulo",
        "district": "Bela Vista",
        "street": "Avenida Paulista",
        "number": "1000",
        "complement": "ap 42",
        **changes,
    }
