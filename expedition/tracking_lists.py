"""Reads a pasted list or a spreadsheet of tracking codes: one order and one code a line.

Knows nothing of the database. Blanks part two columns where nothing else does, a heading is optional, also
under titles, and the order is named by its number, the marketplace's, the *nº de expedição* or
the access key.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO

from erp import channels
from erp.refusals import NO_REFUSAL, Refusal, RefusedError
from erp.spreadsheets.reading import heading_find, heading_plain, sheet_rows
from erp.spreadsheets.refusals import SpreadsheetRefused
from expedition import refusals

MOST_LINES = 5000
MOST_BYTES = 2 * 1024 * 1024


class TrackingListError(RefusedError):
    """The list as a whole cannot be read; the operator has to send another."""


class KeyKind(StrEnum):
    """What names the order. ANY is a key without a header: whatever fits exactly one shipment."""

    ANY = "any"
    ORDER = "order"
    EXTERNAL = "external"
    SHIPMENT = "shipment"
    ACCESS_KEY = "access_key"


@dataclass(frozen=True, slots=True)
class TrackingKey:
    kind: KeyKind
    text: str


@dataclass(frozen=True, slots=True)
class TrackingLine:
    """`number` counts as an editor counts; `problem` says why the line is of no use, or is empty."""

    number: int
    key: TrackingKey
    code: str
    problem: Refusal = NO_REFUSAL


# A heading is recognised by the words in it, without accents; the first match wins.
CODE_WORDS = ("rastre", "tracking", "objeto", "etiqueta")
KEY_WORDS: tuple[tuple[str, KeyKind], ...] = (
    ("chave", KeyKind.ACCESS_KEY),
    ("commerce", KeyKind.EXTERNAL),
    ("loja", KeyKind.EXTERNAL),
    ("expedi", KeyKind.SHIPMENT),
    ("pedido", KeyKind.ORDER),
    ("order", KeyKind.ORDER),
)
PREFIXES = {"P": KeyKind.ORDER, "E": KeyKind.SHIPMENT}
ACCESS_KEY = re.compile(r"[0-9]{6}[0-9A-Z]{12}[0-9]{26}")
# What a spreadsheet makes of a long number. No two digit runs may touch: time would grow with the square.
ROUNDED = re.compile(r"\d+(?:[.,]\d*)?E\+?\d+")


def tracking_key(typed: str) -> TrackingKey:
    """What a typed or scanned key names: `P12` the order 12, `E12` the expedição 12, else anything."""
    text = "".join(filter(str.isprintable, "".join(typed.split()))).upper().lstrip("#")
    if ACCESS_KEY.fullmatch(text):
        return TrackingKey(KeyKind.ACCESS_KEY, text)
    if text[:1] in PREFIXES and text[1:].isdecimal():
        return TrackingKey(PREFIXES[text[0]], text[1:])
    return TrackingKey(KeyKind.ANY, text)


def tracking_list_parse(source: str | BinaryIO) -> list[TrackingLine]:
    """The lines of a pasted text or a file (CSV, XLSX) that say something, in order. Raises
    `TrackingListError` for a list that is none."""
    rows = sheet_rows(source, most_rows=MOST_LINES, most_bytes=MOST_BYTES)
    try:
        columns, rows = heading_find(rows, _columns)
        lines = [_line(row.number, _parted(row.cells), columns) for row in rows]
    except SpreadsheetRefused as refused:
        raise TrackingListError(refused.refusal) from None
    if not lines:
        raise TrackingListError(refusals.LIST_EMPTY)
    return lines


def _parted(cells: Sequence[str]) -> Sequence[str]:
    """Blanks do for two columns."""
    return cells[0].split(None, 1) if len(cells) == 1 else cells


def _columns(cells: Sequence[str]) -> tuple[int, KeyKind, int] | None:
    """Where a heading says key and code stand, and what the key is; None when the line is no heading."""
    headings = [heading_plain(cell) for cell in cells]
    code = next((i for i, each in enumerate(headings) if _has(each, CODE_WORDS)), None)
    if code is None or any(character.isdigit() for character in "".join(headings)):
        return None
    channel_words = ((heading_plain(label), KeyKind.EXTERNAL) for label in channels.labels())
    for word, kind in (*channel_words, *KEY_WORDS):
        for place, heading in enumerate(headings):
            if place != code and word in heading:
                return place, kind, code
    return (0 if code else 1), KeyKind.ANY, code


def _has(heading: str, words: tuple[str, ...]) -> bool:
    return any(word in heading for word in words)


def _line(number: int, cells: Sequence[str], columns: tuple[int, KeyKind, int] | None) -> TrackingLine:
    place, kind, code_place = columns or (0, KeyKind.ANY, 1)
    typed = cells[place] if place < len(cells) else ""
    code = cells[code_place] if code_place < len(cells) else ""
    key = tracking_key(_bare(typed))
    if kind is not KeyKind.ANY:
        key = TrackingKey(kind, key.text)
    return TrackingLine(number, key, _bare(code), _problem(key.text, code))


def _bare(cell: str) -> str:
    """Without the `="123"` and the apostrophe spreadsheets write to keep long numbers whole."""
    return cell.strip().removeprefix("=").strip("\"'").strip()


def _problem(key: str, code: str) -> Refusal:
    if ROUNDED.fullmatch(key):
        return refusals.LINE_ROUNDED
    if not key:
        return refusals.LINE_WITHOUT_ORDER
    return NO_REFUSAL if code.strip() else refusals.LINE_WITHOUT_CODE
