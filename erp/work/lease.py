"""Who is at a work: one worker at a time, see `erp.leases`."""

from __future__ import annotations

from django.db.models import F
from django.db.models.functions import Now

from erp.work.models import Work


class WorkLeaseLost(Exception):
    """Somebody else is at the work now: nothing of ours may be written."""


def claim(work_id: int) -> Work | None:
    """Take up a work that waits; None when there is nothing to do or somebody is at it."""
    due = Work.objects.due().filter(pk=work_id)
    token = due.claim(turn_at=Now(), fruitless_claims=F("fruitless_claims") + 1)
    return Work.objects.filter(pk=work_id).held(token).select_related("company", "asked_by").first()


def renew(work: Work) -> None:
    """Hold on to it, and lock its row for the rest of the transaction. Raises `WorkLeaseLost`."""
    if not Work.objects.filter(pk=work.pk).renew(work.lease_token):
        raise WorkLeaseLost


def release(work: Work) -> None:
    """Let go at once instead of letting the lease run out; harmless when it was lost."""
    Work.objects.filter(pk=work.pk).release(work.lease_token)
