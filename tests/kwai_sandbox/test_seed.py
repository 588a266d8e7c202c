"""The seed as plain data and as a platform."""

from __future__ import annotations

from typing import Any

from kwai_sandbox.drafts import SEED_DATA
from kwai_sandbox.seed import seed_load
from kwai_sandbox.server import RunningSandbox
from kwai_sandbox.state import State

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


def test_two_sellers_and_a_mix_of_orders(sandbox: RunningSandbox) -> None:
    found = orders_of(sandbox)
    statuses = [order["orderStatus"] for order in found]
    assert len(found) == 29
    assert statuses.count(30) > len(found) // 2
    assert {10, 30, 40, 50, 70, 80} == set(statuses)
    assert {order["shippingType"] for order in found} == {"SELLER", "KWAI_ENVIOS"}


def test_equal_seeds_give_equal_buyers() -> None:
    names = []
    for _ in range(2):
        state = State()
        seed_load(state, 7)
        names.append(
            [row["detail"].split('"cpf": "')[1][:11] for row in state.rows("SELECT detail FROM orders")]
        )
        state.close()
    assert names[0] == names[1]
