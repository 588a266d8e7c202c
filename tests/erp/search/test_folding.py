"""Accents and case never decide, and Python and both databases agree on what they are."""

from __future__ import annotations

import random
import unicodedata

import pytest
from django.db import connection

from erp.search.folding import fold
from erp.search.lookups import word_condition

LETTERS = "aeiouncyzAEIOUNCYZ 0179"
ACCENTED = "".join(map(chr, range(0xC0, 0x100)))
SIGNS = "%_*?[]\\^$.|(){}+'\"-"
OTHERS = "łŁßøčЖ漢"


def texts(letters: str, count: int = 300, longest: int = 12) -> list[str]:
    chance = random.Random(7)
    return ["".join(chance.choices(letters, k=chance.randint(1, longest))) for _ in range(count)]


@pytest.mark.parametrize(
    ("typed", "folded"),
    [
        ("João", "joao"),
        ("CONCEIÇÃO", "conceicao"),
        (unicodedata.normalize("NFD", "Conceição"), "conceicao"),
        ("Günther Ñuñez", "gunther nunez"),
        ("Ø", "Ø"),
    ],
)
def test_letters_without_accent_and_case(typed: str, folded: str) -> None:
    assert fold(typed) == folded


@pytest.mark.django_db
def test_any_part_is_found_whatever_the_accents() -> None:
    """Against every beginning, middle and end, and against another text, as Python sees them."""
    checked = {True: 0, False: 0}
    with connection.cursor() as cursor:
        rows = texts(LETTERS + ACCENTED * 2 + SIGNS)
        for text, other in zip(rows, reversed(rows), strict=True):
            plain = fold(text)
            for word in (plain, plain[1:], plain[:-1].upper(), plain[-2:], other[:2]):
                condition, pattern = word_condition(connection, "CAST(%s AS text)", word)
                cursor.execute(f"SELECT CASE WHEN {condition} THEN 1 ELSE 0 END", [text, pattern])
                expected = fold(word) in plain
                assert bool(cursor.fetchone()[0]) is expected, (text, word)
                checked[expected] += 1
    assert min(checked.values()) > 100


@pytest.mark.services
@pytest.mark.django_db
def test_postgresql_folds_as_python_does() -> None:
    given = [*texts(LETTERS + ACCENTED + SIGNS + OTHERS), unicodedata.normalize("NFD", ACCENTED), ""]
    with connection.cursor() as cursor:
        cursor.execute("SELECT text, erp_fold(text) FROM unnest(%s::text[]) AS given(text)", [given])
        assert [row for row in cursor.fetchall() if row[1] != fold(row[0])] == []
