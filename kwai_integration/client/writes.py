"""Which write the platform permits in which role: an allow-list (contract 3.2).

Pure, and asked three times: by menus, by commands, and by a handler on the order as read again right before
its call. Nothing that is not permitted here is sent, so an unknown situation sends nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from kwai_integration.wire.codes import ARRIVED_ROLES, PAID_ROLES, SHIPPED_ROLES, KwaiRole


class Write(StrEnum):
    """A write about one order, by the name of its endpoint."""

    UPLOAD_INVOICE = "upload_invoice"
    ARRANGE_SHIPMENT = "arrange_shipment"
    SHIP_ORDER = "ship_order"
    CONFIRM_DELIVERY = "confirm_delivery"
    CANCEL_ORDER = "cancel_order"


class Permit(StrEnum):
    """The answer of `may`. DONE: the platform is already there or beyond. NOT_YET: it will permit this once
    it has accepted the invoice. The last four refuse; UNKNOWN asks a person what the situation means."""

    YES = "yes"
    DONE = "done"
    NOT_YET = "not_yet"
    UNKNOWN = "unknown"
    HELD = "held"
    REFUND = "refund"
    FORBIDDEN = "forbidden"


_PERMITTED: Mapping[Write, frozenset[KwaiRole]] = {
    Write.UPLOAD_INVOICE: frozenset(PAID_ROLES),
    Write.ARRANGE_SHIPMENT: frozenset({KwaiRole.TO_ARRANGE}),
    Write.SHIP_ORDER: frozenset({KwaiRole.TO_ARRANGE, KwaiRole.AWAITING_PICKUP, KwaiRole.PACKED}),
    Write.CONFIRM_DELIVERY: frozenset({KwaiRole.SHIPPED}),
    Write.CANCEL_ORDER: frozenset(
        {KwaiRole.AWAITING_PAYMENT, KwaiRole.AWAITING_INVOICE, KwaiRole.TO_ARRANGE}
    ),
}
# Whether a note or a tracking code has arrived is told by content, never by role.
_DONE: Mapping[Write, frozenset[KwaiRole]] = {
    Write.ARRANGE_SHIPMENT: frozenset({KwaiRole.AWAITING_PICKUP, KwaiRole.PACKED, *SHIPPED_ROLES}),
    Write.CONFIRM_DELIVERY: frozenset(ARRIVED_ROLES),
    Write.CANCEL_ORDER: frozenset({KwaiRole.CLOSED}),
}
_NOT_YET = frozenset({Write.ARRANGE_SHIPMENT, Write.SHIP_ORDER})


def may(write: Write, role: KwaiRole | None, *, hold: bool, refund: bool) -> Permit:
    """Whether `write` may be sent to an order in `role`; None is a situation nobody gave a role.

    `hold`: the platform asks to hold the order. `refund`: one is running, or was paid and no person has
    released the order since. Both forbid everything but cancelling.
    """
    if role is None:
        return Permit.UNKNOWN
    if role in _DONE.get(write, ()):
        return Permit.DONE
    if hold and write is not Write.CANCEL_ORDER:
        return Permit.HELD
    if refund and write is not Write.CANCEL_ORDER:
        return Permit.REFUND
    if role in _PERMITTED[write]:
        return Permit.YES
    if role is KwaiRole.AWAITING_INVOICE and write in _NOT_YET:
        return Permit.NOT_YET
    return Permit.FORBIDDEN


def is_arrived_by_content(role: KwaiRole | None, *, same_number: bool) -> bool:
    """Our tracking number on the order counts as sent in any role from awaiting pickup on (contract 3.2)."""
    return same_number and role in (KwaiRole.AWAITING_PICKUP, KwaiRole.PACKED, *SHIPPED_ROLES)
