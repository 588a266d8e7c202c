"""How a page of a list asks whether it is still right, as `lists.js` does: read out of its HTML, said in
headers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

ASKS_NEWER, HAS_ROWS = "X-List-Stamp", "X-List-Rows"


def stamp_of(text: str) -> str:
    """The stamp that a page of a list holds."""
    found = re.search(r'data-stamp="(\w*)"', text)
    return found[1] if found else ""


def rows_of(text: str) -> dict[str, str]:
    """The digest of each row of a page, by its id."""
    return dict(re.findall(r'data-row="(\d+)" data-digest="(\w+)"', text))


def rows_header(rows: Mapping[str, str]) -> str:
    return ",".join(f"{pk}.{digest}" for pk, digest in rows.items())
