"""Markers of an order, derived from its pushes and from what Kwai last said; never stored."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse

from erp.channels import Badge, PageWarning, Panel, PanelStep
from erp.outbox.models import PushJob
from erp.outbox.selectors import Mark, jobs_done
from erp.outbox.statuses import WITHDRAWN_STATES, JobState
from erp.sales.models import Order, ShippedBy
from erp.sales.statuses import OrderStatus
from expedition import refusals
from expedition.models import Shipment
from kwai_integration.mapping.warnings import Warn, warning_text
from kwai_integration.models import CHANNEL_KEY, KwaiOrder
from kwai_integration.outbound import arranging
from kwai_integration.outbound.dispatched import codes_sent, dispatch_text
from kwai_integration.outbound.invoices import CANCELLED_BADGE, holds_cancelled
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
# Of what Kwai carries itself no push of ours says these, only Kwai does.
BY_LOGISTICS = {DONE[Kind.ARRANGE_SHIPMENT][0], DONE[Kind.SEND_TRACKING][0]}
BLOCKED = {
    Kind.SEND_INVOICE: "NF-e não enviada",
    Kind.ARRANGE_SHIPMENT: "envio não programado",
    Kind.SEND_TRACKING: "rastreio não enviado",
    Kind.CONFIRM_DELIVERY: "entrega não enviada",
}


def badges(order_ids: Sequence[int]) -> dict[int, list[Badge]]:
    """Two queries whatever the number of orders."""
    own = Order.objects.filter(pk__in=order_ids, store__channel=CHANNEL_KEY).exclude(external_id="")
    read = (
        "invoice_status",
        "invoice_refusal_reason",
        "remote_status",
        "remote_tracking_code",
        "external_id",
    )
    orders: list[Any] = list(
        own.annotate(chosen_role=chosen_role("kwai_order__"), holds_cancelled=holds_cancelled())
        .select_related("kwai_order")
        .only("store_id", "external_id", "shipped_by", *(f"kwai_order__{name}" for name in read))
    )
    topics = {(order.store_id, order.external_id): order.pk for order in orders}
    found: dict[int, list[Badge]] = defaultdict(list)
    for topic, marks in jobs_done(subjects=topics, kinds=list(Kind)).items():
        found[topics[topic]] = push_badges(marks)
    for order in orders:
        remote: KwaiOrder | None = getattr(order, "kwai_order", None)
        carried = order.is_channel_shipped
        if carried:
            found[order.pk] = [badge for badge in found[order.pk] if badge.label not in BY_LOGISTICS]
        if remote is not None:
            role = role_of(remote.remote_status, order.chosen_role)
            found[order.pk] += _answer_badges(remote, role, is_channel_shipped=carried)
        if order.holds_cancelled:
            found[order.pk].append(CANCELLED_BADGE)
    return dict(found)


def badge_counts(rows: QuerySet[Any], by: str) -> dict[Any, Counter[Badge]]:
    """As `badges`, counted by the field `by` of `rows`; two queries, of few columns: a group may hold
    thousands of orders, and most of them are told by the same few words."""
    own = rows.filter(store__channel=CHANNEL_KEY).exclude(order__external_id="")
    answer = "order__kwai_order__"
    members = own.annotate(
        chosen_role=chosen_role(answer), holds_cancelled=holds_cancelled("order__")
    ).values_list(
        "store_id",
        "order__external_id",
        by,
        "order__shipped_by",
        f"{answer}remote_status",
        "chosen_role",
        f"{answer}remote_tracking_code",
        f"{answer}invoice_status",
        "holds_cancelled",
    )
    holders: dict[tuple[int, str], tuple[Any, bool]] = {}
    answers: Counter[tuple[Any, ...]] = Counter()
    for store_id, subject, value, shipped_by, status, chosen, code, invoice_status, cancelled in members:
        carried = shipped_by == ShippedBy.CHANNEL
        holders[store_id, subject] = value, carried
        answers[value, carried, status, chosen, bool(code), invoice_status, cancelled] += 1
    found: dict[Any, Counter[Badge]] = defaultdict(Counter)
    for value, badge, count in chain(_pushes_counted(own, holders), _answers_counted(answers)):
        found[value][badge] += count
    return dict(found)


def _pushes_counted(
    own: QuerySet[Any], holders: Mapping[tuple[int, str], tuple[Any, bool]]
) -> Iterator[tuple[Any, Badge, int]]:
    jobs = PushJob.objects.filter(
        store__in={store_id for store_id, _ in holders},
        subject__in=own.values("order__external_id"),
        kind__in=list(Kind),
    )
    newest = jobs.newest().with_held_back_by()
    columns = ("store_id", "subject", "kind", "state", "held_back_by")
    counted = Counter(
        (holders[store_id, subject], kind, state, held_back_by)
        for store_id, subject, kind, state, held_back_by in newest.values_list(*columns)
        if (store_id, subject) in holders
    )
    in_steps = sorted(counted.items(), key=lambda item: Kind(item[0][1]).step)
    for ((value, carried), kind, state, held_back_by), count in in_steps:
        badge = _push_badge(Kind(kind), JobState(state), held_back_by)
        if not carried or badge.label not in BY_LOGISTICS:
            yield value, badge, count


def _answers_counted(answers: Mapping[tuple[Any, ...], int]) -> Iterator[tuple[Any, Badge, int]]:
    for (value, carried, status, chosen, is_numbered, invoice_status, cancelled), count in answers.items():
        if status is not None:
            kwai_order = KwaiOrder(remote_tracking_code="?" * is_numbered, invoice_status=invoice_status)
            role = role_of(status, chosen)
            for badge in _answer_badges(kwai_order, role, is_channel_shipped=carried):
                yield value, badge.bare, count
        if cancelled:
            yield value, CANCELLED_BADGE.bare, count


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


def _answer_badges(kwai_order: KwaiOrder, role: KwaiRole | None, *, is_channel_shipped: bool) -> list[Badge]:
    """What Kwai's last answer says of the order."""
    parcel = _parcel_badges(kwai_order, role) if is_channel_shipped else []
    return [*parcel, *_invoice_badges(kwai_order)]


def _parcel_badges(kwai_order: KwaiOrder, role: KwaiRole | None) -> list[Badge]:
    """What Kwai carries itself is sent when Kwai says so, with the carrier's first scan; no push of ours says
    it, and none that an earlier version made counts."""
    if role in SHIPPED_ROLES:
        label, colour = DONE[Kind.SEND_TRACKING]
        title, symbol = f"O {LOGISTICS_LABEL} coletou o pacote", SYMBOLS[Kind.SEND_TRACKING]
        return [Badge(label, colour, "check", title, symbol=symbol)]
    if kwai_order.remote_tracking_code:
        label, colour = DONE[Kind.ARRANGE_SHIPMENT]
        title = f"Número {kwai_order.remote_tracking_code}, do {LOGISTICS_LABEL}"
        return [Badge(label, colour, "check", title, symbol=SYMBOLS[Kind.ARRANGE_SHIPMENT])]
    return []


def push_badges(marks: Mapping[str, Mark]) -> list[Badge]:
    """What the pushes of one order say, in the order of the steps."""
    live = [mark for mark in marks.values() if mark.state not in WITHDRAWN_STATES]
    return [_job_badge(mark) for mark in sorted(live, key=lambda mark: Kind(mark.kind).step)]


def _job_badge(mark: Mark) -> Badge:
    badge = _push_badge(Kind(mark.kind), mark.state, mark.held_back_by)
    title = "Confirmado pelo Kwai" if mark.is_done else mark.text
    if mark.state != JobState.BLOCKED and not mark.held_back_by:
        title = title or "Na fila de envio"
    return replace(badge, title=title, link=reverse("kwai:job", args=[mark.job_id]))


def _push_badge(kind: Kind, state: JobState, held_back_by: str) -> Badge:
    symbol = SYMBOLS[kind]
    if state == JobState.DONE:
        label, colour = DONE[kind]
        return Badge(label, colour, "check", symbol=symbol)
    if state == JobState.BLOCKED:
        return Badge(BLOCKED[kind], "red", "alert-circle", symbol=symbol)
    if held_back_by:
        return Badge(HELD_BACK[Kind(held_back_by)], "orange", "clock", symbol=symbol)
    return Badge(WAITING[kind], "blue", "clock", symbol=symbol)


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
