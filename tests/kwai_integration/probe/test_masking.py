"""No personal data in a recording, and the same shape as before."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp.brazil.documents import MASK_CHARACTERS, tax_id_parse
from kwai_integration.probe.masking import INSIDE, Masker
from kwai_integration.wire.names import DEFAULT_NAMES, Privacy, field_rows, wire_names
from tests.kwai_integration.mapping.order_factory import raw_order, raw_receiver

MASKER = Masker(DEFAULT_NAMES, b"k" * 32)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3)
    ),
    max_leaves=8,
)
SECRET_WORDS = "Maria da Silva, Rua das Flores 77"


def order(**changes: Any) -> Any:
    return MASKER.masked("order", raw_order(**changes))


def receiver(**changes: Any) -> Any:
    return order(receiverAddressInfo=raw_receiver(**changes))["receiverAddressInfo"]


def test_a_person_is_replaced_and_keeps_shape() -> None:
    before, after = raw_receiver(), receiver()
    assert after.keys() == before.keys()
    kept = {name for name in before if before[name] == after[name] and before[name]}
    assert kept <= {"state", "city"}, kept
    assert tax_id_parse(after["cpf"])[0] == "cpf"
    assert (after["cpf"][3], after["cpf"][7], after["cpf"][11]) == (".", ".", "-")
    assert (len(after["phone"]), after["phone"].isdigit()) == (11, True)
    assert (len(after["zipCode"]), after["zipCode"][5]) == (9, "-")
    assert after["name"].startswith("Pessoa ")


@pytest.mark.parametrize("number", ["52998224725", "11222333000181", "12.ABC.345/01DE-35"])
def test_another_valid_number_of_the_same_kind(number: str) -> None:
    masked = receiver(cpf=number)["cpf"]
    assert masked != number
    assert tax_id_parse(masked)[0] == tax_id_parse(number)[0]


def test_a_cpf_that_came_as_a_number_stays_one() -> None:
    masked = receiver(cpf=52998224725)["cpf"]
    assert type(masked) is int
    assert masked != 52998224725


def test_a_city_becomes_the_capital_of_its_state() -> None:
    assert receiver(city="Holambra", state="SP")["city"] == "São Paulo"
    assert receiver(city="Holambra", state="??")["city"] == "Cidade"


@pytest.mark.parametrize("star", MASK_CHARACTERS)
@pytest.mark.parametrize("field", raw_receiver())
def test_a_star_hides_nothing_but_itself(field: str, star: str) -> None:
    stated = f"Maria {star}Cida{star} Souza 52998224725"
    masked = receiver(**{field: stated})[field]
    assert not {"Maria", "Cida", "Souza", "52998224725"} & set(re.split(r"\W+", masked)), masked


def test_what_the_platform_masked_stays_masked() -> None:
    masked = receiver(cpf="***.982.247-**", phone="***")
    assert (masked["cpf"][:4], masked["cpf"][-3:], masked["phone"]) == ("***.", "-**", "***")
    assert "982.247" not in masked["cpf"]


@pytest.mark.parametrize(
    "name",
    ["529.982.247-25", "52998224725", "cpf52998224725", "Maria", "Maria da Silva", "maria silva", "joão",
     "maria@example.com", "(11) 98765-4321"],
)  # fmt: skip
def test_a_name_that_is_none_of_a_field_is_replaced(name: str) -> None:
    for raw in ({name: 1}, {"extra": {name: 1}}, {"extra": [{name: 1}]}, {"payments": [{name: 1}]}):
        assert name not in json.dumps(MASKER.masked("order", raw), ensure_ascii=False)


@pytest.mark.parametrize("name", ["buyerName", "ship_to", "address2", "cpf"])
def test_the_name_of_a_field_stays(name: str) -> None:
    assert list(MASKER.masked("order", {name: "x"})) == [name]


def test_equal_people_stay_equal_and_another_recording_tells_nothing() -> None:
    assert receiver() == receiver()
    other = Masker(DEFAULT_NAMES, b"x" * 32).masked("order", raw_order())
    assert other["receiverAddressInfo"]["phone"] != receiver()["phone"]


def test_what_drives_the_order_is_kept() -> None:
    before, after = raw_order(), order()
    personal = {
        row.wire for row in field_rows() if row.section == "order" and row.privacy is Privacy.PERSONAL
    }
    same = before.keys() - personal - {"receiverAddressInfo"}
    assert {name: after[name] for name in same} == {name: before[name] for name in same}


@pytest.mark.parametrize(
    "row", [row for row in field_rows() if row.privacy is not Privacy.OPEN], ids=lambda row: row.name
)
def test_no_personal_field_of_the_table_comes_through(row: Any) -> None:
    assert SECRET_WORDS not in json.dumps(MASKER.masked(row.section, {row.wire: SECRET_WORDS}))


@pytest.mark.parametrize("section", ["order", "item", "refund", "sku", "line", "payment"])
def test_an_unknown_field_keeps_its_type_and_loses_its_value(section: str) -> None:
    told = {
        "buyerPhone": 11987654321,
        "extra": {"fullName": SECRET_WORDS, "tags": [SECRET_WORDS]},
        "vip": True,
    }
    masked = MASKER.masked(section, told)
    assert "Maria" not in json.dumps(masked)
    assert len(str(masked["buyerPhone"])) == 11
    assert masked["buyerPhone"] != 11987654321
    assert masked["vip"] is True
    assert masked["extra"].keys() == told["extra"].keys()  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["orderStatus", "country", "orderItemView", "paidTime", "shippingType"])
def test_a_name_where_something_else_belongs_is_not_kept(name: str) -> None:
    long = f"{SECRET_WORDS} e muito mais texto"
    assert "Maria" not in json.dumps(order(**{name: {"buyer": long}}))
    if name != "country":
        assert "Maria" not in json.dumps(order(**{name: long}))


def test_the_names_in_force_are_masked() -> None:
    names = wire_names({"receiver.name": "fullName", "order.receiver": "shipTo"})
    masked = Masker(names, b"k" * 32).masked("order", {"shipTo": {"fullName": SECRET_WORDS, "state": "SP"}})
    assert masked["shipTo"]["fullName"].startswith("Pessoa ")
    assert masked["shipTo"]["state"] == "SP"


@given(raw=st.dictionaries(st.sampled_from([row.wire for row in field_rows()]), JSON))
def test_any_answer_is_masked(raw: dict[str, Any]) -> None:
    for section in {"order", "item", "refund", *INSIDE.values()}:
        assert MASKER.masked(section, raw).keys() == raw.keys()
