"""What the Kwai integration adds to the shell."""

from __future__ import annotations

from erp.web import registry
from kwai_integration.attention import ORDERS_TO_RECEIVE, PUSHES_STOPPED, sources_register
from kwai_integration.conditions import conditions_register
from kwai_integration.demo.tour import tour_panel


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
