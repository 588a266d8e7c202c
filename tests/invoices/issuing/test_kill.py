"""A worker process dies by SIGKILL between the number and the note, and between the note and its row."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from erp.accounts.models import Company, Counter
from erp.sales.models import Order
from invoices.issuing import services
from invoices.issuing.demonstration.issuer import DemonstrationIssuer
from invoices.issuing.models import InvoiceIssue, IssueState
from invoices.models import Invoice
from tests.erp.outbox.test_kill import database_url

ROOT = Path(__file__).resolve().parents[3]


def worker(issue_id: int, place: str) -> int:
    """Run the worker against this test's database; answers its exit code."""
    command = [
        sys.executable,
        "-m",
        "tests.invoices.issuing.killed_worker",
        str(issue_id),
        place,
        str(settings.VAR_DIR),
    ]
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "erp.settings.test",
        "DATABASE_URL": database_url(),
    }
    return subprocess.run(command, cwd=ROOT, env=environment, timeout=120).returncode


@pytest.mark.chaos
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("place", "numbers", "notes"), [("numbered", 0, 0), ("sent", 1, 0), ("settled", 1, 1)]
)
def test_whoever_takes_over_makes_the_one_note(
    place: str,
    numbers: int,
    notes: int,
    demonstration: DemonstrationIssuer,
    ready_order: Callable[..., Order],
    company: Company,
) -> None:
    issue, _ = services.issue_request(order_id=ready_order().pk, issuer=demonstration, user=None)
    assert issue is not None
    assert worker(issue.pk, place) == -signal.SIGKILL
    taken = Counter.objects.filter(name="nfe:homologation:1", value__gt=0).count()
    assert (taken, Invoice.objects.count()) == (numbers, notes)
    assert services.issues_due() == []  # the dead worker's lease still runs
    InvoiceIssue.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    for issue_id in services.issues_due():
        services.issue_advance(issue_id)
    issue.refresh_from_db()
    assert (issue.state, issue.number) == (IssueState.AUTHORISED, 1)
    assert Invoice.objects.get() == issue.invoice
