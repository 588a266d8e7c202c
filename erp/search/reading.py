"""What somebody typed, read once: a number, a key, a document, words."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from erp.brazil.documents import DocumentInvalid, tax_id_parse
from erp.search.folding import fold

MOST_WORDS = 6
# The largest number a column of ours holds has more digits; longer ones are a marketplace's.
LONGEST_NUMBER = 18
# Fewer digits are part of nearly every marketplace number: they mean a number of ours alone.
SHORTEST_PART = 4


@dataclass(frozen=True, slots=True)
class Typed:
    """`words` are folded. `number` is the whole text where it can be a number of ours, `numbers` the words of
    digits that may be part of a marketplace's, `names` the other words of a text that is no number."""

    text: str
    words: tuple[str, ...] = ()
    number: int | None = None
    numbers: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    access_key: str = ""
    tax_id: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        """The words to be found anywhere in a long table: none of a number too short to tell rows apart."""
        too_short = self.number is not None and not self.numbers
        return () if too_short or self.access_key else self.words

    @property
    def code(self) -> str:
        """The text as a code, which has a digit in it and some length, else empty."""
        has_digit = any(_is_digits(character) for character in self.text)
        return self.text if has_digit and len(self.text) >= SHORTEST_PART and not self.access_key else ""


def typed_read(text: str) -> Typed:
    """Digits with blanks between them are one number, as they are copied out of letters and labels."""
    clean = text.strip().removeprefix("#").strip()
    if key := _access_key(clean):
        return Typed(clean, (fold(key),), access_key=key)
    words = clean.split()[:MOST_WORDS]
    if words and all(map(_is_digits, words)):
        words = ["".join(clean.split())]
    whole = words[0] if len(words) == 1 else ""
    numbers = tuple(word for word in words if _is_digits(word) and len(word) >= SHORTEST_PART)
    return Typed(
        text=clean,
        words=tuple(map(fold, words)),
        number=int(whole) if _is_digits(whole) and len(whole) <= LONGEST_NUMBER else None,
        numbers=numbers,
        names=tuple(fold(word) for word in words if not _is_digits(whole) and word not in numbers),
        tax_id=_parsed(lambda: tax_id_parse(clean)[1]),
    )


def _access_key(text: str) -> str:
    """The key as it is stored, from one typed, pasted or scanned; a wrong check digit finds nothing."""
    compact = re.sub(r"[\s./-]+", "", text).upper()
    key = compact.removeprefix("NFE")
    return key if re.fullmatch(r"[0-9]{6}[0-9A-Z]{12}[0-9]{26}", key, re.ASCII) else ""


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _parsed(parse: Callable[[], str]) -> str:
    try:
        return parse()
    except DocumentInvalid:
        return ""
