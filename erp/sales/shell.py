"""What sales adds to the shell: sidebar, home card and search."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse

from erp.sales.models import Order
from erp.sales.statuses import OrderStatus
from erp.web import registry
from erp.web.requests import id_of, user_of

TO_SHIP = (OrderStatus.APPROVED, OrderStatus.PREPARING, OrderStatus.INVOICED, OrderStatus.READY_TO_SHIP)


def register() -> None:
    registry.sidebar_register(
        section="vendas", label="Pedidos de venda", url_name="sales:orders", icon="shopping-cart", order=20
    )
    for order, (label, url_name, icon) in enumerate(
        (
            ("Formas de envio", "sales:shipping_methods", "truck-delivery"),
            ("Transportadoras", "sales:carriers", "truck"),
            ("Formas de recebimento", "sales:payment_methods", "credit-card"),
        )
    ):
        registry.sidebar_register(
            section="cadastros", label=label, url_name=url_name, icon=icon, order=20 + order
        )
    registry.home_card_register(
        label="Pedidos para enviar", url_name="sales:orders", icon="shopping-cart", content=_to_ship, order=20
    )
    registry.search_source_register(
        label="Pedidos de venda", url_name="sales:orders", icon="shopping-cart", search=_search
    )


def _to_ship(request: HttpRequest) -> registry.CardContent:
    count = Order.objects.visible_to(user_of(request)).filter(status__in=TO_SHIP).count()
    text = "pedidos pagos ainda não enviados" if count != 1 else "pedido pago ainda não enviado"
    return registry.CardContent(count, text, "Ver pedidos", "blue" if count else "green")


def _search(request: HttpRequest, text: str) -> Iterable[registry.SearchHit]:
    match = Q(external_id=text) | Q(buyer__name__icontains=text)
    if (number := id_of(text)) is not None:
        match |= Q(number=number)
    found = Order.objects.visible_to(user_of(request)).filter(match).select_related("buyer", "store")
    return [
        registry.SearchHit(
            label=f"Pedido {order.number}",
            url=reverse("sales:order", args=[order.pk]),
            text=f"{order.buyer.name} · {order.store.name} {order.external_id}",
        )
        for order in found.order_by("-placed_at", "-pk")[:10]
    ]
