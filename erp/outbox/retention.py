"""What is kept: facts for ever, ended state pushes and exchange bodies for 30 days."""

from __future__ import annotations

from datetime import timedelta

from erp import clock
from erp.outbox.models import PushAttempt, PushJob
from erp.outbox.statuses import FINISHED_STATES

KEEP = timedelta(days=30)
BATCH = 1000


def states_expire() -> int:
    """Delete state pushes that ended more than 30 days ago, at most one batch; returns how many."""
    old = PushJob.objects.filter(
        idempotency_key__isnull=True, state__in=FINISHED_STATES, finished_at__lt=clock.after(-KEEP)
    )
    ids = list(old.order_by("pk").values_list("pk", flat=True)[:BATCH])
    PushJob.objects.filter(pk__in=ids).delete()
    return len(ids)


def exchanges_expire() -> int:
    """Empty exchange bodies older than 30 days; the attempt itself stays."""
    old = PushAttempt.objects.filter(exchange__isnull=False, started_at__lt=clock.after(-KEEP))
    return old.update(exchange=None)
