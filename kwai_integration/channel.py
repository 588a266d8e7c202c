"""Kwai as a `SalesChannel`: what the rooms tell it and what screens may ask of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import Q, QuerySet

from erp.accounts.models import User
from erp.channels import (
    Badge,
    ChannelAction,
    Facts,
    InvoiceStage,
    InvoiceState,
    LabelFile,
    Logistics,
    Panel,
    RowResult,
    ShippingCode,
    row_refused,
)
from erp.outbox.models import PushJob
from erp.outbox.statuses import Origin
from erp.refusals import NO_REFUSAL, Refusal
from invoices.models import Invoice
from kwai_integration import refusals
from kwai_integration.inbound.checks import KwaiOrderAction, kwai_orders_check
from kwai_integration.inbound.refresh import kwai_orders_refresh
from kwai_integration.models import CHANNEL_KEY, KwaiOrder
from kwai_integration.outbound import (
    arranging,
    automation,
    badges,
    following,
    invoices,
    labels,
    logistics,
    push_requests,
    withdrawing,
)
from kwai_integration.wire.codes import LOGISTICS_LABEL, ShippingType

Rows = Callable[[Sequence[int]], list[Any]]


class KwaiChannel(Facts):
    key = CHANNEL_KEY
    label = "Kwai"
    logistics: Logistics | None = Logistics(LOGISTICS_LABEL, ShippingType.KWAI_ENVIOS)
    stores_url_name = "kwai:stores"

    def invoice_authorised(self, ids: Sequence[int]) -> None:
        automation.invoices_authorised(ids)

    def invoice_cancelled(self, ids: Sequence[int]) -> None:
        invoices.invoices_withdraw(ids)

    def order_shipper_changed(self, order_ids: Sequence[int]) -> None:
        following.shippers_changed(order_ids)
        automation.arrangements_by_rule(order_ids)

    def orders_released(self, order_ids: Sequence[int]) -> None:
        automation.orders_released(order_ids)

    def order_handover_settled(self, order_ids: Sequence[int], reason: str) -> None:
        following.pushes_end(order_ids, reason)

    def shipment_concluded(self, ids: Sequence[int]) -> None:
        automation.shipments_concluded(ids)

    def shipment_cancelled(self, ids: Sequence[int]) -> None:
        withdrawing.shipments_withdraw(ids)

    def shipment_delivered(self, ids: Sequence[int]) -> None:
        automation.deliveries_by_rule(ids)

    def check(self, action: ChannelAction, ids: Sequence[int]) -> dict[int, Refusal]:
        if action is ChannelAction.REFRESH_STATUS:
            orders = _kwai_orders(ids)
            reasons = kwai_orders_check(KwaiOrderAction.REFRESH, list(orders.values()))
            return {order_id: reasons.get(kwai_id, NO_REFUSAL) for order_id, kwai_id in orders.items()}
        rows, problems = CHECKS[action]
        return problems(rows(ids))

    def run(self, action: ChannelAction, ids: Sequence[int], *, user: User | None) -> dict[int, RowResult]:
        match action:
            case ChannelAction.SEND_INVOICE:
                return _send_invoices(ids, user)
            case ChannelAction.ARRANGE_SHIPMENT:
                rows = push_requests.own_shipments(ids)
                return arranging.arrangements_request(rows, user=user, origin=Origin.BUTTON)
            case ChannelAction.SEND_TRACKING:
                return push_requests.trackings_request(
                    push_requests.own_shipments(ids), user=user, origin=Origin.BUTTON
                )
            case ChannelAction.CONFIRM_DELIVERY:
                return push_requests.deliveries_request(
                    push_requests.own_shipments(ids), user=user, origin=Origin.BUTTON
                )
            case ChannelAction.REFRESH_STATUS:
                return _refresh(ids, user)

    def watched(self, user: User) -> Sequence[QuerySet[Any]]:
        return [model.objects.visible_to(user) for model in (KwaiOrder, PushJob, Invoice)]

    def badges(self, order_ids: Sequence[int]) -> dict[int, list[Badge]]:
        return badges.badges(order_ids)

    def badge_counts(self, rows: QuerySet[Any], by: str) -> dict[Any, Counter[Badge]]:
        return badges.badge_counts(rows, by)

    def invoice_states(self, ids: Sequence[int]) -> dict[int, InvoiceState]:
        return invoices.invoice_states(ids)

    def invoices_in(self, stage: InvoiceStage) -> Q:
        return invoices.invoices_in(stage)

    def panel(self, order_id: int) -> Panel | None:
        return badges.panel(order_id)

    def shipping_codes(self, order_ids: Sequence[int]) -> dict[int, ShippingCode]:
        return logistics.shipping_codes(order_ids)

    def shippers_reported(self, order_ids: Sequence[int]) -> set[int]:
        return logistics.shippers_reported(order_ids)

    def shipping_label(self, shipment_id: int) -> LabelFile | None:
        return labels.shipping_label(shipment_id)


CHECKS: dict[ChannelAction, tuple[Rows, Callable[[Any], dict[int, Refusal]]]] = {
    ChannelAction.SEND_INVOICE: (push_requests.own_invoices, push_requests.invoice_problems),
    ChannelAction.ARRANGE_SHIPMENT: (push_requests.own_shipments, arranging.arrange_problems),
    ChannelAction.SEND_TRACKING: (push_requests.own_shipments, push_requests.tracking_problems),
    ChannelAction.CONFIRM_DELIVERY: (push_requests.own_shipments, push_requests.delivery_problems),
}


def _send_invoices(ids: Sequence[int], user: User | None) -> dict[int, RowResult]:
    """*Enviar dados da NFe*: a person may send again what Kwai received and then refused (ADR 0005)."""
    rows = push_requests.own_invoices(ids)
    refused = invoices.refused_orders([row.order_id for row in rows if row.order_id is not None])
    return push_requests.invoices_request(rows, user=user, origin=Origin.BUTTON, refused=refused)


def _kwai_orders(order_ids: Sequence[int]) -> dict[int, int]:
    """KwaiOrder id per order id."""
    pairs = KwaiOrder.objects.filter(order_id__in=order_ids).values_list("order_id", "pk")
    return {order_id: kwai_id for order_id, kwai_id in pairs if order_id is not None}


def _refresh(order_ids: Sequence[int], user: User | None) -> dict[int, RowResult]:
    orders = _kwai_orders(order_ids)
    by_kwai_id = {result.id: result for result in kwai_orders_refresh(ids=list(orders.values()), actor=user)}
    missing = row_refused(0, refusals.ORDER_OUT_OF_REACH)
    return {
        order_id: RowResult(order_id, found.outcome, found.text)
        for order_id, kwai_id in orders.items()
        for found in [by_kwai_id.get(kwai_id, missing)]
    }
