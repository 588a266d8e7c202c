"""Who is at a work: one worker at a time, by a lease with a token that runs out when the worker dies."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Now

from erp.outbox import clock

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from erp.work.models import Work


class WorkLeaseLost(Exception):
    """Somebody else is at the work now: nothing of ours may be written."""


def length() -> timedelta:
    """How long a claim holds without being renewed; a slice renews it."""
    return timedelta(seconds=settings.WORK_LEASE_SECONDS)


def claim(work_id: int) -> Work | None:
    """Take up a work that waits; None when there is nothing to do or somebody is at it."""
    from erp.work.models import Work

    token = uuid.uuid4()
    taken = Work.objects.due().filter(pk=work_id)
    if not taken.update(
        lease_token=token,
        lease_until=clock.after(length()),
        turn_at=Now(),
        fruitless_claims=F("fruitless_claims") + 1,
    ):
        return None
    return Work.objects.select_related("company", "asked_by").filter(lease_token=token).first()


def renew(work: Work) -> None:
    """Hold on to it, and lock its row for the rest of the transaction. Raises `WorkLeaseLost`."""
    if not _own(work).update(lease_until=clock.after(length())):
        raise WorkLeaseLost


def release(work: Work) -> None:
    """Let go at once instead of letting the lease run out; harmless when it was lost."""
    _own(work).update(lease_token=None, lease_until=None)


def _own(work: Work) -> QuerySet[Work]:
    return type(work).objects.filter(pk=work.pk, lease_token=work.lease_token)
