"""Cleaning of text that others wrote, before it reaches a database, a page or paper."""

from __future__ import annotations

import re

# NUL and lone surrogates: PostgreSQL refuses them. The bidirectional controls can make a printed address or
# a file name read differently from what it is.
_REMOVED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufeff]")
_BLANKS = re.compile(r"\s+")


def clean_text(text: str, limit: int) -> str:
    """One line without control characters, trimmed and cut at `limit` characters."""
    return _BLANKS.sub(" ", _REMOVED.sub("", text[: limit * 4])).strip()[:limit].rstrip()


def clean_lines(text: str, limit: int) -> str:
    """Like `clean_text`, but line breaks stay: for notes people wrote."""
    unified = text[: limit * 4].replace("\r\n", "\n").replace("\r", "\n")
    return _REMOVED.sub("", unified).strip()[:limit].rstrip()
