"""Invented orders: buyers with valid CPFs, addresses that fit, totals by the contract's formula."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kwai_sandbox import orders
from kwai_sandbox.clock import DAY, MINUTE
from kwai_sandbox.items import SandboxItem
from kwai_sandbox.statuses import ARRANGED, Status, status_of

SEED_DATA: dict[str, Any] = json.loads(Path(__file__).with_name("seed_data.json").read_text(encoding="utf-8"))
FIRST_ORDER_ID = 2_600_000_000_000_000_000
PAYMENT_METHODS = ("PIX", "CREDIT_CARD", "BOLETO")
HOUR = 60 * MINUTE
# From payment to each situation of a usual order.
WAY = {
    Status.AWAITING_INVOICE: 0,
    Status.TO_ARRANGE: 3 * HOUR,
    Status.AWAITING_PICKUP: 4 * HOUR,
    Status.PACKED: 8 * HOUR,
    Status.SHIPPED: 20 * HOUR,
    Status.DELIVERED: 2 * DAY + 20 * HOUR,
    Status.COMPLETED: 4 * DAY + 20 * HOUR,
}


def cpf_invent(chance: random.Random) -> str:
    """Eleven digits with right check digits (Receita Federal's modulo 11)."""
    digits = [chance.randrange(10) for _ in range(9)]
    if len(set(digits)) == 1:
        digits[0] = (digits[0] + 1) % 10
    for _ in range(2):
        total = sum(
            digit * weight for digit, weight in zip(digits, range(len(digits) + 1, 1, -1), strict=True)
        )
        digits.append(total * 10 % 11 % 10)
    return "".join(map(str, digits))


def buyer_invent(chance: random.Random) -> dict[str, Any]:
    """A `receiverAddressInfo`."""
    place = dict(chance.choice(SEED_DATA["addresses"]))
    area = place.pop("ddd")
    return {
        "name": chance.choice(SEED_DATA["people"]),
        "cpf": cpf_invent(chance),
        "phone": f"+55{area}9{chance.randrange(10**8):08d}",
        **place,
        "number": str(chance.randrange(10, 2900)),
        "complement": chance.choice(("", "", f"Apto {chance.randrange(11, 184)}", "Casa 2", "Bloco B")),
    }


def line_of(item: SandboxItem, sku: dict[str, Any], quantity: int) -> dict[str, Any]:
    """An order line of a listed SKU."""
    return {
        "itemId": item.item_id,
        "skuId": sku["skuId"],
        "itemName": item.body["title"],
        "skuName": sku["specification"],
        "skuNumber": sku["number"],
        "skuQuantity": quantity,
        "skuPrice": sku["salePrice"],
    }


def line_unlisted(number: str, quantity: int = 1, price: int = 4990) -> dict[str, Any]:
    """A line of a SKU that has no listing here; equal seller codes get equal ids."""
    key = zlib.crc32(number.encode("utf-8", "backslashreplace"))
    return {
        "itemId": str(2_900_000_000_000_000_000 + key),
        "skuId": str(3_900_000_000_000_000_000 + key),
        "itemName": f"Produto {number}",
        "skuName": "Único",
        "skuNumber": number,
        "skuQuantity": quantity,
        "skuPrice": price,
    }


def lines_invent(chance: random.Random, listed: Sequence[SandboxItem]) -> list[dict[str, Any]]:
    """One to three different lines out of the merchant's listings, or an unlisted one."""
    pairs = [(item, sku) for item in listed for sku in item.body["skus"]]
    if not pairs:
        return [line_unlisted("KWAI-SEM-ANUNCIO")]
    chosen = chance.sample(pairs, min(len(pairs), chance.choice((1, 1, 1, 2, 2, 3))))
    return [line_of(item, sku, chance.choice((1, 1, 1, 2))) for item, sku in chosen]


def order_draft(
    chance: random.Random,
    *,
    merchant_id: str,
    sequence: int,
    created_at: int,
    status: int,
    shipping_type: str,
    lines: list[dict[str, Any]],
) -> orders.SandboxOrder:
    """A whole order that has come as far as `status`; times in ms, amounts in centavos.

    A code that no order can have is put on a paid one.
    """
    order_id = str(FIRST_ORDER_ID + sequence)
    detail = _head(order_id, created_at, shipping_type)
    detail |= _amounts(chance, lines, shipping_type)
    detail |= {"orderItemView": lines, "receiverAddressInfo": buyer_invent(chance)}
    order = orders.SandboxOrder(order_id, merchant_id, created_at, created_at, detail, {})
    _progress(order, status, chance.randrange(1, 20) * MINUTE, sequence)
    detail["payments"] = [{"method": chance.choice(PAYMENT_METHODS), "amount": detail["totalAmount"]}]
    return order


def _head(order_id: str, created_at: int, shipping_type: str) -> dict[str, Any]:
    return {
        "orderId": order_id,
        "orderStatus": Status.AWAITING_PAYMENT,
        "currency": "BRL",
        "country": "BRA",
        "createTime": created_at,
        "updateTime": created_at,
        "paidTime": None,
        "shipByTime": None,
        "shippingType": shipping_type,
        "carrierCode": "",
        "trackingNumber": "",
        "cancelReason": "",
        "buyerRemark": "",
        "holdReason": "",
        "invoiceStatus": orders.INVOICE_NONE,
        "invoiceRefusalReason": "",
        "refundStatus": orders.REFUND_NONE,
    }


def _amounts(chance: random.Random, lines: list[dict[str, Any]], shipping_type: str) -> dict[str, Any]:
    goods = sum(line["skuPrice"] * line["skuQuantity"] for line in lines)
    platform_discount = goods // 10 if chance.random() < 0.25 else 0
    seller_discount = goods // 20 if chance.random() < 0.2 else 0
    shipping = 0 if shipping_type == orders.PLATFORM_LOGISTICS else chance.choice((0, 1290, 1890, 2450))
    return {
        "shippingFee": shipping,
        "productPlatformDiscount": platform_discount,
        "productSellerDiscount": seller_discount,
        "totalAmount": goods + shipping - seller_discount - platform_discount,
    }


def _progress(order: orders.SandboxOrder, status: int, paid_after: int, sequence: int) -> None:
    """Bring a new order to `status`, situation by situation."""
    wanted = status_of(status)
    if wanted == Status.CLOSED:
        order.detail["cancelReason"] = "Pagamento não confirmado"
    for stage, after in _stages(wanted or Status.AWAITING_INVOICE, order.is_platform_shipped):
        if stage == Status.SHIPPED and not order.is_platform_shipped:
            order.detail |= {"carrierCode": "CORREIOS", "trackingNumber": s10_invent(sequence)}
        order.update_time = order.create_time + paid_after + after
        orders.order_move(order, stage, order.update_time)
        order.detail["updateTime"] = order.update_time
    if wanted is None:
        order.detail["orderStatus"] = status


def _stages(wanted: Status, by_platform: bool) -> list[tuple[Status, int]]:
    """The situations that lead to the wanted one, with the time (ms) from payment to each."""
    if wanted == Status.AWAITING_PAYMENT:
        return []
    if wanted == Status.CLOSED:
        return [(wanted, 0)]
    way = [stage for stage in WAY if by_platform or stage == wanted or stage not in ARRANGED]
    return [(stage, WAY[stage]) for stage in way[: way.index(wanted) + 1]]


def s10_invent(number: int) -> str:
    """A tracking number in the S10 form of the Correios, check digit included."""
    digits = f"{number % 10**8:08d}"
    rest = (
        11
        - sum(int(digit) * weight for digit, weight in zip(digits, (8, 6, 4, 2, 3, 5, 9, 7), strict=True))
        % 11
    )
    return f"AA{digits}{ {10: 0, 11: 5}.get(rest, rest) }BR"
