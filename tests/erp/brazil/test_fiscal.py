from __future__ import annotations

from collections.abc import Callable

import pytest

from erp.brazil import fiscal
from erp.brazil.documents import DocumentInvalid


@pytest.mark.parametrize(
    ("parse", "typed", "canonical"),
    [
        (fiscal.ncm_parse, "6109.10.00", "61091000"),
        (fiscal.ncm_parse, " 61091000 ", "61091000"),
        (fiscal.cest_parse, "28.038.00", "2803800"),
        (fiscal.cfop_parse, "5.102", "5102"),
        (fiscal.state_registration_parse, "110.042.490.114", "110042490114"),
        (fiscal.state_registration_parse, "isento", "ISENTO"),
    ],
)
def test_typed_codes_become_canonical(parse: Callable[[str], str], typed: str, canonical: str) -> None:
    assert parse(typed) == canonical


@pytest.mark.parametrize(
    ("parse", "typed"),
    [
        (fiscal.ncm_parse, "6109100"),
        (fiscal.ncm_parse, "6109100A"),
        (fiscal.ncm_parse, "٦١٠٩١٠٠٠"),
        (fiscal.cest_parse, "28038001"),
        (fiscal.cfop_parse, "1102"),
        (fiscal.cfop_parse, "510"),
        (fiscal.state_registration_parse, "1"),
        (fiscal.state_registration_parse, "P-01100424.3/002"),
    ],
)
def test_what_is_no_code_is_refused(parse: Callable[[str], str], typed: str) -> None:
    with pytest.raises(DocumentInvalid):
        parse(typed)


def test_a_cfop_begins_as_its_destination_asks() -> None:
    assert fiscal.cfop_parse("6108", "6") == "6108"
    with pytest.raises(DocumentInvalid, match="começa com 6"):
        fiscal.cfop_parse("5102", "6")


@pytest.mark.parametrize("regime", ["1", "4"])
def test_simples_uses_csosn(regime: str) -> None:
    assert fiscal.icms_code_check("102", regime) == "102"
    with pytest.raises(DocumentInvalid, match="CSOSN"):
        fiscal.icms_code_check("00", regime)


@pytest.mark.parametrize("regime", ["2", "3"])
def test_other_regimes_use_cst(regime: str) -> None:
    assert fiscal.icms_code_check("00", regime) == "00"
    with pytest.raises(DocumentInvalid, match="CST"):
        fiscal.icms_code_check("102", regime)


def test_an_unknown_regime_takes_either() -> None:
    assert {"00", "102"} <= set(fiscal.icms_codes(""))


def test_a_city_code_belongs_to_its_state() -> None:
    assert fiscal.city_code_parse("3550308", "SP") == "3550308"
    assert fiscal.city_code_parse("4305871", "RS") == "4305871"  # official, against the check digit's rule
    with pytest.raises(DocumentInvalid, match="São Paulo começam com 35"):
        fiscal.city_code_parse("3304557", "SP")
    with pytest.raises(DocumentInvalid, match="7 números"):
        fiscal.city_code_parse("355030", "SP")


def test_a_gtin_has_a_right_check_digit() -> None:
    assert fiscal.gtin_is_valid("7891000315507")
    assert not fiscal.gtin_is_valid("7891000315508")
    assert not fiscal.gtin_is_valid("789100031550")
    assert not fiscal.gtin_is_valid("")
