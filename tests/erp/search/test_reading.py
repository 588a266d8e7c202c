"""What a typed text is taken for."""

from __future__ import annotations

import pytest

from erp.search.reading import typed_read

KEY = "35261112223330001815500100000000110000000108"
NUMBER = "2600000000000456789"


@pytest.mark.parametrize(
    "text", [KEY, f"NFe{KEY}", " ".join(KEY[at : at + 4] for at in range(0, 44, 4)), KEY.lower()]
)
def test_an_access_key_in_any_form_is_only_that(text: str) -> None:
    typed = typed_read(text)
    assert (typed.access_key, typed.parts, typed.names, typed.number) == (KEY, (), (), None)


def test_a_number_of_ours_and_a_part_of_a_marketplaces() -> None:
    assert (typed_read("#123").number, typed_read("123").numbers, typed_read("123").parts) == (123, (), ())
    assert (typed_read("0456").number, typed_read("0456").numbers) == (456, ("0456",))
    assert (typed_read(NUMBER).number, typed_read(NUMBER).numbers) == (None, (NUMBER,))
    assert typed_read("2600 0000 0000 0456 789").numbers == (NUMBER,)


def test_names_beside_numbers() -> None:
    typed = typed_read("  João  SILVA 4567 ")
    assert (typed.names, typed.numbers, typed.number) == (("joao", "silva"), ("4567",), None)
    assert typed_read("a b c d e f g h").words == ("a", "b", "c", "d", "e", "f")


@pytest.mark.parametrize("text", ["529.982.247-25", "52998224725"])
def test_a_document(text: str) -> None:
    assert typed_read(text).tax_id == "52998224725"
    assert typed_read("529.982.247-26").tax_id == ""


@pytest.mark.parametrize("text", ["", "#", " ", "²", "%"])
def test_whatever_is_typed_is_read(text: str) -> None:
    assert typed_read(text).number is None
