"""The platform's answer as it is kept, and read again when an order is reprocessed.

Answers have a table of their own, `KwaiOrderAnswer`. Those that the former version stored lie in their
`KwaiOrder` until `moving` has taken them over; here alone both places are read. Whoever stores an answer in
the table empties the other place, so that what lies there is the newest: also when a process of the former
version wrote it while the ERP was being upgraded.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import astuple, dataclass, field
from typing import Any

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from kwai_integration.mapping.digest import STORED_LIMIT, raw_clean, raw_load
from kwai_integration.models import KwaiOrder, KwaiOrderAnswer
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

    def load(self) -> Any:
        """The answer as JSON. Raises ValueError when it was cut off."""
        return raw_load(self.text, self.raw)


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


def answers_read(ids: Collection[int]) -> dict[int, Kept]:
    """The stored answers of these `KwaiOrder` ids, without those that have none.

    One statement for both places: between two of them an answer could move and be seen in neither.
    """
    found = {}
    for pk, *columns in KwaiOrder.objects.filter(pk__in=ids).values_list(
        "pk",
        "answer__text",
        "answer__raw",
        "answer__truncated",
        "payload",
        "payload_bytes",
        "payload_truncated",
    ):
        kept = _kept(*columns[3:]) or _kept(*columns[:3])
        if kept:
            found[pk] = kept
    return found


def _kept(text: Any, raw: Any, truncated: Any) -> Kept | None:
    """None where nothing lies."""
    if not text and raw is None:
        return None
    return Kept(text, None if raw is None else bytes(raw), truncated)


def answers_missing() -> Q:
    """`KwaiOrder` rows without a stored answer."""
    return Q(answer__isnull=True, payload="", payload_bytes__isnull=True)


def answers_write(kept: Mapping[int, Kept], *, are_new: bool = False) -> None:
    """Store answers by the id of their `KwaiOrder`, in one statement; `are_new` when none of them has one."""
    if are_new and connection.vendor == "postgresql":
        _answers_copy(kept)
        return
    KwaiOrderAnswer.objects.bulk_create(
        [
            KwaiOrderAnswer(
                kwai_order_id=pk, text=each.text, raw=each.raw, truncated=each.truncated, stored_at=Now()
            )
            for pk, each in kept.items()
        ],
        update_conflicts=True,
        unique_fields=["kwai_order"],
        update_fields=["text", "raw", "truncated", "stored_at"],
    )


def _answers_copy(kept: Mapping[int, Kept]) -> None:
    meta, quote = KwaiOrderAnswer._meta, connection.ops.quote_name
    columns = ", ".join(
        quote(str(meta.get_field(name).column))  # type: ignore[union-attr]
        for name in ("kwai_order", "text", "raw", "truncated")
    )
    sql = f"COPY {quote(meta.db_table)} ({columns}) FROM STDIN"
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(sql) as target:
        for pk, each in kept.items():
            target.write_row((pk, each.text, each.raw, each.truncated))


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
