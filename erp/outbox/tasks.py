"""The engine's tasks. A lost wake-up costs a few seconds, until the sweep: the rows are the truth."""

from __future__ import annotations

from celery import shared_task

from erp.outbox import claim, clearance, retention
from erp.outbox import drain as engine
from erp.outbox.models import StoreQueue
from erp.outbox.reap import reap
from erp.outbox.waking import wake_stores


@shared_task(name="erp.outbox.tasks.drain", ignore_result=True)
def drain(store_id: int) -> None:
    """Push what waits, beginning with this store, and read back first pushes."""
    engine.drain(store_id=store_id)
    clearance.checks_run()
    seconds = claim.window_ends_in(store_id=store_id)
    if seconds is not None:
        wake_stores([store_id], seconds=seconds)


@shared_task(name="erp.outbox.tasks.sweep", ignore_result=True)
def sweep() -> None:
    """Give back what dead workers held, then wake workers for every store with due work."""
    reap()
    clearance.unfollowed_clear()
    due = list(StoreQueue.objects.with_due_work().values_list("store_id", flat=True))
    wake_stores([*due, *clearance.stores_to_check()])


@shared_task(name="erp.outbox.tasks.expire", ignore_result=True)
def expire() -> None:
    """Keep what must be kept and drop the rest, in batches."""
    while retention.states_expire() == retention.BATCH:
        pass
    retention.exchanges_expire()
