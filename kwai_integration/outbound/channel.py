"""Kwai as a `SalesChannel`: what the rooms tell it and what screens may ask of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import Q

from erp.accounts.models import User
from erp.channels import (
    Action,
    Badge,
    Facts,
    InvoiceStage,
    InvoiceState,
    LabelFile,
    Logistics,
    Outcome,
    Panel,
    RowResult,
    ShippingCode,
)
from erp.outbox.statuses import Origin
from kwai_integration.client.codes import LOGISTICS_LABEL, ShippingType
from kwai_integration.inbound.checks import KwaiOrderAction, kwai_orders_check
from kwai_integration.inbound.refresh import kwai_orders_refresh
from kwai_integration.models import CHANNEL_KEY, KwaiOrder
from kwai_integration.outbound import (
    arranging,
    badges,
    following,
    invoices,
    labels,
    logistics,
    rules,
    wishes,
    withdrawing,
)

Rows = Callable[[Sequence[int]], list[Any]]


class KwaiChannel(Facts):
    key = CHANNEL_KEY
    label = "Kwai"
    logistics: Logistics | None = Logistics(LOGISTICS_LABEL, ShippingType.KWAI_ENVIOS)

    def invoice_authorised(self, ids: Sequence[int]) -> None:
        rules.notes_authorised(ids)

    def invoice_cancelled(self, ids: Sequence[int]) -> None:
        invoices.invoices_withdraw(ids)

    def order_shipper_changed(self, order_ids: Sequence[int]) -> None:
        following.shippers_changed(order_ids)
        rules.arrangements_by_rule(order_ids)

    def orders_released(self, order_ids: Sequence[int]) -> None:
        rules.orders_released(order_ids)

    def order_handover_settled(self, order_ids: Sequence[int], reason: str) -> None:
        following.pushes_end(order_ids, reason)

    def shipment_concluded(self, ids: Sequence[int]) -> None:
        rules.shipments_concluded(ids)

    def shipment_cancelled(self, ids: Sequence[int]) -> None:
        withdrawing.shipments_withdraw(ids)

    def shipment_delivered(self, ids: Sequence[int]) -> None:
        rules.deliveries_by_rule(ids)

    def check(self, action: Action, ids: Sequence[int]) -> dict[int, str]:
        if action is Action.REFRESH_STATUS:
            orders = _kwai_orders(ids)
            reasons = kwai_orders_check(KwaiOrderAction.REFRESH, list(orders.values()))
            return {order_id: reasons.get(kwai_id, "") for order_id, kwai_id in orders.items()}
        rows, problems = CHECKS[action]
        return problems(rows(ids))

    def run(self, action: Action, ids: Sequence[int], *, user: User | None) -> dict[int, RowResult]:
        match action:
            case Action.SEND_INVOICE:
                return _send_invoices(ids, user)
            case Action.ARRANGE_SHIPMENT:
                rows = wishes.own_shipments(ids)
                return arranging.arrangements_request(rows, user=user, origin=Origin.BUTTON)
            case Action.SEND_TRACKING:
                return wishes.trackings_request(wishes.own_shipments(ids), user=user, origin=Origin.BUTTON)
            case Action.CONFIRM_DELIVERY:
                return wishes.deliveries_request(wishes.own_shipments(ids), user=user, origin=Origin.BUTTON)
            case Action.REFRESH_STATUS:
                return _refresh(ids, user)

    def badges(self, order_ids: Sequence[int]) -> dict[int, list[Badge]]:
        return badges.badges(order_ids)

    def invoice_states(self, ids: Sequence[int]) -> dict[int, InvoiceState]:
        return invoices.invoice_states(ids)

    def invoices_in(self, stage: InvoiceStage) -> Q:
        return invoices.invoices_in(stage)

    def panel(self, order_id: int) -> Panel | None:
        return badges.panel(order_id)

    def shipping_codes(self, order_ids: Sequence[int]) -> dict[int, ShippingCode]:
        return logistics.shipping_codes(order_ids)

    def shippers_told(self, order_ids: Sequence[int]) -> set[int]:
        return logistics.shippers_told(order_ids)

    def shipping_label(self, shipment_id: int) -> LabelFile | None:
        return labels.shipping_label(shipment_id)


CHECKS: dict[Action, tuple[Rows, Callable[[Any], dict[int, str]]]] = {
    Action.SEND_INVOICE: (wishes.own_invoices, wishes.invoice_problems),
    Action.ARRANGE_SHIPMENT: (wishes.own_shipments, arranging.arrange_problems),
    Action.SEND_TRACKING: (wishes.own_shipments, wishes.tracking_problems),
    Action.CONFIRM_DELIVERY: (wishes.own_shipments, wishes.delivery_problems),
}


def _send_invoices(ids: Sequence[int], user: User | None) -> dict[int, RowResult]:
    """*Enviar dados da NFe*: a person may send again what Kwai received and then refused (ADR 0005)."""
    rows = wishes.own_invoices(ids)
    refused = invoices.refused_orders([row.order_id for row in rows if row.order_id is not None])
    return wishes.invoices_request(rows, user=user, origin=Origin.BUTTON, refused=refused)


def _kwai_orders(order_ids: Sequence[int]) -> dict[int, int]:
    """KwaiOrder id per order id."""
    pairs = KwaiOrder.objects.filter(order_id__in=order_ids).values_list("order_id", "pk")
    return {order_id: kwai_id for order_id, kwai_id in pairs if order_id is not None}


def _refresh(order_ids: Sequence[int], user: User | None) -> dict[int, RowResult]:
    orders = _kwai_orders(order_ids)
    by_kwai_id = {result.id: result for result in kwai_orders_refresh(ids=list(orders.values()), actor=user)}
    missing = RowResult(0, Outcome.REFUSED, "O pedido não está mais ao alcance. Atualize a lista.")
    return {
        order_id: RowResult(order_id, found.outcome, found.text)
        for order_id, kwai_id in orders.items()
        for found in [by_kwai_id.get(kwai_id, missing)]
    }
