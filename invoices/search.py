"""What people type to find a note: its number, its key in any form, the recipient, the order's numbers."""

from __future__ import annotations

from django.db.models import Q

from erp.sales.models import Order
from erp.sales.search import NUMBERS, orders_found, orders_numbered
from erp.search.finding import MOST, Matches, Search, ids_of, rows_found, rows_linked, rows_named, text_source
from invoices.models import Invoice, RefusedFile

# What the column of an NF-e's number holds.
LARGEST_NUMBER = 999_999_999
RECIPIENTS = text_source(Invoice, "recipient_name", index="invoice_search")
# The order of a note, and the one that a pending note waits for.
OF_ORDER = ("order_id", "wanted_order_id")
# Only so many are kept of each company.
REFUSED = text_source(RefusedFile, "file_name", "access_key")


def invoices_found(search: Search) -> Matches:
    """Notes by number, access key, recipient and its document, and by the numbers of their order."""
    return search.once(_invoices)


def refused_files_found(search: Search) -> Matches:
    """Refused files by name, key, and the numbers of the order they were sent for."""
    return search.once(_refused)


def invoices_of_remote_order(number: str) -> Q:
    """Notes of the orders whose marketplace number begins so, and pending ones that wait for them."""
    orders = Order.objects.filter(pk__in=NUMBERS.holding([number]), external_id__startswith=number)
    ids = ids_of(orders)
    if len(ids) < MOST:
        return rows_linked(Matches(ids), Invoice.objects.all(), *OF_ORDER).condition
    # So many begin so that a page of them is found in the order of the list.
    linked = Q(order__external_id__startswith=number)
    return linked | Q(wanted_order__external_id__startswith=number)


def _invoices(search: Search) -> Matches:
    typed, own = search.typed, Invoice.objects.visible_to(search.user)
    if typed.access_key:
        return rows_named(own.filter(access_key=typed.access_key))
    exact = []
    if typed.number is not None and typed.number <= LARGEST_NUMBER:
        exact.append(own.filter(number=typed.number))
    if typed.tax_id:
        exact.append(own.filter(recipient_tax_id=typed.tax_id))
    # A name beside a number must be that of the order's buyer.
    orders = orders_found(search) if typed.numbers else orders_numbered(search)
    linked = rows_linked(orders, own, *OF_ORDER)
    words = typed.words if typed.names else ()
    return rows_named(*exact) | linked | rows_found(RECIPIENTS, words, own.order_by("-issued_at", "-pk"))


def _refused(search: Search) -> Matches:
    own = RefusedFile.objects.visible_to(search.user)
    of_order = rows_linked(orders_numbered(search), own, "order_id")
    newest = own.order_by("-last_sent_at", "-pk")
    return of_order | rows_found(REFUSED, search.typed.words, newest)
