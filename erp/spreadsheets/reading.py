"""Reading what people send: rows of text, whatever wrote the file. Memory holds a row at once.

A cell reads as a spreadsheet in Portuguese shows it: `63`, `1,5`, `20/11/2026`. A number of more than fifteen
digits keeps the exponent the spreadsheet gave it (`7E+17`): its last digits are lost, and nobody shall take
it for whole.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import BinaryIO, Final, TypeVar

from erp.archives import STARTS
from erp.spreadsheets import refusals
from erp.spreadsheets.csv_files import csv_rows
from erp.spreadsheets.refusals import SpreadsheetRefused
from erp.spreadsheets.xlsx_files import xlsx_rows

FoundT = TypeVar("FoundT")
MEGABYTE: Final = 1024 * 1024
MOST_BYTES: Final = 10 * MEGABYTE
MOST_ROWS: Final = 50_000
HEADING_WITHIN: Final = 20
"""Rows among which a heading is looked for: titles, dates and filters may stand above it."""

_OLE: Final = b"\xd0\xcf\x11\xe0"
_OTHERS: Final = (b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"{\\rtf", b"<!DOCTYPE", b"<html")
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A row with something in it; `number` counts from 1 as the program that wrote the file does."""

    number: int
    cells: Sequence[str]


def sheet_rows(
    source: bytes | str | BinaryIO, *, most_rows: int = MOST_ROWS, most_bytes: int = MOST_BYTES
) -> Iterator[SheetRow]:
    """The rows of a CSV or XLSX file, or of pasted text, without empty ones.

    CSV: UTF-8 with or without BOM, UTF-16 with BOM, else Windows-1252; parted by tab, `;`, `|` or `,`,
    whichever fits, or as a line `sep=` says. XLSX: the first sheet that shows. Raises `SpreadsheetRefused`,
    also on the way.
    """
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    size = len(stream) if isinstance(stream, str) else stream.seek(0, io.SEEK_END)
    if size > most_bytes:
        raise SpreadsheetRefused(refusals.TOO_LARGE.of(most=most_bytes // MEGABYTE))
    rows = csv_rows(stream) if isinstance(stream, str) or not _is_xlsx(stream) else xlsx_rows(stream)
    kept = 0
    for number, values in rows:
        cells = [value.strip() for value in values]
        if not any(cells):
            continue
        kept += 1
        if kept > most_rows:
            raise SpreadsheetRefused(refusals.TOO_MANY_ROWS.of(most=most_rows))
        yield SheetRow(number, cells)


def heading_find(
    rows: Iterator[SheetRow], read: Callable[[Sequence[str]], FoundT | None]
) -> tuple[FoundT | None, Iterator[SheetRow]]:
    """What `read` makes of the first row that is a heading, and the rows below it; None and every row when
    there is none. A single filled cell is a title, never a heading."""
    first = list(islice(rows, HEADING_WITHIN))
    for place, row in enumerate(first):
        found = read(row.cells) if sum(map(bool, row.cells)) > 1 else None
        if found is not None:
            return found, chain(first[place + 1 :], rows)
    return None, chain(first, rows)


def heading_plain(cell: str) -> str:
    """A heading as it is compared: small letters without accents."""
    folded = unicodedata.normalize("NFKD", cell.casefold())
    return "".join(character for character in folded if not unicodedata.combining(character))


def _is_xlsx(stream: BinaryIO) -> bool:
    """Raises `SpreadsheetRefused` for what is neither XLSX nor text."""
    stream.seek(0)
    head = stream.read(1024)
    if head.startswith(STARTS):
        return True
    if head.startswith(_OLE):
        raise SpreadsheetRefused(refusals.OLD_OR_PASSWORD)
    if head.lstrip().startswith(_OTHERS) or (b"\x00" in head and not head.startswith(_UTF_16)):
        raise SpreadsheetRefused(refusals.OTHER_FORMAT)
    return False
