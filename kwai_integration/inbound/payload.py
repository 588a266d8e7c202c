"""The platform's answer as it is kept, and read again when an order is reprocessed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

from kwai_integration.mapping.digest import STORED_LIMIT, raw_clean, raw_load
from kwai_integration.models import KwaiOrder
from kwai_integration.names import names

# No field that the mapping reads is longer; an answer over the limit keeps this much of each text.
LONGEST_TEXT = 2_000
# Of an answer that is too large even so, fields up to this many characters are kept.
LARGEST_FIELD = 20_000
# Stands where a field of an order was left out: no field can be read from it, and it holds what a hold would.
LEFT_OUT = ["cut"]


@dataclass(frozen=True, slots=True)
class Kept:
    """`text`, or `raw` when the answer is not clean. `is_whole` is False when even cutting its texts left too
    much: then its largest fields are left out, and what reads it again cannot read them."""

    text: str = field(repr=False)
    raw: bytes | None = field(repr=False)
    truncated: bool = False
    is_whole: bool = True

    @property
    def is_literal(self) -> bool:
        """Reading it again gives the very answer back."""
        return self.raw is None and not self.truncated


def payload_keep(answer: Any) -> Kept:
    """The stored form of `answer`; over 1 MB its texts are shortened first, so that it stays readable."""
    text, raw, over = raw_clean(answer)
    if not over:
        return Kept(text or "", raw)
    shortened = _shortened(answer)
    text, raw, over = raw_clean(shortened)
    if not over:
        return Kept(text or "", raw, truncated=True)
    text, raw, _ = raw_clean(_without_large(shortened))
    return Kept(text or "", raw, truncated=True, is_whole=False)


def payload_read(row: KwaiOrder) -> Any:
    """The stored answer as JSON. Raises ValueError when it was cut off."""
    return raw_load(row.payload, None if row.payload_bytes is None else bytes(row.payload_bytes))


def payloads_fetch(rows: Sequence[KwaiOrder]) -> None:
    """Read the stored answers of rows that were read without them, in one statement."""
    kept = KwaiOrder.objects.filter(pk__in=[row.pk for row in rows])
    found = {pk: (text, raw) for pk, text, raw in kept.values_list("pk", "payload", "payload_bytes")}
    for row in rows:
        row.payload, row.payload_bytes = found[row.pk]


def _without_large(answer: Any) -> Any:
    """The fields that stay small, and of a flood of them the order's own: situation, amounts and dates are
    followed all the same."""
    if not isinstance(answer, dict):
        return None
    own = set(astuple(names().order))
    small = {name: value for name, value in answer.items() if len(json.dumps(value)) <= LARGEST_FIELD}
    kept = {**small, **dict.fromkeys(own.intersection(answer) - set(small), LEFT_OUT)}
    if len(json.dumps(kept)) <= STORED_LIMIT:
        return kept
    return {name: value for name, value in kept.items() if name in own}


def _shortened(value: Any) -> Any:
    if isinstance(value, str):
        return value[:LONGEST_TEXT]
    if isinstance(value, dict):
        return {name[:LONGEST_TEXT]: _shortened(entry) for name, entry in value.items()}
    return [_shortened(entry) for entry in value] if isinstance(value, list) else value
