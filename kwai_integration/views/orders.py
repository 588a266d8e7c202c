"""*Pedidos no e-commerce*: what the platform has, what came of it here, and what is missing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from erp.accounts.permissions import may
from erp.channels import RowOutcome, RowResult
from erp.sales.models import Order
from erp.sales.next_steps import orders_next_steps
from erp.search.finding import Matches, Search
from erp.web.lists import (
    LIVE_SECONDS,
    ChoiceFilter,
    Column,
    DateFilter,
    Empty,
    Filter,
    Link,
    ListAction,
    ListPage,
    NextListStep,
    Sort,
    Tab,
    since,
    until,
)
from erp.web.requests import text_of, user_of
from kwai_integration.inbound.checks import KwaiOrderAction, kwai_orders_check
from kwai_integration.inbound.import_filter import filter_refusal, waits_for_person
from kwai_integration.inbound.payload import Kept, answers_read
from kwai_integration.inbound.receive import kwai_orders_receive
from kwai_integration.inbound.refresh import kwai_orders_refresh
from kwai_integration.inbound.staging import MISSING_TEXTS
from kwai_integration.mapping.warnings import warning_text
from kwai_integration.models import FETCH_NEEDED, FORMER_FIELDS, KwaiOrder, KwaiOrderState
from kwai_integration.search import kwai_orders_found
from kwai_integration.situations import chosen_role, role_of, situation_label, situations
from kwai_integration.views.cards import OPEN_STATES
from kwai_integration.views.scope import STORE
from kwai_integration.wire.codes import PAID_ROLES, KwaiRole


def _status_choices(request: HttpRequest) -> list[tuple[str, str]]:
    """Those of the table, and the one the address asks for should it be none of them."""
    table, asked = situations(), text_of(request.GET, "status")
    known = [(row.code, row.label) for row in table.rows.values()]
    return known if not asked or asked in table.rows else [*known, (asked, table.label(asked))]


FILTERS = (
    STORE,
    ChoiceFilter("status", "Situação no Kwai", "remote_status", choices=_status_choices),
    DateFilter("since", "Desde", since("placed_at"), rare=True),
    DateFilter("until", "Até", until("placed_at"), rare=True),
)
CODE_CHANGED = (
    "Um código deste pedido foi mapeado de novo, e a resposta do Kwai não está mais guardada: use buscar no "
    "Kwai na página do pedido."
)
WAITING = ChoiceFilter(
    "waiting", "Espera por", lambda _: waits_for_person(), choices=(("you", "você"),), all_label="todos"
)


@dataclass(frozen=True, slots=True)
class KwaiOrderExtra:
    """`is_to_ship`: paid for and not sent, so that its deadline still has to be met."""

    state: KwaiOrderState
    status_text: str
    is_to_ship: bool
    notices: Sequence[str]


class KwaiOrderList(ListPage[KwaiOrder]):
    title = "Pedidos no e-commerce"
    pretitle = "Vendas"
    columns = (
        Column("Pedido no Kwai", "kwai/cells/order_number.html", export="external_id"),
        Column("Loja", "store.name", shown_from="wide", css="text-secondary"),
        Column("Data", "placed_at|ago", shown_from="md", css="text-secondary", sort="placed"),
        Column("Prazo", "kwai/cells/order_ship_by.html", sort="deadline", export="ship_by_at"),
        Column("Comprador", "buyer_name|person", css="wide-cell"),
        Column("Itens", "summary", shown_from="xxl", css="wide-cell text-secondary"),
        Column("Situação no Kwai", "extra.status_text", shown_from="md", css="medium-cell"),
        Column("No ERP", "kwai/cells/order_state.html", sort="state"),
        Column("Total", "total|money", numeric=True, sort="total"),
    )
    sorts = (
        Sort("placed", ("placed_at",), newest_first=True),
        Sort("deadline", ("ship_by_at",), nullable="ship_by_at"),
        Sort("state", ("state", "placed_at")),
        Sort("total", ("total",), newest_first=True),
    )
    order_by = ("-placed_at", "-pk")
    search_fields = ("external_id", "buyer_name", "summary")
    search_label = "número, comprador ou item"
    tabs = (
        Tab("all", "todos"),
        Tab("staged", "a receber", Q(state=KwaiOrderState.STAGED)),
        Tab("open", "com pendência", Q(state__in=OPEN_STATES)),
        Tab("unlinked", "item sem vínculo", Q(state=KwaiOrderState.UNLINKED)),
        Tab("received", "recebidos", Q(state=KwaiOrderState.RECEIVED)),
        Tab("quarantined", "com problema", Q(state=KwaiOrderState.QUARANTINED)),
    )
    actions = (
        ListAction("receive", "receber pedidos", "download", in_bar=True),
        ListAction("refresh", "sincronizar situação", "refresh", in_bar=True),
    )
    poll_seconds = LIVE_SECONDS

    @property
    def filters(self) -> tuple[Filter, ...]:
        """What waits for a person is asked for by a link, not in the bar: five fields fill it."""
        return (*FILTERS, WAITING) if self.request.GET.get(WAITING.name) else FILTERS

    @property
    def empty(self) -> Empty:
        return Empty(
            "Nenhum pedido chegou ainda",
            "Ative uma integração com o Kwai; os pedidos aparecem aqui sozinhos em segundos.",
            Link("Abrir Integrações", reverse("kwai:stores"), "plug"),
        )

    def queryset(self) -> QuerySet[KwaiOrder]:
        rows = KwaiOrder.objects.visible_to(user_of(self.request))
        rows = rows.annotate(chosen_role=chosen_role())
        return rows.select_related("store__kwai_settings", "order").defer(*FORMER_FIELDS)

    def watched(self) -> Sequence[QuerySet[Any]]:
        user = user_of(self.request)
        return [KwaiOrder.objects.visible_to(user), Order.objects.visible_to(user)]

    def matches(self, search: Search) -> Matches:
        return kwai_orders_found(search)

    def page_links(self) -> list[Link]:
        return [Link("Vincular itens", reverse("kwai:links"), "link")]

    def check(self, action: str, ids: Sequence[int]) -> Mapping[int, str]:
        return kwai_orders_check(KwaiOrderAction(action), ids)

    def run(self, action: str, ids: Sequence[int]) -> Iterable[RowResult]:
        do = kwai_orders_receive if action == "receive" else kwai_orders_refresh
        return do(ids=ids, actor=user_of(self.request))

    def next_steps(self, action: str, done: Sequence[int]) -> Sequence[NextListStep]:
        if action != "receive":
            return ()
        received = KwaiOrder.objects.filter(pk__in=done, order__isnull=False)
        return orders_next_steps(received.values_list("order_id", flat=True))

    def extras(self, objects: list[KwaiOrder]) -> Mapping[int, KwaiOrderExtra]:
        return {row.pk: _extra(row) for row in objects}

    def row_label(self, obj: KwaiOrder) -> str:
        return obj.external_id

    def row_url(self, obj: KwaiOrder) -> str:
        return reverse("kwai:order", args=[obj.pk])


@require_safe
def kwai_order_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """What Kwai answered, and why the order is where it is."""
    rows = KwaiOrder.objects.visible_to(user_of(request)).annotate(chosen_role=chosen_role())
    rows = rows.select_related("store__kwai_settings", "order").defer(*FORMER_FIELDS)
    row = get_object_or_404(rows, pk=pk)
    kept = answers_read([row.pk]).get(row.pk)
    context = {
        "row": row,
        "shown": _extra(row),
        "answer": _answer_text(kept) if kept else "",
        "never_answered": row.problem_code in MISSING_TEXTS,
        "answer_days": settings.KWAI_ANSWER_DAYS,
        "may_fetch": may(user_of(request), "kwai:order_fetch", "POST"),
        "waiting_for": row.waiting_for.filter(sku__isnull=True),
    }
    return render(request, "kwai/order.html", context)


@require_POST
def kwai_order_fetch(request: HttpRequest, pk: int) -> HttpResponse:
    """*Buscar no Kwai*: store what Kwai says of the order now, and take it over."""
    row = get_object_or_404(KwaiOrder.objects.visible_to(user_of(request)).only("pk"), pk=pk)
    for result in kwai_orders_refresh(ids=[row.pk], actor=user_of(request)):
        tell = messages.error if result.outcome is RowOutcome.REFUSED else messages.success
        tell(request, result.text)
    return redirect("kwai:order", pk=row.pk)


def _answer_text(kept: Kept) -> str:
    try:
        return json.dumps(kept.load(), ensure_ascii=False, indent=2)
    except ValueError:
        return "A resposta passou de 1 MB e foi guardada cortada."


def _extra(row: KwaiOrder) -> KwaiOrderExtra:
    """Of a row that was read with its `chosen_role`."""
    role = role_of(row.remote_status, row.chosen_role)  # type: ignore[attr-defined]
    return KwaiOrderExtra(
        state=KwaiOrderState(row.state),
        status_text=situation_label(row.remote_status, role),
        is_to_ship=role in PAID_ROLES,
        notices=_notices(row, role),
    )


def _notices(row: KwaiOrder, role: KwaiRole | None) -> list[str]:
    outside = filter_refusal(row, {row.store_id: {row.remote_status: role} if role else {}})
    behind = CODE_CHANGED if row.received_digest == FETCH_NEEDED else ""
    return [*filter(None, (outside, behind)), *(warning_text(code) for code in row.warnings)]
