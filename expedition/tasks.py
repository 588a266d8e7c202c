"""Doorbells of the expedição. A lost message costs one period of the sweep: the rows are the truth."""

from __future__ import annotations

from celery import shared_task

from erp import scheduling


@shared_task(name="expedition.tasks.labels_fetch", ignore_result=True)
def labels_fetch() -> None:
    """Fetch the shipping labels that are due; rings again while there are more."""
    from expedition.services.labels import label_fetch, labels_due

    due = labels_due()
    for label_id in due:
        if scheduling.is_stopping():
            return
        label_fetch(label_id)
    if due and labels_due(limit=1):
        scheduling.ring(labels_fetch)


@shared_task(name="expedition.tasks.labels_erase", ignore_result=True)
def labels_erase() -> None:
    """Erase the labels nobody prints any more, in batches, and the files no label names."""
    from expedition.services.labels import BATCH, labels_sweep
    from expedition.services.labels import labels_erase as erase

    while erase() == BATCH:
        pass
    labels_sweep()
