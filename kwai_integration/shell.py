"""What the Kwai integration adds to the shell."""

from __future__ import annotations

from collections.abc import Iterable

from django.http import HttpRequest
from django.urls import reverse

from erp.search.finding import newest_first, search_of
from erp.web import registry
from erp.web.requests import user_of
from kwai_integration.attention import ORDERS_TO_RECEIVE, PUSHES_STOPPED, sources_register
from kwai_integration.conditions import conditions_register
from kwai_integration.demo.tour import tour_panel
from kwai_integration.models import KwaiOrder, KwaiOrderState
from kwai_integration.search import kwai_orders_found


def register() -> None:
    sources_register()
    conditions_register()
    registry.home_panel_register(template="kwai/tour.html", url_name="kwai:tour", context=tour_panel)
    registry.sidebar_register(
        section="início", label="Integrações", url_name="kwai:stores", icon="plug", order=10
    )
    registry.sidebar_register(
        section="vendas",
        label="Pedidos no e-commerce",
        url_name="kwai:orders",
        icon="building-store",
        order=10,
        attention=ORDERS_TO_RECEIVE,
    )
    registry.sidebar_register(
        section="vendas",
        label="Envios ao Kwai",
        url_name="kwai:jobs",
        icon="send",
        order=50,
        attention=PUSHES_STOPPED,
    )
    registry.search_source_register(
        label="Pedidos no e-commerce, ainda não recebidos",
        url_name="kwai:orders",
        icon="building-store",
        search=_search,
        order=20,
    )


def _search(request: HttpRequest, text: str) -> Iterable[registry.SearchHit]:
    """Those that are no sales order yet: the others are found as such."""
    own = KwaiOrder.objects.visible_to(user_of(request)).filter(order__isnull=True)
    found = kwai_orders_found(search_of(request, text))
    newest = own.defer("payload", "payload_bytes").order_by("-placed_at", "-pk")
    return [
        registry.SearchHit(
            label=f"Pedido {row.external_id}",
            url=reverse("kwai:order", args=[row.pk]),
            text=f"{row.buyer_name} · {KwaiOrderState(row.state).label}",
        )
        for row in newest_first(newest, found, registry.MOST_HITS + 1)
    ]
