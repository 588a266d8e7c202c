"""Tracking codes from a list, and one after the other with a scanner."""

from __future__ import annotations

from typing import Any, BinaryIO

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from erp.channels import RowOutcome
from erp.web.requests import id_of, text_of, user_of
from expedition.forms import TrackingListForm
from expedition.models import Shipment
from expedition.preconditions import channel_cares, code_canonical
from expedition.selectors import shipment_only, shipments_found
from expedition.services import tracking_import, tracking_set
from expedition.tracking_lists import KeyKind, TrackingListError, tracking_key
from expedition.views.requests import shipments_of

RECENT = 10
SESSION_KEY = "expedition_scans"


def tracking_import_view(request: HttpRequest) -> HttpResponse:
    """A pasted list or a spreadsheet; the answer shows every line with what became of it."""
    form = TrackingListForm(request.POST or None, request.FILES or None)
    lines = None
    if request.method == "POST" and form.is_valid():
        try:
            lines = tracking_import(
                source=_list_source(form.cleaned_data),
                shipments=shipments_of(request),
                actor=user_of(request),
            )
        except TrackingListError as error:
            form.add_error("file" if form.cleaned_data["file"] else "text", str(error))
    refused = sum(line.result.outcome is RowOutcome.REFUSED for line in lines or ())
    if lines and not refused:
        form = TrackingListForm()
    context = {"form": form, "lines": lines, "refused": refused, "accepted": len(lines or ()) - refused}
    return render(request, "expedition/tracking_import.html", context)


def _list_source(data: dict[str, Any]) -> str | BinaryIO:
    return data["file"] or str(data["text"])


def scan(request: HttpRequest) -> HttpResponse:
    """One field, two readings: first what names the shipment, then its tracking code.

    An access key read where a code is expected names the next shipment: people skip a parcel.
    """
    reading = text_of(request.POST, "leitura", 200)
    waiting = shipments_of(request).filter(pk=id_of(request.POST.get("expedicao")) or 0).first()
    if not reading:
        return _scan_page(request, None)
    if waiting is None or tracking_key(reading).kind is KeyKind.ACCESS_KEY:
        return _scan_shipment(request, reading)
    row = tracking_set(codes={waiting.pk: reading}, actor=user_of(request))[0]
    if row.outcome is RowOutcome.REFUSED:
        return _scan_page(request, waiting, row.text)
    _remember(request, waiting, code_canonical(reading))
    return _scan_page(request, None)


def _scan_shipment(request: HttpRequest, reading: str) -> HttpResponse:
    key = tracking_key(reading)
    shipment, problem = shipment_only(shipments_found(shipments_of(request), [key])[key], key)
    if shipment is not None and shipment.frozen_reason:
        return _scan_page(request, None, f"{shipment}: separe este pacote. {shipment.frozen_reason}")
    if shipment is not None and (cares := channel_cares(shipment)):
        return _scan_page(request, None, f"{shipment}: {cares}")
    return _scan_page(request, shipment, problem)


def _remember(request: HttpRequest, shipment: Shipment, code: str) -> None:
    line = {"shipment": str(shipment.number), "order": str(shipment.order.number), "code": code}
    line["url"] = shipment.get_absolute_url()
    request.session[SESSION_KEY] = [line, *request.session.get(SESSION_KEY, [])][:RECENT]


def _scan_page(request: HttpRequest, waiting: Shipment | None, problem: str = "") -> HttpResponse:
    context = {"waiting": waiting, "problem": problem, "recent": request.session.get(SESSION_KEY, [])}
    return render(request, "expedition/scan.html", context)
