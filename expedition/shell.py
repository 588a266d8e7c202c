"""What the expedição adds to the shell: sidebar, home card and search."""

from __future__ import annotations

from collections.abc import Iterable

from django.http import HttpRequest

from erp.web import registry
from erp.web.requests import user_of
from expedition.models import Shipment, ShipmentStatus
from expedition.selectors import shipments_matching


def register() -> None:
    registry.sidebar_register(
        section="vendas", label="Expedição", url_name="expedition:list", icon="truck", order=40
    )
    registry.home_card_register(
        label="Expedições pendentes", url_name="expedition:list", icon="truck", content=_pending, order=40
    )
    registry.search_source_register(
        label="Expedição", url_name="expedition:list", icon="truck", search=_search, order=40
    )


def _pending(request: HttpRequest) -> registry.CardContent:
    pending = Shipment.objects.visible_to(user_of(request)).filter(status=ShipmentStatus.PENDING)
    count = pending.count()
    text = "pedido espera na expedição" if count == 1 else "pedidos esperam na expedição"
    return registry.CardContent(count, text, "Abrir expedição", "blue" if count else "green")


def _search(request: HttpRequest, text: str) -> Iterable[registry.SearchHit]:
    found = Shipment.objects.visible_to(user_of(request)).filter(shipments_matching(text))
    return [
        registry.SearchHit(
            label=str(shipment),
            url=shipment.get_absolute_url(),
            text=f"Pedido {shipment.order.number} · {shipment.get_status_display()}",
        )
        for shipment in found.select_related("order").order_by("-pk")[:10]
    ]
