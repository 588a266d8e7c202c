"""What people type to find a shipment: its number and codes, and everything its order is found by."""

from __future__ import annotations

from erp.sales.search import orders_found
from erp.search.finding import Matches, Search, ids_of, rows_found, rows_linked, rows_named, text_source
from expedition.models import Package, Shipment, ShipmentGroup
from expedition.preconditions import code_canonical
from invoices.models import Invoice

CODES = text_source(
    Package,
    "tracking_code",
    index="package_search",
    leads_to="shipment_id",
    seen_from=("packages__tracking_code",),
)


def shipments_found_by(search: Search) -> Matches:
    """Shipments by number, access key, any part of a tracking code, and by what finds their order."""
    return search.once(_shipments)


def groups_found(search: Search) -> Matches:
    """Groups by number, and those of the shipments that the text finds."""
    return search.once(_groups)


def _shipments(search: Search) -> Matches:
    typed, own = search.typed, Shipment.objects.visible_to(search.user)
    if typed.access_key:
        return rows_named(own.filter(invoice__in=Invoice.objects.filter(access_key=typed.access_key)))
    numbered = Matches()
    if typed.number is not None:
        # The company is what the index begins with.
        numbered = rows_named(own.filter(company=search.user.company, number=typed.number))
    linked = rows_linked(orders_found(search), own, "order_id")
    codes = (code_canonical(typed.text),) if typed.code else ()
    # A shipment without packages has no codes.
    newest = own.filter(packages__isnull=False).order_by("-pk")
    return numbered | linked | rows_found(CODES, codes, newest)


def _groups(search: Search) -> Matches:
    typed, own = search.typed, ShipmentGroup.objects.visible_to(search.user)
    numbered = rows_named(own.filter(number=typed.number)) if typed.number is not None else Matches()
    shipments = shipments_found_by(search)
    members = Shipment.objects.visible_to(search.user).filter(pk__any_of=shipments.ids)
    holding = ids_of(own.filter(pk__in=members.values("group_id"))) if shipments.ids else []
    return numbered | Matches(holding, complete=shipments.complete)
