"""A note with warnings: stored, but neither linked nor sent until somebody may and does *seguir mesmo assim*.

Such a note is PENDING. The warnings themselves are not stored: they are asked again of the file and the order
whenever they are shown, so that a corrected order lets the note go on without them.
"""

from __future__ import annotations

from collections.abc import Sequence

from erp.accounts.models import User
from erp.accounts.services import audit_append
from erp.sales.models import Order
from erp.sales.timeline import order_event
from invoices.intake.order_rules import ORDER_RULES
from invoices.intake.rules import InvoiceCheck
from invoices.models import Invoice, InvoiceStatus, WarningConsent

ORDER_CODES = frozenset(rule.code for rule in ORDER_RULES)


def warnings_open(
    invoice: Invoice | None, order: Order | None, checks: Sequence[InvoiceCheck]
) -> tuple[InvoiceCheck, ...]:
    """The warnings among `checks` that nobody has consented to yet: for the file, or for `order`. Nobody has
    to any of a note that is not stored (None)."""
    warnings = tuple(check for check in checks if check.warns)
    if not warnings or invoice is None:
        return warnings
    given = set(WarningConsent.objects.filter(invoice=invoice).values_list("code", "order_id"))
    return tuple(check for check in warnings if (check.code, _order_id(check, order)) not in given)


def invoice_hold_locked(invoice: Invoice, order: Order | None, *, place_of: Invoice | None) -> None:
    """Make the note wait, for `order` when it has been found; the order is locked by the caller."""
    Invoice.objects.filter(pk=invoice.pk).update(
        status=InvoiceStatus.PENDING,
        wanted_order=order,
        wanted_place_of=place_of if order is not None else None,
        store_id=order.store_id if order is not None else None,
    )
    invoice.refresh_from_db()


def invoice_release_locked(invoice: Invoice) -> None:
    """Nothing holds the note any more, and no order is waiting for it."""
    Invoice.objects.filter(pk=invoice.pk).update(
        status=issued_status(invoice),
        wanted_order=None,
        wanted_place_of=None,
        store=None,
    )
    invoice.refresh_from_db()


def issued_status(invoice: Invoice) -> InvoiceStatus:
    """What a pending note becomes: its DANFE may have been printed before it had to wait."""
    return InvoiceStatus.DANFE_ISSUED if invoice.danfe_printed_at else InvoiceStatus.AUTHORISED


def consent_record(
    *, invoice: Invoice, order: Order | None, warnings: Sequence[InvoiceCheck], user: User
) -> None:
    """Who, when, which warning: for the note, for the company's trail and for the order's timeline."""
    WarningConsent.objects.bulk_create(
        WarningConsent(
            invoice=invoice,
            order_id=_order_id(check, order),
            code=check.code,
            text=check.finding.message[:1000] if check.finding else "",
            actor=user,
        )
        for check in warnings
    )
    labels = ", ".join(check.label for check in warnings)
    text = f"Seguiu mesmo assim com a {invoice}, apesar do aviso: {labels}"
    audit_append(
        company_id=invoice.company_id,
        actor=user,
        action="invoice.proceed",
        subject=str(invoice),
        text=text,
        data={"invoice_id": invoice.pk, "codes": [check.code for check in warnings]},
    )
    if order is not None:
        order_event(order.pk, "invoice_proceed", text, link=invoice.get_absolute_url(), actor=user)


def _order_id(check: InvoiceCheck, order: Order | None) -> int | None:
    return order.pk if order is not None and check.code in ORDER_CODES else None
