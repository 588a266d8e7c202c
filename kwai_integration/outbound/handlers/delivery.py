"""Tell Kwai that the buyer has the order (contract section 4, confirmDelivery)."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone

from erp.outbox.attempts import AttemptContext
from erp.outbox.errors import PushRefused
from erp.outbox.handlers import Handler, Nature, Obsolete, Sent
from erp.outbox.models import PushJob
from erp.sales.models import Order
from erp.sales.timeline import order_event
from expedition.models import Shipment
from expedition.services.shipments import shipments_mark_delivered
from kwai_integration import refusals
from kwai_integration.client.writes import Permit, Write
from kwai_integration.outbound.asked import asked_shipment, withdrawn
from kwai_integration.outbound.kinds import Kind
from kwai_integration.outbound.permits import remote_permit
from kwai_integration.outbound.remote import calling, frozen_check, remote_order
from kwai_integration.wire.codes import ARRIVED_ROLES
from kwai_integration.wire.types import DeliveryNotice


@dataclass(frozen=True)
class LoadedDelivery:
    shipment_id: int
    own: Order
    notice: DeliveryNotice


def load(job: PushJob) -> LoadedDelivery | Obsolete:
    shipment = asked_shipment(job, Shipment.objects.select_related("order"))
    if removed := withdrawn(job, shipment):
        return removed
    if shipment.is_pending and not job.needs_verification:
        raise PushRefused(refusals.SHIPMENT_NOT_CONCLUDED)
    # The moment somebody said so, also when it is sent later or again.
    delivered_at = shipment.delivered_at or min(job.requested_at, timezone.now())
    return LoadedDelivery(shipment.pk, shipment.order, DeliveryNotice(job.subject, delivered_at))


def is_satisfied(loaded: LoadedDelivery, context: AttemptContext) -> bool:
    with calling(context) as client:
        order = remote_order(client, context.job.store_id, loaded.notice.order_id)
    return order.role in ARRIVED_ROLES


def send(loaded: LoadedDelivery, context: AttemptContext) -> Sent:
    frozen_check(loaded.own)
    with calling(context) as client:
        remote = remote_order(client, context.job.store_id, loaded.notice.order_id)
        if remote_permit(Write.CONFIRM_DELIVERY, loaded.own, remote, job=context.job) is Permit.DONE:
            return Sent(already=True)
        context.confirm()
        client.confirm_delivery(loaded.notice)
    return Sent()


def record(job: PushJob, loaded: LoadedDelivery, sent: Sent) -> None:
    shipments_mark_delivered(shipment_ids=[loaded.shipment_id], at=loaded.notice.delivered_at)
    order_event(loaded.own.pk, "kwai.delivery", "Kwai confirmou a entrega")


HANDLER = Handler(
    kind=Kind.CONFIRM_DELIVERY,
    label=Kind.CONFIRM_DELIVERY.label,
    nature=Nature.FACT,
    call="confirm_delivery",
    step=Kind.CONFIRM_DELIVERY.step,
    load=load,
    is_satisfied=is_satisfied,
    send=send,
    record=record,
    confirms=True,
)
