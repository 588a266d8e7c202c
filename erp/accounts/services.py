"""Writes on users, companies and the audit trail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db import transaction

from erp.accounts.models import AuditEntry, Branch, Company, User

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


@transaction.atomic
def company_change(
    *, company: Company, changed: Sequence[str], branches: Sequence[Branch], actor: User
) -> None:
    """Save the fields named by `changed`, and new or changed branches; the audit trail names the fields."""
    company.save(update_fields=list(changed))
    for branch in branches:
        branch.company = company
        branch.save()
    if changed or branches:
        audit_append(
            company_id=company.pk,
            actor=actor,
            action="company.changed",
            subject=str(company),
            text="Dados da empresa alterados",
            data={"fields": list(changed), "branches": [branch.tax_id for branch in branches]},
        )


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
