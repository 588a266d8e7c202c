"""What sales adds to the shell: sidebar, what needs a person, search."""

from __future__ import annotations

from collections.abc import Iterable

from django.http import HttpRequest
from django.urls import reverse

from erp.accounts.models import User
from erp.attention import register as attention
from erp.sales.models import Order, OrderQuerySet
from erp.sales.search import orders_found
from erp.sales.statuses import TO_SHIP
from erp.search.finding import newest_first, search_of
from erp.web import registry
from erp.web.requests import user_of


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
        label="Pedidos de venda", url_name="sales:orders", icon="shopping-cart", search=_search, order=10
    )


def _to_ship(user: User) -> OrderQuerySet:
    # The company is what the index begins with.
    return Order.objects.visible_to(user).filter(company=user.company, status__in=TO_SHIP)


def _search(request: HttpRequest, text: str) -> Iterable[registry.SearchHit]:
    own = Order.objects.visible_to(user_of(request)).select_related("buyer", "store")
    found = orders_found(search_of(request, text))
    return [
        registry.SearchHit(
            label=f"Pedido {order.number}",
            url=reverse("sales:order", args=[order.pk]),
            text=f"{getattr(order, 'buyer', '')} · {order.store.name} {order.external_id}",
        )
        for order in newest_first(own.order_by("-placed_at", "-pk"), found, registry.MOST_HITS + 1)
    ]
