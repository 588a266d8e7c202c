"""XLSX of people, read by openpyxl after a look at what it would have to hold.

openpyxl streams the rows of a sheet, but keeps every element outside them, every text of the workbook and
each row whole, and resolves what a document type declares: all of that is counted first. Macros are refused;
links to other files are never followed, and a formula reads as the value its program stored for it.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, BinaryIO, Final
from xml.parsers import expat

from erp.archives import ArchiveFault, ArchiveLimits, ArchiveUnsafe, archive_open
from erp.spreadsheets import refusals
from erp.spreadsheets.refusals import SpreadsheetRefused

LIMITS: Final = ArchiveLimits(members=2_000, total=100 * 1024 * 1024, directory=512 * 1024, ratio=1_000)
# What Excel itself can hold.
MOST_ROW_NUMBER: Final = 1_048_576
MOST_COLUMNS: Final = 200
"""Columns that are read; those further to the right are not."""

_ROW_PARTS: Final = 4 * 16_384
_OTHER_PARTS: Final = 200_000
_TEXT_PARTS: Final = 1_500_000
_CELL_TAGS: Final = frozenset({"c", "v", "f", "is", "t", "r", "rPr"})
_LONGEST_EXACT: Final = 15


def xlsx_rows(stream: BinaryIO) -> Iterator[tuple[int, Sequence[str]]]:
    """Number and cells of each row of the first sheet that shows, empty ones included. Raises
    `SpreadsheetRefused`."""
    _check(stream)
    rows = _values(stream)
    number = 0
    while number < MOST_ROW_NUMBER:
        try:
            values = next(rows)
        except StopIteration:
            return
        except Exception:
            # openpyxl has hardly an error of its own: whatever it stumbles over is a broken file.
            raise SpreadsheetRefused(refusals.BROKEN) from None
        number += 1
        filled = len(values)
        while filled and values[filled - 1] is None:
            filled -= 1
        yield number, [_text(value) for value in values[:filled]]


def _values(stream: BinaryIO) -> Iterator[tuple[Any, ...]]:
    from openpyxl import load_workbook  # 13 MB and a quarter of a second that no page must pay

    book = load_workbook(stream, read_only=True, data_only=True, keep_links=False)
    shown = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    sheet = shown[0]
    sheet.reset_dimensions()  # what a file says of its size may be wrong
    yield from sheet.iter_rows(max_col=MOST_COLUMNS, values_only=True)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "VERDADEIRO" if value else "FALSO"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, datetime):
        has_time = value.time() != time.min
        return value.strftime("%d/%m/%Y %H:%M:%S" if has_time else "%d/%m/%Y")
    if isinstance(value, date):
        return value.strftime("%d/%m/%Y")
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"
    return str(value)


def _number(value: float) -> str:
    """`63`, `1,5`; from sixteen digits on with an exponent."""
    return format(value, f".{_LONGEST_EXACT}g").upper().replace(".", ",")


def _check(stream: BinaryIO) -> None:
    """Raises `SpreadsheetRefused` for what openpyxl should not be given."""
    try:
        archive, members = archive_open(stream, LIMITS)
    except ArchiveUnsafe as unsafe:
        is_broken = unsafe.fault is ArchiveFault.BROKEN
        raise SpreadsheetRefused(refusals.BROKEN if is_broken else refusals.BOMB) from None
    names = {info.filename.lower() for info in members}
    if "[content_types].xml" not in names or not any(name.startswith("xl/") for name in names):
        raise SpreadsheetRefused(refusals.OTHER_FORMAT)
    if any(name.endswith("vbaproject.bin") for name in names):
        raise SpreadsheetRefused(refusals.MACROS)
    for info in members:
        if info.filename.lower().endswith((".xml", ".rels")):
            _PartCheck(info.filename).run(archive, info)


class _PartCheck:
    """Reads one XML part without keeping anything, and counts."""

    def __init__(self, name: str) -> None:
        is_texts = name.lower().endswith("sharedstrings.xml")
        self.others_left = _TEXT_PARTS if is_texts else _OTHER_PARTS
        self.rows_left = MOST_ROW_NUMBER
        self.parts_left = 0
        self.in_row = False

    def run(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        try:
            with archive.open(info) as part:
                parser.ParseFile(part)
        except (expat.ExpatError, zipfile.BadZipFile, ValueError, OSError, EOFError):
            raise SpreadsheetRefused(refusals.BROKEN) from None

    def _doctype(self, *_: object) -> None:
        raise SpreadsheetRefused(refusals.BOMB)

    def _start(self, name: str, _: object) -> None:
        tag = name.rpartition(" ")[2]
        if tag == "row" and not self.in_row:
            self.in_row, self.parts_left = True, _ROW_PARTS
            self.rows_left -= 1
        elif self.in_row and tag in _CELL_TAGS:
            self.parts_left -= 1
        else:
            self.others_left -= 1
        if min(self.rows_left, self.parts_left, self.others_left) < 0:
            raise SpreadsheetRefused(refusals.BOMB)

    def _end(self, name: str) -> None:
        if name.rpartition(" ")[2] == "row":
            self.in_row = False
