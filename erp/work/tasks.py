"""Wake-ups and the sweep. A lost message costs a few seconds: the rows are the truth."""

from __future__ import annotations

from celery import shared_task

from erp.work import retention
from erp.work.models import Work
from erp.work.running import work_run_next
from erp.work.services import workers_wake


@shared_task(name="erp.work.tasks.run", ignore_result=True)
def run() -> None:
    """Give the work that waited longest its turn."""
    work_run_next()


@shared_task(name="erp.work.tasks.sweep", ignore_result=True)
def sweep() -> None:
    """Take up works whose wake-up was lost and those of workers that died."""
    if Work.objects.due().exists():
        workers_wake()


@shared_task(name="erp.work.tasks.expire", ignore_result=True)
def expire() -> None:
    """Erase what nobody needs any more."""
    retention.works_expire()
