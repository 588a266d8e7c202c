"""Send the tracking code: carrier, code, NF-e data and expected date; the order becomes *despachado*
(contract section 4, shipOrder)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from erp.outbox.errors import Refused
from erp.outbox.handlers import Handler, Nature, Sent, Turn
from erp.outbox.models import PushJob
from erp.sales.services import EventDraft, order_events_append, orders_status_set
from erp.sales.statuses import OrderStatus
from expedition.models import Shipment
from kwai_integration.client.codes import SHIPPED_ROLES, ShippingType
from kwai_integration.client.types import InvoiceReference, ShipmentNotice
from kwai_integration.client.writes import Write, is_arrived_by_content
from kwai_integration.mapping.orders import MappedOrder
from kwai_integration.outbound.kinds import Kind
from kwai_integration.outbound.permits import remote_permit
from kwai_integration.outbound.remote import calling, frozen_check, remote_order


@dataclass(frozen=True)
class Loaded:
    shipment_id: int
    order_id: int
    notice: ShipmentNotice


def load(job: PushJob) -> Loaded:
    shipment = Shipment.objects.for_screens().get(pk=job.payload["shipment_id"])
    invoice, carrier = shipment.invoice, shipment.chosen_carrier
    if invoice is None or carrier is None or not shipment.tracking_code or shipment.concluded_at is None:
        raise Refused(
            "A expedição mudou depois do pedido de envio: confira NF-e, transportadora e código, "
            "e envie de novo."
        )
    code = shipment.tracking_code
    return Loaded(
        shipment_id=shipment.pk,
        order_id=shipment.order_id,
        notice=ShipmentNotice(
            order_id=job.subject,
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
        ),
    )


def is_satisfied(loaded: Loaded, turn: Turn) -> bool:
    with calling(turn) as client:
        order = remote_order(client, turn.job.store_id, loaded.notice.order_id)
    return _holds(order, loaded.notice)


def send(loaded: Loaded, turn: Turn) -> Sent:
    """Reads the order right before the write: shipping while a hold, a refund or a cancellation is open
    is what bites integrators (contract section 5)."""
    shipment = Shipment.objects.for_screens().get(pk=loaded.shipment_id)
    frozen_check(shipment)
    with calling(turn) as client:
        order = remote_order(client, turn.job.store_id, loaded.notice.order_id)
        notice = _notice_for(order, loaded.notice)
        if _holds(order, notice):
            return Sent(already=True)
        if order.role in SHIPPED_ROLES:
            raise Refused(_shipped_elsewhere(order.tracking_code))
        remote_permit(Write.SHIP_ORDER, shipment.order, order, job=turn.job)
        turn.confirm()
        client.ship_order(notice)
    return Sent()


def record(job: PushJob, loaded: Loaded, sent: Sent) -> None:
    orders_status_set(wanted={loaded.order_id: OrderStatus.SHIPPED}, reason="confirmado pelo Kwai")
    text = f"Kwai recebeu o código de rastreio {loaded.notice.tracking_number}: pedido despachado"
    order_events_append(drafts=[EventDraft(loaded.order_id, "kwai.tracking", text)])


def _notice_for(order: MappedOrder, notice: ShipmentNotice) -> ShipmentNotice:
    """Kwai Envios only confirms the hand-over: carrier and code are those of the order itself."""
    if order.shipping_type != ShippingType.KWAI_ENVIOS or not order.tracking_code:
        return notice
    if order.tracking_code != notice.tracking_number:
        raise Refused(_shipped_elsewhere(order.tracking_code))
    return replace(notice, carrier_code=order.carrier_code or notice.carrier_code)


def _holds(order: MappedOrder, notice: ShipmentNotice) -> bool:
    return is_arrived_by_content(order.role, same_number=order.tracking_code == notice.tracking_number)


def _shipped_elsewhere(code: str) -> str:
    return (
        f"Já despachado fora do ERP com o código {code or 'que o Kwai não informa'}. Para adotá-lo, "
        "informe esse código na expedição e envie de novo."
    )


HANDLER = Handler(
    kind=Kind.SEND_TRACKING,
    label=Kind.SEND_TRACKING.label,
    nature=Nature.FACT,
    call="ship_order",
    step=Kind.SEND_TRACKING.step,
    load=load,
    is_satisfied=is_satisfied,
    send=send,
    record=record,
)
