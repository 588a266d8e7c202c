"""A real Celery worker dies by SIGKILL while Kwai is answering: the next worker finds out what arrived and
goes on. The emulator's ledger is the judge: nothing lost, nothing doubled."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from erp.accounts.models import Store
from erp.outbox.models import PushAttempt, PushJob
from erp.outbox.statuses import AttemptAction, AttemptOutcome, JobState, Origin
from erp.sales.models import Order
from erp.sales.statuses import OrderStatus
from kwai_integration.outbound.push_requests import deliveries_request
from kwai_sandbox.server import RunningSandbox
from tests.chaos.world import WORKER_THREADS, all_done, hanging, judged, shipped, wait_for, worker
from tests.kwai_integration.codes import RECEIVED

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.chaos, pytest.mark.long]


@pytest.mark.parametrize("effect", ["before", "after"], ids=["write applied", "write not applied"])
def test_a_worker_killed_while_kwai_answers_loses_and_doubles_nothing(
    sandbox: RunningSandbox, store: Store, tmp_path: Path, effect: str
) -> None:
    shipments = shipped(sandbox, store)
    results = deliveries_request(shipments, user=None, origin=Origin.BUTTON)
    assert {result.outcome for result in results.values()} == {"queued"}
    fault = {
        "path": "confirmDelivery", "kind": "timeout", "rate": 1, "count": WORKER_THREADS, "effect": effect,
    }  # fmt: skip
    sandbox.control("PUT", "faults", fault)

    with worker(sandbox, tmp_path):
        wait_for(hanging, 40)
        time.sleep(1)
        assert hanging()
    held = list(PushJob.objects.filter(state=JobState.CLAIMED).values_list("pk", flat=True))
    assert len(held) == WORKER_THREADS

    sandbox.control("DELETE", "faults")
    with worker(sandbox, tmp_path):
        wait_for(all_done, 60)

    assert judged(sandbox, len(shipments)).is_clean
    for shipment in shipments:
        remote = sandbox.control("GET", f"orders/{shipment.order.external_id}")
        assert remote["status"] == RECEIVED
    for pk in held:
        tries = list(PushAttempt.objects.filter(job=pk).order_by("id").values_list("action", "outcome"))
        found = AttemptOutcome.DONE if effect == "before" else AttemptOutcome.NOT_YET_THERE
        assert tries[:2] == [(AttemptAction.SEND, AttemptOutcome.LOST), (AttemptAction.VERIFY, found)]
    assert set(Order.objects.values_list("status", flat=True)) == {OrderStatus.DELIVERED}
