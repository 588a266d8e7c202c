"""What the accountant gets: the original bytes of the period, all of them or a reason."""

from __future__ import annotations

import csv
import hashlib
import tracemalloc
from collections.abc import Callable
from datetime import UTC, date, datetime
from io import BytesIO, StringIO
from typing import Any
from zipfile import ZipFile

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from erp.accounts.models import AuditEntry, Company, User
from erp.sales.models import Order
from invoices.export import period as periods
from invoices.export.period import Export, ExportRefused, Period, export_prepare
from invoices.export.totals import bars, month_totals
from invoices.imports import invoices_import
from invoices.models import Invoice, InvoiceEvent, InvoiceEventKind, InvoiceStatus
from tests.invoices.factory import BRASILIA, access_key, nfe_xml

NOVEMBER = Period(date(2026, 11, 1), date(2026, 11, 30), "homologation")
AUTUMN = Period(date(2026, 10, 1), date(2026, 11, 30), "homologation")
EVENT = b"<procEventoNFe/>"
REFERENCE = "9007199254740993123"


@pytest.fixture
def add(company: Company, admin: User) -> Callable[..., Invoice]:
    def add(number: int, **note: Any) -> Invoice:
        content = nfe_xml(number=number, **note)
        (result,) = invoices_import(company=company, files=[(f"{number}.xml", content)], user=admin)
        assert result.invoice is not None, result
        return result.invoice

    return add


@pytest.fixture
def export(admin: User) -> Callable[..., Export]:
    return lambda period=NOVEMBER: export_prepare(user=admin, period=period)


def opened(export: Export) -> ZipFile:
    content = b"".join(export.chunks())
    assert len(content) == export.size
    return ZipFile(BytesIO(content))


def event(company: Company, key: str, at: datetime, content: bytes = EVENT, sequence: int = 1) -> None:
    InvoiceEvent.objects.create(
        company=company,
        access_key=key,
        kind=InvoiceEventKind.CANCELLATION,
        sequence=sequence,
        environment="homologation",
        registered_at=at,
        content=content,
        sha256=hashlib.sha256(EVENT).hexdigest(),
    )


def rows(archive: ZipFile, month: str) -> list[dict[str, str]]:
    text = archive.read(f"{month}/resumo.csv").decode("utf-8-sig")
    return list(csv.DictReader(StringIO(text), delimiter=";"))


def test_original_bytes_events_and_a_summary(
    add: Callable[..., Invoice],
    export: Callable[..., Export],
    company: Company,
    make_order: Callable[..., Order],
) -> None:
    order = make_order()
    linked = add(1, order_reference=REFERENCE)
    cancelled = add(2)
    at = datetime(2026, 11, 21, 12, tzinfo=UTC)
    Invoice.objects.filter(pk=cancelled.pk).update(status=InvoiceStatus.CANCELLED, cancelled_at=at)
    event(company, cancelled.access_key, at)
    found = export()
    assert (found.invoices, found.events) == (2, 1)
    with opened(found) as archive:
        assert archive.read(f"2026-11/notas/{linked.access_key}-procNFe.xml") == nfe_xml(
            number=1, order_reference=REFERENCE
        )
        name = f"{cancelled.access_key}-110111-1-procEventoNFe.xml"
        assert archive.read(f"2026-11/eventos/{name}") == EVENT
        first, second = rows(archive, "2026-11")
    assert first["NFe + chave de acesso"] == f"NFe{linked.access_key}"
    assert (first["situação"], first["total"], first["pedido"]) == ("Autorizada", "170,00", str(order.number))
    assert first["pedido no e-commerce"] == f"nº {REFERENCE}"
    assert first["CPF/CNPJ do destinatário"] == "529.982.247-25"
    assert first["emissão"] == "20/11/2026 10:30:00"
    assert first["SHA-256 do arquivo"] == linked.document.sha256
    assert (second["situação"], second["cancelada em"]) == ("Cancelada", "21/11/2026 09:00:00")


def test_months_are_local_and_whole(add: Callable[..., Invoice], export: Callable[..., Export]) -> None:
    """The last second of October in Brasília is November in UTC."""
    for number, at in enumerate(
        (
            datetime(2026, 9, 30, 23, 59, 59, tzinfo=BRASILIA),
            datetime(2026, 10, 1, 0, 0, 0, tzinfo=BRASILIA),
            datetime(2026, 10, 31, 23, 59, 59, tzinfo=BRASILIA),
            datetime(2026, 11, 1, 0, 0, 0, tzinfo=BRASILIA),
        ),
        start=1,
    ):
        add(number, issued_at=at)
    with opened(export(AUTUMN)) as archive:
        assert [row["número"] for row in rows(archive, "2026-10")] == ["2", "3"]
        assert [row["número"] for row in rows(archive, "2026-11")] == ["4"]


def test_names_are_no_formulas(
    add: Callable[..., Invoice], export: Callable[..., Export], company: Company
) -> None:
    note = add(1)
    Invoice.objects.filter(pk=note.pk).update(recipient_name='=HYPERLINK("http://x";"y")')
    with opened(export()) as archive:
        assert rows(archive, "2026-11")[0]["destinatário"] == '\'=HYPERLINK("http://x";"y")'


def test_what_changes_meanwhile_does_not_break_the_file(
    add: Callable[..., Invoice], export: Callable[..., Export]
) -> None:
    """Between the look and the last byte a note arrives and another is cancelled: the announced size holds."""
    first = add(1)
    prepared = export()
    chunks = prepared.chunks()
    sent = next(chunks)
    add(2)
    Invoice.objects.filter(pk=first.pk).update(
        status=InvoiceStatus.CANCELLED, cancelled_at=datetime.now(UTC), recipient_name="Outro"
    )
    assert len(sent + b"".join(chunks)) == prepared.size
    assert export().invoices == 2


def test_a_damaged_file_stops_the_export_by_name(
    add: Callable[..., Invoice], export: Callable[..., Export], company: Company
) -> None:
    note = add(1)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE invoices_invoicedocument SET sha256 = %s", ["0" * 64])
    with pytest.raises(ExportRefused, match=note.access_key):
        export()


def test_a_damaged_event_stops_the_export_by_name(export: Callable[..., Export], company: Company) -> None:
    event(company, access_key(), datetime(2026, 11, 21, tzinfo=UTC), content=b"<outro/>")
    with pytest.raises(ExportRefused, match="danificado"):
        export()


@pytest.mark.parametrize(
    ("period", "said"),
    [
        (Period(date(2026, 12, 1), date(2026, 11, 1), "homologation"), "depois da final"),
        (Period(date(2026, 11, 1), date(2026, 11, 30), "production"), "Não há notas"),
        (Period(date(2026, 10, 1), date(2026, 10, 31), "homologation"), "Não há notas"),
    ],
)
def test_a_useless_period_is_said(
    add: Callable[..., Invoice], export: Callable[..., Export], period: Period, said: str
) -> None:
    add(1)
    with pytest.raises(ExportRefused, match=said):
        export(period)


def test_a_period_has_a_limit(
    add: Callable[..., Invoice], export: Callable[..., Export], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(periods, "LARGEST_EXPORT", 1)
    add(1)
    assert export().invoices == 1
    add(2)
    with pytest.raises(ExportRefused, match="partes menores"):
        export()


def test_memory_does_not_grow_with_the_period(
    add: Callable[..., Invoice], export: Callable[..., Export], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(periods, "SLICE", 4)

    def peak(prepared: Export) -> int:
        tracemalloc.start()
        for _ in prepared.chunks():
            pass
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    for number in range(1, 9):
        add(number, items=60)
    few = export()
    once = peak(few)
    for number in range(9, 41):
        add(number, items=60)
    many = export()
    assert many.size - few.size > 1_200_000
    assert peak(many) - once < 200_000


def test_totals_by_month(add: Callable[..., Invoice], admin: User) -> None:
    october = datetime(2026, 10, 31, 23, 59, 59, tzinfo=BRASILIA)
    add(1, total=100, issued_at=october)
    add(2, total=1000)
    add(3, total=500)
    gone = add(4, total=70)
    Invoice.objects.filter(pk=gone.pk).update(status=InvoiceStatus.CANCELLED, cancelled_at=datetime.now(UTC))
    with CaptureQueriesContext(connection) as queries:
        months = month_totals(user=admin, year=2026, environment="homologation")
    assert len(queries) == 1
    assert [(m.count, m.total, m.cancelled, m.cancelled_total) for m in months[9:]] == [
        (1, 100, 0, 0),
        (2, 1500, 1, 70),
        (0, 0, 0, 0),
    ]
    assert months[10].last_day == date(2026, 11, 30)
    assert months[11].last_day == date(2026, 12, 31)
    heights = [bar.height for bar in bars(months)]
    assert (heights[9], heights[10], heights[11]) == (11, 160, 0)


class TestPages:
    @pytest.fixture
    def client(self, admin: User, sign_in: Callable[[User], Client]) -> Client:
        return sign_in(admin)

    def test_the_download(self, client: Client, add: Callable[..., Invoice], admin: User) -> None:
        add(1)
        page = client.get(reverse("invoices:months"), {"year": "2026"}).content.decode()
        assert "<svg" in page
        assert "R$ 170,00" in page
        assert "132 meses" in page
        data = {"since": "2026-11-01", "until": "2026-11-30", "environment": "homologation"}
        response = client.post(reverse("invoices:export"), data)
        content = b"".join(response.streaming_content)  # type: ignore[attr-defined]
        assert response["Content-Length"] == str(len(content))
        assert "notas-2026-11-01-a-2026-11-30-homologacao.zip" in response["Content-Disposition"]
        assert len(ZipFile(BytesIO(content)).namelist()) == 2
        entry = AuditEntry.objects.get(action="invoices_export")
        assert (entry.actor, entry.text) == (admin, "1 notas e 0 eventos exportados")

    @pytest.mark.parametrize("since", ["", "ontem", "2026-13-01", "2030-01-01"])
    def test_a_wrong_period_comes_back_with_words(self, client: Client, company: Company, since: str) -> None:
        data = {"since": since, "until": "2026-11-30", "environment": "homologation"}
        response = client.post(reverse("invoices:export"), data, follow=True)
        assert response.status_code == 200
        assert "alert" in response.content.decode() or "toast" in response.content.decode()

    @pytest.mark.parametrize("query", [{"year": "x"}, {"year": "1"}, {"environment": "x"}, {}])
    def test_any_address_shows_a_year(self, client: Client, query: dict[str, str]) -> None:
        assert client.get(reverse("invoices:months"), query).status_code == 200

    def test_operators_see_totals_and_export_nothing(
        self, operator: User, sign_in: Callable[[User], Client]
    ) -> None:
        client = sign_in(operator)
        assert "Só administradores exportam" in client.get(reverse("invoices:months")).content.decode()
        assert client.post(reverse("invoices:export")).status_code == 403

    def test_notes_of_another_company_are_in_no_export(
        self, client: Client, add: Callable[..., Invoice], other_company: Company
    ) -> None:
        note = add(1)
        Invoice.objects.filter(pk=note.pk).update(company=other_company)
        data = {"since": "2026-11-01", "until": "2026-11-30", "environment": "homologation"}
        page = client.post(reverse("invoices:export"), data, follow=True).content.decode()
        assert "Não há notas" in page
