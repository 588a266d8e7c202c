"""Reading single fields of remote JSON: each reader gives a clean typed value or says there is none."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from kwai_integration.wire.text import clean_text

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
ID_LIMIT = 40
COUNT_LIMIT = 2**31 - 1

_ID = re.compile(r"[0-9A-Za-z._:-]{1,40}", re.ASCII)


def moment_from_ms(milliseconds: int) -> datetime:
    """Unix milliseconds as an aware UTC datetime, exact to the millisecond."""
    return EPOCH + timedelta(milliseconds=milliseconds)


def ms_from_moment(moment: datetime) -> int:
    """An aware datetime as Unix milliseconds. ValueError for a naive one: its instant is unknown."""
    if moment.tzinfo is None:
        raise ValueError("a naive datetime names no instant")
    return (moment - EPOCH) // timedelta(milliseconds=1)


def integer(value: object) -> int | None:
    """A JSON integer that fits 64 bits, or its digits as text; None for anything else, booleans included."""
    if type(value) is str and re.fullmatch(r"-?[0-9]{1,19}", value, re.ASCII):
        value = int(value)
    return value if type(value) is int and abs(value) < 2**63 else None


def remote_id(value: object) -> str:
    """A remote id as text, or "" when none can be kept (contract section 1: up to 19 digits)."""
    if type(value) is int:
        return str(value) if 0 <= value < 10**ID_LIMIT else ""
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""


def wire_id(text: str) -> int | str:
    """A remote id as it is sent: a bare integer, unless that would change it."""
    return int(text) if re.fullmatch(r"0|[1-9][0-9]*", text, re.ASCII) else text


def remote_code(value: object, limit: int = 20) -> str:
    """A status or kind as text, "" when absent or no scalar. Numbers and their texts give the same code."""
    if type(value) is int:
        return str(value) if abs(value) < 10 ** (limit - 1) else ""
    return text(value, limit) if isinstance(value, str) else ""


def text(value: object, limit: int) -> str:
    """Clean text of at most `limit` characters; a bare integer counts as text, anything else as none."""
    if type(value) is int and abs(value) < 2**63:
        return str(value)[:limit]
    return clean_text(value, limit) if isinstance(value, str) else ""


def is_text(value: object, limit: int) -> bool:
    """Whether `text` reads it, or nothing stands there; anything else would be lost by reading it."""
    return is_absent(value) or bool(text(value, limit))


def moment(value: object) -> datetime | None:
    """Milliseconds within 2015 and 2100, or None. Seconds sent by mistake fall outside."""
    milliseconds = integer(value)
    if milliseconds is None or not _BOUNDS[0] <= milliseconds < _BOUNDS[1]:
        return None
    return moment_from_ms(milliseconds)


def is_absent(value: object) -> bool:
    """Null, blank text and zero all mean "not set" for an optional date or code."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (type(value) is int and value == 0)


def record(value: object) -> dict[str, Any]:
    """The object itself, or an empty one."""
    return value if isinstance(value, dict) else {}


def records(value: object) -> list[dict[str, Any]]:
    """The objects of a list; whatever else stands in it is left out."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


_BOUNDS = (ms_from_moment(EARLIEST), ms_from_moment(LATEST))
