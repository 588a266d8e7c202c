from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp.brazil.money import (
    LARGEST,
    MoneyError,
    centavos_from_decimal,
    centavos_read,
    decimal_from_centavos,
    money_format,
    money_parse,
)


@pytest.mark.parametrize("value", [0, 1, 17000, LARGEST, "17000", "0017000"])
def test_remote_amount_is_an_integer_or_its_digits(value):
    assert centavos_read(value) == int(value)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("170.00", "not_integer"),
        ("170,00", "not_integer"),
        ("-17000", "negative"),
        ("9" * 20, "too_large"),
        (170.0, "not_integer"),
        (True, "not_integer"),
        (None, "not_integer"),
        ([1], "not_integer"),
        (-1, "negative"),
        (LARGEST + 1, "too_large"),
        (2**63, "too_large"),
    ],
)
def test_anything_else_is_refused(value, code):
    with pytest.raises(MoneyError) as caught:
        centavos_read(value)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("centavos", "text"),
    [
        (0, "R$ 0,00"),
        (5, "R$ 0,05"),
        (123456, "R$ 1.234,56"),
        (-5, "-R$ 0,05"),
        (100_000_000, "R$ 1.000.000,00"),
    ],
)
def test_display(centavos, text):
    assert money_format(centavos) == text


@pytest.mark.parametrize(
    ("typed", "centavos"),
    [("1.234,56", 123456), ("R$ 10", 1000), ("1234,5", 123450), ("0,05", 5), (" 12.345 ", 1234500)],
)
def test_typed_amounts(typed, centavos):
    assert money_parse(typed) == centavos


@pytest.mark.parametrize("typed", ["12.34", "1,234.56", "", "-1", "dez", "1,234", "1.23,4", "9" * 40, "١٠"])
def test_ambiguous_typed_amounts_are_refused(typed):
    with pytest.raises(MoneyError):
        money_parse(typed)


@given(st.integers(0, LARGEST))
def test_display_and_decimal_give_the_amount_back(centavos):
    assert money_parse(money_format(centavos)) == centavos
    assert centavos_from_decimal(decimal_from_centavos(centavos)) == centavos


def test_decimal_is_exact():
    assert decimal_from_centavos(12345) == Decimal("123.45")
    assert centavos_from_decimal(Decimal("123.450")) == 12345


@pytest.mark.parametrize("amount", ["1.005", "NaN", "Infinity", "1e30", "0.0001"])
def test_decimal_that_would_round_is_refused(amount):
    with pytest.raises(MoneyError):
        centavos_from_decimal(Decimal(amount))
