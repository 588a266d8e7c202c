"""A worker dies by SIGKILL after Kwai has renewed the pair and before it is stored: the only copy is gone. What
is left must end in one clear *autorização expirada*, not in a loop, and one consent mends it."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from erp.accounts.models import AuditEntry, Store, User
from erp.attention.models import OwedMail
from kwai_integration.client import gateway
from kwai_integration.connection import client_for
from kwai_integration.models import ConnectionHealth, KwaiAccount
from kwai_integration.setup.consent import _account_bind
from kwai_sandbox.server import RunningSandbox
from tests.chaos.world import MERCHANT, wait_for, worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.chaos, pytest.mark.long]


def account() -> KwaiAccount:
    return KwaiAccount.objects.get()


def consent(sandbox: RunningSandbox) -> dict[str, Any]:
    (found,) = sandbox.control("GET", "grants")["grants"]
    return dict(found)


def due() -> None:
    KwaiAccount.objects.update(refresh_due_at=timezone.now() - timedelta(seconds=1))


def test_a_pair_lost_with_its_worker_ends_in_one_request_for_consent(
    sandbox: RunningSandbox, store: Store, admin: User, tmp_path: Path
) -> None:
    before, told = account(), consent(sandbox)
    # Kwai renews at once and answers long after the worker is dead.
    slow = {"path": "refreshToken", "kind": "slow", "rate": 1, "count": 1, "effect": "before"}
    sandbox.control("PUT", "faults", slow | {"delayMs": 600_000})
    due()
    with worker(sandbox, tmp_path) as process:
        wait_for(lambda: account().lease_until is not None, seconds=120)
        wait_for(lambda: consent(sandbox) != told, seconds=30)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    row = account()
    assert (row.health, row.token_version) == (ConnectionHealth.OK, before.token_version)
    assert row.refresh_token == before.refresh_token

    sandbox.control("DELETE", "faults")
    KwaiAccount.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    due()
    with worker(sandbox, tmp_path):
        wait_for(lambda: account().health == ConnectionHealth.REVOKED, seconds=120)
        wait_for(lambda: OwedMail.objects.filter(key="kwai.consent_ended").exists(), seconds=60)
    assert AuditEntry.objects.filter(action="kwai.connection").count() == 1
    assert OwedMail.objects.count() == 1

    code = sandbox.control("POST", "grants", {"merchantId": MERCHANT})["code"]
    pair = gateway.exchange_code(gateway.client_config(), code=code)
    _account_bind(store_id=store.pk, pair=pair, user=admin)
    assert client_for(store.pk).list_items(page=1).total == 0
