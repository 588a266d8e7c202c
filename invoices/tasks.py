"""The tasks of the notes' room. A lost wake-up costs one period of the sweep: the rows are the truth."""

from __future__ import annotations

from celery import shared_task

from invoices.issuing import services


@shared_task(name="invoices.tasks.issue_advance", ignore_result=True)
def issue_advance(issue_id: int) -> None:
    services.issue_advance(issue_id)


@shared_task(name="invoices.tasks.issues_sweep", ignore_result=True)
def issues_sweep() -> None:
    """Take up attempts that wait or whose worker died."""
    for issue_id in services.issues_due():
        services.issue_advance(issue_id)
