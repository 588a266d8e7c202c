"""The page of one shipment: packages, carrier, expected date, cancelling."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from erp import channels
from erp.channels import RowOutcome, RowResult
from erp.web.requests import company_of, user_of
from expedition import marketplace
from expedition.forms import ExpectedDeliveryForm, ShipmentCarrierForm
from expedition.models import Shipment
from expedition.preconditions import cancel_problem, change_problem, channel_cares, correction_notice
from expedition.printing import label_problem
from expedition.services import (
    expected_delivery_set,
    packages_set,
    shipment_cancel,
    shipments_carrier_set,
)
from expedition.services.labels import labels_fetch_again
from expedition.services.tracking import MOST_PACKAGES
from expedition.views.printing import labels_answer
from expedition.views.requests import may_operate, shipment_or_404

INVALID = "Confira os campos e salve de novo."


@require_safe
def shipment_detail(request: HttpRequest, pk: int) -> HttpResponse:
    return _shipment_page(request, shipment_or_404(request, pk))


@require_POST
def shipment_packages(request: HttpRequest, pk: int) -> HttpResponse:
    """Save the packages as typed; *incluir volume* saves them with one more field."""
    shipment = shipment_or_404(request, pk)
    codes = request.POST.getlist("code")[: MOST_PACKAGES + 1]
    if "add" in request.POST:
        return _shipment_page(request, shipment, codes=[*codes, ""])
    kept = codes[:1] + [code for code in codes[1:] if code.strip()]
    row = packages_set(shipment_id=shipment.pk, tracking_codes=kept, actor=user_of(request))
    if row.outcome is RowOutcome.REFUSED:
        return _shipment_page(request, shipment, codes=codes, problem=row.text)
    return _answered(request, shipment, row)


@require_POST
def shipment_arrange(request: HttpRequest, pk: int) -> HttpResponse:
    """*Programar envio* for one; its number appears here."""
    shipment = shipment_or_404(request, pk)
    (row,) = marketplace.run(marketplace.ARRANGE, [shipment], user_of(request))
    return _answered(request, shipment, row)


@require_POST
def shipment_label(request: HttpRequest, pk: int) -> HttpResponse:
    """*Imprimir etiqueta*, with its DANFE beside it if asked; `again` fetches it once more instead."""
    shipment = shipment_or_404(request, pk)
    if request.POST.get("again"):
        (row,) = labels_fetch_again(shipment_ids=[shipment.pk])
        return _answered(request, shipment, row)
    answer = labels_answer([shipment], bool(request.POST.get("danfe")), user_of(request))
    if isinstance(answer, HttpResponse):
        return answer
    return _answered(request, shipment, answer[0])


@require_POST
def shipment_carrier(request: HttpRequest, pk: int) -> HttpResponse:
    shipment = shipment_or_404(request, pk)
    form = ShipmentCarrierForm(request.POST, company_id=company_of(request).pk)
    if not form.is_valid():
        messages.error(request, INVALID)
        return redirect(shipment)
    method, carrier = form.cleaned_data["shipping_method"], form.cleaned_data["carrier"]
    rows = shipments_carrier_set(
        shipment_ids=[shipment.pk],
        shipping_method_id=method.pk if method else None,
        carrier_id=carrier.pk if carrier else None,
        actor=user_of(request),
    )
    return _answered(request, shipment, rows[0])


@require_POST
def shipment_expected(request: HttpRequest, pk: int) -> HttpResponse:
    shipment = shipment_or_404(request, pk)
    form = ExpectedDeliveryForm(request.POST)
    form.fields["expected_on"].required = False
    if not form.is_valid():
        messages.error(request, "Informe uma data válida.")
        return redirect(shipment)
    rows = expected_delivery_set(
        shipment_ids=[shipment.pk], expected_on=form.cleaned_data["expected_on"], actor=user_of(request)
    )
    return _answered(request, shipment, rows[0])


@require_POST
def shipment_cancel_view(request: HttpRequest, pk: int) -> HttpResponse:
    shipment = shipment_or_404(request, pk)
    return _answered(request, shipment, shipment_cancel(shipment_id=shipment.pk, actor=user_of(request)))


def _answered(request: HttpRequest, shipment: Shipment, row: RowResult) -> HttpResponse:
    say = messages.error if row.outcome is RowOutcome.REFUSED else messages.success
    say(request, row.text)
    return redirect(shipment)


def _shipment_page(
    request: HttpRequest, shipment: Shipment, codes: list[str] | None = None, problem: str = ""
) -> HttpResponse:
    initial = {"shipping_method": shipment.shipping_method_id, "carrier": shipment.carrier_id}
    held = channels.shipping_codes([shipment.order_id]).get(shipment.order_id)
    context = {
        "shipment": shipment,
        "notice": correction_notice(shipment, held.number if held else ""),
        "cares": channel_cares(shipment),
        "arrange_reason": marketplace.reasons(marketplace.ARRANGE, [shipment])[shipment.pk],
        "label_problem": label_problem(shipment) if shipment.is_channel_shipped else "",
        "codes": codes or [package.tracking_code for package in shipment.packages.all()] or [""],
        "problem": problem,
        "markers": channels.badges([shipment.order_id])[shipment.order_id],
        "carrier_form": ShipmentCarrierForm(initial=initial, company_id=company_of(request).pk),
        "carrier_problem": change_problem(shipment),
        "expected_form": ExpectedDeliveryForm(initial={"expected_on": shipment.expected_delivery_on}),
        "cancel_problem": cancel_problem(shipment),
        "may_operate": may_operate(request),
    }
    return render(request, "expedition/shipment.html", context)
