"""Whose the next step of an order is, what it is, and the page where an operator takes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.urls import reverse

from erp.channels import NextStep, Owner
from erp.outbox.selectors import Mark
from erp.outbox.statuses import JobState
from erp.sales.models import Order, RefundStatus, ShippedBy
from erp.stock.services import lines_shipped_out
from expedition.models import Shipment
from invoices.models import ISSUED, Invoice
from kwai_integration.outbound.invoices import invoices_unseen
from kwai_integration.outbound.kinds import Kind
from kwai_integration.wire.codes import PAID_ROLES, SHIPPED_ROLES, KwaiInvoiceStatus, KwaiRole

REFUSED = KwaiInvoiceStatus.REFUSED
NOBODYS = NextStep(Owner.NOBODY, "Nada: o pedido terminou.")
FROZEN = NextStep(Owner.YOU, "Resolver o que mantém o pedido parado, no alto desta página.")
HELD = NextStep(Owner.CHANNEL, "Liberar o pedido, que ele pede para segurar.")
REFUND_ASKED = NextStep(Owner.CHANNEL, "Decidir o reembolso que o comprador pediu.")
WHO_CARRIES = NextStep(Owner.YOU, "Dizer quem leva o pacote.")
ACCEPT_INVOICE = NextStep(Owner.CHANNEL, "Aceitar a NF-e, que está em análise.")
WAITING = {
    Kind.SEND_INVOICE: "Enviar a NF-e ao Kwai, que está na fila.",
    Kind.ARRANGE_SHIPMENT: "Programar o envio no Kwai, que está na fila.",
    Kind.SEND_TRACKING: "Enviar o código de rastreio ao Kwai, que está na fila.",
}
BLOCKED = {
    Kind.SEND_INVOICE: "Resolver o envio da NF-e, que parou.",
    Kind.ARRANGE_SHIPMENT: "Resolver a programação do envio, que parou.",
    Kind.SEND_TRACKING: "Resolver o envio do código de rastreio, que parou.",
}


BY_ROLE: Mapping[KwaiRole, NextStep] = {
    KwaiRole.AWAITING_PAYMENT: NextStep(Owner.BUYER, "Pagar."),
    KwaiRole.SHIPPED: NextStep(Owner.CARRIER, "Entregar. Quando souber que chegou, marque como entregue."),
    KwaiRole.DELIVERED: NOBODYS,
    KwaiRole.COMPLETED: NOBODYS,
    KwaiRole.CLOSED: NOBODYS,
}


@dataclass(frozen=True, slots=True)
class OrderWork:
    """What is known here of one order: its note in force and whether Kwai has judged another one, its
    shipment in force, its latest pushes by kind, and whether goods of it are out of stock."""

    invoice: Invoice | None = None
    shipment: Shipment | None = None
    marks: Mapping[str, Mark] = field(default_factory=dict)
    is_away: bool = True
    is_unseen: bool = False


def work_read(order: Order, marks: Mapping[str, Mark]) -> OrderWork:
    """A constant number of queries."""
    rows = Invoice.objects.filter(order=order).exclude(status__in=("cancelled", "rejected"))
    invoice = rows.first()
    return OrderWork(
        invoice,
        Shipment.objects.active().filter(order=order).first(),
        marks,
        bool(lines_shipped_out(order.lines.values_list("pk", flat=True))),
        is_unseen=bool(invoice and invoices_unseen({invoice.pk: (invoice, order)})),
    )


def next_step(
    order: Order, role: KwaiRole | None, invoice_status: str, work: OrderWork | None = None
) -> NextStep:
    """For the order's page; `invoice_status` is what Kwai last said of the note."""
    work = work or OrderWork()
    if role is None:
        return _unmapped(order)
    if order.refund_open and role in SHIPPED_ROLES:
        return _return_step(order, work)
    if order.frozen_reason and (role in PAID_ROLES or order.handover_unclear):
        return _frozen_step(order)
    if role is KwaiRole.AWAITING_INVOICE:
        return _invoice_step(order, invoice_status, work)
    return BY_ROLE.get(role) or _parcel_step(order, role, work)


def _frozen_step(order: Order) -> NextStep:
    """A hold and a refund that is only asked for end at Kwai; the rest ends by a decision here."""
    if order.hold_reason:
        return HELD
    if order.refund_open and order.refund_status != RefundStatus.PAID:
        return REFUND_ASKED
    return FROZEN


def _unmapped(order: Order) -> NextStep:
    text = f"Dizer em Mapeamentos o que a situação {order.remote_status} significa. Até lá nada é enviado."
    url = reverse("kwai:store_step", args=[order.store_id, "mapeamentos"]) if order.store_id else ""
    return NextStep(Owner.YOU, text, "Abrir Mapeamentos", "plug", f"{url}#situation" if url else "")


def _return_step(order: Order, work: OrderWork) -> NextStep:
    if order.refund_status == RefundStatus.PAID and not work.is_away:
        return NOBODYS
    if order.refund_status == RefundStatus.PAID:
        return NextStep(Owner.YOU, "Conferir a mercadoria, se o pacote voltar.")
    return NextStep(Owner.YOU, "Acompanhar a devolução no Kwai.")


def _invoice_step(order: Order, invoice_status: str, work: OrderWork) -> NextStep:
    invoice = work.invoice
    if invoice_status == KwaiInvoiceStatus.RECEIVED:
        return ACCEPT_INVOICE
    if invoice_status == KwaiInvoiceStatus.ACCEPTED:
        return NextStep(Owner.CHANNEL, "Passar o pedido adiante: a NF-e já foi aceita.")
    if invoice is None:
        return _issue(order)
    is_refused = invoice_status == REFUSED and not work.is_unseen
    pushed = None if work.is_unseen and _is_done(work) else _pushed(Kind.SEND_INVOICE, work, ACCEPT_INVOICE)
    if pushed and not (is_refused and pushed is ACCEPT_INVOICE):
        return pushed
    if is_refused:
        text = "Corrigir ou trocar a NF-e que o Kwai recusou, e enviar de novo."
        return NextStep(Owner.YOU, text, "Corrigir nota fiscal", "tool", _invoice_url(invoice))
    if invoice.status not in ISSUED:
        text = "Conferir a NF-e, que ainda não foi autorizada."
        return NextStep(Owner.YOU, text, "Abrir nota fiscal", "file-invoice", _invoice_url(invoice))
    return NextStep(Owner.YOU, "Enviar a NF-e.", "Enviar nota fiscal", "send", _invoice_url(invoice))


def _is_done(work: OrderWork) -> bool:
    """The latest push of a note was confirmed."""
    mark = work.marks.get(Kind.SEND_INVOICE)
    return mark is not None and mark.is_done


def _issue(order: Order) -> NextStep:
    url = f"{reverse('invoices:issue')}?order={order.pk}" if order.pk else ""
    return NextStep(Owner.YOU, "Gerar a NF-e.", "Gerar nota fiscal", "file-invoice", url)


def _parcel_step(order: Order, role: KwaiRole, work: OrderWork) -> NextStep:
    shipper, shipment = ShippedBy(order.shipped_by), work.shipment
    if shipper is ShippedBy.UNKNOWN:
        return WHO_CARRIES
    if order.pk and role is KwaiRole.TO_ARRANGE and work.invoice is None and shipment is None:
        return _invoice_from_elsewhere()
    url = reverse("expedition:shipment", args=[shipment.pk]) if shipment else ""
    if shipper is ShippedBy.CHANNEL and role is KwaiRole.TO_ARRANGE:
        pushed = _pushed(Kind.ARRANGE_SHIPMENT, work, NextStep(Owner.CHANNEL, "Dar o número do envio."))
        return pushed or NextStep(Owner.YOU, "Programar o envio.", "Abrir expedição", "truck-delivery", url)
    if shipper is ShippedBy.CHANNEL:
        return _pickup_step(shipment, url)
    reported = NextStep(Owner.CARRIER, "Levar o pacote; o Kwai mostra enviado depois disso.")
    if role is not KwaiRole.TO_ARRANGE:
        return reported
    text = "Concluir a expedição e enviar o código de rastreio."
    return _pushed(Kind.SEND_TRACKING, work, reported) or NextStep(
        Owner.YOU, text, "Abrir expedição", "truck-delivery", url
    )


def _pickup_step(shipment: Shipment | None, url: str) -> NextStep:
    if shipment and shipment.concluded_at:
        return NextStep(Owner.CARRIER, "Coletar o pacote; o Kwai mostra enviado quando ele for lido.")
    text = "Imprimir a etiqueta e concluir a coleta. O Kwai mostra enviado quando o pacote for lido."
    return NextStep(Owner.YOU, text, "Imprimir etiqueta", "tag", url)


def _invoice_from_elsewhere() -> NextStep:
    """Kwai has a note that is not here: another one must not be issued."""
    text = "Trazer o XML da NF-e que o Kwai já tem; a expedição abre com ele."
    return NextStep(Owner.YOU, text, "Enviar XML da nota", "upload", reverse("invoices:upload"))


def _pushed(kind: Kind, work: OrderWork, done: NextStep) -> NextStep | None:
    """The step while a push of `kind` waits, is blocked or was confirmed; None when none is asked for."""
    mark = work.marks.get(kind)
    if mark is None or mark.state in (JobState.SUPERSEDED, JobState.CANCELLED):
        return None
    if mark.state == JobState.BLOCKED:
        url = reverse("kwai:job", args=[mark.job_id])
        return NextStep(Owner.YOU, BLOCKED[kind], "Resolver envio parado", "alert-circle", url)
    return done if mark.is_done else NextStep(Owner.ERP, WAITING[kind])


def _invoice_url(invoice: Invoice) -> str:
    return reverse("invoices:detail", args=[invoice.pk])
