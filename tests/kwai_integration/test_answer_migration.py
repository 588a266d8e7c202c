"""An upgrade moves nothing by itself and loses nothing; going back puts the answers where they were."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from erp.accounts.models import Store
from kwai_integration.inbound.moving import answers_move
from kwai_integration.inbound.payload import answers_read
from kwai_integration.inbound.staging import kwai_orders_stage
from kwai_integration.models import AnswerMove, KwaiOrder
from tests.kwai_integration.inbound.conftest import FETCHED, detail, kwai_store

__all__ = ["kwai_store"]

pytestmark = pytest.mark.django_db(transaction=True)

FORMER = [("kwai_integration", "0022_search")]


def test_back_and_forth(kwai_store: Store) -> None:
    hostile = detail(1, buyerRemark="a\x00b")
    kwai_orders_stage(store=kwai_store, details=[detail(), hostile], fetch_started_at=FETCHED)
    assert not AnswerMove.objects.exists()
    try:
        MigrationExecutor(connection).migrate(FORMER)
        apps = MigrationExecutor(connection).loader.project_state(FORMER).apps
        first, second = apps.get_model("kwai_integration", "KwaiOrder").objects.order_by("pk")
        assert (json.loads(first.payload), first.payload_bytes) == (detail(), None)
        assert (second.payload, json.loads(bytes(second.payload_bytes))) == ("", hostile)
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())
    assert AnswerMove.objects.count() == 1
    for _ in range(2):
        kept = answers_read(list(KwaiOrder.objects.values_list("pk", flat=True)))
        assert [kept[pk].load() for pk in sorted(kept)] == [detail(), hostile]
        answers_move()
