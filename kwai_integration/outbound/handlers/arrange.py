"""Let Kwai Envios carry an order (contract section 4, arrangeShipment): carrier and number come back.

Repeating the call answers the same number, yet an unknown outcome is read back first like every other: what
Kwai holds is in the order itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from erp.channels import ShippingCode
from erp.outbox.attempts import AttemptContext
from erp.outbox.errors import PushRefused
from erp.outbox.handlers import Handler, Nature, Obsolete, Sent
from erp.outbox.models import PushJob
from erp.sales.models import Order, ShippedBy
from erp.sales.timeline import order_event
from expedition.services import shipments_channel_codes_set
from kwai_integration import refusals
from kwai_integration.client.writes import Permit, Write, may
from kwai_integration.mapping.orders import MappedOrder
from kwai_integration.models import KwaiOrder, KwaiSettings
from kwai_integration.outbound.asked import asked_shipment, withdrawn
from kwai_integration.outbound.kinds import Kind
from kwai_integration.outbound.logistics import shipper_of, shipping_code
from kwai_integration.outbound.permits import remote_permit
from kwai_integration.outbound.remote import calling, frozen_check, remote_order
from kwai_integration.wire.codes import LOGISTICS_LABEL, Handover


@dataclass
class LoadedArrangement:
    """`code` is filled by whoever hears it first: the call itself, or the order as it was read back, at
    `heard_at` by our clock."""

    order: Order
    handover: Handover
    code: ShippingCode | None = None
    heard_at: datetime | None = None


def load(job: PushJob) -> LoadedArrangement | Obsolete:
    shipment = asked_shipment(job)
    if removed := withdrawn(job, shipment):
        return removed
    if shipment.order.shipped_by == ShippedBy.SELLER and not job.needs_verification:
        return Obsolete(refusals.SELLERS)
    handover = KwaiSettings.objects.values_list("arrange_handover", flat=True).get(pk=job.store_id)
    return LoadedArrangement(shipment.order, Handover(handover))


def is_satisfied(loaded: LoadedArrangement, context: AttemptContext) -> bool:
    with calling(context) as client:
        remote = remote_order(client, context.job.store_id, loaded.order.external_id)
    return _is_arranged(loaded, remote)


def send(loaded: LoadedArrangement, context: AttemptContext) -> Sent:
    """Reads the order right before the write: only what waits to be arranged, without hold or refund, is."""
    frozen_check(loaded.order)
    with calling(context) as client:
        remote = remote_order(client, context.job.store_id, loaded.order.external_id)
        _shipper_check(loaded.order, remote)
        if _is_arranged(loaded, remote):
            return Sent(already=True)
        remote_permit(Write.ARRANGE_SHIPMENT, loaded.order, remote, job=context.job)
        context.confirm()
        arranged = client.arrange_shipment(loaded.order.external_id, loaded.handover)
    loaded.code = ShippingCode(arranged.carrier_code, arranged.carrier_name, arranged.tracking_number)
    loaded.heard_at = timezone.now()
    return Sent()


def record(job: PushJob, loaded: LoadedArrangement, sent: Sent) -> None:
    order_event(loaded.order.pk, "kwai.arranged", _told(loaded))
    if loaded.code is not None and not _is_outrun(loaded):
        shipments_channel_codes_set(codes={loaded.order.pk: loaded.code})


def _is_outrun(loaded: LoadedArrangement) -> bool:
    """An answer asked for since then has brought a number already: Kwai may have given another one."""
    stored = KwaiOrder.objects.filter(order=loaded.order.pk).exclude(remote_tracking_code="")
    span = (loaded.heard_at, timezone.now())
    return loaded.heard_at is not None and stored.filter(fetch_started_at__range=span).exists()


def _told(loaded: LoadedArrangement) -> str:
    if loaded.code is None:
        return f"Envio programado no {LOGISTICS_LABEL}; o número chega na próxima leitura do pedido"
    return f"Envio programado no {LOGISTICS_LABEL}: número {loaded.code.number}"


def _is_arranged(loaded: LoadedArrangement, remote: MappedOrder) -> bool:
    """By the role, which the platform moves on with the arrangement; the number is kept where it has one."""
    permit = may(
        Write.ARRANGE_SHIPMENT, remote.role, hold=bool(remote.hold_reason), refund=remote.refund_open
    )
    if permit is not Permit.DONE:
        return False
    loaded.code, loaded.heard_at = shipping_code(remote), timezone.now()
    return True


def _shipper_check(own: Order, remote: MappedOrder) -> None:
    """Kwai's own word wins over what a person chose here."""
    reported = shipper_of(remote.shipping_type)
    shipped_by = own.shipped_by if reported is ShippedBy.UNKNOWN else reported
    if shipped_by == ShippedBy.SELLER:
        raise PushRefused(refusals.SELLERS)
    if shipped_by == ShippedBy.UNKNOWN:
        raise PushRefused(refusals.CHOOSE_SHIPPER)


HANDLER = Handler(
    kind=Kind.ARRANGE_SHIPMENT,
    label=Kind.ARRANGE_SHIPMENT.label,
    nature=Nature.FACT,
    call="arrange_shipment",
    step=Kind.ARRANGE_SHIPMENT.step,
    load=load,
    is_satisfied=is_satisfied,
    send=send,
    record=record,
    confirms=True,
)
