"""CSV of people: every shape says the same."""

from __future__ import annotations

import io
import time
import tracemalloc
from collections.abc import Sequence

import pytest

from erp.spreadsheets.reading import MOST_ROWS, heading_find, heading_plain, sheet_rows
from erp.spreadsheets.refusals import SpreadsheetRefused

EXPECTED = [["código", "preço"], ["A-1", "10,50"], ["B;2", "7"]]


def cells(source: bytes | str) -> list[Sequence[str]]:
    return [row.cells for row in sheet_rows(source)]


def refused(source: bytes | str, **caps: int) -> str:
    with pytest.raises(SpreadsheetRefused) as caught:
        list(sheet_rows(source, **caps))
    assert str(caught.value)
    return caught.value.code


@pytest.mark.parametrize(
    "text",
    [
        'código;preço\nA-1;10,50\n"B;2";7',
        'código;preço\r\nA-1;10,50\r\n"B;2";7\r\n',
        'código,preço\nA-1,"10,50"\nB;2,7',
        "código\tpreço\nA-1\t10,50\nB;2\t7",
        "código|preço\nA-1|10,50\nB;2|7",
        'sep=;\ncódigo;preço\nA-1;10,50\n"B;2";7',
        'SEP=,\r\ncódigo,preço\r\nA-1,"10,50"\r\nB;2,7',
        "sep=~\ncódigo~preço\nA-1~10,50\nB;2~7",
        'código; preço\n A-1 ; 10,50\n "B;2" ;7\n;;\n\n',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_every_shape_says_the_same(text: str, encoding: str) -> None:
    assert cells(text.encode(encoding)) == EXPECTED


def test_pasted_text_reads_like_a_file() -> None:
    assert cells('\ufeffcódigo;preço\nA-1;10,50\n"B;2";7') == EXPECTED
    assert cells("1042 AA123\n\n1043  BB\x00") == [["1042 AA123"], ["1043  BB"]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # A decimal comma in every row, under a title with a comma: still semicolons.
        ("Vendas, novembro\na;1,5\nb;2,5\nc;3,5", ["c", "3,5"]),
        # Semicolons in every quoted text: still commas.
        ('1,"x; y",3\n2,"z; w",4\n3,"q; r",5', ["3", "q; r", "5"]),
        # Commas in a text of several lines.
        ('a;b\nx;"1,2,3\n1,2,3"', ["x", "1,2,3\n1,2,3"]),
        ("a;b\n1;", ["1", ""]),
    ],
)
def test_the_delimiter_that_fits_is_taken(text: str, expected: list[str]) -> None:
    assert cells(text)[-1] == expected


def test_rows_are_numbered_as_an_editor_numbers_lines() -> None:
    rows = list(sheet_rows('sep=;\na;b\n\n"x\ny";z\nu;v'))
    assert [row.number for row in rows] == [2, 5, 6]
    assert [row.number for row in sheet_rows("a\n\nb")] == [1, 3]


def test_a_guarded_text_reads_as_it_was_and_other_apostrophes_stay() -> None:
    assert cells("'=1+1;'1043\n'-x;'-5") == [["=1+1", "'1043"], ["-x", "'-5"]]


def prices(found: Sequence[str]) -> tuple[int, int] | None:
    plain = [heading_plain(cell) for cell in found]
    return (plain.index("codigo"), plain.index("preco")) if {"codigo", "preco"} <= set(plain) else None


def test_a_heading_is_found_under_titles() -> None:
    text = (
        "Tabela de preços do código antigo\nEmitida em;20/11/2026\n\nCÓDIGO;Nome;Preço\nA;Caneca;10\nB;Copo;7"
    )
    found, rows = heading_find(sheet_rows(text), prices)
    assert found == (0, 2)
    assert [(row.number, row.cells[0]) for row in rows] == [(5, "A"), (6, "B")]


def test_without_a_heading_every_row_is_data() -> None:
    found, rows = heading_find(sheet_rows("A;10\nB;7"), prices)
    assert found is None
    assert [row.cells for row in rows] == [["A", "10"], ["B", "7"]]


def test_caps() -> None:
    assert refused(b"x" * 101, most_bytes=100) == "spreadsheet.too_large"
    assert refused("x" * 101, most_bytes=100) == "spreadsheet.too_large"
    assert refused("a;b\n" * 11, most_rows=10) == "spreadsheet.too_many_rows"
    assert len(cells("a;b\n\n" * 10)) == 10


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 600, "spreadsheet.old_or_password"),
        (b"%PDF-1.7\n", "spreadsheet.other_format"),
        (b"\x89PNG\r\n\x1a\n", "spreadsheet.other_format"),
        (b"  <html><table>", "spreadsheet.other_format"),
        (b"MZ\x00\x01binary", "spreadsheet.other_format"),
        (b'a;b\n1;"' + b"x" * 200_000, "spreadsheet.unreadable"),
    ],
)
def test_what_is_no_spreadsheet_says_so(content: bytes, code: str) -> None:
    assert refused(content) == code


def test_the_file_stays_open_for_its_owner() -> None:
    stream = io.BytesIO(b"a;b\n1;2")
    assert len(list(sheet_rows(stream))) == 2
    assert next(iter(sheet_rows(stream))).cells == ["a", "b"]
    assert not stream.closed


def test_time_grows_with_the_text_not_with_its_square() -> None:
    began = time.process_time()
    list(sheet_rows("9" * 100_000 + " AA\n" + '"' * 100_000))
    assert time.process_time() - began < 2


def test_memory_does_not_grow_with_the_rows() -> None:
    content = io.BytesIO(b"codigo;nome;preco\n" + b"A-1;Caneca esmaltada;10,50\n" * (MOST_ROWS - 1))
    tracemalloc.start()
    try:
        assert sum(1 for _ in sheet_rows(content)) == MOST_ROWS
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
