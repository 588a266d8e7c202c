"""Markers of an order, derived from its pushes and from what Kwai last said; never stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Exists, OuterRef
from django.urls import reverse

from erp.channels import Badge, PageWarning, Panel, PanelStep
from erp.outbox.selectors import Mark, jobs_done
from erp.outbox.statuses import JobState
from erp.sales.models import Order
from erp.sales.statuses import OrderStatus
from expedition import refusals
from expedition.models import Shipment
from invoices.models import Invoice, InvoiceStatus
from kwai_integration.mapping.warnings import Warn, warning_text
from kwai_integration.models import CHANNEL_KEY, KwaiOrder
from kwai_integration.outbound import arranging
from kwai_integration.outbound.dispatched import codes_sent, dispatch_text
from kwai_integration.outbound.invoices import CANCELLED_BADGE, orders_with_cancelled_invoice
from kwai_integration.outbound.kinds import Kind
from kwai_integration.outbound.next_step import next_step, work_read
from kwai_integration.outbound.push_requests import own_shipments
from kwai_integration.situations import chosen_role, role_of, roles_of, situation_label
from kwai_integration.wire.codes import (
    INVOICE_STATUS_LABELS,
    LOGISTICS_LABEL,
    SHIPPED_ROLES,
    KwaiInvoiceStatus,
    KwaiRole,
)

# The kind under which the timeline says that changed lines were not taken over.
LINES_KEPT = "lines_kept"
DONE = {
    Kind.SEND_INVOICE: ("dados da NF-e enviados", "purple"),
    Kind.ARRANGE_SHIPMENT: ("envio programado", "cyan"),
    Kind.SEND_TRACKING: ("rastreio enviado", "teal"),
    Kind.CONFIRM_DELIVERY: ("entregue e sincronizado", "green"),
}
WAITING = {
    Kind.SEND_INVOICE: "NF-e: aguardando Kwai",
    Kind.ARRANGE_SHIPMENT: "programação: aguardando Kwai",
    Kind.SEND_TRACKING: "rastreio: aguardando Kwai",
    Kind.CONFIRM_DELIVERY: "entrega: aguardando Kwai",
}
HELD_BACK = {
    Kind.SEND_INVOICE: "aguardando a NF-e recusada",
    Kind.ARRANGE_SHIPMENT: "aguardando a programação do envio",
    Kind.SEND_TRACKING: "aguardando o rastreio recusado",
}
# What lists show of each: the thing by its drawing, how it stands by its colour.
SYMBOLS = {
    Kind.SEND_INVOICE: "file-invoice",
    Kind.ARRANGE_SHIPMENT: "calendar",
    Kind.SEND_TRACKING: "truck",
    Kind.CONFIRM_DELIVERY: "home",
}
WITHDRAWN = (JobState.SUPERSEDED, JobState.CANCELLED)
BLOCKED = {
    Kind.SEND_INVOICE: "NF-e não enviada",
    Kind.ARRANGE_SHIPMENT: "envio não programado",
    Kind.SEND_TRACKING: "rastreio não enviado",
    Kind.CONFIRM_DELIVERY: "entrega não enviada",
}


def badges(order_ids: Sequence[int]) -> dict[int, list[Badge]]:
    """Two queries whatever the number of orders, and two more where a note was cancelled."""
    cancelled = Invoice.objects.filter(order=OuterRef("pk"), status=InvoiceStatus.CANCELLED)
    own = Order.objects.filter(pk__in=order_ids, store__channel=CHANNEL_KEY).exclude(external_id="")
    read = (
        "invoice_status",
        "invoice_refusal_reason",
        "remote_status",
        "remote_tracking_code",
        "external_id",
    )
    orders: list[Any] = list(
        own.annotate(chosen_role=chosen_role("kwai_order__"), was_cancelled=Exists(cancelled))
        .select_related("kwai_order")
        .only("store_id", "external_id", "shipped_by", *(f"kwai_order__{name}" for name in read))
    )
    topics = {(order.store_id, order.external_id): order.pk for order in orders}
    found: dict[int, list[Badge]] = defaultdict(list)
    for topic, marks in jobs_done(subjects=topics, kinds=list(Kind)).items():
        live = [mark for mark in marks.values() if mark.state not in WITHDRAWN]
        found[topics[topic]] = [
            _job_badge(mark) for mark in sorted(live, key=lambda mark: Kind(mark.kind).step)
        ]
    for order in orders:
        remote: KwaiOrder | None = getattr(order, "kwai_order", None)
        if remote is None:
            continue
        if order.is_channel_shipped:
            logistics_badges(found[order.pk], remote, role_of(remote.remote_status, order.chosen_role))
        found[order.pk].extend(_invoice_badges(remote))
    for order_id in orders_with_cancelled_invoice([order.pk for order in orders if order.was_cancelled]):
        found[order_id].append(CANCELLED_BADGE)
    return dict(found)


def panel(order_id: int) -> Panel | None:
    kwai_order = KwaiOrder.objects.filter(order_id=order_id).select_related("store", "order").first()
    if kwai_order is None:
        return None
    role = roles_of([kwai_order.store_id])[kwai_order.store_id].get(kwai_order.remote_status)
    rows = [
        ("Situação no Kwai", situation_label(kwai_order.remote_status, role)),
        ("Nota no Kwai", INVOICE_STATUS_LABELS.get(kwai_order.invoice_status, "—")),
        ("Rastreio no Kwai", kwai_order.remote_tracking_code or "—"),
        *_dispatch_rows(kwai_order, role),
    ]
    if kwai_order.invoice_refusal_reason:
        rows.append(("Motivo da recusa", kwai_order.invoice_refusal_reason))
    shown = [code for code in kwai_order.warnings if role is None or code != Warn.STATUS_UNKNOWN]
    rows += [("Aviso", warning_text(code)) for code in shown]
    order = kwai_order.order
    return Panel(
        title="Kwai Shop",
        rows=rows,
        badges=badges([order_id]).get(order_id, []),
        link=f"{reverse('kwai:jobs')}?q={kwai_order.external_id}",
        steps=_steps(kwai_order),
        next=next_step(order, role, kwai_order.invoice_status, work_read(order, _marks(order)))
        if order
        else None,
        short="o Kwai",
        warnings=_warnings(order, role) if order else (),
    )


def _marks(order: Order) -> Mapping[str, Mark]:
    subject = (order.store_id, order.external_id)
    return jobs_done(subjects=[subject], kinds=list(Kind)).get(subject, {})


def _warnings(order: Order, role: KwaiRole | None) -> list[PageWarning]:
    found = []
    if role is None and order.remote_status:
        url = reverse("kwai:store_step", args=[order.store_id, "mapeamentos"])
        text = (
            f"O Kwai mostra este pedido na situação {order.remote_status}, que ninguém mapeou. Até "
            "alguém dizer o que ela significa, nada é enviado."
        )
        found.append(PageWarning(text, "Abrir Mapeamentos", f"{url}#situation"))
    if order.status != OrderStatus.CANCELLED and not order.has_left:
        kept = order.events.filter(kind=LINES_KEPT).order_by("pk").last()
        found += [PageWarning(kept.text)] if kept else []
    return found


def _dispatch_rows(kwai_order: KwaiOrder, role: KwaiRole | None) -> list[tuple[str, str]]:
    """How the parcel came to be on its way, in the words of every other screen."""
    order = kwai_order.order
    if order is None:
        return []
    if order.is_channel_shipped:
        shipment = Shipment.objects.active().filter(order=order).for_screens().first()
        reissued = shipment.former_code_text if shipment else ""
        return [("Despacho", reissued or f"O {LOGISTICS_LABEL} cuida do rastreio.")]
    if role not in SHIPPED_ROLES:
        return []
    return [("Despacho", dispatch_text(order, kwai_order.remote_tracking_code, codes_sent([order])))]


def _steps(kwai_order: KwaiOrder) -> list[PanelStep]:
    """*Programar envio*, for what Kwai carries and has not numbered yet."""
    order = kwai_order.order
    if order is None or not order.is_channel_shipped:
        return []
    if order.has_left or order.status == OrderStatus.CANCELLED:
        return []
    active = Shipment.objects.active().filter(order=order).values_list("pk", flat=True)
    shipments = own_shipments(list(active))
    if not shipments:
        return [PanelStep("programar envio", "calendar", "", refusals.NO_INVOICE)]
    shipment = shipments[0]
    if shipment.channel_number:
        return []
    reason = arranging.arrange_problems(shipments)[shipment.pk]
    url = reverse("expedition:shipment_arrange", args=[shipment.pk])
    return [PanelStep("programar envio", "calendar", url, reason)]


def logistics_badges(own: list[Badge], kwai_order: KwaiOrder, role: KwaiRole | None) -> None:
    """What Kwai carries itself is sent when Kwai says so, with the carrier's first scan; no push of ours says
    it, and none that an earlier version made counts."""
    labels = {DONE[Kind.ARRANGE_SHIPMENT][0], DONE[Kind.SEND_TRACKING][0]}
    own[:] = [badge for badge in own if badge.label not in labels]
    if role in SHIPPED_ROLES:
        label, colour = DONE[Kind.SEND_TRACKING]
        title, symbol = f"O {LOGISTICS_LABEL} coletou o pacote", SYMBOLS[Kind.SEND_TRACKING]
        own.append(Badge(label, colour, "check", title, symbol=symbol))
    elif kwai_order.remote_tracking_code:
        label, colour = DONE[Kind.ARRANGE_SHIPMENT]
        title = f"Número {kwai_order.remote_tracking_code}, do {LOGISTICS_LABEL}"
        own.append(Badge(label, colour, "check", title, symbol=SYMBOLS[Kind.ARRANGE_SHIPMENT]))


def _job_badge(mark: Mark) -> Badge:
    kind = Kind(mark.kind)
    link, symbol = reverse("kwai:job", args=[mark.job_id]), SYMBOLS[kind]
    if mark.is_done:
        label, colour = DONE[kind]
        return Badge(label, colour, "check", "Confirmado pelo Kwai", link, symbol)
    if mark.state == JobState.BLOCKED:
        return Badge(BLOCKED[kind], "red", "alert-circle", mark.text, link, symbol)
    if mark.held_back_by:
        return Badge(HELD_BACK[Kind(mark.held_back_by)], "orange", "clock", mark.text, link, symbol)
    return Badge(WAITING[kind], "blue", "clock", mark.text or "Na fila de envio", link, symbol)


def _invoice_badges(kwai_order: KwaiOrder) -> list[Badge]:
    if kwai_order.invoice_status == KwaiInvoiceStatus.ACCEPTED:
        return [
            Badge("NF-e aceita", "green", "check", "O Kwai aceitou a nota fiscal", symbol="clipboard-check")
        ]
    if kwai_order.invoice_status == KwaiInvoiceStatus.REFUSED:
        link = f"{reverse('invoices:list')}?remote={kwai_order.external_id}"
        return [
            Badge("NF-e recusada", "red", "alert-circle", kwai_order.invoice_refusal_reason, link, "circle-x")
        ]
    return []
