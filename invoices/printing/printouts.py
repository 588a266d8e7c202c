"""From the bytes of notes to one PDF. Needs the optional extra `danfe`, imported on first use.

The library parses with a lenient reader, so it is fed only what passed the validation; callers see to that.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from django.db import models
from lxml import etree

from erp.refusals import RefusedError
from invoices import refusals
from invoices.intake.parser import parse

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

logger = logging.getLogger(__name__)

# Apostrophes for all quotes: a quotation mark could end an attribute.
_TYPOGRAPHY: Final = str.maketrans({**dict.fromkeys("‘’“”", "'"), "–": "-", "—": "-", "…": "...", "€": "EUR"})
_merging = Lock()  # PDFium keeps state of the whole process


class InvoicePrintout(models.TextChoices):
    """What can be printed of a note."""

    DANFE = "danfe", "DANFE"
    LABEL = "label", "etiqueta do DANFE (10x15)"

    @property
    def printed(self) -> str:
        """For the timeline of an order."""
        return {"danfe": "DANFE impresso", "label": "Etiqueta do DANFE impressa"}[self.value]


@dataclass(frozen=True, slots=True)
class PrintableInvoice:
    """The original file of a note that passed the validation, and whether paper must say it is cancelled."""

    content: bytes
    items: int
    is_cancelled: bool


class PrinterMissing(RefusedError):
    """The optional extra `danfe` is not installed."""

    def __init__(self) -> None:
        super().__init__(refusals.NO_PRINTER)


class DrawingFailed(Exception):
    """The printer stopped at the note at `place`: its file passed the validation, and is odd in a way that
    does not know."""

    def __init__(self, place: int) -> None:
        super().__init__(f"note {place} cannot be drawn")
        self.place = place


def is_available() -> bool:
    """True when the extra `danfe` is installed; imports nothing."""
    return all(find_spec(name) is not None for name in ("brazilfiscalreport", "pypdfium2"))


def invoices_draw(*, invoices: Sequence[PrintableInvoice], printout: InvoicePrintout) -> bytes:
    """One PDF with every note in order; about 70 ms a DANFE of few items, 15 ms a label.

    Raises `PrinterMissing`, `DrawingFailed`.
    """
    return pdfs_merge(invoices_drawn(invoices=invoices, printout=printout))


def invoices_drawn(*, invoices: Sequence[PrintableInvoice], printout: InvoicePrintout) -> list[bytes]:
    """One PDF per note. Raises `PrinterMissing`, `DrawingFailed`."""
    if not is_available():
        raise PrinterMissing
    drawn = []
    for place, invoice in enumerate(invoices):
        try:
            drawn.append(_invoice_draw(invoice, printout))
        except Exception as error:
            # Whatever a stranger's file makes the library raise; its words may hold personal data.
            logger.warning("A note cannot be drawn: %s", type(error).__name__)
            raise DrawingFailed(place) from None
    return drawn


def _invoice_draw(invoice: PrintableInvoice, printout: InvoicePrintout) -> bytes:
    from brazilfiscalreport import danfe

    text = _printable_text(invoice.content)
    document: Any
    if printout is InvoicePrintout.LABEL:
        label = danfe.DanfeEtiquetaConfig(watermark_cancelled=invoice.is_cancelled)
        document = danfe.DanfeEtiqueta(xml=text, config=label)
    else:
        page = danfe.DanfeConfig(watermark_cancelled=invoice.is_cancelled)
        document = danfe.Danfe(xml=text, config=page)
    return bytes(document.output())


def _printable_text(content: bytes) -> str:
    """The note as text that the printer's fonts can draw: Latin-1 without control characters, as the layout
    has it too. Anything else stops the printer, for example an emoji in a buyer's name."""
    text = etree.tostring(parse(content), encoding="unicode").translate(_TYPOGRAPHY)
    return text.encode("cp1252", "replace").decode("cp1252").encode("latin-1", "replace").decode("latin-1")


def pdfs_merge(documents: Sequence[bytes]) -> bytes:
    """One PDF with the pages of all, in order; a single one stays as it is. Raises `PrinterMissing`, and
    `DrawingFailed` for a document that is no readable PDF."""
    if len(documents) == 1:
        return documents[0]
    if find_spec("pypdfium2") is None:
        raise PrinterMissing
    import pypdfium2

    with _merging:
        target: PdfDocument = pypdfium2.PdfDocument.new()
        for place, content in enumerate(documents):
            try:
                source = pypdfium2.PdfDocument(content)
                target.import_pages(source)
            except pypdfium2.PdfiumError:
                raise DrawingFailed(place) from None
            source.close()
        written = BytesIO()
        target.save(written)
        target.close()
    return written.getvalue()
