"""Settings for a platform that speaks otherwise than the contract. Pure.

A dialect file (`python -m kwai_sandbox --dialect FILE`) says by the contract's names how a platform spells
paths, fields and codes. With the four settings made of it the ERP speaks with that platform: no code changes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kwai_integration.wire.codes import RESULTS, SITUATIONS
from kwai_integration.wire.endpoints import ENDPOINTS
from kwai_integration.wire.names import FieldRow, field_rows


def dialect_settings(dialect: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """`KWAI_PATHS`, `KWAI_FIELDS`, `KWAI_STATUS_ROLES` and `KWAI_RESULT_ROLES` for a dialect."""
    return {
        "KWAI_PATHS": _paths(dialect.get("paths", {})),
        "KWAI_FIELDS": _fields(dialect.get("fields", {})),
        "KWAI_STATUS_ROLES": _situations(dialect.get("codes", {})),
        "KWAI_RESULT_ROLES": _results(dialect.get("results", {})),
    }


def env_lines(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The settings as lines of `.env`; those that correct nothing are left out."""
    return [
        f"{name}='{json.dumps(value, ensure_ascii=False, separators=(',', ':'))}'"
        for name, value in found.items()
        if value
    ]


def _paths(paths: Mapping[str, str]) -> dict[str, Any]:
    found = {name: paths.get(_word(name)) for name in ENDPOINTS}
    return {name: path for name, path in found.items() if path}


def _fields(fields: Mapping[str, str]) -> dict[str, Any]:
    found = {row.name: _spelled(row, fields) for row in field_rows()}
    return {name: wire for name, wire in found.items() if wire}


def _spelled(row: FieldRow, fields: Mapping[str, str]) -> str | None:
    """A name given for this call alone wins over the general one."""
    return fields.get(f"{_word(row.call)}.{row.default}") or fields.get(row.default)


def _word(call: str) -> str:
    """A call as dialects name it: the last word of its path in the contract."""
    endpoint = ENDPOINTS.get(call)
    return endpoint.path.rsplit("/", 1)[-1] if endpoint else call


def _situations(codes: Mapping[str, int | str]) -> dict[str, Any]:
    """A renamed code takes role and label along, and the old one goes."""
    removed: dict[str, Any] = dict.fromkeys(codes)
    return removed | {
        str(wire): {"role": str(SITUATIONS[code].role), "label": SITUATIONS[code].label}
        for code, wire in codes.items()
    }


def _results(results: Mapping[str, int]) -> dict[str, Any]:
    """A result that nobody named stays one under its new number."""
    known = {code: wire for code, wire in results.items() if int(code) in RESULTS}
    removed: dict[str, Any] = dict.fromkeys(known)
    return removed | {str(wire): str(RESULTS[int(code)].meaning) for code, wire in known.items()}
