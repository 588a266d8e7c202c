"""A refusal: why something was not done, as one sentence for people and one name for programs.

Each app lists its own in one module, `refusals.py`. The code is stable English (`invoice.not_authorised`): other
systems act on it, so a code that was published keeps its meaning; the sentences may change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
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
        return Refusal(self.code, _filled(str(self), values), _filled(self.english, english))

    def __getnewargs__(self) -> tuple[str, str, str]:  # type: ignore[override]
        return self.code, str(self), self.english


NO_REFUSAL = Refusal("", "", "")


def _filled(form: str, values: Mapping[str, Any]) -> str:
    """A form filled in. Somebody else's words may bring a stop of their own, or none where ours ends with
    them: the sentence ends in one."""
    text = re.sub(r"(?<!\.)\.\.(?!\.)", ".", form.format(**values)).rstrip()
    is_open = form.endswith("}") and text and text[-1] not in ".!?…"
    return f"{text}." if is_open else text


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
