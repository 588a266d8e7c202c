"""Why something cannot be done with an order of the platform: greys the menu and guards the command."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from erp.refusals import NO_REFUSAL, Refusal
from kwai_integration import refusals
from kwai_integration.inbound.payload import answers_missing
from kwai_integration.inbound.receive import receive_refusal
from kwai_integration.models import FORMER_FIELDS, KwaiOrder, KwaiOrderState
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
    rows = list(found_rows.defer(*FORMER_FIELDS))
    if action == KwaiOrderAction.REFRESH:
        emptied = _emptied([row.pk for row in rows if row.order_id is None])
        found = {row.pk: refresh_refusal(row, is_emptied=row.pk in emptied) for row in rows}
    else:
        roles = roles_of({row.store_id for row in rows})
        found = {row.pk: receive_refusal(row, roles) for row in rows}
    return {id_: found.get(id_, refusals.ORDER_GONE) for id_ in ids}


def _emptied(ids: Sequence[int]) -> set[int]:
    """Those of these orders whose answer is not kept."""
    rows = KwaiOrder.objects.filter(answers_missing(), pk__in=ids) if ids else KwaiOrder.objects.none()
    return set(rows.values_list("pk", flat=True))


def refresh_refusal(row: KwaiOrder, *, is_emptied: bool = False) -> Refusal:
    """Why the situation of `row` cannot be fetched now. An order with a problem, or whose answer is not kept,
    may be fetched: that is how it heals."""
    store, account = row.store, getattr(row.store, "kwai_account", None)
    if not store.is_active:
        return refusals.STORE_NOT_ACTIVE.of(store=store.name)
    if account is None or not account.is_connected:
        return refusals.NOT_CONNECTED
    if row.order_id is None and row.state != KwaiOrderState.QUARANTINED and not is_emptied:
        return refusals.NOT_RECEIVED
    return NO_REFUSAL
