"""Rows as they are drawn: one flat `<tr>` each, with a digest by which an open page knows what changed."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Generic, TypeVar

from django.db.models import Model
from django.template import Context, Engine, Template
from django.urls import reverse
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString

from erp.web.lists.declarations import Column, Link, ListAction

M = TypeVar("M", bound=Model)

# What a `<time>` says ("há 5 min") changes without the row changing.
_SAID = re.compile(r"(<time[^>]*>)[^<]*")


@dataclass(frozen=True)
class ActionState:
    """An action as one row, or the whole list, offers it: with a reason it is greyed."""

    action: ListAction
    reason: str = ""

    @property
    def url(self) -> str:
        return reverse(self.action.leads_to) if self.action.leads_to else ""


@dataclass
class ListRow(Generic[M]):
    """One line of the table. `id` is text so that no template puts a thousands separator into it. Once drawn,
    `html` is the whole `<tr>`, and `digest` is another when it shows something else."""

    object: M
    id: str
    label: str
    url: str
    checked: bool
    extra: Any = None
    html: SafeString = field(default_factory=SafeString, repr=False)
    digest: str = ""


@dataclass(frozen=True)
class RowMenu:
    """What the (...) of a row holds."""

    id: str
    label: str
    url: str
    links: Sequence[Link]
    actions: Sequence[ActionState]


def rows_draw(rows: Sequence[ListRow[M]], columns: Sequence[Column], *, ticks: bool, menu_url: str) -> None:
    """Draw the rows with `columns`, a box to tick with `ticks`, and a menu at `menu_url` + id."""
    cells = [(f"<td{column.cell_attributes}>", _cell_template(column.cell)) for column in columns]
    context = Context({})
    # Bound once: every cell would do it anew.
    with context.bind_template(Template("", engine=Engine.get_default())):
        for row in rows:
            context["object"], context["row"] = row.object, row
            # Of a cell without content nothing is left, not even a line break: `td:empty` hides it on a
            # phone.
            drawn = "".join(
                f"{opening}{template.render(context).strip()}</td>" for opening, template in cells
            )
            row.digest = format(zlib.crc32(_SAID.sub(r"\1", drawn).encode()), "x")
            row.html = _line(row, drawn, ticks, menu_url)


def cell_text(column: Column, row: ListRow[Any]) -> SafeString:
    """What one cell shows, as a template draws it."""
    return SafeString(_cell_template(column.cell).render(Context({"object": row.object, "row": row})).strip())


def _line(row: ListRow[M], cells: str, ticks: bool, menu_url: str) -> SafeString:
    box = _box(row) if ticks else ""
    menu = _MENU.format(id=row.id, url=menu_url, label=conditional_escape(row.label))
    return SafeString(f'<tr data-row="{row.id}" data-digest="{row.digest}">{box}{cells}{menu}</tr>')


def _box(row: ListRow[M]) -> str:
    checked = " checked" if row.checked else ""
    label = conditional_escape(row.label)
    return (
        '<td class="check-cell d-print-none"><input class="form-check-input" type="checkbox" name="ids"'
        f' value="{row.id}" aria-label="Marcar {label}"{checked}></td>'
    )


_MENU = (
    '<td class="menu-cell d-print-none"><a class="row-menu" href="{url}{id}" data-menu="{id}" role="button"'
    ' aria-haspopup="menu" aria-label="Ações de {label}" title="(...)"></a></td>'
)


def _cell_template(cell: str) -> Template:
    engine = Engine.get_default()
    return engine.get_template(cell) if cell.endswith(".html") else _value_template(cell)


@cache
def _value_template(value: str) -> Template:
    holder = "row" if value.startswith("extra.") else "object"
    return Engine.get_default().from_string(f"{{{{ {holder}.{value} }}}}")
