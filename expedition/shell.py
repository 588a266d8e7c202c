"""What the expedição adds to the shell: sidebar, what needs a person, search."""

from __future__ import annotations

from collections.abc import Iterable

from django.http import HttpRequest

from erp.accounts.models import User
from erp.attention import register as attention
from erp.search.finding import newest_first, search_of
from erp.web import registry
from erp.web.requests import user_of
from expedition.models import Shipment, ShipmentQuerySet, ShipmentStatus
from expedition.search import shipments_found_by


def register() -> None:
    registry.sidebar_register(
        section="vendas", label="Expedição", url_name="expedition:list", icon="truck", order=40
    )
    attention.register(
        attention.RowsSource(
            key="expedition.shipments_pending",
            label="Expedições pendentes",
            icon="truck",
            rows=_pending,
            one="pedido espera na expedição",
            many="pedidos esperam na expedição",
            repair="Abrir expedição",
            url_name="expedition:list",
            query="agrupamentos=pedidos&tab=pendentes",
            watched=lambda user: [Shipment.objects.visible_to(user)],
            order=40,
        )
    )
    registry.search_source_register(
        label="Expedição",
        url_name="expedition:list",
        icon="truck",
        search=_search,
        order=40,
        query="agrupamentos=pedidos",
    )


def _pending(user: User) -> ShipmentQuerySet:
    # The company is what the index begins with.
    own = Shipment.objects.visible_to(user).filter(company=user.company)
    return own.filter(status=ShipmentStatus.PENDING)


def _search(request: HttpRequest, text: str) -> Iterable[registry.SearchHit]:
    own = Shipment.objects.visible_to(user_of(request)).select_related("order").order_by("-pk")
    found = shipments_found_by(search_of(request, text))
    return [
        registry.SearchHit(
            label=str(shipment),
            url=shipment.get_absolute_url(),
            text=f"Pedido {shipment.order.number} · {shipment.get_status_display()}",
        )
        for shipment in newest_first(own, found, registry.MOST_HITS + 1)
    ]
