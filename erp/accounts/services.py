"""Writes on users, companies and the audit trail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction

from erp.accounts.models import AuditEntry, Company, User

_company_defaults: list[Callable[[Company], None]] = []


def company_defaults_register(create: Callable[[Company], None]) -> None:
    """Let an app give every new company its starting rows; called from `AppConfig.ready()`."""
    _company_defaults.append(create)


@transaction.atomic
def company_create(**fields: Any) -> Company:
    """Create a company with what each room gives a new one (forms of shipping, of payment, …)."""
    company = Company.objects.create(**fields)
    for create in _company_defaults:
        create(company)
    return company


def audit_append(
    *,
    company_id: int,
    actor: User | None,
    action: str,
    subject: str,
    text: str,
    data: dict[str, Any] | None = None,
) -> AuditEntry:
    """Record a change; `text` is Portuguese and never holds a secret or a buyer's data."""
    return AuditEntry.objects.create(
        company_id=company_id,
        actor=actor,
        action=action,
        subject=subject[:120],
        text=text[:500],
        data=data or {},
    )
