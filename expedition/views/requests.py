"""Reading what a page of the expedição was asked for, always within the reach of the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from erp.accounts.permissions import may
from erp.channels import RowOutcome, RowResult
from erp.web.requests import ids_of, user_of
from erp.web.results import Results
from expedition import marketplace
from expedition.models import Shipment, ShipmentGroup, ShipmentQuerySet

MOST_ROWS = 200


def asked_orders(request: HttpRequest) -> list[int]:
    """The orders chosen in a list, which *agrupar* carries from page to page in `pedidos`."""
    text = request.POST.get("pedidos") or request.GET.get("pedidos", "")
    return ids_of([text])[:MOST_ROWS]


def may_operate(request: HttpRequest) -> bool:
    """Whether pages show their buttons; the permission table is what refuses."""
    return may(user_of(request), "expedition:group_codes", "POST")


def shipments_of(request: HttpRequest) -> ShipmentQuerySet:
    return Shipment.objects.visible_to(user_of(request)).for_screens()


def shipment_or_404(request: HttpRequest, pk: int) -> Shipment:
    return get_object_or_404(shipments_of(request), pk=pk)


def group_or_404(request: HttpRequest, pk: int) -> ShipmentGroup:
    groups = ShipmentGroup.objects.visible_to(user_of(request)).select_related(
        "shipping_method", "created_by", "concluded_by"
    )
    return get_object_or_404(groups, pk=pk)


def codes_of(request: HttpRequest, ids: Sequence[int]) -> dict[int, str]:
    """The texts of the fields `code_<id>`, for those ids that have one."""
    return {pk: request.POST[f"code_{pk}"] for pk in ids if f"code_{pk}" in request.POST}


def results_of(title: str, rows: Sequence[RowResult], shipments: Mapping[int, Shipment]) -> Results:
    """The panel of results, each row named by its shipment and order, refused ones first."""
    named = [marketplace.named(row, shipments[row.id]) for row in rows if row.id in shipments]
    return Results(title, sorted(named, key=lambda row: row.outcome is not RowOutcome.REFUSED))
