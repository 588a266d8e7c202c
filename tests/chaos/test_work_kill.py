"""A real Celery worker dies by SIGKILL in the middle of a ZIP of notes: the next one takes the upload over, and
every file was taken in exactly once."""

from __future__ import annotations

import io
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from erp.accounts.models import Company, User
from erp.sales.models import OrderEvent
from erp.work.models import Work, WorkFileChunk, WorkState
from invoices.models import Invoice, InvoiceDocument, RefusedFile
from invoices.uploads import upload_take
from tests.chaos.world import wait_for, worker_process
from tests.invoices.conftest import make_order
from tests.invoices.factory import nfe_xml
from tests.invoices.intake.test_archives import zipped

__all__ = ["make_order"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.chaos]

NOTES = 80
LEASE = {"WORK_LEASE_SECONDS": "3"}


def test_an_upload_outlives_the_worker_that_took_it(
    company: Company, operator: User, make_order: Any, settings: Any, tmp_path: Path
) -> None:
    references = [f"9007199254740993{number:03d}" for number in range(NOTES)]
    for reference in references:
        make_order(external_id=reference)
    files = {
        f"{number:03d}.xml": nfe_xml(number=number + 1, order_reference=reference)
        for number, reference in enumerate(references)
    }
    # Refused ones too, each other bytes: their times are counted.
    files |= {f"{number:03d}-b.xml": f"<a>{number}</a>".encode() for number in range(0, NOTES, 2)}
    files = dict(sorted(files.items()))
    settings.WORK_FIRST_SECONDS = 0
    upload = io.BytesIO(zipped(files))
    work = upload_take(files=[("lote.zip", upload)], company=company, user=operator)
    assert (work.done, work.total) == (1, len(files))

    for until in (10, 40):
        with worker_process(tmp_path, LEASE) as process:
            wait_for(lambda at=until: Work.objects.get().done >= at, seconds=120)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        work.refresh_from_db()
        assert until <= work.done < work.total
        assert work.lease_token is not None
        assert Invoice.objects.count() + RefusedFile.objects.count() == work.done

    with worker_process(tmp_path, LEASE):
        wait_for(lambda: Work.objects.get().state is WorkState.FINISHED, seconds=120)
        wait_for(lambda: not WorkFileChunk.objects.exists(), seconds=30)
    work.refresh_from_db()
    assert (work.done, work.failed) == (len(files), NOTES // 2)
    assert set(work.rows.exclude(outcome="refused").values_list("code", flat=True)) == {
        "invoice_upload.linked"
    }
    assert Invoice.objects.filter(order__isnull=False).count() == InvoiceDocument.objects.count() == NOTES
    assert OrderEvent.objects.filter(kind="invoice_linked").count() == NOTES
    assert list(RefusedFile.objects.values_list("times", flat=True)) == [1] * (NOTES // 2)
