"""What stock adds to the shell: sidebar, home card and search."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse

from erp.catalog.models import Sku
from erp.stock.models import StockReservation
from erp.stock.selectors import balances_of
from erp.web import registry
from erp.web.requests import user_of


def register() -> None:
    registry.sidebar_register(
        section="cadastros", label="Estoque", url_name="stock:balances", icon="stack-2", order=12
    )
    registry.sidebar_register(
        section="cadastros", label="Depósitos", url_name="stock:warehouses", icon="home", order=14
    )
    registry.home_card_register(
        label="Produtos em falta", url_name="stock:balances", icon="stack-2", content=_waiting, order=25
    )
    registry.search_source_register(
        label="Estoque", url_name="stock:balances", icon="stack-2", search=_search
    )


def _waiting(request: HttpRequest) -> registry.CardContent | None:
    own = StockReservation.objects.waiting().filter(sku__company=user_of(request).company)
    count = own.values("sku_id").distinct().count()
    if not count:
        return None
    text = "SKUs com pedidos esperando" if count != 1 else "SKU com pedidos esperando"
    return registry.CardContent(count, text, "Ver estoque", "orange")


def _search(request: HttpRequest, text: str) -> Iterable[registry.SearchHit]:
    match = Q(code__icontains=text) | Q(product__name__icontains=text) | Q(gtin=text)
    own = Sku.objects.filter(match, company=user_of(request).company).select_related("product")
    found = list(own.order_by("code")[:10])
    balances = balances_of([sku.pk for sku in found])
    return [
        registry.SearchHit(
            label=str(sku),
            url=reverse("stock:sku", args=[sku.pk]),
            text=f"disponível: {balances[sku.pk].available if sku.pk in balances else 0}",
        )
        for sku in found
    ]
