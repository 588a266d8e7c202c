"""The tasks of the expedição. A lost wake-up costs one period of the sweep: the rows are the truth."""

from __future__ import annotations

from celery import shared_task

from erp import scheduling
from expedition.services import labels


@shared_task(name="expedition.tasks.labels_fetch", ignore_result=True)
def labels_fetch() -> None:
    """Fetch the shipping labels that are due; wakes a worker again while there are more."""
    due = labels.labels_due()
    for label_id in due:
        if scheduling.is_stopping():
            return
        labels.label_fetch(label_id)
    if due and labels.labels_due(limit=1):
        labels.labels_wake()


@shared_task(name="expedition.tasks.labels_erase", ignore_result=True)
def labels_erase() -> None:
    """Erase the labels nobody prints any more, in batches, and the files no label names."""
    while labels.labels_erase() == labels.BATCH:
        pass
    labels.labels_sweep()
