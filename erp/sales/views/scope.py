"""Orders, stores and ways of shipping a user may reach."""

from __future__ import annotations

from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from erp.accounts.models import Store
from erp.sales.models import Order, ShippingMethod
from erp.web.requests import company_of, user_of


def order_or_404(request: HttpRequest, pk: int) -> Order:
    rows = Order.objects.visible_to(user_of(request)).select_related(
        "store", "buyer", "address", "shipping_method", "carrier", "payment_method"
    )
    return get_object_or_404(rows, pk=pk)


def stores_of(request: HttpRequest) -> list[tuple[int, str]]:
    """Choices of the filter *loja*."""
    return list(Store.objects.visible_to(user_of(request)).order_by("name").values_list("pk", "name"))


def shipping_methods_of(request: HttpRequest) -> list[tuple[int, str]]:
    """Choices of the filter *forma de envio*."""
    own = ShippingMethod.objects.filter(company=company_of(request))
    return list(own.order_by("name").values_list("pk", "name"))
