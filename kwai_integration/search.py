"""What people type to find an order of Kwai, a push about it, or a listing."""

from __future__ import annotations

from erp.accounts.models import Store
from erp.outbox.models import PushJob
from erp.sales.search import orders_numbered
from erp.search.finding import Matches, Search, ids_of, rows_found, rows_linked, text_source
from kwai_integration.models import KwaiOrder, Listing

ORDERS = text_source(KwaiOrder, "external_id", "buyer_name", "summary", index="kwai_order_search")
LISTINGS = text_source(Listing, "title", "seller_code", "specification", "item_id", "sku_id_remote")


def kwai_orders_found(search: Search) -> Matches:
    """Orders of Kwai by number (theirs in part, ours whole), buyer and items; every word must be there."""
    return search.once(_orders)


def pushes_found(search: Search) -> Matches:
    """Pushes about the orders that the text finds, and about exactly this subject."""
    return search.once(_pushes)


def listings_found(search: Search) -> Matches:
    """Listings by title, codes and the platform's numbers."""
    return search.once(_listings)


def _orders(search: Search) -> Matches:
    own = KwaiOrder.objects.visible_to(search.user)
    ours = Matches(orders_numbered(search).exact)
    named = rows_linked(ours, own, "order_id")
    newest = own.order_by("-placed_at", "-pk")
    return Matches(named.ids, named.ids) | rows_found(ORDERS, search.typed.parts, newest)


def _pushes(search: Search) -> Matches:
    own = PushJob.objects.visible_to(search.user)
    orders = kwai_orders_found(search)
    stores = Store.objects.visible_to(search.user)
    subjects = KwaiOrder.objects.filter(store__in=stores, pk__any_of=orders.ids)
    numbers = [*subjects.values_list("external_id", flat=True)] if orders.ids else []
    about = own.filter(subject__any_of=[*numbers, search.typed.text])
    return Matches(ids_of(about), complete=orders.complete)


def _listings(search: Search) -> Matches:
    own = Listing.objects.filter(store__in=Store.objects.visible_to(search.user))
    return rows_found(LISTINGS, search.typed.words, own.order_by("-pk"))
