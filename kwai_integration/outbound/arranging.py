"""*Programar envio*: asking Kwai Envios to carry an order (contract section 4, arrangeShipment).

One function says why a shipment cannot be arranged; menus grey with it and the command refuses with it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from erp.accounts.models import User
from erp.channels import RowOutcome, RowResult
from erp.outbox.commands import jobs_retry
from erp.outbox.models import PushJob
from erp.outbox.push_requests import FactRequest
from erp.outbox.request import facts_request
from erp.outbox.statuses import JobState, Origin, WaitReason
from erp.refusals import NO_REFUSAL, Refusal
from erp.sales.models import Order, ShippedBy
from expedition.models import Shipment, ShipmentStatus
from expedition.preconditions import invoice_problem
from expedition.refusals import CANCELLED
from kwai_integration import refusals
from kwai_integration.client.writes import Permit, Write
from kwai_integration.models import CHANNEL_KEY
from kwai_integration.outbound import push_requests
from kwai_integration.outbound.invoices import invoices_unseen
from kwai_integration.outbound.kinds import Kind
from kwai_integration.outbound.permits import Roles, permit_of, roles_for, write_problem
from kwai_integration.wire.codes import KwaiInvoiceStatus, KwaiRole

CONTENT = "arrange"


@dataclass(frozen=True, slots=True)
class Judgement:
    """Why a shipment is not asked for now, and how the command answers that."""

    text: Refusal = NO_REFUSAL
    outcome: RowOutcome = RowOutcome.REFUSED


def arrange_problems(shipments: Sequence[Shipment]) -> dict[int, Refusal]:
    """Per shipment why it cannot be arranged, or what is so already; a constant number of queries."""
    return {pk: each.text for pk, each in _judged(shipments, _roles(shipments)).items()}


def arrangements_request(
    shipments: Sequence[Shipment], *, user: User | None, origin: Origin
) -> dict[int, RowResult]:
    """*Programar envio*, per shipment id. Where Kwai still waits for the note its push is asked for too, and
    the steps keep the order."""
    roles = _roles(shipments)
    judged = _judged(shipments, roles)
    able = [row for row in shipments if not judged[row.pk].text]
    first = _invoices_first(able, roles)
    asked = facts_request(requests=[*first, *map(arrange_request, able)], requested_by=user, origin=origin)
    results = {pk: RowResult(pk, each.outcome, each.text) for pk, each in judged.items()}
    results.update(push_requests.fact_rows([row.pk for row in able], asked[len(first) :]))
    return results


def arrange_request(shipment: Shipment) -> FactRequest:
    return FactRequest(
        store_id=shipment.store_id,
        kind=Kind.ARRANGE_SHIPMENT,
        subject=shipment.order.external_id,
        content=CONTENT,
        payload={"shipment_id": shipment.pk, "order_id": shipment.order_id},
    )


def invoices_of_concluded(shipments: Sequence[Shipment]) -> None:
    """Concluding what Kwai carries asks for its note, where Kwai holds none yet; no code is ever sent."""
    own = [row for row in shipments if row.is_channel_shipped]
    facts_request(requests=_invoices_first(own, roles_for([row.order for row in own])), origin=Origin.RULE)


def orders_may_be_arranged(order_ids: Collection[int], *, store_ids: Collection[int]) -> None:
    """Kwai has accepted the notes of these orders: pushes that waited for it go at once, and where the store
    (one of `store_ids`) arranges by itself, the shipments are asked for."""
    _wake(order_ids)
    rows = Shipment.objects.filter(
        order__in=order_ids, order__shipped_by=ShippedBy.CHANNEL, store__in=store_ids
    ).exclude(status__in=[ShipmentStatus.CANCELLED, ShipmentStatus.DELIVERED])
    ids = list(rows.values_list("pk", flat=True))
    if not ids:
        return
    found = push_requests.own_shipments(ids)
    roles = roles_for([row.order for row in found])
    due = [row for row in found if permit_of(Write.ARRANGE_SHIPMENT, row.order, roles) is Permit.YES]
    arrangements_request(due, user=None, origin=Origin.RULE)


def _wake(order_ids: Collection[int]) -> None:
    topics = Order.objects.filter(pk__in=order_ids, store__channel=CHANNEL_KEY)
    waiting = PushJob.objects.filter(
        store__in=topics.values("store_id"),
        subject__in=topics.values("external_id"),
        kind__in=(Kind.ARRANGE_SHIPMENT, Kind.SEND_TRACKING),
        state=JobState.PENDING,
        waiting_for=WaitReason.CHECK,
    )
    if found := list(waiting.values_list("pk", flat=True)):
        jobs_retry(job_ids=found)


def _roles(shipments: Sequence[Shipment]) -> Roles:
    return roles_for([row.order for row in shipments])


def _judged(shipments: Sequence[Shipment], roles: Roles) -> dict[int, Judgement]:
    waiting, unseen = (
        _waiting(shipments),
        invoices_unseen({row.invoice.pk: (row.invoice, row.order) for row in shipments if row.invoice}),
    )
    return {
        row.pk: _judge(
            row,
            roles,
            waiting.get((row.store_id, row.order.external_id)),
            is_unseen=row.invoice_id in unseen,
        )
        for row in shipments
    }


def _waiting(shipments: Sequence[Shipment]) -> dict[tuple[int, str], str]:
    """What the pushes that were asked for and have not ended wait for, by order at Kwai."""
    jobs = PushJob.objects.facts().filter(
        kind=Kind.ARRANGE_SHIPMENT,
        state__in=(JobState.PENDING, JobState.CLAIMED),
        store__in={row.store_id for row in shipments},
        subject__in={row.order.external_id for row in shipments},
    )
    return {
        (store_id, subject): text
        for store_id, subject, text in jobs.values_list("store_id", "subject", "last_error")
    }


def _judge(shipment: Shipment, roles: Roles, waits_for: str | None, *, is_unseen: bool) -> Judgement:
    if problem := _own_problem(shipment):
        return Judgement(problem)
    if shipment.channel_number:
        return Judgement(refusals.ARRANGED_WITH.of(number=shipment.channel_number), RowOutcome.ALREADY_DONE)
    order = shipment.order
    if permit_of(Write.ARRANGE_SHIPMENT, order, roles) is Permit.DONE:
        return Judgement(refusals.ARRANGED, RowOutcome.ALREADY_DONE)
    if waits_for is not None:
        why = waits_for.rstrip(".") or "na fila de envio"
        return Judgement(refusals.ARRANGE_ASKED.of(why=why), RowOutcome.ALREADY_QUEUED)
    if problem := push_requests.order_problem(order, shipment.store):
        return Judgement(problem)
    if problem := write_problem(Write.ARRANGE_SHIPMENT, order, roles):
        return Judgement(problem)
    if roles[order.store_id].get(order.remote_status) is not KwaiRole.TO_ARRANGE:
        return Judgement(_invoice_problem(shipment, is_unseen=is_unseen))
    return Judgement()


def _own_problem(shipment: Shipment) -> Refusal:
    if shipment.status == ShipmentStatus.CANCELLED:
        return CANCELLED
    if shipment.order.shipped_by == ShippedBy.SELLER:
        return refusals.SELLERS
    return NO_REFUSAL if shipment.is_channel_shipped else refusals.CHOOSE_SHIPPER


def _invoice_problem(shipment: Shipment, *, is_unseen: bool) -> Refusal:
    """What keeps Kwai from accepting a note for this order, as far as somebody here can change it. Its word
    on a note that another one has replaced (`is_unseen`) keeps nothing: the new one goes first."""
    if is_unseen:
        return invoice_problem(shipment)
    answer = getattr(shipment.order, "kwai_order", None)
    if answer is not None and answer.invoice_status == KwaiInvoiceStatus.REFUSED:
        reason = answer.invoice_refusal_reason.rstrip(". ") or "o Kwai não disse o motivo"
        return refusals.INVOICE_REFUSED.of(reason=reason)
    return invoice_problem(shipment)


def _invoices_first(shipments: Sequence[Shipment], roles: Roles) -> list[FactRequest]:
    """The notes that Kwai still waits for and would take."""
    return [
        push_requests.invoice_request(row.invoice, row.order)
        for row in shipments
        if row.invoice
        and not row.lacks_invoice
        and not _holds_invoice(row)
        and not push_requests.order_problem(row.order, row.store)
        and not write_problem(Write.UPLOAD_INVOICE, row.order, roles)
    ]


def _holds_invoice(shipment: Shipment) -> bool:
    answer = getattr(shipment.order, "kwai_order", None)
    held = (KwaiInvoiceStatus.RECEIVED, KwaiInvoiceStatus.ACCEPTED)
    return answer is not None and answer.invoice_status in held
