"""What sales adds to the shell: sidebar, what needs a person, search."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse

from erp.accounts.models import User
from erp.attention import register as attention
from erp.sales.models import Order, OrderQuerySet
from erp.sales.statuses import TO_SHIP
from erp.web import registry
from erp.web.requests import id_of, user_of


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
    attention.register(
        attention.RowsSource(
            key="sales.orders_to_ship",
            label="Pedidos para enviar",
            icon="shopping-cart",
            rows=_to_ship,
            one="pedido pago ainda não enviado",
            many="pedidos pagos ainda não enviados",
            repair="Ver pedidos",
            url_name="sales:orders",
            query="tab=to_ship",
            watched=lambda user: [Order.objects.visible_to(user)],
            order=20,
        )
    )
    registry.search_source_register(
        label="Pedidos de venda", url_name="sales:orders", icon="shopping-cart", search=_search
    )


def _to_ship(user: User) -> OrderQuerySet:
    # The company is what the index begins with.
    return Order.objects.visible_to(user).filter(company=user.company, status__in=TO_SHIP)


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
