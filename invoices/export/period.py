"""Notes and events of a period as a ZIP: first everything is looked at, then exactly that is sent.

Month by month a folder with the original files and a summary. What is sent was fixed and verified before the
first byte, so the size is known, a file damaged on disk stops the export with its name, and notes that arrive
meanwhile belong to the next export.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import chain
from tempfile import SpooledTemporaryFile
from typing import Final

from django.db.models import QuerySet
from django.utils import timezone

from erp.accounts.models import User
from erp.brazil.documents import tax_id_format
from erp.brazil.money import decimal_from_centavos
from erp.refusals import RefusedError
from erp.spreadsheets.writing import Cell, csv_lines
from invoices import refusals
from invoices.export.archive import Member, zip_stream
from invoices.models import DocumentDamaged, Invoice, InvoiceDocument, InvoiceEvent

LARGEST_EXPORT: Final = 50_000
SLICE: Final = 20
CSV_ROWS: Final = 500
HEADINGS: Final = (
    "NFe + chave de acesso", "número", "série", "emissão", "autorização", "protocolo", "situação",
    "cancelada em", "CNPJ do emitente", "CPF/CNPJ do destinatário", "destinatário", "total", "pedido",
    "pedido no e-commerce", "loja", "substituída pela chave", "SHA-256 do arquivo",
)  # fmt: skip


class ExportRefused(RefusedError):
    """Nothing is sent; the message (Portuguese) says what to do."""


@dataclass(frozen=True, slots=True)
class Period:
    """Whole local days, both included, of one fiscal environment."""

    since: date
    until: date
    environment: str

    @property
    def name(self) -> str:
        suffix = "-homologacao" if self.environment == "homologation" else ""
        return f"notas-{self.since:%Y-%m-%d}-a-{self.until:%Y-%m-%d}{suffix}.zip"

    def months(self) -> Iterator[tuple[date, date]]:
        """First and last day of each month's part."""
        first = self.since
        while first <= self.until:
            following = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
            yield first, min(self.until, following - timedelta(days=1))
            first = following


@dataclass(slots=True)
class _Month:
    first: date
    invoices: array[int]
    events: array[int]
    summary_at: int = 0
    summary_size: int = 0


@dataclass(slots=True)
class Export:
    """A fixed set of files. `size` is the ZIP's in bytes; `chunks` may be read more than once."""

    period: Period
    invoices: int = 0
    events: int = 0
    size: int = 0
    _months: list[_Month] = field(default_factory=list)
    # Summaries name situations, which change: they are written once, on disk when they are long.
    _summaries: SpooledTemporaryFile[bytes] = field(default_factory=lambda: _spool())

    def chunks(self) -> Iterator[bytes]:
        """The ZIP, a file at a time. Raises `DocumentDamaged`."""
        return zip_stream(self._members())

    def _members(self) -> Iterator[Member]:
        now = timezone.localtime()
        for month in self._months:
            folder = f"{month.first:%Y-%m}"
            self._summaries.seek(month.summary_at)
            yield f"{folder}/resumo.csv", now, self._summaries.read(month.summary_size)
            yield from _invoice_files(folder, month.invoices)
            yield from _event_files(folder, month.events)


def export_prepare(*, user: User, period: Period) -> Export:
    """Fix and verify what the period's ZIP holds. Raises `ExportRefused`."""
    if period.since > period.until:
        raise ExportRefused(refusals.PERIOD_REVERSED)
    export = Export(period)
    for first, last in period.months():
        _month_add(export, user, first, last)
        if export.invoices > LARGEST_EXPORT:
            raise ExportRefused(refusals.PERIOD_TOO_LARGE.of(most=LARGEST_EXPORT))
    if not export.invoices and not export.events:
        raise ExportRefused(refusals.PERIOD_EMPTY)
    try:
        export.size = sum(len(chunk) for chunk in export.chunks())
    except DocumentDamaged as damaged:
        raise ExportRefused(refusals.EXPORT_DAMAGED.of(file=damaged)) from None
    return export


def period_invoices(user: User, environment: str, first: date, last: date) -> QuerySet[Invoice]:
    """Notes `user` may see by their local day of issue."""
    rows = Invoice.objects.visible_to(user).filter(environment=environment)
    return rows.filter(issued_at__gte=_midnight(first), issued_at__lt=_midnight(last + timedelta(days=1)))


def period_events(user: User, environment: str, first: date, last: date) -> QuerySet[InvoiceEvent]:
    """Events of the company by the local day SEFAZ registered them, also those whose note is not here."""
    rows = InvoiceEvent.objects.filter(company=user.company, environment=environment)
    found: QuerySet[InvoiceEvent] = rows.filter(
        registered_at__gte=_midnight(first), registered_at__lt=_midnight(last + timedelta(days=1))
    )
    return found


def _spool() -> SpooledTemporaryFile[bytes]:
    return SpooledTemporaryFile(max_size=1024 * 1024)


def _month_add(export: Export, user: User, first: date, last: date) -> None:
    environment = export.period.environment
    invoices = period_invoices(user, environment, first, last).order_by("pk")
    events = period_events(user, environment, first, last).order_by("pk")
    month = _Month(first, array("q", _ids(invoices)), array("q", _ids(events)))
    if not month.invoices and not month.events:
        return
    export.invoices += len(month.invoices)
    export.events += len(month.events)
    if export.invoices <= LARGEST_EXPORT:
        month.summary_at = export._summaries.seek(0, 2)
        for text in _summary(month.invoices):
            month.summary_size += export._summaries.write(text.encode())
    export._months.append(month)


def _ids(rows: QuerySet[Invoice] | QuerySet[InvoiceEvent]) -> Iterator[int]:
    return rows.values_list("pk", flat=True)[: LARGEST_EXPORT + 1].iterator()


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime(day.year, day.month, day.day))  # noqa: DTZ001 - made aware


def _slices(ids: array[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size].tolist()


def _invoice_files(folder: str, ids: array[int]) -> Iterator[Member]:
    for part in _slices(ids, SLICE):
        invoices = Invoice.objects.only("access_key", "issued_at", "number", "series").in_bulk(part)
        # Joined, note and document would hold each other and every file until the next garbage collection.
        for document in InvoiceDocument.objects.filter(invoice__in=part).order_by("invoice_id"):
            invoice = invoices[document.invoice_id]
            try:
                content = document.read()
            except DocumentDamaged:
                raise DocumentDamaged(
                    f"O arquivo da {invoice} ({invoice.access_key}) está danificado."
                ) from None
            name = f"{folder}/notas/{invoice.access_key}-procNFe.xml"
            yield name, timezone.localtime(invoice.issued_at), content


def _event_files(folder: str, ids: array[int]) -> Iterator[Member]:
    for part in _slices(ids, SLICE):
        for event in InvoiceEvent.objects.filter(pk__in=part).order_by("pk"):
            content = bytes(event.content)
            if hashlib.sha256(content).hexdigest() != event.sha256:
                raise DocumentDamaged(f"O arquivo do evento {event} de {event.access_key} está danificado.")
            name = f"{event.access_key}-{event.kind}-{event.sequence}-procEventoNFe.xml"
            yield f"{folder}/eventos/{name}", timezone.localtime(event.registered_at), content


def _summary(ids: array[int]) -> Iterator[str]:
    """No long number alone in a cell: a spreadsheet would round it to 15 digits."""
    return csv_lines(chain([HEADINGS], _rows(ids)))


def _rows(ids: array[int]) -> Iterator[Iterable[Cell]]:
    for part in _slices(ids, CSV_ROWS):
        invoices = Invoice.objects.filter(pk__in=part).select_related(
            "order", "store", "document", "replaced_by"
        )
        for invoice in invoices.defer("document__content").order_by("pk"):
            yield _row(invoice)


def _row(invoice: Invoice) -> Iterable[Cell]:
    order, store, document = invoice.order, invoice.store, getattr(invoice, "document", None)
    return (
        f"NFe{invoice.access_key}",
        invoice.number,
        invoice.series,
        invoice.issued_at,
        invoice.authorized_at,
        invoice.authorization_protocol,
        invoice.get_status_display(),
        invoice.cancelled_at,
        tax_id_format(invoice.issuer_tax_id),
        tax_id_format(invoice.recipient_tax_id),
        invoice.recipient_name,
        decimal_from_centavos(invoice.total),
        order.number if order else None,
        f"nº {order.external_id}" if order and order.external_id else "",
        store.name if store else "",
        f"NFe{invoice.replaced_by.access_key}" if invoice.replaced_by else "",
        document.sha256 if document else "",
    )
