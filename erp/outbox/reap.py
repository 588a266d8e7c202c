"""Give back what dead workers held: with a lease of 60 s and a sweep every 5 s, within 70 s."""

from __future__ import annotations

from django.db import transaction

from erp.outbox import settle
from erp.outbox.errors import PushLeaseLost
from erp.outbox.models import PushAttempt, PushJob
from erp.outbox.statuses import AttemptOutcome, JobState

BATCH = 200


@transaction.atomic
def reap() -> int:
    """Expired leases go back to the queue, verification first; returns how many."""
    expired = PushJob.objects.free().filter(state=JobState.CLAIMED).order_by("pk")
    rows = list(settle.locked(expired, skip_locked=True)[:BATCH])
    for row in rows:
        settle.give_back(row=row, error=PushLeaseLost())
    PushAttempt.objects.filter(job__in=[row.pk for row in rows], outcome=AttemptOutcome.RUNNING).update(
        outcome=AttemptOutcome.LOST
    )
    return len(rows)
