"""A shipment's life: opened, changed, cancelled, delivered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from django.db import transaction
from django.utils import timezone

from erp import channels
from erp.accounts.models import Counter, User
from erp.channels import ChannelAction, RowResult, row_already, row_done, row_refused
from erp.refusals import NO_REFUSAL, Refusal
from erp.rows import rows_update
from erp.sales.models import Carrier, Order, OrderStatus, ShippingMethod
from erp.sales.services import order_events_append, orders_status_set
from erp.sales.shippers import method_problem
from expedition import refusals
from expedition.models import COPIES, Package, Shipment, ShipmentStatus
from expedition.preconditions import cancel_problem, change_problem, delivery_problem, opening_problem
from expedition.services.channel_codes import shipments_channel_codes_set
from expedition.services.rows import shipment_event, shipment_results, shipments_lock
from invoices.models import ISSUED, Invoice

NO_DATE = "Data prevista: calculada na conclusão"


@transaction.atomic
def shipments_open(*, order_ids: Sequence[int], actor: User | None = None) -> list[RowResult]:
    """One pending shipment for each order that may have one; results carry the **order** ids."""
    orders = {order.pk: order for order in Order.objects.filter(pk__in=order_ids).lock_for_update()}
    problems = _opening_problems(orders)
    opened = _shipments_create([orders[pk] for pk in order_ids if pk in orders and not problems[pk]])
    order_events_append(
        drafts=[
            shipment_event(shipment, "shipment_opened", f"Expedição {shipment.number} aberta")
            for shipment in opened.values()
        ],
        actor=actor,
    )
    numbered = channels.shipping_codes([pk for pk in opened if orders[pk].is_channel_shipped])
    shipments_channel_codes_set(codes=numbered)
    return [_opening_result(pk, problems.get(pk, refusals.ORDER_GONE), opened) for pk in order_ids]


def _opening_problems(orders: dict[int, Order]) -> dict[int, Refusal]:
    active = {s.order_id: s for s in Shipment.objects.active().filter(order__in=orders)}
    invoices = defaultdict(set)
    for order_id, status in Invoice.objects.filter(order__in=orders).values_list("order_id", "status"):
        invoices[order_id].add(status in ISSUED)
    return {
        pk: opening_problem(order, active.get(pk), has_dead_invoice=invoices[pk] == {False})
        for pk, order in orders.items()
    }


def _shipments_create(orders: Sequence[Order]) -> dict[int, Shipment]:
    """Pending shipments, each with its first package, by order id."""
    invoices = {
        invoice.order_id: invoice for invoice in Invoice.objects.filter(order__in=orders, status__in=ISSUED)
    }
    drafts = [
        Shipment(
            company_id=order.company_id,
            store_id=order.store_id,
            order=order,
            invoice=invoices.get(order.pk),
        )
        for order in orders
    ]
    _number(drafts)
    for draft in drafts:
        draft.copies_take()
    shipments = Shipment.objects.bulk_create(drafts)
    Package.objects.bulk_create(Package(shipment=each, company_id=each.company_id) for each in shipments)
    return {shipment.order_id: shipment for shipment in shipments}


def _number(drafts: Sequence[Shipment]) -> None:
    by_company = defaultdict(list)
    for draft in drafts:
        by_company[draft.company_id].append(draft)
    for company_id, own in sorted(by_company.items()):
        numbers = Counter.objects.take(company_id=company_id, name="shipment", count=len(own))
        for draft, number in zip(own, numbers, strict=True):
            draft.number = number


def _opening_result(order_id: int, problem: Refusal, opened: dict[int, Shipment]) -> RowResult:
    if order_id in opened:
        return row_done(order_id, f"Expedição {opened[order_id].number} aberta.")
    return row_refused(order_id, problem)


@transaction.atomic
def shipments_follow_invoices(*, invoice_ids: Sequence[int]) -> None:
    """An authorised note finds its order's shipment, or opens one; a note without an order waits.

    A shipment keeps a note in force; one that was cancelled gives way to the new one.
    """
    linked = Invoice.objects.filter(pk__in=invoice_ids, status__in=ISSUED, order__isnull=False)
    invoices = {invoice.order_id: invoice for invoice in linked if invoice.order_id is not None}
    active = Shipment.objects.active().filter(order__in=invoices)
    shipments = shipments_lock(active.values_list("pk", flat=True)).values()
    following = [each for each in shipments if each.is_on_the_way and each.lacks_invoice]
    for shipment in following:
        shipment.invoice = invoices[shipment.order_id]
        shipment.copies_take()
    rows_update(following, ["invoice", *COPIES])
    order_events_append(
        drafts=[
            shipment_event(each, "shipment_invoice", f"{each.invoice} vinculada à expedição {each.number}")
            for each in following
        ]
    )
    shipments_open(order_ids=sorted(set(invoices) - {shipment.order_id for shipment in shipments}))


def shipments_follow_orders(*, order_ids: Sequence[int]) -> None:
    """The list shows and sorts by what order and note say of deadline and *forma de envio*."""
    if order_ids:
        Shipment.objects.active().filter(order__in=order_ids).copies_follow()


@transaction.atomic
def shipments_carrier_set(
    *,
    shipment_ids: Sequence[int],
    shipping_method_id: int | None,
    carrier_id: int | None = None,
    actor: User | None = None,
) -> list[RowResult]:
    """Choose *forma de envio* and *transportadora* for shipments outside any group.

    Without a method they follow the invoice or the order again.
    """
    method = ShippingMethod.objects.get(pk=shipping_method_id) if shipping_method_id else None
    carrier = Carrier.objects.get(pk=carrier_id) if carrier_id else None
    shipments = shipments_lock(shipment_ids)
    problems = {pk: _carrier_problem(each, method, carrier) for pk, each in shipments.items()}
    changing = [each for pk, each in shipments.items() if not problems[pk]]
    for shipment in changing:
        shipment.shipping_method, shipment.carrier = method, carrier
        shipment.copies_take()
    rows_update(changing, ["shipping_method", "carrier", *COPIES])
    text = f"Forma de envio: {method or 'a da NF-e ou do pedido'}"
    order_events_append(
        drafts=[shipment_event(each, "shipment_carrier", text) for each in changing], actor=actor
    )
    return shipment_results(shipment_ids, problems, f"{text}.")


def _carrier_problem(shipment: Shipment, method: ShippingMethod | None, carrier: Carrier | None) -> Refusal:
    foreign = any(chosen and chosen.company_id != shipment.company_id for chosen in (method, carrier))
    if foreign:
        return refusals.FOREIGN_METHOD
    return method_problem(shipment.order, method) or change_problem(shipment)


@transaction.atomic
def expected_delivery_set(
    *, shipment_ids: Sequence[int], expected_on: date | None, actor: User | None = None
) -> list[RowResult]:
    """Set *data prevista* by hand, before or after the conclusion, which then leaves it alone."""
    shipments = shipments_lock(shipment_ids)
    problems = {pk: _expected_problem(each, expected_on) for pk, each in shipments.items()}
    changing = [each for pk, each in shipments.items() if not problems[pk]]
    Shipment.objects.filter(pk__in=[each.pk for each in changing]).update(expected_delivery_on=expected_on)
    text = f"Data prevista: {expected_on:%d/%m/%Y}" if expected_on else NO_DATE
    order_events_append(
        drafts=[shipment_event(each, "shipment_expected", text) for each in changing], actor=actor
    )
    return shipment_results(shipment_ids, problems, f"{text}.")


def _expected_problem(shipment: Shipment, expected_on: date | None) -> Refusal:
    if not shipment.is_on_the_way:
        return refusals.DATE_FIXED.of(status=shipment.get_status_display().lower())
    if expected_on is None:
        return NO_REFUSAL if shipment.is_pending else refusals.DATE_NEEDED
    since = timezone.localdate(shipment.concluded_at or timezone.now())
    return NO_REFUSAL if expected_on >= since else refusals.DATE_TOO_EARLY.of(since=since)


@transaction.atomic
def shipment_cancel(*, shipment_id: int, actor: User | None = None) -> RowResult:
    """Take the shipment back: its group and its codes are free and the order may get another one."""
    shipment = shipments_lock([shipment_id]).get(shipment_id)
    if shipment is None:
        return row_refused(shipment_id, refusals.SHIPMENT_GONE)
    if shipment.status == ShipmentStatus.CANCELLED:
        return row_already(shipment_id, "A expedição já estava cancelada.")
    if problem := cancel_problem(shipment):
        return row_refused(shipment_id, problem)
    before = OrderStatus.INVOICED if shipment.invoice else OrderStatus.PREPARING
    if not shipment.is_pending and not shipment.order.frozen_reason:
        orders_status_set(
            wanted={shipment.order_id: before}, actor=actor, reason="expedição cancelada", backwards=True
        )
    if shipment.group is not None and shipment.group.is_open:
        shipment.group = None
    shipment.status = ShipmentStatus.CANCELLED
    shipment.save(update_fields=["status", "group"])
    _codes_release([shipment])
    text = f"Expedição {shipment.number} cancelada"
    order_events_append(drafts=[shipment_event(shipment, "shipment_cancelled", text)], actor=actor)
    channels.shipment_cancelled([shipment_id])
    return row_done(shipment_id, f"{text}. O pedido pode ser expedido de novo.")


def shipments_deliver(*, shipment_ids: Sequence[int], actor: User | None = None) -> list[RowResult]:
    """*Marcar pedidos como entregue*: a marketplace is asked and decides; others change at once."""
    stores = dict(Shipment.objects.filter(pk__in=shipment_ids).values_list("pk", "store__channel"))
    asked = [pk for pk in shipment_ids if stores.get(pk)]
    results = {pk: row_refused(pk, refusals.SHIPMENT_GONE) for pk in shipment_ids}
    with transaction.atomic():
        if asked:
            results |= {
                row.id: row for row in channels.run(ChannelAction.CONFIRM_DELIVERY, asked, user=actor)
            }
        results |= _deliver_at_once([pk for pk in stores if not stores[pk]], actor)
    return [results[pk] for pk in shipment_ids]


def _deliver_at_once(shipment_ids: Sequence[int], actor: User | None) -> dict[int, RowResult]:
    shipments = shipments_lock(shipment_ids)
    problems = {pk: delivery_problem(each) for pk, each in shipments.items()}
    _delivered([each for pk, each in shipments.items() if not problems[pk]], at=timezone.now(), actor=actor)
    return {
        pk: _delivery_result(pk, problem, shipments[pk].status == ShipmentStatus.DELIVERED)
        for pk, problem in problems.items()
    }


def _delivery_result(pk: int, problem: Refusal, is_delivered: bool) -> RowResult:
    if not problem:
        return row_done(pk, "Pedido marcado como entregue.")
    return row_already(pk, problem) if is_delivered else row_refused(pk, problem)


@transaction.atomic(savepoint=False)
def shipments_mark_delivered(
    *, shipment_ids: Sequence[int], at: datetime | None = None, actor: User | None = None
) -> set[int]:
    """The marketplace has confirmed the delivery: shipment and order say so. Returns the ids that changed.

    Repeating it changes nothing. A shipment nobody concluded counts as concluded by the confirmation
    and leaves its open group.
    """
    known = Shipment.objects.filter(pk__in=shipment_ids)
    orders = list(Order.objects.filter(shipments__in=known).select_related("store").lock_for_update())
    moving = [each for each in known.lock_for_update() if each.is_on_the_way]
    _delivered(moving, at=at or timezone.now(), actor=actor, locked=orders)
    return {each.pk for each in moving}


def _delivered(
    shipments: Sequence[Shipment],
    *,
    at: datetime,
    actor: User | None,
    locked: Iterable[Order] | None = None,
) -> None:
    for shipment in shipments:
        if shipment.is_pending:
            shipment.group = None
        shipment.status = ShipmentStatus.DELIVERED
        shipment.concluded_at = shipment.concluded_at or at
        shipment.delivered_at = at
    rows_update(shipments, ["status", "concluded_at", "delivered_at", "group"])
    _codes_release(shipments)
    order_events_append(
        drafts=[
            shipment_event(each, "shipment_delivered", f"Expedição {each.number} entregue")
            for each in shipments
        ],
        actor=actor,
    )
    orders_status_set(
        wanted={each.order_id: OrderStatus.DELIVERED for each in shipments},
        actor=actor,
        reason="entregue",
        locked=locked,
    )
    channels.shipment_delivered([each.pk for each in shipments])


def _codes_release(shipments: Iterable[Shipment]) -> None:
    """What has arrived or was cancelled no longer keeps others from its codes."""
    Package.objects.filter(shipment__in=list(shipments)).update(holds_code=False)
