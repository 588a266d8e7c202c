"""Orders, stores and ways of shipping a user may reach."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone

from erp.accounts.models import Store, StoreQuerySet
from erp.sales.models import Order, ShippingMethod
from erp.web.lists import ChoiceFilter
from erp.web.lists.declarations import day_begin
from erp.web.requests import company_of, user_of


def order_or_404(request: HttpRequest, pk: int) -> Order:
    rows = Order.objects.visible_to(user_of(request)).select_related(
        "store", "buyer", "address", "shipping_method", "carrier", "payment_method"
    )
    return get_object_or_404(rows, pk=pk)


def stores_of(request: HttpRequest) -> list[tuple[int, str]]:
    return list(_stores(request).order_by("name").values_list("pk", "name"))


def shipping_methods_of(request: HttpRequest) -> list[tuple[int, str]]:
    return list(_shipping_methods(request).order_by("name").values_list("pk", "name"))


STORE = ChoiceFilter(
    "store", "Loja", "store_id", choices=stores_of, read_from=lambda request: [_stores(request)]
)
SHIPPING_METHOD = ChoiceFilter(
    "method",
    "Forma de envio",
    "shipping_method_id",
    choices=shipping_methods_of,
    read_from=lambda request: [_shipping_methods(request)],
)


def _stores(request: HttpRequest) -> StoreQuerySet:
    return Store.objects.visible_to(user_of(request))


def _shipping_methods(request: HttpRequest) -> QuerySet[ShippingMethod]:
    return ShippingMethod.objects.filter(company=company_of(request))


def deadline_filter(to_ship: Q) -> ChoiceFilter:
    """The filter *prazo* of rows with `ship_by_at`; `to_ship` keeps those that are still to be sent."""

    def condition(wanted: str) -> Q:
        now = timezone.now()
        tomorrow = day_begin(timezone.localdate(now) + timedelta(days=1))
        if wanted == "late":
            return to_ship & Q(ship_by_at__lt=now)
        return to_ship & Q(ship_by_at__gte=now, ship_by_at__lt=tomorrow)

    return ChoiceFilter(
        "due",
        "Prazo",
        condition,
        choices=(("today", "vence hoje"), ("late", "atrasado")),
        all_label="todos",
        follows_clock=True,
    )
