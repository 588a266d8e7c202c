from __future__ import annotations

import pytest

from kwai_integration.mapping.people import address_read, buyer_read, name_format
from kwai_integration.mapping.warnings import Warn
from kwai_integration.wire.names import DEFAULT_NAMES
from tests.kwai_integration.mapping.order_factory import raw_receiver


def read(reader, receiver):
    warnings = []
    return reader(receiver, warnings.append, DEFAULT_NAMES.receiver), warnings


def test_complete_buyer_and_address():
    buyer, warnings = read(buyer_read, raw_receiver())
    assert (buyer.name, buyer.tax_id, buyer.tax_id_kind) == ("Maria da Silva", "52998224725", "cpf")
    assert (buyer.masked, warnings) == (False, [])
    address, warnings = read(address_read, raw_receiver())
    assert (address.postal_code, address.state_code, address.number) == ("01310100", "SP", "1000")
    assert (address.masked, address.incomplete_reason, warnings) == (False, "", [])


@pytest.mark.parametrize(
    ("stated", "tax_id", "kind"),
    [
        (191, "00000000191", "cpf"),
        (52998224725, "52998224725", "cpf"),
        (11222333000181, "11222333000181", "cnpj"),
        ("12.ABC.345/01DE-35", "12ABC34501DE35", "cnpj"),
    ],
)
def test_tax_id_in_every_shape(stated, tax_id, kind):
    buyer, warnings = read(buyer_read, raw_receiver(cpf=stated))
    assert (buyer.tax_id, buyer.tax_id_kind, warnings) == (tax_id, kind, [])


@pytest.mark.parametrize("stated", ["111.111.111-11", "123", True, 10**20])
def test_invalid_tax_id_is_left_out(stated):
    buyer, warnings = read(buyer_read, raw_receiver(cpf=stated))
    assert buyer.tax_id == buyer.tax_id_kind == ""
    assert warnings in ([Warn.TAX_ID_INVALID], [Warn.TAX_ID_MISSING])


def test_masked_tax_id_is_never_guessed():
    buyer, warnings = read(buyer_read, raw_receiver(cpf="***.982.247-**"))
    assert buyer.tax_id == ""
    assert (buyer.masked, warnings) == (True, [Warn.BUYER_MASKED])


def test_nobody_gives_one_warning():
    buyer, warnings = read(buyer_read, {})
    assert buyer.name == ""
    assert warnings == [Warn.BUYER_MISSING]


def test_masked_address_blocks_with_its_reason():
    address, warnings = read(address_read, raw_receiver(street="Av. ***", zipCode="013**-***"))
    assert (address.masked, address.postal_code, address.street) == (True, "", "Av. ***")
    assert "oculto" in address.incomplete_reason
    assert warnings == [Warn.ADDRESS_MASKED]


def test_incomplete_address_names_what_is_missing():
    address, warnings = read(address_read, raw_receiver(number=None, zipCode="00000000"))
    assert address.incomplete_reason == "Endereço incompleto: falta CEP, número."
    assert warnings == [Warn.ADDRESS_INCOMPLETE]


def test_numbers_and_state_names_are_accepted():
    address, warnings = read(address_read, raw_receiver(number=12, zipCode=1310100, state="São Paulo"))
    assert (address.number, address.postal_code, address.state_code) == ("12", "01310100", "SP")
    assert warnings == []


def test_reason_fits_its_column():
    address, _ = read(address_read, {})
    assert 0 < len(address.incomplete_reason) <= 200


@pytest.mark.parametrize(
    ("stated", "shown"),
    [
        ("ANA DE SOUZA", "Ana de Souza"),
        ("joão da silva e souza", "João da Silva e Souza"),
        ("MARIA-CLARA DOS SANTOS", "Maria-Clara dos Santos"),
        ("DE PAULA", "De Paula"),
        ("JOANA D'ÁVILA SANT’ANNA", "Joana D'Ávila Sant’Anna"),
        ("Ana McDonald", "Ana McDonald"),
        ("A***", "A***"),
        ("", ""),
        ("123", "123"),
    ],
)
def test_names_in_capitals_are_put_in_order(stated: str, shown: str) -> None:
    assert name_format(stated) == shown
