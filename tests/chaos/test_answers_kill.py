"""Processes that walk over stored orders die by SIGKILL while others are imported: no answer is lost, none is an
older one, and every order that was to be received once more is marked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from django.conf import settings

from erp.accounts.models import Store
from erp.catalog.models import Sku
from kwai_integration.inbound.moving import answers_to_move
from kwai_integration.inbound.payload import answers_read
from kwai_integration.inbound.reprocess import orders_reprocess
from kwai_integration.models import AnswerMove, KwaiOrder, KwaiOrderAnswer, ReprocessRequest
from tests.chaos.world import database_url, wait_for
from tests.kwai_integration.codes import PAID, SHIPPED
from tests.kwai_integration.inbound.conftest import detail, kwai_store, sku
from tests.kwai_integration.inbound.test_answers import former_version
from tests.kwai_integration.inbound.test_receive import later, take_in

__all__ = ["kwai_store", "sku"]

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True), pytest.mark.chaos]

ORDERS = 240


def walk(store: Store) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.kwai_integration.inbound.killed_walk", str(store.pk)]
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "erp.settings.test",
        "DATABASE_URL": database_url(),
    }
    return subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment)


def test_walks_that_are_killed_lose_and_double_nothing(kwai_store: Store, sku: Sku) -> None:
    expected = {number: detail(number) for number in range(ORDERS)}
    take_in(kwai_store, *expected.values())
    former_version()
    orders_reprocess(store_id=kwai_store.pk, situations=[str(PAID)], shippings=[], payments=[])

    def moved() -> int:
        return KwaiOrderAnswer.objects.count()

    kills = 0
    for until in range(20, 200, 30):
        process = walk(kwai_store)
        try:
            wait_for(lambda at=until: moved() >= at, seconds=60)
            # Meanwhile the platform changes orders on both sides of the walk.
            for number in (until - 15, ORDERS - until):
                expected[number] = later(number, steps=until, orderStatus=SHIPPED)
                take_in(kwai_store, expected[number], after=until)
        finally:
            process.send_signal(signal.SIGKILL)
            kills += process.wait() == -signal.SIGKILL
    assert kills >= 3
    assert AnswerMove.objects.exists()
    assert walk(kwai_store).wait(timeout=120) == 0

    rows = {int(row.external_id) - detail()["orderId"]: row for row in KwaiOrder.objects.all()}
    kept = answers_read([row.pk for row in rows.values()])
    assert {number: kept[row.pk].load() for number, row in rows.items()} == expected
    assert moved() == ORDERS
    assert not answers_to_move()
    assert not ReprocessRequest.objects.exists()
    # What was shipped meanwhile carries the code no more where the walk had not come yet.
    paid = KwaiOrder.objects.filter(remote_status=str(PAID))
    assert paid.exclude(received_digest="").count() == 0
