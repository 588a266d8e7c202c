"""Leases that are held while the ERP is upgraded are held after it, and run out as they would have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from erp.accounts.models import Company, Store
from erp.attention.models import OwedMail
from erp.outbox.models import ChannelPause, FirstPush
from kwai_integration.models import KwaiAccount, SyncCursor

pytestmark = pytest.mark.django_db(transaction=True)
FORMER = [
    ("attention", "0001_initial"),
    ("outbox", "0006_rename_queues_and_limits"),
    ("kwai_integration", "0016_notices_to_attention"),
    ("expedition", "0002_channel_codes_and_labels"),
    ("invoices", "0005_wanted_place"),
]


def forwards() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


@pytest.fixture
def backwards() -> Iterator[Callable[[], Any]]:
    """Undoes the migrations and answers the models of before."""

    def undo() -> Any:
        MigrationExecutor(connection).migrate(FORMER)
        return MigrationExecutor(connection).loader.project_state(FORMER).apps

    yield undo
    forwards()


def test_a_lease_without_a_token_gets_one(
    backwards: Callable[[], Any], company: Company, store: Store
) -> None:
    former = backwards()
    now, ends = timezone.now(), timezone.now() + timedelta(seconds=20)
    create = {name: former.get_model(*name).objects.create for name in (
        ("attention", "OwedMail"), ("outbox", "ChannelPause"), ("outbox", "FirstPush"),
        ("kwai_integration", "KwaiAccount"), ("kwai_integration", "SyncCursor"),
    )}  # fmt: skip
    create["attention", "OwedMail"](company_id=company.pk, key="held", lease_until=ends)
    create["attention", "OwedMail"](company_id=company.pk, key="free")
    create["outbox", "ChannelPause"](channel="kwai", probe_at=ends)
    create["outbox", "FirstPush"](store_id=store.pk, kind="k", check_lease_until=ends)
    create["kwai_integration", "KwaiAccount"](store_id=store.pk, refresh_lease_until=ends)
    create["kwai_integration", "SyncCursor"](store_id=store.pk, watermark=now, due_at=now, lease_until=ends)
    forwards()
    for model in (OwedMail, ChannelPause, FirstPush, KwaiAccount, SyncCursor):
        held = model.objects.taken().get()
        assert (held.lease_until, held.lease_token is None) == (ends, False), model
        assert model.objects.claim() is None or model is OwedMail
    assert OwedMail.objects.get(key="free").lease_token is not None, (
        "free before, so that it was just claimed"
    )
