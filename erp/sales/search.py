"""What people type to find an order: its numbers, the buyer's name or document."""

from __future__ import annotations

from django.db.models import QuerySet

from erp.sales.models import Buyer, Order
from erp.search.finding import Matches, Search, rows_found, rows_named, text_source

NUMBERS = text_source(Order, "external_id", index="order_search")
BUYERS = text_source(Buyer, "name", index="buyer_search", leads_to="order_id", seen_from=("buyer__name",))


def orders_found(search: Search) -> Matches:
    """Orders by everything that is known of them; names and numbers together must both fit."""
    return search.once(_orders)


def orders_numbered(search: Search) -> Matches:
    """Orders by our number, any part of the marketplace's, or the buyer's document."""
    return search.once(_numbered)


def _orders(search: Search) -> Matches:
    typed = search.typed
    numbered = orders_numbered(search)
    if not typed.names:
        return numbered
    if not typed.numbers:
        return numbered | rows_found(BUYERS, typed.names, _scope(search))
    buyers = BUYERS.holding(()).filter(order_id__any_of=numbered.ids)
    for name in typed.names:
        buyers = buyers.filter(name__holds=name)
    return Matches(list(buyers), complete=numbered.complete)


def _numbered(search: Search) -> Matches:
    typed, own = search.typed, Order.objects.visible_to(search.user)
    if typed.access_key:
        return Matches()
    exact = []
    if typed.number is not None:
        exact.append(own.filter(number=typed.number))
    if typed.tax_id:
        exact.append(own.filter(pk__in=Buyer.objects.filter(tax_id=typed.tax_id).values("order_id")))
    code = typed.numbers or ((typed.code,) if typed.code and len(typed.words) == 1 else ())
    return rows_named(*exact) | rows_found(NUMBERS, code, _scope(search))


def _scope(search: Search) -> QuerySet[Order]:
    return Order.objects.visible_to(search.user).order_by("-placed_at", "-pk")
