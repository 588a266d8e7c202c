"""What an order lacks: one thing is taken away at a time, and exactly that is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from invoices.issuing.draft import Draft, DraftItem, DraftPlace, Emitter, Recipient, shares
from invoices.issuing.requirements import Where, lacks

PLACE = DraftPlace("Avenida Paulista", "1000", "", "Bela Vista", "São Paulo", "3550308", "SP", "01310100")
EMITTER = Emitter(
    "Loja Ltda", "Loja", "11222333000181", "110042490114", "1", "homologation", PLACE, "12345678000195"
)
RECIPIENT = Recipient("Maria da Silva", "52998224725", PLACE, "")
ITEM = DraftItem(3, 5, "CAM-P", "Camiseta", "UN", "", "61091000", "", "0", "102", "5102", 2, 4990)
DRAFT = Draft(
    order_id=9,
    number=12,
    external_id="2600000000000000004",
    channel="Kwai",
    store="Kwai Shop",
    approved=True,
    shipped=False,
    frozen_reason="",
    invoice="",
    emitter=EMITTER,
    recipient=RECIPIENT,
    items=(ITEM,),
    freight=0,
    discount=0,
    total=9980,
    by_platform=False,
    carrier_name="",
    carrier_tax_id="",
)


def named(draft: Draft) -> list[tuple[Where, int, str]]:
    return [(lack.where, lack.id, lack.field) for lack in lacks(draft)]


def test_a_complete_order_lacks_nothing() -> None:
    assert lacks(DRAFT) == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"frozen_reason": "O pedido está cancelado."}, "cancelado"),
        ({"invoice": "NF-e 4 série 1"}, "já tem a NF-e 4"),
        ({"approved": False}, "não está pago"),
        ({"shipped": True}, "já foi enviado"),
        (
            {"approved": False, "recipient": Recipient("***", "", DraftPlace(), "Endereço oculto.")},
            "não está pago",
        ),
        ({"items": (), "total": 0}, "não tem itens"),
        ({"items": (replace(ITEM, quantity=1, unit_price=1),) * 991, "total": 991}, "mais de 990"),
        ({"total": 9990}, "somam R$ 99,80, e o total do pedido é R$ 99,90"),
        ({"discount": 10000, "freight": 500, "total": 480}, "passam do valor"),
    ],
)
def test_of_the_order(change: dict[str, Any], said: str) -> None:
    (lack,) = lacks(replace(DRAFT, **change))
    assert (lack.where, lack.id) == (Where.ORDER, 9)
    assert said in lack.text


@pytest.mark.parametrize("field", ["state_registration", "tax_regime", "intermediary_tax_id"])
def test_of_the_company(field: str) -> None:
    assert named(replace(DRAFT, emitter=replace(EMITTER, **{field: ""}))) == [(Where.COMPANY, 0, field)]


def test_a_sale_without_marketplace_needs_no_intermediary() -> None:
    assert lacks(replace(DRAFT, store="", emitter=replace(EMITTER, intermediary_tax_id=""))) == ()


@pytest.mark.parametrize("field", ["street", "number", "district", "city_code", "postal_code"])
def test_of_either_address(field: str) -> None:
    emptied = replace(PLACE, **{field: ""})
    assert named(replace(DRAFT, recipient=replace(RECIPIENT, place=emptied))) == [(Where.ADDRESS, 9, field)]
    assert named(replace(DRAFT, emitter=replace(EMITTER, place=emptied))) == [(Where.COMPANY, 0, field)]


@pytest.mark.parametrize("field", ["city", "state_code"])
def test_without_city_or_state_no_code_is_asked_for(field: str) -> None:
    emptied = replace(PLACE, **{field: ""}, city_code="")
    found = named(replace(DRAFT, recipient=replace(RECIPIENT, place=emptied), store=""))
    assert (Where.ADDRESS, 9, field) in found
    assert (Where.ADDRESS, 9, "city_code") not in found


def test_a_city_code_of_another_state_is_told_apart() -> None:
    (lack,) = lacks(replace(DRAFT, recipient=replace(RECIPIENT, place=replace(PLACE, city_code="3304557"))))
    assert "começam com 35" in lack.text


def test_a_hidden_address_is_one_sentence() -> None:
    hidden = Recipient(
        "Maria da Silva", "52998224725", DraftPlace(street="***"), "Endereço oculto pelo Kwai."
    )
    (lack,) = lacks(replace(DRAFT, recipient=hidden, items=(replace(ITEM, cfop="6108"),)))
    assert (lack.where, lack.text) == (Where.ADDRESS, "Endereço oculto pelo Kwai.")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "M*** S***"}, "name"),
        ({"tax_id": ""}, "tax_id"),
        ({"tax_id": "52998224724"}, "tax_id"),
    ],
)
def test_of_the_buyer(change: dict[str, str], field: str) -> None:
    assert named(replace(DRAFT, recipient=replace(RECIPIENT, **change))) == [(Where.BUYER, 9, field)]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"ncm": ""}, "ncm"),
        ({"ncm": "6109"}, "ncm"),
        ({"origin": ""}, "origin"),
        ({"icms_code": ""}, "icms_code"),
        ({"icms_code": "00"}, "icms_code"),
        ({"cfop": ""}, "cfop"),
        ({"cfop": "6108"}, "cfop"),
        ({"gtin": "7890001000376"}, "gtin"),
        ({"unit": ""}, "unit"),
    ],
)
def test_of_an_item(change: dict[str, str], field: str) -> None:
    (lack,) = lacks(replace(DRAFT, items=(replace(ITEM, **change),)))
    assert (lack.where, lack.id, lack.field) == (Where.PRODUCT, 3, field)
    assert lack.text.startswith("CAM-P: ")


def test_two_lines_of_one_sku_say_it_once() -> None:
    bare = replace(ITEM, ncm="")
    assert len(lacks(replace(DRAFT, items=(bare, bare), total=19960))) == 1


def test_another_state_asks_for_the_other_cfop() -> None:
    place = replace(PLACE, city="Curitiba", city_code="4106902", state_code="PR")
    there = replace(DRAFT, recipient=replace(RECIPIENT, place=place), items=(replace(ITEM, cfop=""),))
    assert named(there) == [(Where.PRODUCT, 3, "cfop_interstate")]


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (0, [5, 5], [0, 0]),
        (7, [0, 10], [0, 7]),
        (1001, [9980, 1], [1001, 0]),
        (2, [1, 1, 1], [1, 1, 0]),
        (0, [], []),
    ],
)
def test_shares_add_up(amount: int, weights: list[int], parts: list[int]) -> None:
    assert shares(amount, weights) == parts
    assert sum(parts) == amount
