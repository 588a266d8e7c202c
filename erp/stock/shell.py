"""What stock adds to the shell: sidebar, what needs a person, search."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from erp.accounts.models import User
from erp.attention import register as attention
from erp.attention.register import Severity
from erp.catalog.models import Sku
from erp.catalog.search import skus_found
from erp.search.finding import newest_first, search_of
from erp.stock.models import StockItem, StockReservation
from erp.stock.selectors import balances_of
from erp.web import registry
from erp.web.requests import company_of


def register() -> None:
    registry.sidebar_register(
        section="cadastros", label="Estoque", url_name="stock:balances", icon="stack-2", order=12
    )
    registry.sidebar_register(
        section="cadastros", label="Depósitos", url_name="stock:warehouses", icon="home", order=14
    )
    attention.register(
        attention.RowsSource(
            key="stock.skus_short",
            label="Produtos em falta",
            icon="stack-2",
            rows=_waiting,
            one="SKU com pedidos esperando",
            many="SKUs com pedidos esperando",
            repair="Ver estoque",
            url_name="stock:balances",
            query="tab=waiting",
            watched=_written,
            severity=Severity.WARNING,
            order=25,
        )
    )
    registry.search_source_register(
        label="Estoque", url_name="stock:balances", icon="stack-2", search=_search, order=50
    )


def _waiting(user: User) -> QuerySet[Sku]:
    waiting = StockReservation.objects.waiting().values("sku_id")
    return Sku.objects.filter(company=user.company, pk__in=waiting)


def _written(user: User) -> list[QuerySet[Any]]:
    """A reservation that holds nothing yet moves no balance: the newest of them are watched too."""
    own = {"sku__company": user.company_id}
    return [StockItem.objects.filter(**own), StockReservation.objects.filter(**own)]


def _search(request: HttpRequest, text: str) -> Iterable[registry.SearchHit]:
    own = Sku.objects.filter(company=company_of(request)).select_related("product").order_by("code")
    found = newest_first(own, skus_found(search_of(request, text)), registry.MOST_HITS + 1)
    balances = balances_of([sku.pk for sku in found])
    return [
        registry.SearchHit(
            label=str(sku),
            url=reverse("stock:sku", args=[sku.pk]),
            text=f"disponível: {balances[sku.pk].available if sku.pk in balances else 0}",
        )
        for sku in found
    ]
