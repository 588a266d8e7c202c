"""What stands on a printed page, read back from its picture and its text."""

from __future__ import annotations

import pypdfium2
import zxingcpp

THERMAL_DPI = 203
OFFICE_DPI = 300


def pages(pdf: bytes) -> list[str]:
    """The text of each page."""
    document = pypdfium2.PdfDocument(pdf)
    return [page.get_textpage().get_text_bounded() for page in document]


def sizes(pdf: bytes) -> list[tuple[int, int]]:
    """Width and height of each page in millimetres."""
    document = pypdfium2.PdfDocument(pdf)
    return [(round(w * 25.4 / 72), round(h * 25.4 / 72)) for w, h in (page.get_size() for page in document)]


def codes(pdf: bytes) -> list[str]:
    """The Code 128 of each page as a scanner reads it: labels from a thermal printer, A4 from an office's."""
    found = []
    for page in pypdfium2.PdfDocument(pdf):
        dpi = OFFICE_DPI if page.get_width() > 500 else THERMAL_DPI
        picture = page.render(scale=dpi / 72, grayscale=True).to_pil()
        found += [code.text for code in zxingcpp.read_barcodes(picture, zxingcpp.BarcodeFormat.Code128)]
    return found
