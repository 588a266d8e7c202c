"""Writes on users, companies and the audit trail."""

from __future__ import annotations

from typing import Any

from erp.accounts.models import AuditEntry, User


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
