"""How a raw answer is compared and stored."""

from __future__ import annotations

import hashlib
import json
from typing import Any

STORED_LIMIT = 1024 * 1024


def order_digest(raw: object) -> str:
    """SHA-256 of the canonical form: equal content gives an equal digest whatever the order of its fields."""
    return hashlib.sha256(_bytes(raw, sort_keys=True)).hexdigest()


def raw_clean(raw: object) -> tuple[str | None, bytes | None, bool]:
    """`(text, bytes, truncated)` of which exactly one of the first two is given.

    Clean JSON is text. What PostgreSQL refuses in text (NUL, lone surrogates) is kept as ASCII JSON bytes;
    beyond 1 MB the bytes are cut and the flag says so.
    """
    text = json.dumps(raw, ensure_ascii=False)
    if _is_clean(text):
        return text, None, False
    stored = _bytes(raw, sort_keys=False)
    return None, stored[:STORED_LIMIT], len(stored) > STORED_LIMIT


def raw_load(text: str, stored: bytes | None) -> Any:
    """What `raw_clean` stored, as it was. ValueError for a truncated one."""
    return json.loads(text if stored is None else bytes(stored))


def _is_clean(text: str) -> bool:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return False
    # Inside JSON a NUL is always written as this escape. An escaped backslash before "u0000" looks the same
    # and is kept as bytes too, which loses nothing.
    return size <= STORED_LIMIT and "\\u0000" not in text


def _bytes(raw: object, *, sort_keys: bool) -> bytes:
    return json.dumps(raw, ensure_ascii=True, sort_keys=sort_keys, separators=(",", ":")).encode("ascii")
