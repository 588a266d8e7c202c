"""A refusal: why something was not done, as one sentence for people and one name for programs.

Each app lists its own in one module, `refusals.py`. The code is stable English (`invoice.not_authorised`): other
systems act on it, so a code that was published keeps its meaning; the sentences may change.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Refusal(str):
    """The Portuguese sentence itself, with its `code` and the `english` one beside it. Empty is no refusal.

    A sentence with fields in braces is a form: `of` fills it in.
    """

    code: str
    english: str

    def __new__(cls, code: str, text: str, english: str) -> Refusal:
        self = super().__new__(cls, text)
        self.code, self.english = code, english
        return self

    def of(self, **values: Any) -> Refusal:
        """This refusal for one case. A value that is a refusal itself reads in each language as its own."""
        english = {name: getattr(value, "english", value) for name, value in values.items()}
        return Refusal(self.code, self.format(**values), self.english.format(**english))

    def __getnewargs__(self) -> tuple[str, str, str]:  # type: ignore[override]
        return self.code, str(self), self.english


NO_REFUSAL = Refusal("", "", "")


def joined(found: Iterable[Refusal]) -> Refusal:
    """Several reasons at once, told one after the other under the code of the first; none for none."""
    each = list(found)
    if len(each) < 2:
        return each[0] if each else NO_REFUSAL
    return Refusal(each[0].code, " ".join(each), " ".join(one.english for one in each))


class RefusedError(Exception):
    """A service did not do what was asked; nothing was written."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(refusal)

    @property
    def code(self) -> str:
        return self.refusal.code
