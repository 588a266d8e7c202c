"""Asking the allow-list (`client.writes.may`) and saying its answer to operators.

What is known here greys menus and refuses commands; the order as read again right before a write decides.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from django.utils import timezone

from erp.outbox.errors import NotYet, PushRefused
from erp.outbox.models import PushJob
from erp.outbox.statuses import LONGEST_WAITS, JobState, WaitReason
from erp.refusals import NO_REFUSAL, Refusal
from erp.sales.models import UNREAD_LABELS, Order, RefundStatus
from kwai_integration import refusals
from kwai_integration.client.writes import Permit, Write, may
from kwai_integration.mapping.orders import MappedOrder
from kwai_integration.outbound.kinds import Kind
from kwai_integration.outbound.verdicts import at_text
from kwai_integration.situations import roles_of, situation_label
from kwai_integration.wire.codes import KwaiInvoiceStatus, KwaiRefundStatus, KwaiRole

Roles = Mapping[int, Mapping[str, KwaiRole]]

# How long a push rests before it looks again whether Kwai has accepted the note: often at first, as a review
# takes seconds to minutes.
FIRST_LOOKS = timedelta(seconds=20)
LATER_LOOKS = timedelta(minutes=5)
EAGER = timedelta(minutes=30)
# While a person has to say something, Kwai may move the order on by itself all the same.
RARE_LOOKS = LONGEST_WAITS[WaitReason.CHECK]

NOT_ACCEPTED = {
    Write.UPLOAD_INVOICE: "a NF-e não é mais aceita",
    Write.ARRANGE_SHIPMENT: "o envio não é programado",
    Write.SHIP_ORDER: "o código de rastreio não é aceito",
    Write.CONFIRM_DELIVERY: "a entrega não é aceita",
    Write.CANCEL_ORDER: "o cancelamento não é aceito",
}


def roles_for(orders: Collection[Order]) -> Roles:
    """The roles of the stores of `orders`; one query whatever their number."""
    return roles_of({order.store_id for order in orders})


def permit_of(write: Write, order: Order, roles: Roles) -> Permit:
    """The allow-list's answer by what is known here."""
    role = roles[order.store_id].get(order.remote_status)
    return may(write, role, hold=bool(order.hold_reason), refund=order.refund_open)


def write_problem(write: Write, order: Order, roles: Roles) -> Refusal:
    """Why `write` may not be asked for. What is done already, or has to wait for the note
    first, may be asked for."""
    role = roles[order.store_id].get(order.remote_status)
    label = situation_label(order.remote_status, role)
    return _text(permit_of(write, order, roles), write, order.remote_status, label, order.frozen_reason)


def remote_permit(write: Write, own: Order, remote: MappedOrder, *, job: PushJob) -> Permit:
    """YES or DONE by the order as Kwai has it now (`remote`), for a write about to be made.

    Raises `PushRefused` when the platform would not permit it, and `NotYet` while it looks at the
    note or nobody has said what the order's situation means.
    """
    _read_check(remote)
    released = own.refund_released_at is not None and remote.refund_status is KwaiRefundStatus.REFUNDED
    permit = may(
        write, remote.role, hold=bool(remote.hold_reason), refund=remote.refund_open and not released
    )
    if permit is Permit.NOT_YET:
        raise _waiting_for_invoice(remote, job)
    if permit is Permit.UNKNOWN:
        raise _waiting_for_person(remote)
    label = situation_label(remote.remote_status, remote.role)
    if problem := _text(permit, write, remote.remote_status, label, _remote_freeze(remote)):
        raise PushRefused(problem)
    return permit


def _read_check(remote: MappedOrder) -> None:
    if "remote_status" in remote.unread:
        raise PushRefused(refusals.SITUATION_UNREAD.of(part=UNREAD_LABELS["situation"]))


def _text(permit: Permit, write: Write, remote_status: str, label: str, frozen: Refusal) -> Refusal:
    match permit:
        case Permit.YES | Permit.DONE | Permit.NOT_YET:
            return NO_REFUSAL
        case Permit.UNKNOWN:
            return refusals.SITUATION_UNKNOWN.of(code=remote_status or "deste pedido")
        case Permit.HELD | Permit.REFUND:
            return frozen
        case Permit.FORBIDDEN:
            return refusals.NOT_PERMITTED.of(situation=label, write=NOT_ACCEPTED[write])


def _remote_freeze(remote: MappedOrder) -> Refusal:
    if remote.hold_reason:
        return refusals.REMOTE_HELD.of(reason=remote.hold_reason)
    if remote.refund_status is KwaiRefundStatus.REFUNDED:
        return refusals.REMOTE_REFUNDED.of(refund=RefundStatus.PAID.label)
    return refusals.REMOTE_REFUND_RUNS


def _waiting_for_invoice(remote: MappedOrder, job: PushJob) -> NotYet | PushRefused:
    if remote.invoice_status == KwaiInvoiceStatus.REFUSED:
        reason = remote.invoice_refusal_reason.rstrip(". ") or "o Kwai não disse o motivo"
        return PushRefused(refusals.INVOICE_REFUSED_FIRST.of(reason=reason))
    sent_at = _invoice_sent_at(job)
    text = "aguardando o Kwai aceitar a NF-e"
    if sent_at:
        text += f", enviada {at_text(sent_at)}"
    eager = timezone.now() - (sent_at or job.requested_at) < EAGER
    return NotYet(timezone.now() + (FIRST_LOOKS if eager else LATER_LOOKS), text, since=sent_at)


def _waiting_for_person(remote: MappedOrder) -> NotYet:
    """The answer in *Mapeamentos* wakes the push (`kwai_integration.inbound.reprocess`)."""
    text = (
        f"A situação {remote.remote_status} do Kwai não é conhecida: diga em Mapeamentos o que ela "
        "significa. Até lá nada é enviado; depois o envio segue sozinho."
    )
    return NotYet(timezone.now() + RARE_LOOKS, text, asks_person=True)


def _invoice_sent_at(job: PushJob) -> datetime | None:
    done = PushJob.objects.filter(
        store_id=job.store_id, subject=job.subject, kind=Kind.SEND_INVOICE, state=JobState.DONE
    )
    return done.order_by("-finished_at").values_list("finished_at", flat=True).first()
