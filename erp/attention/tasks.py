"""The recurring task of the register. A turn that is lost costs one period: the rows are the truth."""

from __future__ import annotations

from celery import shared_task

from erp.attention import mails


@shared_task(name="erp.attention.tasks.mail", ignore_result=True)
def mail() -> None:
    """Write down which messages are owed, and send what waits."""
    mails.mails_owe()
    mails.mails_send()
