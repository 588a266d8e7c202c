"""The seed: two sellers, a Brazilian catalogue and some days of orders, from `seed_data.json`."""

from __future__ import annotations

import random

from kwai_sandbox import items, oauth, orders
from kwai_sandbox.clock import DAY, MINUTE, now_ms
from kwai_sandbox.drafts import SEED_DATA, lines_invent, order_draft
from kwai_sandbox.state import State

STATUS_MIX = (
    [orders.PAID] * 16
    + [orders.AWAITING_PAYMENT] * 3
    + [orders.SHIPPED] * 3
    + [orders.RECEIVED, orders.COMPLETED, orders.CANCELLED]
)
AGES_IN_DAYS = {
    orders.AWAITING_PAYMENT: (0.01, 0.5),
    orders.PAID: (0.05, 2.0),
    orders.SHIPPED: (1.5, 3.0),
    orders.RECEIVED: (4.0, 6.0),
    orders.COMPLETED: (5.0, 8.0),
    orders.CANCELLED: (1.0, 4.0),
}


def seed_load(state: State, number: int) -> None:
    """Fill an empty platform; equal numbers give equal buyers, lines and amounts."""
    chance = random.Random(number)  # noqa: S311 - chance, not secrets
    with state.transaction():
        for position, merchant in enumerate(SEED_DATA["merchants"]):
            oauth.merchant_put(state, merchant_id=merchant["merchantId"], shop_name=merchant["shopName"])
            _seed_items(state, merchant["merchantId"], merchant["items"], position)
            _seed_orders(state, chance, merchant["merchantId"], merchant["orders"])


def _seed_items(state: State, merchant_id: str, numbers: list[str], position: int) -> None:
    for product in SEED_DATA["products"]:
        if product["number"] in numbers:
            # Another seller's listing of the same product has ids of its own, the seller codes stay.
            shift = position * 1000
            skus = [sku | {"skuId": str(int(sku["skuId"]) + shift)} for sku in product["skus"]]
            values = product | {"itemId": str(int(product["itemId"]) + shift), "skus": skus}
            items.item_insert(state, merchant_id=merchant_id, values=values, status=items.ACTIVE)


def _seed_orders(state: State, chance: random.Random, merchant_id: str, count: int) -> None:
    now = now_ms()
    listed = items.items_list(state, merchant_id)
    statuses = STATUS_MIX[:count]
    ages = sorted(((chance.uniform(*AGES_IN_DAYS[status]), status) for status in statuses), reverse=True)
    sequences = state.next_ids("order", len(ages))
    drafts = [
        order_draft(
            chance,
            merchant_id=merchant_id,
            sequence=sequence,
            created_at=now - int(age * DAY) - 25 * MINUTE,
            status=status,
            shipping_type=orders.PLATFORM_LOGISTICS if chance.random() < 0.4 else orders.SELLER_LOGISTICS,
            lines=lines_invent(chance, listed),
        )
        for sequence, (age, status) in zip(sequences, ages, strict=True)
    ]
    orders.orders_insert(state, drafts)
