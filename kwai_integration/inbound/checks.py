"""Why something cannot be done with an order of the platform: greys the menu and guards the command."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from erp.refusals import NO_REFUSAL, Refusal
from kwai_integration import refusals
from kwai_integration.inbound.receive import receive_refusal
from kwai_integration.models import KwaiOrder, KwaiOrderState
from kwai_integration.situations import roles_of


class KwaiOrderAction(StrEnum):
    """Commands of *Pedidos no e-commerce*."""

    RECEIVE = "receive"  # receber pedidos
    REFRESH = "refresh"  # sincronizar situação


def kwai_orders_check(action: KwaiOrderAction, ids: Sequence[int]) -> dict[int, Refusal]:
    """Per `KwaiOrder` id why `action` cannot be done. Two queries at most."""
    found_rows = KwaiOrder.objects.filter(pk__in=ids).select_related(
        "store__kwai_account", "store__kwai_settings"
    )
    rows = list(found_rows.defer("payload", "payload_bytes"))
    if action == KwaiOrderAction.REFRESH:
        found = {row.pk: refresh_refusal(row) for row in rows}
    else:
        roles = roles_of({row.store_id for row in rows})
        found = {row.pk: receive_refusal(row, roles) for row in rows}
    return {id_: found.get(id_, refusals.ORDER_GONE) for id_ in ids}


def refresh_refusal(row: KwaiOrder) -> Refusal:
    """Why the situation of `row` cannot be fetched now. An order with a problem may be fetched: that is
    how it heals."""
    store, account = row.store, getattr(row.store, "kwai_account", None)
    if not store.is_active:
        return refusals.STORE_NOT_ACTIVE.of(store=store.name)
    if account is None or not account.is_connected:
        return refusals.NOT_CONNECTED
    if row.order_id is None and row.state != KwaiOrderState.QUARANTINED:
        return refusals.NOT_RECEIVED
    return NO_REFUSAL
