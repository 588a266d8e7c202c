"""What the timeline says of an answer: its sentences, and each said once for the same content."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence

from django.urls import reverse

from erp.sales.models import OPEN_LINES, UNREAD_LABELS, Order, OrderEvent
from erp.sales.services import EventDraft
from erp.sales.statuses import OrderStatus
from expedition.models import Package, Shipment
from kwai_integration.inbound.orders.lines import LINE_FIELDS
from kwai_integration.inbound.orders.rules import EMPTIED, LINKS, IncomingOrder, Rules
from kwai_integration.mapping.orders import MappedOrder
from kwai_integration.outbound.badges import LINES_KEPT
from kwai_integration.outbound.dispatched import codes_sent, dispatch_text, is_sent_by_us
from kwai_integration.situations import situations
from kwai_integration.wire.codes import SHIPPED_ROLES, KwaiRole

UNMAPPED = "unmapped"
SHIPPED_ELSEWHERE = "shipped_elsewhere"
UNREAD_EVENT = "kwai.unread"
# What may be sent follows the role: a code with one is held back by no missing mapping.
NOTHING_SENT = ", e até lá nada é enviado"
OPEN_LINES_OVER = {
    LINKS: "Todos os itens do pedido têm vínculo.",
    EMPTIED: "O pedido voltou a ter itens no Kwai.",
}


def received_event(order: Order, entry: IncomingOrder, rules: Rules) -> EventDraft:
    remote = entry.mapped.remote_status
    if rules.situation(entry.store.pk, remote) is None:
        role = rules.role(entry.store.pk, remote)
        return unmapped_event(order, remote, role, f"Pedido {entry.mapped.external_id} recebido do Kwai. ")
    text = (
        f"Pedido {entry.mapped.external_id} recebido do Kwai: "
        f"{situations().label(remote)} → {OrderStatus(order.status).label}"
    )
    return EventDraft(order.pk, "received", text, data={"remote_status": remote})


def unmapped_event(order: Order, remote: str, role: KwaiRole | None, before: str = "") -> EventDraft:
    ends = "" if role else NOTHING_SENT
    text = (
        f"{before}A situação {remote} do Kwai não está mapeada e a situação daqui não foi mudada. Diga em "
        f"Integrações › Mapeamentos o que ela significa; o pedido segue sozinho{ends}."
    )
    link = reverse("kwai:store_step", args=[order.store_id, "mapeamentos"])
    return EventDraft(order.pk, UNMAPPED, text, link=f"{link}#situation", data={"remote_status": remote})


def hold_event(order: Order) -> EventDraft:
    text = (
        f"O Kwai pede para segurar o pedido: {order.hold_reason}"
        if order.hold_reason
        else "O Kwai liberou o pedido que estava retido."
    )
    return EventDraft(order.pk, "hold", text)


def unread_event(order: Order, parts: list[str]) -> EventDraft:
    """`parts` take the place of the order's unread parts."""
    return EventDraft(order.pk, UNREAD_EVENT, _unread_text(parts, order.unread_parts), data={"parts": parts})


def changed_events(changes: Mapping[int, Sequence[str]]) -> list[EventDraft]:
    return [
        EventDraft(order_id, "platform_change", f"Atualizado pelo Kwai: {', '.join(labels)}.")
        for order_id, labels in changes.items()
        if labels
    ]


def kept_remark(order_id: int, mapped: MappedOrder, amounts: Mapping[str, int]) -> EventDraft:
    content = json.dumps([amounts, [[getattr(line, name) for name in LINE_FIELDS] for line in mapped.lines]])
    return EventDraft(
        order_id,
        LINES_KEPT,
        "O Kwai mudou itens ou valores depois da nota fiscal ou da saída do estoque; os daqui foram "
        "mantidos. Confira o pedido no Kwai antes de enviar.",
        data={"content": hashlib.sha256(content.encode()).hexdigest()},
    )


def shipped_elsewhere(incoming: Sequence[IncomingOrder], orders: Mapping[int, Order]) -> list[EventDraft]:
    """The platform has the parcel on its way under a number that is not ours; two queries at most."""
    away = [
        (orders[entry.row.order_id or 0], entry.mapped.tracking_code)
        for entry in incoming
        if entry.mapped.role in SHIPPED_ROLES and entry.mapped.tracking_code
    ]
    away = [(order, code) for order, code in away if not order.is_channel_shipped]
    if not away:
        return []
    codes, sent = _own_codes([order.pk for order, _ in away]), codes_sent([order for order, _ in away])
    return [
        EventDraft(order.pk, SHIPPED_ELSEWHERE, dispatch_text(order, code, sent), data={"code": code})
        for order, code in away
        if code not in codes.get(order.pk, ()) and not is_sent_by_us(order, code, sent)
    ]


def unsaid(remarks: Sequence[EventDraft]) -> list[EventDraft]:
    if not remarks:
        return []
    said = OrderEvent.objects.filter(
        order_id__in=[draft.order_id for draft in remarks], kind__in={draft.kind for draft in remarks}
    ).values_list("order_id", "kind", "data")
    known = {(order_id, kind, json.dumps(data)) for order_id, kind, data in said}
    return [draft for draft in remarks if (draft.order_id, draft.kind, json.dumps(draft.data)) not in known]


def _unread_text(parts: Sequence[str], before: Sequence[str]) -> str:
    said: list[str] = [OPEN_LINES[part] for part in parts if part in OPEN_LINES and part not in before]
    said += [text for part, text in OPEN_LINES_OVER.items() if part in before and part not in parts]
    labels, known = (
        ", ".join(UNREAD_LABELS.get(part, part) for part in listed if part not in OPEN_LINES)
        for listed in (parts, before)
    )
    if labels and labels != known:
        said.append(
            f"Parte da última resposta do Kwai não pôde ser lida: {labels}. Vale o que já estava aqui; "
            "confira o pedido no Kwai."
        )
    elif known and not labels:
        said.append("A resposta do Kwai voltou a ser lida por inteiro.")
    return " ".join(said)[:500]


def _own_codes(order_ids: Sequence[int]) -> dict[int, set[str]]:
    codes: dict[int, set[str]] = defaultdict(set)
    packages = Package.objects.filter(shipment__in=Shipment.objects.active().filter(order_id__in=order_ids))
    for order_id, code in packages.values_list("shipment__order_id", "tracking_code"):
        codes[order_id].add(code)
    return codes
