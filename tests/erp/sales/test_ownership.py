"""An address edited here is judged by the same needs as one that came from the platform."""

from __future__ import annotations

import pytest

from erp.brazil.documents import ADDRESS_NEEDS
from erp.sales.ownership import address_problem

WHOLE = dict.fromkeys(ADDRESS_NEEDS, "x")


def test_a_whole_address_has_no_problem() -> None:
    assert address_problem(WHOLE) == ""


@pytest.mark.parametrize("name", ADDRESS_NEEDS)
def test_each_missing_part_is_named(name: str) -> None:
    assert address_problem({**WHOLE, name: ""}) == f"Falta no endereço: {ADDRESS_NEEDS[name]}."


@pytest.mark.parametrize("text", ["***", "Rua ••••", "A*a"])
def test_what_is_hidden_is_named(text: str) -> None:
    assert address_problem({**WHOLE, "street": text}) == "O Kwai ainda esconde: logradouro."
