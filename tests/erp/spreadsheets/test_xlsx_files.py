"""XLSX of people: text as the sheet shows it, and nothing hostile reaches the library."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from erp.spreadsheets import xlsx_files
from erp.spreadsheets.reading import sheet_rows
from erp.spreadsheets.writing import xlsx_write
from tests.erp.spreadsheets.test_csv_files import cells, refused


def saved(change: Callable[[Workbook], Any] = lambda book: None, rows: Sequence[Sequence[Any]] = ()) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    change(book)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def edited(content: bytes, **parts: Callable[[bytes], bytes]) -> bytes:
    """Change parts of the file, named by the end of their name without its extension."""
    source, target = zipfile.ZipFile(io.BytesIO(content)), io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for info in source.infolist():
            stem = info.filename.rpartition("/")[2].partition(".")[0]
            archive.writestr(info.filename, parts.get(stem, lambda data: data)(source.read(info)))
    return target.getvalue()


def with_sheet(xml: str) -> bytes:
    head = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    return edited(saved(rows=[["a"]]), sheet1=lambda data: f"{head}{xml}</worksheet>".encode())


MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"


def as_excel_writes(texts: str, sheet: str, declaration: str = "") -> bytes:
    """The least Excel writes: every text stands in a table of its own and cells name it by number."""
    return zipped(
        {
            "[Content_Types].xml": (
                f'<Types xmlns="{PACKAGE}/content-types">'
                f'<Override PartName="/xl/workbook.xml" ContentType="{SHEET_TYPE}.sheet.main+xml"/>'
                f'<Override PartName="/xl/sharedStrings.xml" ContentType="{SHEET_TYPE}.sharedStrings+xml"/>'
                "</Types>"
            ).encode(),
            "xl/workbook.xml": (
                f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">'
                '<sheets><sheet name="Plan1" sheetId="1" r:id="rId1"/></sheets></workbook>'
            ).encode(),
            "xl/_rels/workbook.xml.rels": (
                f'<Relationships xmlns="{PACKAGE}/relationships">'
                f'<Relationship Id="rId1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
                "</Relationships>"
            ).encode(),
            "xl/sharedStrings.xml": f'{declaration}<sst xmlns="{MAIN}">{texts}</sst>'.encode(),
            "xl/worksheets/sheet1.xml": (
                f'<worksheet xmlns="{MAIN}"><sheetData>{sheet}</sheetData></worksheet>'
            ).encode(),
        }
    )


TEXTS = "<si><t>código</t></si><si><r><t>Cane</t></r><r><t>ca</t></r></si>"
CELLS = '<row r="2"><c r="B2" t="s"><v>1</v></c><c r="A2" t="s"><v>0</v></c><c r="C2"><v>63.0</v></c></row>'


def test_texts_that_stand_in_a_table_of_their_own_are_read() -> None:
    content = as_excel_writes(TEXTS, CELLS)
    assert [(row.number, row.cells) for row in sheet_rows(content)] == [(2, ["código", "Caneca", "63"])]
    assert refused(as_excel_writes(TEXTS, CELLS, ENTITIES)) == "spreadsheet.bomb"
    assert refused(as_excel_writes(TEXTS, CELLS.replace(">1<", ">9<"))) == "spreadsheet.broken"


def test_values_read_as_the_sheet_shows_them() -> None:
    row = [
        63.0, 63, 1.5, -0.1, 0.1 + 0.2, 7e17, 123456789012345, True, "  Caneca ", None, "=1+1", "AA\nBB",
        date(2026, 11, 20), MOMENT, time(8, 30), timedelta(hours=30, minutes=5),
    ]  # fmt: skip
    assert cells(saved(rows=[row])) == [
        [
            "63", "63", "1,5", "-0,1", "0,3", "7E+17", "123456789012345", "VERDADEIRO", "Caneca", "",
            "", "AA\nBB", "20/11/2026", "20/11/2026 10:05:00", "08:30:00", "30:05:00",
        ]
    ]  # fmt: skip


def test_rows_are_numbered_as_the_sheet_numbers_them_and_empty_ones_left_out() -> None:
    content = saved(rows=[[], ["a", "b"], [None, ""], [1, 2]])
    assert [(row.number, row.cells) for row in sheet_rows(content)] == [(2, ["a", "b"]), (4, ["1", "2"])]


def test_the_first_sheet_that_shows_is_read() -> None:
    def hide(book: Workbook) -> None:
        book.active.sheet_state = "hidden"
        book.create_sheet("Dados").append(["x", "y"])

    assert cells(saved(hide, rows=[["oculta"]])) == [["x", "y"]]


def test_what_a_file_says_of_its_size_cuts_nothing_off() -> None:
    content = edited(saved(rows=[["a"], ["b"]]), sheet1=lambda data: data.replace(b"A1:A2", b"A1"))
    assert cells(content) == [["a"], ["b"]]


def test_columns_far_to_the_right_are_not_read() -> None:
    content = with_sheet(
        '<sheetData><row r="1"><c r="A1"><v>1</v></c><c r="XFD1"><v>2</v></c></row></sheetData>'
    )
    assert cells(content) == [["1"]]


def test_an_empty_sheet_has_no_rows() -> None:
    assert cells(saved()) == []


def test_row_cap() -> None:
    assert refused(saved(rows=[["a"]] * 11), most_rows=10) == "spreadsheet.too_many_rows"


MOMENT = datetime(2026, 11, 20, 10, 5)  # noqa: DTZ001 - a sheet knows no zones
ENTITIES = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def declared(data: bytes) -> bytes:
    return data.replace(b"?>", f"?>{ENTITIES}".encode(), 1) if b"?>" in data else ENTITIES.encode() + data


SHEET = saved(rows=[["a", "b"], [1, 2]])
DIRECTORY = b"PK\x01\x02"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (zipped({"a.xml": b"<a/>"}), "spreadsheet.other_format"),
        (zipped({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet"}), "spreadsheet.other_format"),
        (SHEET[:-40], "spreadsheet.broken"),
        (b"PK\x03\x04" + b"x" * 100, "spreadsheet.broken"),
        (edited(SHEET, sheet1=lambda data: data[:-30]), "spreadsheet.broken"),
        (edited(SHEET, sheet1=lambda data: data.replace(b'r="A1"', b'r="?"')), "spreadsheet.broken"),
        (edited(SHEET, workbook=lambda data: b"<workbook/>"), "spreadsheet.broken"),
        (edited(SHEET, sheet1=declared), "spreadsheet.bomb"),
        (edited(SHEET, styles=declared), "spreadsheet.bomb"),
        (zipped({"[Content_Types].xml": b"<a/>", "xl/x.bin": b"<" * 2**24}), "spreadsheet.bomb"),
        (
            zipped({"[Content_Types].xml": b"<a/>", "xl/x.bin": b"x", "xl/vbaProject.bin": b"x"}),
            "spreadsheet.macros",
        ),
    ],
    ids=[
        "zip", "ods", "cut", "noise", "xml cut", "cell without place", "no sheets", "dtd in sheet",
        "dtd in styles", "ratio", "macros",
    ],
)  # fmt: skip
def test_what_is_not_opened(content: bytes, code: str) -> None:
    assert refused(content) == code


@pytest.mark.parametrize(
    "xml",
    [
        f"<sheetData><row>{'<c/>' * 70_000}</row></sheetData>",
        f"<sheetData>{'<x/>' * 210_000}</sheetData>",
        f"<sheetData>{'<row>' * 210_000}{'</row>' * 210_000}</sheetData>",
    ],
    ids=["one row", "elements", "nested"],
)
def test_elements_that_would_fill_the_memory_are_counted_first(xml: str) -> None:
    content = with_sheet(xml)
    tracemalloc.start()
    try:
        assert refused(content) == "spreadsheet.bomb"
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()


def test_rows_without_end_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_files, "MOST_ROW_NUMBER", 1000)
    content = with_sheet('<sheetData><row r="999999999999"><c r="A1"><v>1</v></c></row></sheetData>')
    assert cells(content) == []


def test_links_to_other_files_are_not_followed() -> None:
    content = saved(lambda book: book.active.append(["='[1]Plan1'!A1", "https://example.com"]))
    assert cells(content) == [["", "https://example.com"]]


def test_memory_stays_while_rows_grow() -> None:
    def peak(rows: int) -> int:
        stream = io.BytesIO()
        xlsx_write(([f"A-{number}", "Caneca esmaltada", 10.5] for number in range(rows)), stream)
        tracemalloc.start()
        try:
            assert sum(1 for _ in sheet_rows(stream)) == rows
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(20_000) < 2 * peak(2_000) + 4_000_000


def test_what_was_written_opens_as_typed_text() -> None:
    stream = io.BytesIO()
    xlsx_write([["=HYPERLINK(1)", "-5", "x", -5]], stream)
    (row,) = load_workbook(stream).active.iter_rows()
    assert [(cell.value, cell.data_type, cell.quotePrefix) for cell in row] == [
        ("=HYPERLINK(1)", "s", True),
        ("-5", "s", False),
        ("x", "s", False),
        (-5, "n", False),
    ]
