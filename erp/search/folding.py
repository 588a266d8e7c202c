"""Words without accents and case, the same in Python, on PostgreSQL and on SQLite.

Folded are the letters of ASCII and Latin-1: Portuguese and its neighbours. Any other character is looked for
as it stands. So no collation, locale or version of a database changes what an index holds.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping

# Grave, acute, circumflex, tilde, diaeresis, ring and cedilla, as they stand behind a letter taken apart.
_MARKS = "\u0300\u0301\u0302\u0303\u0308\u030a\u0327"
_TABLE = str.maketrans(
    {chr(code): chr(code + 32) for code in range(ord("A"), ord("Z") + 1)} | dict.fromkeys(_MARKS, "")
)

# PL/pgSQL and not SQL: PostgreSQL would write the body of an SQL function into the statement and forget its
# cost, by which it knows that reading the whole table is the dearest way. Most names are ASCII.
FUNCTION = f"""
CREATE OR REPLACE FUNCTION erp_fold(given text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 100 AS $$
BEGIN
    IF octet_length(given) = length(given) THEN
        RETURN lower(given COLLATE "C");
    END IF;
    RETURN lower(translate(normalize(given, NFD), '{_MARKS}', '') COLLATE "C");
END $$
"""


def fold(text: str) -> str:
    """`text` without accents and in small letters: *João* and *JOAO* become *joao*."""
    return unicodedata.normalize("NFD", text).translate(_TABLE)


def like_pattern(word: str) -> str:
    """For `erp_fold(column) LIKE`: the word anywhere."""
    escaped = fold(word).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def glob_pattern(word: str) -> str:
    """For SQLite's `column GLOB`: each letter in any of its spellings, so that nothing folded is kept."""
    return f"*{_spelled(word, lambda sign: f'[{sign}]' if sign in '*?[' else sign)}*"


def regex_pattern(word: str) -> str:
    """The same for PostgreSQL's `column ~`, which reads a row seven times as fast as `erp_fold` does."""
    return _spelled(word, lambda sign: f"\\{sign}" if sign in "\\^$.[]|()?*+{}" else sign)


def _spelled(word: str, quoted: Callable[[str], str]) -> str:
    composed = unicodedata.normalize("NFC", fold(word))
    return "".join(_SPELLINGS.get(character) or quoted(character) for character in composed)


def _spellings() -> Mapping[str, str]:
    """Every small letter -> the class of characters it stands for."""
    found = {chr(code): chr(code - 32) + chr(code) for code in range(ord("a"), ord("z") + 1)}
    for letter in map(chr, range(0xC0, 0x100)):
        if (plain := fold(letter)) in found:
            found[plain] += letter
    return {plain: f"[{letters}]" for plain, letters in found.items()}


_SPELLINGS = _spellings()
