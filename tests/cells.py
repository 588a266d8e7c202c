"""Reading a list as a person does: by the heading of a column."""

from __future__ import annotations

from lxml import html


def cells(page: str, heading: str) -> list[str]:
    """What stands under `heading` in each row, as text. Says which headings there are when it is none of them."""
    for table in html.fromstring(page).iter("table"):
        headings = [_text(each) for each in table.xpath(".//thead//th")]
        if heading in headings:
            place = headings.index(heading)
            return [_text(row[place]) for row in table.xpath(".//tbody/tr")]
    found = [_text(each) for each in html.fromstring(page).xpath("//thead//th")]
    raise AssertionError(f"No column {heading!r}; there are {found}")


def _text(element: html.HtmlElement) -> str:
    return " ".join(element.text_content().split())
