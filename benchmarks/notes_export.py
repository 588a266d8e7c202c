"""The ZIP for the accountant with 10,000 notes: time to the first byte, to the last, and memory.

    .venv/bin/python -m benchmarks.notes_export [NOTES]

The baseline of the same run reads all notes and builds the ZIP in memory. The last line is one JSON object.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, date, datetime
from io import BytesIO
from zipfile import ZipFile

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "erp.settings.test")

import django

django.setup()

from django.test.runner import DiscoverRunner

from erp.accounts.models import Company, Role, User
from invoices.export.period import Period, export_prepare
from invoices.models import Invoice, InvoiceDocument
from tests.invoices.factory import nfe_xml

PERIOD = Period(date(2026, 11, 1), date(2026, 11, 30), "homologation")
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def notes_make(company: Company, count: int) -> None:
    """Rows as an import leaves them, each with a file of the usual 5 kB; keys only have to be unique."""
    content = nfe_xml()
    digest = hashlib.sha256(content).hexdigest()
    for start in range(0, count, 1000):
        notes = Invoice.objects.bulk_create(
            Invoice(
                company=company, access_key=f"{n:044d}", number=n, series=1, environment="homologation",
                issued_at=AT, authorized_at=AT, authorization_protocol="135200000000123",
                issuer_tax_id=company.tax_id, recipient_tax_id="52998224725", total=17000,
            )
            for n in range(start + 1, min(start + 1000, count) + 1)
        )  # fmt: skip
        InvoiceDocument.objects.bulk_create(
            InvoiceDocument(invoice=note, content=content, sha256=digest, size=len(content)) for note in notes
        )


def stream(user: User) -> dict[str, float]:
    start = time.perf_counter()
    export = export_prepare(user=user, period=PERIOD)
    prepared = time.perf_counter() - start
    sent = sum(len(chunk) for chunk in export.chunks())
    whole = time.perf_counter() - start
    if sent != export.size:
        raise SystemExit(f"announced {export.size} bytes, sent {sent}")
    size = round(sent / 1e6, 1)
    return {"first_byte_s": round(prepared, 2), "last_byte_s": round(whole, 2), "size_mb": size}


def naive(user: User) -> float:
    start = time.perf_counter()
    target = BytesIO()
    with ZipFile(target, "w") as archive:
        for document in InvoiceDocument.objects.select_related("invoice"):
            archive.writestr(document.invoice.access_key, document.read())
    return round(time.perf_counter() - start, 2)


def peak_mb(work: Callable[[], object]) -> float:
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return round(peak / 1e6, 1)


def main(count: int) -> dict[str, float]:
    company = Company.objects.create(name="Medida Ltda", tax_id="11222333000181", state_code="SP")
    user = User.objects.create_user(username="medida", password=None, company=company, role=Role.ADMIN)
    notes_make(company, count)
    figures = {"notes": float(count), **stream(user), "naive_s": naive(user)}
    figures["peak_mb"] = peak_mb(lambda: stream(user))
    figures["naive_peak_mb"] = peak_mb(lambda: naive(user))
    figures["ratio_naive"] = round(figures["peak_mb"] / figures["naive_peak_mb"], 3)
    return figures


if __name__ == "__main__":
    runner = DiscoverRunner(verbosity=0, interactive=False)
    databases = runner.setup_databases()
    try:
        print(json.dumps(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)))
    finally:
        runner.teardown_databases(databases)
