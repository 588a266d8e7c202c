"""A worker dies by SIGKILL while it fetches what a push message named: the next one fetches it again."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from erp.accounts.models import Store
from erp.catalog.models import Product, Sku
from erp.sales.models import Order
from kwai_integration.models import EventState, InboundEvent, KwaiSettings, StatusMapping
from kwai_sandbox.server import RunningSandbox
from tests.chaos.world import MERCHANT, wait_for, worker
from tests.kwai_integration.codes import PAID

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.chaos]

# Longer than the first worker lives: it dies before Kwai answers.
SLOW_MS = 600_000


def test_a_push_message_outlives_the_worker_that_took_it(
    sandbox: RunningSandbox, store: Store, tmp_path: Path
) -> None:
    product = Product.objects.create(company=store.company, name="Caneca")
    Sku.objects.create(company=store.company, product=product, code="SKU-1", price=5_000)
    KwaiSettings.objects.update(auto_receive=True)
    StatusMapping.objects.create(store=store, remote_code=str(PAID), status="approved")
    body = {"merchantId": MERCHANT, "count": 1, "skus": [{"number": "SKU-1", "quantity": 1}]}
    (order_id,) = sandbox.control("POST", "orders", body)["orderIds"]
    InboundEvent.objects.create(
        store=store, event_id="e1", event="order_created", subject=order_id, payload="{}"
    )
    slow = {"path": "queryOrderDetails", "kind": "slow", "rate": 1, "delayMs": SLOW_MS}
    sandbox.control("PUT", "faults", slow)
    with worker(sandbox, tmp_path) as process:
        wait_for(lambda: InboundEvent.objects.get().state == EventState.CLAIMED, seconds=120)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert InboundEvent.objects.get().state == EventState.CLAIMED
    assert not Order.objects.exists()

    sandbox.control("DELETE", "faults")
    with worker(sandbox, tmp_path):
        wait_for(lambda: InboundEvent.objects.get().state == EventState.DONE, seconds=120)
    event = InboundEvent.objects.get()
    assert event.attempts >= 2
    assert Order.objects.get().external_id == order_id
