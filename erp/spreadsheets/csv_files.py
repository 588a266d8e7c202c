"""CSV of people: the encoding and the delimiter are found out."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice
from typing import BinaryIO, Final

from erp.spreadsheets import refusals
from erp.spreadsheets.refusals import SpreadsheetRefused
from erp.spreadsheets.writing import text_unguard

# The first wins where two fit alike: `1042;10,50` is two columns.
DELIMITERS: Final = "\t;|,"
SAMPLE_LINES: Final = 20
# So much of a sample must be alike: rows parted at all, unless the first is, and of those, rows of one width.
AGREEING: Final = 0.6
_SAID: Final = re.compile(r"sep=(.)", re.IGNORECASE)
_CHUNK: Final = 64 * 1024


def csv_rows(source: str | BinaryIO) -> Iterator[tuple[int, Sequence[str]]]:
    """Number and cells of each record, empty ones included. Raises `SpreadsheetRefused`."""
    if isinstance(source, str):
        yield from _records(io.StringIO(source.removeprefix("\ufeff"), newline=""))
        return
    encoding = _encoding(source)
    source.seek(0)
    text = io.TextIOWrapper(source, encoding, errors="replace", newline="")
    try:
        yield from _records(text)
    finally:
        text.detach()  # else it closes a file that is not ours


def _records(text: io.TextIOBase) -> Iterator[tuple[int, Sequence[str]]]:
    lines: Iterator[str] = (line.replace("\x00", "") for line in text)
    sample = list(islice(lines, SAMPLE_LINES))
    said = _SAID.fullmatch(sample[0].strip("\r\n")) if sample else None
    delimiter = said[1] if said else _delimiter(sample)
    skipped = 1 if said else 0
    lines = chain(sample[skipped:], lines)
    if not delimiter:
        yield from ((number, [line]) for number, line in enumerate(lines, start=1 + skipped))
        return
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    try:
        for cells in reader:
            yield reader.line_num + skipped, [text_unguard(cell) for cell in cells]
    except csv.Error:
        raise SpreadsheetRefused(refusals.UNREADABLE) from None


def _encoding(stream: BinaryIO) -> str:
    """UTF-16 where a mark says so, UTF-8 where every byte of the file agrees, else Windows-1252."""
    stream.seek(0)
    if stream.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    stream.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while chunk := stream.read(_CHUNK):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _delimiter(sample: Sequence[str]) -> str:
    """The mark that parts most rows of the sample alike, into the most columns; empty when none does."""
    filled = [line for line in sample if line.strip()]
    widths = {mark: _width(filled, mark) for mark in DELIMITERS}
    best = max(DELIMITERS, key=lambda mark: widths[mark])
    return best if widths[best] > 1 else ""


def _width(lines: Sequence[str], mark: str) -> int:
    """Columns that `mark` makes of the lines, 0 when it is not what parts them."""
    # A quote stands where a cell begins or ends; where it does not, the mark is another.
    text = "".join(lines).replace('""', "").replace('="', '"')
    if re.search(rf'[^\s{re.escape(mark)}]"[^\s{re.escape(mark)}]', text):
        return 0
    widths = [len(cells) for cells in _read_so_far(lines, mark)]
    parted = [width for width in widths if width > 1]
    if not parted or (widths[0] == 1 and len(parted) < AGREEING * len(widths)):
        return 0
    width, rows = Counter(parted).most_common(1)[0]
    return width if rows >= AGREEING * len(parted) else 0


def _read_so_far(lines: Sequence[str], mark: str) -> Iterator[list[str]]:
    with suppress(csv.Error):
        yield from csv.reader(lines, delimiter=mark, skipinitialspace=True)
