from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwai_integration.wire.text import clean_lines, clean_text


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("  São\tPaulo \n", "São Paulo"),
        ("a\x00b\x07c", "abc"),
        ("a\ud800b\udfff", "ab"),
        ("caneca 😀", "caneca 😀"),
        ("fatura\u202egpj.exe", "faturagpj.exe"),
        ("\ufeffoi", "oi"),
    ],
)
def test_clean_text(dirty, clean):
    assert clean_text(dirty, 50) == clean


def test_text_is_cut_without_a_trailing_blank():
    assert clean_text("abc def", 4) == "abc"


def test_lines_stay_lines():
    assert clean_lines("um\r\ndois\rtrês\x00\n", 50) == "um\ndois\ntrês"


@given(st.text(st.characters()), st.integers(1, 50))
def test_clean_text_fits_every_database(dirty, limit):
    for clean in (clean_text(dirty, limit), clean_lines(dirty, limit)):
        assert len(clean) <= limit
        assert "\x00" not in clean
        clean.encode()
