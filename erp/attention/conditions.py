"""Opening and withdrawing what `Condition` rows hold."""

from __future__ import annotations

from django.db import transaction
from django.db.models.functions import Now

from erp.accounts.models import User
from erp.attention.models import Condition
from erp.attention.register import condition_source


@transaction.atomic
def condition_open(
    *, key: str, subject: str, text: str, company_id: int, store_id: int | None = None
) -> None:
    """It holds: open it, or note that it is still seen and what it says now. A second call changes nothing
    else, so that whoever notices need not know who noticed before. Raises LookupError for an unknown key."""
    condition_source(key)
    row = Condition(key=key, subject=subject, text=text, company_id=company_id, store_id=store_id)
    Condition.objects.bulk_create([row], ignore_conflicts=True)
    rows = Condition.objects.filter(key=key, subject=subject)
    rows.filter(withdrawn_at__isnull=False).update(opened_at=Now(), withdrawn_at=None, withdrawn_by=None)
    rows.update(text=text, seen_at=Now())


def condition_withdraw(*, key: str, subject: str, user: User | None = None) -> bool:
    """It no longer holds, or `user` has read it; False when it was not open."""
    rows = Condition.objects.filter(key=key, subject=subject, withdrawn_at__isnull=True)
    return bool(rows.update(withdrawn_at=Now(), withdrawn_by=user))
