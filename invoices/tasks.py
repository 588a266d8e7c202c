"""Doorbells of the notes' room. A lost message costs one period of the sweep: the rows are the truth."""

from __future__ import annotations

from celery import shared_task


@shared_task(name="invoices.tasks.issue_advance", ignore_result=True)
def issue_advance(issue_id: int) -> None:
    from invoices.issuing.services import issue_advance as advance

    advance(issue_id)


@shared_task(name="invoices.tasks.issues_sweep", ignore_result=True)
def issues_sweep() -> None:
    """Take up attempts that wait or whose worker died."""
    from invoices.issuing.services import issue_advance as advance
    from invoices.issuing.services import issues_due

    for issue_id in issues_due():
        advance(issue_id)
