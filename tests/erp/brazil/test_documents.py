"""Vectors of the fiscal and Correios rules; CPF and CNPJ are what stdnum accepts, less repeated digits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.br import cnpj as stdnum_cnpj
from stdnum.br import cpf as stdnum_cpf

from erp.brazil.documents import (
    STATES,
    AccessKey,
    DocumentInvalid,
    _check_digit,
    cnpj_parse,
    cpf_parse,
    is_masked,
    postal_code_format,
    postal_code_parse,
    s10_is_valid,
    s10_parse,
    state_code_parse,
    tax_id_format,
    tax_id_mask,
    tax_id_parse,
)

VALID_KEYS = [
    "35261111222333000181550010000001231482139070",
    "41261112ABC34501DE35550020000045671903155262",
    "312607A1B2C3D4000193550009999999991000000178",
    "35261011222333000181550010000001247719304688",
    "43261112ABC34501DE35558900000000014555120980",
    "35261111222333000181550010000001251100000030",
    "35261111222333000181550010000001251100000080",
]
INVALID_KEYS = {
    "check digit": "35261111222333000181550010000001231482139071",
    "lower case": "41261112abc34501de35550020000045671903155262",
    "letter O for A": "41261112OBC34501DE35550020000045671903155262",
    "43 characters": "312607A1B2C3D400019355000999999999100000017",
    "issuer reversed": "35261118100033322211550010000001231482139070",
    "model 65": "35261111222333000181650010000001231482139070",
    "blank": "",
    "other digits": "३५261111222333000181550010000001231482139070",
}


@pytest.mark.parametrize("text", ["52998224725", "529.982.247-25", " 529 982 247 25 "])
def test_cpf_is_read_in_every_punctuation(text):
    assert cpf_parse(text) == "52998224725"


@pytest.mark.parametrize(
    "text", ["52998224724", "111.111.111-11", "00000000000", "5299822472", "", "٥2998224725"]
)
def test_wrong_cpf_is_refused(text):
    with pytest.raises(DocumentInvalid, match="CPF"):
        cpf_parse(text)


@given(st.integers(0, 10**11 - 1))
def test_cpf_agrees_with_stdnum(number):
    text = f"{number:011d}"
    expected = stdnum_cpf.is_valid(text) and len(set(text)) > 1
    assert _accepts(cpf_parse, text) == expected


@given(st.integers(0, 10**9 - 1))
def test_exactly_one_ending_completes_a_cpf(number):
    accepted = [ending for ending in range(100) if _accepts(cpf_parse, f"{number:09d}{ending:02d}")]
    repeated = number % 111111111 == 0
    assert len(accepted) == (0 if repeated else 1)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("11.222.333/0001-81", "11222333000181"),
        ("12.abc.345/01de-35", "12ABC34501DE35"),
        ("A1B2C3D4000193", "A1B2C3D4000193"),
    ],
)
def test_cnpj_may_hold_letters(text, value):
    assert cnpj_parse(text) == value


@pytest.mark.parametrize(
    "text", ["11222333000182", "12ABC34501DE3A", "00000000000000", "1122233300018", "ç" * 14]
)
def test_wrong_cnpj_is_refused(text):
    with pytest.raises(DocumentInvalid, match="CNPJ"):
        cnpj_parse(text)


@given(st.text("0123456789ABCXYZ", min_size=12, max_size=12))
def test_cnpj_agrees_with_stdnum(base):
    text = base + stdnum_cnpj.calc_check_digits(base)
    wrong = text[:13] + str((int(text[13]) + 1) % 10)
    assert _accepts(cnpj_parse, text) == (len(set(text)) > 1)
    assert not _accepts(cnpj_parse, wrong)


def test_length_decides_the_kind_of_a_tax_id():
    assert tax_id_parse("529.982.247-25") == ("cpf", "52998224725")
    assert tax_id_parse("12.ABC.345/01DE-35") == ("cnpj", "12ABC34501DE35")
    with pytest.raises(DocumentInvalid):
        tax_id_parse("123")


def test_tax_id_display():
    assert tax_id_format("52998224725") == "529.982.247-25"
    assert tax_id_format("12ABC34501DE35") == "12.ABC.345/01DE-35"
    assert tax_id_format("123") == "123"
    assert tax_id_format("***.982.247-**") == "***.982.247-**"
    assert tax_id_mask("52998224725") == "***.982.247-**"
    assert tax_id_mask("12ABC34501DE35") == "12.ABC.345/01DE-35"


@pytest.mark.parametrize(("text", "masked"), [("***.456.789-**", True), ("Rua ••••", True), ("Rua A", False)])
def test_masked_values_are_recognised(text, masked):
    assert is_masked(text) is masked


def test_postal_code_keeps_its_leading_zero():
    assert postal_code_parse("01310-100") == "01310100"
    assert postal_code_format("01310100") == "01310-100"
    assert postal_code_format("1310100") == "1310100"


@pytest.mark.parametrize("text", ["00000000", "99999-999", "1310100", "0131010A", ""])
def test_wrong_postal_code_is_refused(text):
    with pytest.raises(DocumentInvalid, match="CEP"):
        postal_code_parse(text)


@pytest.mark.parametrize(
    ("text", "code"), [("sp", "SP"), (" São  Paulo ", "SP"), ("GOIAS", "GO"), ("EX", "EX")]
)
def test_state_is_read_from_code_or_name(text, code):
    assert state_code_parse(text) == code


def test_unknown_state_is_refused():
    with pytest.raises(DocumentInvalid):
        state_code_parse("XX")


def test_there_are_27_states():
    assert len(STATES) == 27
    assert len({number for number, _ in STATES.values()}) == 27


@pytest.mark.parametrize("key", VALID_KEYS)
def test_valid_access_key(key):
    parsed = AccessKey.parse(key)
    assert str(parsed) == key
    assert parsed.model == "55"
    assert parsed.issuer_tax_id == key[6:20]


def test_access_key_parts():
    key = AccessKey.parse("41261112ABC34501DE35550020000045671903155262")
    assert (key.state_code, key.year, key.month) == ("PR", 2026, 11)
    assert (key.issuer_tax_id, key.issuer_tax_id_kind) == ("12ABC34501DE35", "cnpj")
    assert (key.series, key.number, key.emission_type) == (2, 4567, "1")
    assert key.format() == "4126 1112 ABC3 4501 DE35 5500 2000 0045 6719 0315 5262"


@pytest.mark.parametrize("reason", INVALID_KEYS)
def test_invalid_access_key(reason):
    with pytest.raises(DocumentInvalid):
        AccessKey.parse(INVALID_KEYS[reason])


@pytest.mark.parametrize(
    "text",
    [
        "4126 1112 abc3 4501 de35 5500 2000 0045 6719 0315 5262",
        "NFe41261112ABC34501DE35550020000045671903155262",
        "41-2611-12.ABC.345/01DE-35-55-002-000.004.567-190.315.526-2",
    ],
)
def test_typed_access_key_is_normalised(text):
    assert str(AccessKey.parse_typed(text)) == "41261112ABC34501DE35550020000045671903155262"


def test_access_key_of_a_natural_person():
    body = "352611" + "000" + "52998224725" + "55" + "920" + "000000001" + "1" + "12345678"
    key = AccessKey.parse(body + _check_digit(body))
    assert (key.issuer_tax_id_kind, key.issuer_tax_id) == ("cpf", "52998224725")


@pytest.mark.parametrize(("position", "text"), [(0, "99"), (4, "13")])
def test_access_key_with_impossible_state_or_month(position, text):
    body = VALID_KEYS[0][:position] + text + VALID_KEYS[0][position + 2 : 43]
    with pytest.raises(DocumentInvalid, match="UF ou mês"):
        AccessKey.parse(body + _check_digit(body))


@given(st.integers(0, 43), st.integers(1, 9))
def test_one_changed_digit_never_goes_unnoticed_twice(position, step):
    """Modulo 11 sees every single changed digit except those that land on the doubled zero."""
    key = VALID_KEYS[0]
    changed = key[:position] + str((int(key[position]) + step) % 10) + key[position + 1 :]
    if _accepts(AccessKey.parse, changed):
        assert key[43] == "0"


@pytest.mark.parametrize(
    "code",
    [
        "AA123456785BR", "AA473124829BR", "OV123456785BR", "BR000000005BR", "AB100000025BR",
        "AB100000140BR", "QB000000014BR", "LX000000059BR", "SS987654326BR",
    ],
)  # fmt: skip
def test_valid_tracking_code(code):
    assert s10_parse(code) == code
    assert s10_parse(f" {code[:2].lower()} {code[2:7]} {code[7:]} ") == code


@pytest.mark.parametrize(
    "code",
    ["AA123456784BR", "AB100000020BR", "AB100000141BR", "AA12345678BR", "12123456785BR", "AA123456785", ""],
)
def test_invalid_tracking_code(code):
    assert not s10_is_valid(code)


def _accepts(parse, text):
    try:
        parse(text)
    except DocumentInvalid:
        return False
    return True
