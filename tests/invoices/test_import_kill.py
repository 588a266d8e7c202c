"""A process dies by SIGKILL in the middle of a ZIP: what was answered for is there, and the ZIP is sent again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from erp.accounts.models import Company
from erp.sales.models import Order, OrderEvent
from invoices.imports import invoices_import
from invoices.models import Invoice, InvoiceDocument
from invoices.placement import ImportOutcome
from tests.erp.outbox.test_kill import database_url
from tests.invoices.factory import nfe_xml
from tests.invoices.intake.test_archives import zipped

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.chaos
@pytest.mark.django_db(transaction=True)
def test_the_second_run_finds_whole_notes_only(
    make_order: Callable[..., Order], company: Company, tmp_path: Path
) -> None:
    references = [f"90071992547409931{number:02d}" for number in range(5)]
    for reference in references:
        make_order(external_id=reference)
    notes = {
        f"{number}.xml": nfe_xml(number=number + 1, order_reference=reference)
        for number, reference in enumerate(references)
    }
    archive = tmp_path / "lote.zip"
    archive.write_bytes(zipped(notes))
    command = [sys.executable, "-m", "tests.invoices.killed_import", str(company.pk), str(archive)]
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "erp.settings.test",
        "DATABASE_URL": database_url(),
    }
    assert subprocess.run(command, cwd=ROOT, env=environment, timeout=120).returncode == -signal.SIGKILL
    stored = Invoice.objects.filter(order__isnull=False)
    assert (stored.count(), InvoiceDocument.objects.count()) == (2, 2)
    results = invoices_import(company=company, files=[("lote.zip", archive.read_bytes())], user=None)
    again, linked = ImportOutcome.ALREADY, ImportOutcome.LINKED
    assert [result.outcome for result in results] == [again, again, linked, linked, linked]
    assert stored.count() == 5
    assert OrderEvent.objects.filter(kind="invoice_linked").count() == 5
