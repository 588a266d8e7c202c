"""The seed: two sellers, a Brazilian catalogue and some days of orders, from `seed_data.json`."""

from __future__ import annotations

import random

from kwai_sandbox import items, oauth, orders
from kwai_sandbox.clock import DAY, MINUTE, now_ms
from kwai_sandbox.drafts import SEED_DATA, lines_invent, order_draft
from kwai_sandbox.state import State
from kwai_sandbox.statuses import Status

PLATFORM, SELLER = orders.PLATFORM_LOGISTICS, orders.SELLER_LOGISTICS
# A seller with few orders gets the first ones.
ORDER_MIX = (
    [(Status.AWAITING_INVOICE, SELLER)] * 3
    + [(Status.AWAITING_INVOICE, PLATFORM)]
    + [(Status.AWAITING_INVOICE, SELLER)] * 3
    + [(Status.AWAITING_INVOICE, PLATFORM)] * 2
    + [(Status.AWAITING_PAYMENT, SELLER), (Status.AWAITING_PAYMENT, PLATFORM)]
    + [(Status.TO_ARRANGE, SELLER)] * 2
    + [(Status.TO_ARRANGE, PLATFORM)]
    + [(Status.AWAITING_PICKUP, PLATFORM)] * 2
    + [(Status.PACKED, PLATFORM)] * 2
    + [(Status.SHIPPED, SELLER)] * 2
    + [(Status.SHIPPED, PLATFORM)]
    + [(Status.DELIVERED, SELLER), (Status.DELIVERED, PLATFORM)]
    + [(Status.COMPLETED, SELLER), (Status.CLOSED, SELLER)]
)
# How long ago, at least and at most, an order of each situation was bought.
AGES_IN_DAYS = {
    Status.AWAITING_PAYMENT: (0.01, 0.5),
    Status.AWAITING_INVOICE: (0.05, 1.5),
    Status.TO_ARRANGE: (0.2, 1.5),
    Status.AWAITING_PICKUP: (0.25, 1.5),
    Status.PACKED: (0.4, 1.5),
    Status.SHIPPED: (1.0, 2.5),
    Status.DELIVERED: (3.0, 6.0),
    Status.COMPLETED: (5.0, 8.0),
    Status.CLOSED: (1.0, 4.0),
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
    ages = sorted(
        ((chance.uniform(*AGES_IN_DAYS[status]), status, kind) for status, kind in ORDER_MIX[:count]),
        reverse=True,
    )
    sequences = state.next_ids("order", len(ages))
    drafts = [
        order_draft(
            chance,
            merchant_id=merchant_id,
            sequence=sequence,
            created_at=now - int(age * DAY) - 25 * MINUTE,
            status=status,
            shipping_type=kind,
            lines=lines_invent(chance, listed),
        )
        for sequence, (age, status, kind) in zip(sequences, ages, strict=True)
    ]
    orders.orders_insert(state, drafts)
