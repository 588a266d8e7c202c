"""Send the tracking code: carrier, code, NF-e data and expected date; the order becomes *despachado*
(contract section 4, shipOrder)."""

from __future__ import annotations

from dataclasses import dataclass

from erp.outbox.attempts import AttemptContext
from erp.outbox.errors import PushRefused
from erp.outbox.handlers import Handler, Nature, Obsolete, Sent
from erp.outbox.models import PushJob
from erp.sales.models import Order, ShippedBy
from erp.sales.services import orders_status_set
from erp.sales.statuses import OrderStatus
from erp.sales.timeline import order_event
from expedition.models import Shipment
from kwai_integration import refusals
from kwai_integration.client.writes import Write, is_arrived_by_content
from kwai_integration.mapping.orders import MappedOrder
from kwai_integration.outbound.asked import (
    asked_code,
    asked_shipment,
    content_check,
    is_asked_number,
    withdrawn,
)
from kwai_integration.outbound.dispatched import NO_OTHER, codes_sent, dispatch_text, is_sent_by_us
from kwai_integration.outbound.kinds import Kind
from kwai_integration.outbound.logistics import NOTHING_TO_SEND, shipper_of
from kwai_integration.outbound.permits import remote_permit
from kwai_integration.outbound.push_requests import tracking_request
from kwai_integration.outbound.remote import calling, frozen_check, remote_order
from kwai_integration.wire.codes import SHIPPED_ROLES
from kwai_integration.wire.types import InvoiceReference, ShipmentNotice


@dataclass(frozen=True)
class LoadedTracking:
    """`number` is the code that was asked for, which a correction may have replaced here since."""

    shipment: Shipment
    external_id: str
    number: str


def load(job: PushJob) -> LoadedTracking | Obsolete:
    shipment = asked_shipment(job)
    if shipment.is_channel_shipped:
        return Obsolete(NOTHING_TO_SEND)
    if removed := withdrawn(job, shipment):
        return removed
    if not job.needs_verification:
        _content_check(job, shipment)
    _, number = asked_code(job)
    return LoadedTracking(shipment, job.subject, number)


def notice_of(loaded: LoadedTracking) -> ShipmentNotice:
    """What is sent of the shipment. Raises `PushRefused` while something is missing."""
    shipment = loaded.shipment
    invoice, carrier, code = shipment.invoice, shipment.chosen_carrier, shipment.tracking_code
    if invoice is None or carrier is None or not code or shipment.concluded_at is None:
        raise PushRefused(refusals.SHIPMENT_CHANGED)
    return ShipmentNotice(
        order_id=loaded.external_id,
        carrier_code=carrier.code,
        carrier_name=carrier.name,
        tracking_number=code,
        tracking_url=carrier.tracking_url.replace("{codigo}", code),
        shipped_at=shipment.concluded_at,
        expected_delivery_on=shipment.expected_delivery_on,
        invoice=InvoiceReference(
            access_key=invoice.access_key,
            number=invoice.number,
            series=invoice.series,
            issued_at=invoice.issued_at,
        ),
    )


def is_satisfied(loaded: LoadedTracking, context: AttemptContext) -> bool:
    with calling(context) as client:
        order = remote_order(client, context.job.store_id, loaded.external_id)
    return _holds(order, context.job)


def send(loaded: LoadedTracking, context: AttemptContext) -> Sent:
    """Reads the order right before the write: shipping while a hold, a refund or a cancellation is open
    is what bites integrators (contract section 5)."""
    shipment = loaded.shipment
    notice = notice_of(loaded)
    frozen_check(shipment)
    with calling(context) as client:
        order = remote_order(client, context.job.store_id, loaded.external_id)
        _shipper_check(shipment.order, order)
        if _holds(order, context.job):
            return Sent(already=True)
        if order.role in SHIPPED_ROLES:
            said = _shipped_text(shipment.order, order.tracking_code)
            raise PushRefused(refusals.SHIPPED_WITH_OTHER_CODE.of(said=said))
        remote_permit(Write.SHIP_ORDER, shipment.order, order, job=context.job)
        context.confirm()
        client.ship_order(notice)
    return Sent()


def record(job: PushJob, loaded: LoadedTracking, sent: Sent) -> None:
    order_id = loaded.shipment.order_id
    orders_status_set(wanted={order_id: OrderStatus.SHIPPED}, reason="confirmado pelo Kwai")
    text = f"Kwai recebeu o código de rastreio {loaded.number}: pedido despachado"
    order_event(order_id, "kwai.tracking", text)


def _content_check(job: PushJob, shipment: Shipment) -> None:
    if shipment.is_pending:
        raise PushRefused(refusals.SHIPMENT_NOT_CONCLUDED)
    content_check(job, tracking_request(shipment), refusals.CODE_CHANGED)


def _shipper_check(own: Order, remote: MappedOrder) -> None:
    """Kwai's own word wins over what a person chose here; without either nothing is sent."""
    reported = shipper_of(remote.shipping_type)
    shipped_by = own.shipped_by if reported is ShippedBy.UNKNOWN else reported
    if shipped_by == ShippedBy.CHANNEL:
        raise PushRefused(refusals.LOGISTICS_TRACKS)
    if shipped_by == ShippedBy.UNKNOWN:
        raise PushRefused(refusals.CHOOSE_SHIPPER)


def _holds(order: MappedOrder, job: PushJob) -> bool:
    return is_arrived_by_content(order.role, same_number=is_asked_number(job, order.tracking_code))


def _shipped_text(order: Order, number: str) -> str:
    sent = codes_sent([order])
    text = dispatch_text(order, number, sent)
    if is_sent_by_us(order, number, sent):
        return f"{text} {NO_OTHER}"
    return f"{text} Para adotá-lo, informe esse código na expedição e envie de novo."


HANDLER = Handler(
    kind=Kind.SEND_TRACKING,
    label=Kind.SEND_TRACKING.label,
    nature=Nature.FACT,
    call="ship_order",
    step=Kind.SEND_TRACKING.step,
    # Kwai takes no other code after the dispatch, and the parcel arrives all the same.
    first_counts=True,
    load=load,
    is_satisfied=is_satisfied,
    send=send,
    record=record,
    confirms=True,
)
