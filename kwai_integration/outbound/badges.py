"""Markers of an order, derived from its pushes and from what Kwai last said; never stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from django.urls import reverse

from erp.channels import Badge, Panel
from erp.outbox.selectors import Mark, jobs_done
from erp.outbox.statuses import JobState
from erp.sales.models import Order
from kwai_integration.client.codes import INVOICE_STATUS_LABELS, KwaiInvoiceStatus
from kwai_integration.mapping.warnings import warning_text
from kwai_integration.models import CHANNEL_KEY, KwaiOrder
from kwai_integration.outbound.invoices import CANCELLED_BADGE, orders_with_cancelled_note
from kwai_integration.outbound.kinds import Kind
from kwai_integration.situations import situations

DONE = {
    Kind.SEND_INVOICE: ("dados da NF-e enviados", "purple"),
    Kind.SEND_TRACKING: ("rastreio enviado", "teal"),
    Kind.CONFIRM_DELIVERY: ("entregue e sincronizado", "green"),
}
WAITING = {
    Kind.SEND_INVOICE: "NF-e: aguardando Kwai",
    Kind.SEND_TRACKING: "rastreio: aguardando Kwai",
    Kind.CONFIRM_DELIVERY: "entrega: aguardando Kwai",
}
HELD_BACK = {
    Kind.SEND_INVOICE: "aguardando a NF-e recusada",
    Kind.SEND_TRACKING: "aguardando o rastreio recusado",
}
WITHDRAWN = (JobState.SUPERSEDED, JobState.CANCELLED)
BLOCKED = {
    Kind.SEND_INVOICE: "NF-e não enviada",
    Kind.SEND_TRACKING: "rastreio não enviado",
    Kind.CONFIRM_DELIVERY: "entrega não enviada",
}


def badges(order_ids: Sequence[int]) -> dict[int, list[Badge]]:
    """A constant number of queries whatever the number of orders."""
    orders = Order.objects.filter(pk__in=order_ids, store__channel=CHANNEL_KEY).exclude(external_id="")
    topics = {
        (store_id, external_id): pk
        for pk, store_id, external_id in orders.values_list("pk", "store_id", "external_id")
    }
    found: dict[int, list[Badge]] = defaultdict(list)
    for topic, marks in jobs_done(subjects=topics, kinds=list(Kind)).items():
        live = [mark for mark in marks.values() if mark.state not in WITHDRAWN]
        found[topics[topic]] = [
            _job_badge(mark) for mark in sorted(live, key=lambda mark: Kind(mark.kind).step)
        ]
    for kwai_order in KwaiOrder.objects.filter(order_id__in=topics.values()).only(
        "order_id", "external_id", "invoice_status", "invoice_refusal_reason"
    ):
        found[kwai_order.order_id or 0].extend(_invoice_badges(kwai_order))
    for order_id in orders_with_cancelled_note(list(topics.values())):
        found[order_id].append(CANCELLED_BADGE)
    return dict(found)


def panel(order_id: int) -> Panel | None:
    kwai_order = KwaiOrder.objects.filter(order_id=order_id).select_related("store").first()
    if kwai_order is None:
        return None
    rows = [
        ("Situação no Kwai", situations().label(kwai_order.remote_status)),
        ("Nota no Kwai", INVOICE_STATUS_LABELS.get(kwai_order.invoice_status, "—")),
        ("Rastreio no Kwai", kwai_order.remote_tracking_code or "—"),
    ]
    if kwai_order.invoice_refusal_reason:
        rows.append(("Motivo da recusa", kwai_order.invoice_refusal_reason))
    rows += [("Aviso", warning_text(code)) for code in kwai_order.warnings]
    return Panel(
        title="Kwai Shop",
        rows=rows,
        badges=badges([order_id]).get(order_id, []),
        link=f"{reverse('kwai:jobs')}?q={kwai_order.external_id}",
    )


def _job_badge(mark: Mark) -> Badge:
    kind = Kind(mark.kind)
    link = reverse("kwai:job", args=[mark.job_id])
    if mark.is_done:
        label, colour = DONE[kind]
        return Badge(label, colour, "check", "Confirmado pelo Kwai", link)
    if mark.state == JobState.BLOCKED:
        return Badge(BLOCKED[kind], "red", "alert-circle", mark.text, link)
    if mark.held_back_by:
        return Badge(HELD_BACK[Kind(mark.held_back_by)], "orange", "clock", mark.text, link)
    return Badge(WAITING[kind], "blue", "clock", mark.text or "Na fila de envio", link)


def _invoice_badges(kwai_order: KwaiOrder) -> list[Badge]:
    if kwai_order.invoice_status == KwaiInvoiceStatus.ACCEPTED:
        return [Badge("NF-e aceita", "green", "check", "O Kwai aceitou a nota fiscal")]
    if kwai_order.invoice_status == KwaiInvoiceStatus.REFUSED:
        link = f"{reverse('invoices:list')}?kwai={kwai_order.external_id}"
        return [Badge("NF-e recusada", "red", "alert-circle", kwai_order.invoice_refusal_reason, link)]
    return []
