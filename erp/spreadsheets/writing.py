"""Writing spreadsheets: as Excel in Portuguese opens them, and no text of a stranger runs as a formula.

In a CSV a text that a program would run gets an apostrophe before it; in an XLSX it is marked as typed text,
which needs none. Numbers stay numbers, negative ones too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, BinaryIO, Final

from django.utils import timezone

if TYPE_CHECKING:
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

Cell = str | int | Decimal | float | date | datetime | None

# What makes a program run the rest of a cell, also behind blanks, or behind apostrophes once one is off.
_RUNS: Final = re.compile(r"[\s']*[=+\-@＝＋－＠]|'*[\t\r\n]")
# From here on a spreadsheet rounds a number: it is written as text.
LONGEST_EXACT: Final = 10**15

_NUMBER: Final = re.compile(r"[+-]?\d{1,15}([.,]\d+)*%?", re.ASCII)
_QUOTED: Final = re.compile(r'[";,|\t\r\n]')


def csv_lines(rows: Iterable[Iterable[Cell]]) -> Iterator[str]:
    """The file line by line, for UTF-8: byte order mark, semicolons, decimal comma, local time."""
    mark = "\ufeff"
    for row in rows:
        yield mark + ";".join(_quoted(_shown(cell)) for cell in row) + "\r\n"
        mark = ""


def text_guard(text: str) -> str:
    """`text` with an apostrophe before it where a program would run it; numbers stay as they are."""
    return f"'{text}" if _runs(text) else text


def text_unguard(text: str) -> str:
    """What `text_guard` was given."""
    return text[1:] if text.startswith("'") and _runs(text[1:]) else text


def xlsx_write(rows: Iterable[Iterable[Cell]], target: BinaryIO, *, title: str = "Planilha") -> None:
    """Write one sheet to `target`; rows go to a temporary file meanwhile, memory holds one."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet(title)
    for row in rows:
        sheet.append([_typed(cell, sheet) for cell in row])
    book.save(target)


def _runs(text: str) -> bool:
    return bool(_RUNS.match(text)) and not _NUMBER.fullmatch(text)


def _shown(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return text_guard(cell)
    if isinstance(cell, datetime):
        return f"{_local(cell):%d/%m/%Y %H:%M:%S}"
    if isinstance(cell, date):
        return f"{cell:%d/%m/%Y}"
    return format(Decimal(str(cell)), "f").replace(".", ",")


def _quoted(text: str) -> str:
    """Also around what another program would take for a delimiter."""
    return '"{}"'.format(text.replace('"', '""')) if _QUOTED.search(text) else text


def _typed(cell: Cell, sheet: WriteOnlyWorksheet) -> object:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    if isinstance(cell, datetime):
        return _local(cell)
    if isinstance(cell, int) and abs(cell) >= LONGEST_EXACT:
        cell = str(cell)
    if not isinstance(cell, str):
        return cell
    made = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", cell))
    made.data_type = "s"
    made.quotePrefix = _runs(cell)
    return made


def _local(at: datetime) -> datetime:
    return timezone.make_naive(at) if timezone.is_aware(at) else at
