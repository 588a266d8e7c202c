"""A platform that speaks otherwise than the contract assumes: other paths, field names and codes.

`python -m kwai_sandbox --dialect FILE` takes a JSON object. The emulator itself goes on in the contract's
words; this layer alone translates what comes in (`body_in`) and what goes out (`data_out`). Every key of the
file is optional:

- `readme`: text, or a list of lines, for people.
- `paths`: `{call: path}`. A call is named by the last word of its path, `uploadInvoice`.
- `fields`: `{our name: its name}` for requests, answers and pushes. `uploadInvoice.number` renames it in that
  call alone and wins over `number`; `push.createTime` is one of the pushes.
- `codes`: `{situation: its code}`, a number or a text, for every `orderStatus`.
- `results`: `{result: its number}`, for the envelope.
- `shipLeadsTo`: where shipOrder leads, one of the contract's two codes for it.
- `reviewDelayMs`: how long the platform looks at a note before it takes it; 0 takes it at once.
- `settings`: any other switch of `settings.DEFAULTS`.

The common query parameters, those of OAuth, and the envelope's three names stay: they are transport. The
calls under `/_sandbox/` are no part of the platform and keep the contract's words, codes included. Anything
unknown in the file raises `DialectError`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from kwai_sandbox import settings
from kwai_sandbox.statuses import BY_CODE
from kwai_sandbox.vocabulary import FIELDS
from kwai_sandbox.wire import RESULTS

ROOT = "/rest/open/api"
PUSH = "push"
STATUS_FIELD = "orderStatus"
PATH_FORM = re.compile(r"(/[A-Za-z0-9_.~-]+)+")
TAKEN_PATHS = ("/_sandbox", "/_static", "/shop")
# Keeps a field that has our name but not our meaning apart from ours, and is taken off again on the way out.
STRANGE = "?"
KEYS = {"readme", "paths", "fields", "codes", "results", "shipLeadsTo", "reviewDelayMs", "settings"}


class DialectError(ValueError):
    """The file is not a dialect; the text says what to correct."""


@dataclass(frozen=True)
class Dialect:
    """Names by the contract's names; the empty one speaks as the contract does."""

    paths: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[int, int | str] = field(default_factory=dict)
    results: Mapping[int, int] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def path_of(self, call: str) -> str:
        """Where a call is served; `call` is its usual path without the root."""
        return self.paths.get(last_word(call), f"{ROOT}/{call}")

    def result_out(self, result: int) -> int:
        """A result code as this platform numbers it."""
        return self.results.get(result, result)

    def data_out(self, call: str, value: Any) -> Any:
        """An answer's `data`, or with `PUSH` a message, in this platform's words."""
        names = self._names_of(call)

        def said(name: str, entry: Any) -> tuple[str, Any]:
            return names.get(name, name.removeprefix(STRANGE)), _recoded(name, entry, self.codes)

        return _walked(value, said) if names or self.codes else value

    def body_in(self, call: str, value: Any) -> Any:
        """A request's fields, or what this platform once answered, in the contract's words."""
        names = self._names_of(call)
        ours = {wire: name for name, wire in names.items()}
        strange = {name: f"{STRANGE}{name}" for name in names if name not in ours}

        def meant(wire: str, entry: Any) -> tuple[str, Any]:
            name = ours.get(wire) or strange.get(wire, wire)
            return name, _recoded(name, entry, self._codes_back)

        return _walked(value, meant) if names or self.codes else value

    def _names_of(self, call: str) -> dict[str, str]:
        own = f"{last_word(call)}."
        general = {name: wire for name, wire in self.fields.items() if "." not in name}
        special = {name.removeprefix(own): wire for name, wire in self.fields.items() if name.startswith(own)}
        return general | special

    @cached_property
    def _codes_back(self) -> dict[int | str, int]:
        return {wire: code for code, wire in self.codes.items()}

    def as_json(self) -> dict[str, Any]:
        """The answer of `GET /_sandbox/dialect`."""
        return {
            "paths": dict(self.paths),
            "fields": dict(self.fields),
            "codes": {str(code): wire for code, wire in self.codes.items()},
            "results": {str(result): wire for result, wire in self.results.items()},
            "settings": dict(self.settings),
        }


def last_word(call: str) -> str:
    """The name of a call as people use it: `trade/queryOrderList` is `queryOrderList`."""
    return call.rsplit("/", 1)[-1]


def _walked(value: Any, visit: Callable[[str, Any], tuple[str, Any]]) -> Any:
    """A JSON value with every entry of every object replaced by what `visit` makes of name and value."""
    if isinstance(value, list):
        return [_walked(entry, visit) for entry in value]
    if not isinstance(value, dict):
        return value
    # The type is kept: what was recorded stays marked as recorded.
    return type(value)(visit(name, _walked(entry, visit)) for name, entry in value.items())


def _recoded(name: str, value: Any, codes: Mapping[Any, Any]) -> Any:
    return codes.get(value, value) if name == STATUS_FIELD and isinstance(value, int | str) else value


def dialect_read(path: Path, calls: Collection[str]) -> Dialect:
    """The dialect of a file, for the calls that there are; raises `DialectError`."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DialectError(f"{path} não pôde ser lido como JSON: {error}") from None
    try:
        return dialect_parse(content, {last_word(call) for call in calls})
    except ValueError as error:
        raise DialectError(f"{path}: {error}") from None


def dialect_parse(content: Any, calls: Collection[str]) -> Dialect:
    """A dialect from its JSON; `ValueError` says what is wrong with it."""
    if not isinstance(content, dict):
        raise ValueError("o dialeto deve ser um objeto JSON")
    _known(content, KEYS, "a chave")
    dialect = Dialect(
        paths=_paths(_object(content, "paths"), calls),
        fields=_fields(_object(content, "fields"), calls),
        codes=_codes(_object(content, "codes")),
        results=_results(_object(content, "results")),
        settings=_settings(content),
    )
    for call in ("", *calls, PUSH):
        _unique(dialect._names_of(call), f"fields, em {call or 'todas as chamadas'}")
    return dialect


def _object(content: dict[str, Any], name: str) -> dict[str, Any]:
    value = content.get(name, {})
    if not isinstance(value, dict):
        raise ValueError(f"{name} deve ser um objeto")
    return value


def _known(found: Collection[str], known: Collection[str], what: str) -> None:
    for name in found:
        if name not in known:
            raise ValueError(f"{what} “{name}” não existe; existem {', '.join(sorted(known))}")


def _unique(names: Mapping[Any, Any], what: str) -> None:
    for wire in names.values():
        if list(names.values()).count(wire) > 1:
            raise ValueError(f"{what}: “{wire}” está em mais de um lugar")


def _paths(paths: dict[str, Any], calls: Collection[str]) -> dict[str, str]:
    _known(paths, calls, "paths: a chamada")
    for call, path in paths.items():
        if not isinstance(path, str) or not PATH_FORM.fullmatch(path) or path.startswith(TAKEN_PATHS):
            raise ValueError(f"paths: o caminho de {call} não serve: {path}")
    _unique(paths, "paths")
    return paths


def _fields(fields: dict[str, Any], calls: Collection[str]) -> dict[str, str]:
    for name, wire in fields.items():
        call, _, field_name = name.rpartition(".")
        _known([call] if call else [], {*calls, PUSH}, "fields: a chamada")
        _known([field_name], FIELDS, "fields: o campo")
        if not isinstance(wire, str) or not wire or wire.startswith(STRANGE):
            raise ValueError(f"fields: {name} precisa de um nome em texto")
    return fields


def _codes(codes: dict[str, Any]) -> dict[int, int | str]:
    _known(codes, {str(code) for code in BY_CODE}, "codes: a situação")
    for code, wire in codes.items():
        if isinstance(wire, bool) or not isinstance(wire, int | str):
            raise ValueError(f"codes: {code} precisa de um número ou texto")
    _unique(codes, "codes")
    return {int(code): wire for code, wire in codes.items()}


def _results(results: dict[str, Any]) -> dict[int, int]:
    _known(results, {str(result) for result in RESULTS}, "results: o resultado")
    for result, wire in results.items():
        if isinstance(wire, bool) or not isinstance(wire, int):
            raise ValueError(f"results: {result} precisa de um número")
    _unique(results, "results")
    return {int(result): wire for result, wire in results.items()}


def _settings(content: dict[str, Any]) -> dict[str, Any]:
    found = dict(_object(content, "settings"))
    if "shipLeadsTo" in content:
        found["shipLeadsTo"] = content["shipLeadsTo"]
    if "reviewDelayMs" in content:
        delay = content["reviewDelayMs"]
        found |= {"invoiceReview": "soon", "invoiceReviewMs": delay} if delay else {"invoiceReview": "accept"}
    for name, value in found.items():
        settings.setting_check(name, value)
    return found
