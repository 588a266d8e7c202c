"""The very view as a spreadsheet: its filters, its tab, its order, every row, the columns it shows."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.utils.html import strip_tags
from django.utils.timezone import localdate

from erp.brazil.money import thousands
from erp.spreadsheets.writing import Cell, csv_lines, xlsx_write
from erp.web.lists.declarations import Column
from erp.web.lists.rows import ListRow, cell_text

if TYPE_CHECKING:
    from erp.web.lists.page import ListPage

M = TypeVar("M", bound=Model)

EXPORTS = ("csv", "xlsx")
AT_ONCE = 500
# A workbook is written whole before its first byte leaves; a larger list goes as CSV.
MOST_XLSX = 50_000
TOO_MANY = "A lista tem mais de {most} linhas: exporte em CSV, ou filtre antes."


def list_export(view: ListPage[M], found: QuerySet[M], kind: str) -> HttpResponse | StreamingHttpResponse:
    """The rows of `found` as a file to save; one row of each in memory."""
    name = f"{view.title.lower().replace(' ', '-')}-{localdate():%Y-%m-%d}.{kind}"
    if kind == "csv":
        lines = (line.encode() for line in csv_lines(_rows(view, found)))
        response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response
    if found.order_by().values("pk")[: MOST_XLSX + 1].count() > MOST_XLSX:
        return view.answer(notice=TOO_MANY.format(most=thousands(MOST_XLSX)))
    target = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
    xlsx_write(_rows(view, found), target, title=str(view.title)[:31])
    target.seek(0)
    return FileResponse(target, as_attachment=True, filename=name)


def _rows(view: ListPage[M], found: QuerySet[M]) -> Iterator[list[Cell]]:
    columns = [column for column in view.columns if column.export is not None]
    yield [column.label for column in columns]
    left = found.iterator(AT_ONCE)
    while objects := list(islice(left, AT_ONCE)):
        for row in view.rows_of(objects):
            yield _cells(columns, row)


def _cells(columns: Sequence[Column], row: ListRow[Any]) -> list[Cell]:
    return [_cell(column, row) for column in columns]


def _cell(column: Column, row: ListRow[Any]) -> Cell:
    """The value itself where the column names one, else the words that its cell shows."""
    path = column.export or ("" if column.cell.endswith(".html") else column.cell)
    if not path:
        return " ".join(strip_tags(cell_text(column, row)).split())
    name, *filters = path.split("|")
    holder = row if name.startswith("extra.") else row.object
    try:
        value = attrgetter(name)(holder)
    except AttributeError:
        return None
    value = value() if callable(value) else value
    if "money" in filters:
        return None if value is None else Decimal(value).scaleb(-2)
    return value if isinstance(value, str | int | Decimal | float | date | datetime | None) else str(value)
