from __future__ import annotations

from collections.abc import Iterator

import pytest

from erp.brazil import municipalities


@pytest.fixture
def without_table(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(municipalities, "find_spec", lambda name: None)
    municipalities._codes.cache_clear()
    yield
    municipalities._codes.cache_clear()


@pytest.mark.parametrize(
    ("city", "state", "code"),
    [
        ("São Paulo", "SP", "3550308"),
        ("sao paulo", "SP", "3550308"),
        ("Santa Bárbara d’Oeste", "SP", "3545803"),
        ("Bom Jesus", "PI", "2201903"),
        ("Bom Jesus", "RS", "4302303"),
        ("Pinto Bandeira", "RS", "4314548"),
    ],
)
def test_a_city_is_found_by_name_and_state(city: str, state: str, code: str) -> None:
    assert municipalities.city_code_find(city, state) == code


def test_nothing_is_guessed() -> None:
    assert municipalities.city_code_find("São Paulo", "RJ") == ""
    assert municipalities.city_code_find("S. Paulo", "SP") == ""
    assert municipalities.city_code_find("", "") == ""


def test_a_code_is_known_by_the_table() -> None:
    assert municipalities.city_code_is_known("4305871")
    assert not municipalities.city_code_is_known("3550309")


@pytest.mark.usefixtures("without_table")
def test_without_the_printer_package_people_type_the_code() -> None:
    assert municipalities.city_code_find("São Paulo", "SP") == ""
    assert municipalities.city_code_is_known("3550308")
