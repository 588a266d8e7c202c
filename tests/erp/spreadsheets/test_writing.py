"""What is written is harmless, keeps its numbers and reads back as it was."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp.spreadsheets.reading import sheet_rows
from erp.spreadsheets.writing import csv_lines, text_guard, text_unguard, xlsx_write

# No surrogates, which no encoding writes, nor what XML cannot hold and CSV readers drop.
TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cn", "Co"), include_characters="\t\n"),
    max_size=20,
)
HOSTILE = st.sampled_from(
    ["=", "+", "-", "@", "\t", "'", '"', ";", ",", "|", "\n", " ", "\xa0", "sep=", "＝", "1", "a"]
)
CELL = TEXT | st.lists(HOSTILE, max_size=6).map("".join)
# A heading first: no row is empty, and every row has as many cells.
ROWS = st.integers(2, 4).flatmap(
    lambda width: st.lists(st.lists(CELL, min_size=width, max_size=width), max_size=5).map(
        lambda rows: [[f"coluna {place}" for place in range(width)], *rows]
    )
)


def written(rows: list[list[str]]) -> bytes:
    return "".join(csv_lines(rows)).encode()


def kept(rows: list[list[str]]) -> list[list[str]]:
    """As reading gives them back: without blanks around, and without empty rows."""
    stripped = [[cell.strip() for cell in row] for row in rows]
    return [row for row in stripped if any(row)]


@given(ROWS)
def test_csv_reads_back_as_it_was(rows: list[list[str]]) -> None:
    assert [list(row.cells) for row in sheet_rows(written(rows))] == kept(rows)


@given(ROWS)
def test_xlsx_reads_back_as_it_was(rows: list[list[str]]) -> None:
    stream = io.BytesIO()
    xlsx_write(rows, stream)
    found = [_without_empty_end(list(row.cells)) for row in sheet_rows(stream)]
    assert found == [_without_empty_end(row) for row in kept(rows)]


def _without_empty_end(row: list[str]) -> list[str]:
    return row[: max(place for place, cell in enumerate(row, start=1) if cell)]


@given(CELL)
def test_no_cell_runs(text: str) -> None:
    (row,) = csv.reader(io.StringIO(written([[text, "fim"]]).decode("utf-8-sig"), newline=""), delimiter=";")
    shown = row[0].lstrip()
    is_number = re.fullmatch(r"[+-]?\d+([.,]\d+)*%?", row[0])
    assert is_number or not shown.startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))
    assert not row[0].startswith(("\t", "\r"))


@given(CELL)
def test_guarding_is_undone_exactly(text: str) -> None:
    assert text_unguard(text_guard(text)) == text


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+cmd", "-x", "@SUM(A1)", "\t=1", "\rx", " =1", "\xa0=1", "＝1", "+55 11 9", "-1-1", "'=1"],
)
def test_what_a_program_would_run_is_guarded(text: str) -> None:
    assert text_guard(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "Caneca", "-5", "+5,50", "-1.234,50", "-5%", "1=1", "a@b.com", "'s"])
def test_other_texts_and_numbers_stay(text: str) -> None:
    assert text_guard(text) == text


def test_values_are_written_as_a_spreadsheet_in_portuguese_shows_them() -> None:
    at = datetime(2026, 11, 20, 13, 5, tzinfo=UTC)
    row = [-5, Decimal("-170.00"), 1.5, None, date(2026, 11, 20), at, "a;b", 'x"y']
    assert written([["t"], row]).decode("utf-8-sig") == (
        't\r\n-5;"-170,00";"1,5";;20/11/2026;20/11/2026 10:05:00;"a;b";"x""y"\r\n'
    )
    stream = io.BytesIO()
    xlsx_write([row, [10**15]], stream)
    assert [row.cells for row in sheet_rows(stream)] == [
        ["-5", "-170", "1,5", "", "20/11/2026", "20/11/2026 10:05:00", "a;b", 'x"y'],
        ["1000000000000000"],
    ]
