"""The recurring tasks of the machine the ERP runs on."""

from __future__ import annotations

from celery import shared_task

from erp.runtime import statistics
from erp.runtime.backup import nightly


@shared_task(name="erp.runtime.tasks.backup_nightly", ignore_result=True)
def backup_nightly() -> None:
    nightly.backup_nightly()


@shared_task(name="erp.runtime.tasks.statistics_refresh", ignore_result=True)
def statistics_refresh() -> None:
    statistics.statistics_refresh()
