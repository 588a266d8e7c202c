"""The seed as plain data and as a platform."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

from kwai_sandbox.drafts import SEED_DATA
from kwai_sandbox.seed import seed_load
from kwai_sandbox.server import RunningSandbox
from kwai_sandbox.state import State
from kwai_sandbox.statuses import ARRANGED, DELIVERED_ONCE, PAID, SHIPPED_ONCE, TO_SHIP, WITH_INVOICE, Status

REGION_OF_CEP = {
    "0": "SP", "1": "SP", "20": "RJ", "22": "RJ", "24": "RJ", "30": "MG", "80": "PR", "90": "RS", "88": "SC",
    "40": "BA", "51": "PE", "60": "CE", "74": "GO", "66": "PA", "69": "AM",
}  # fmt: skip


def orders_of(sandbox: RunningSandbox) -> list[dict[str, Any]]:
    return [entry["order"] for entry in sandbox.control("GET", "orders")["orders"]]


def test_the_catalogue_has_unique_codes_and_valid_gtins() -> None:
    skus = [sku for product in SEED_DATA["products"] for sku in product["skus"]]
    assert (len(SEED_DATA["products"]), len(skus)) == (12, 25)
    assert len({sku["number"] for sku in skus}) == 25
    for sku in skus:
        digits = [int(digit) for digit in sku["gtin"]]
        assert sum(digit * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10 == 0


def test_cpfs_have_right_check_digits(sandbox: RunningSandbox) -> None:
    for order in orders_of(sandbox):
        cpf = [int(digit) for digit in order["receiverAddressInfo"]["cpf"]]
        for length in (9, 10):
            total = sum(digit * (length + 1 - place) for place, digit in enumerate(cpf[:length]))
            assert total * 10 % 11 % 10 == cpf[length]


def test_postal_codes_fit_the_states() -> None:
    for place in SEED_DATA["addresses"]:
        code = place["zipCode"]
        assert REGION_OF_CEP.get(code[:2], REGION_OF_CEP.get(code[0])) == place["state"]


def test_two_sellers_and_orders_in_every_situation(sandbox: RunningSandbox) -> None:
    found = orders_of(sandbox)
    counts = Counter(order["orderStatus"] for order in found)
    assert len(found) == 29
    assert set(counts) == set(Status)
    assert min(counts[status] for status in TO_SHIP | {Status.SHIPPED, Status.AWAITING_PAYMENT}) >= 2
    assert counts.most_common(1)[0][0] == Status.AWAITING_INVOICE


def test_at_least_half_of_the_orders_go_by_own_carriers(sandbox: RunningSandbox) -> None:
    for merchant in SEED_DATA["merchants"]:
        listed = sandbox.control("GET", f"orders?merchantId={merchant['merchantId']}")["orders"]
        kinds = [entry["order"]["shippingType"] for entry in listed]
        assert kinds.count("SELLER") * 2 >= len(kinds) == merchant["orders"]
        assert set(kinds) == {"SELLER", "KWAI_ENVIOS"}


def test_each_order_has_what_its_situation_brings(sandbox: RunningSandbox) -> None:
    now = time.time_ns() // 1_000_000
    for order in orders_of(sandbox):
        status, platform = order["orderStatus"], order["shippingType"] == "KWAI_ENVIOS"
        assert bool(order["paidTime"]) is (status in PAID)
        assert (order["invoiceStatus"] == 2) is (status in WITH_INVOICE)
        assert bool(order["trackingNumber"]) is (status in SHIPPED_ONCE or (platform and status in ARRANGED))
        assert bool(order.get("shippedAt")) is (status in SHIPPED_ONCE)
        assert bool(order.get("deliveredAt")) is (status in DELIVERED_ONCE)
        assert bool(order.get("canceledAt")) is (status == Status.CLOSED)
        assert order["createTime"] <= order["updateTime"] <= now


def test_equal_seeds_give_equal_orders() -> None:
    names = []
    for _ in range(2):
        state = State()
        seed_load(state, 7)
        details = [json.loads(row["detail"]) for row in state.rows("SELECT detail FROM orders")]
        names.append(
            [
                (detail["receiverAddressInfo"]["cpf"], detail["orderStatus"], detail["totalAmount"])
                for detail in details
            ]
        )
        state.close()
    assert names[0] == names[1]
