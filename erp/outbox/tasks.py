"""Doorbells and the sweep. A lost message costs a few seconds: the rows are the truth."""

from __future__ import annotations

from celery import shared_task

from erp import scheduling
from erp.outbox import claim, clearance, doorbell, retention
from erp.outbox import drain as engine
from erp.outbox.models import StoreQueue
from erp.outbox.reap import reap


@shared_task(name="erp.outbox.tasks.drain", ignore_result=True)
def drain(store_id: int) -> None:
    """Push what waits, beginning with this store, and read back first pushes."""
    engine.drain(store_id=store_id, ring=_ring)
    clearance.checks_run()
    seconds = claim.window_ends_in(store_id=store_id)
    if seconds is not None:
        doorbell.ring_stores([store_id], seconds=seconds)


@shared_task(name="erp.outbox.tasks.sweep", ignore_result=True)
def sweep() -> None:
    """Give back what dead workers held, then ring for every store with due work."""
    reap()
    clearance.unfollowed_clear()
    due = list(StoreQueue.objects.with_due_work().values_list("store_id", flat=True))
    for store_id in dict.fromkeys([*due, *clearance.stores_to_check()]):
        _ring(store_id)


@shared_task(name="erp.outbox.tasks.expire", ignore_result=True)
def expire() -> None:
    """Keep what must be kept and drop the rest, in batches."""
    while retention.states_expire() == retention.BATCH:
        pass
    retention.exchanges_expire()


def _ring(store_id: int) -> None:
    scheduling.ring(drain, store_id=store_id)
