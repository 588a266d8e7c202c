"""*Incluir expedição*: group the orders of a *forma de envio* that wait, or those chosen in a list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.contrib import messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from erp import channels
from erp.channels import RowOutcome
from erp.refusals import Refusal
from erp.sales.models import Order, ShippingMethod
from erp.sales.shippers import method_problem
from erp.web.lists import action_asked
from erp.web.requests import company_of, id_of, ids_of, undone_first, user_of
from erp.web.results import Results
from expedition.models import Shipment, ShipmentGroup
from expedition.preconditions import group_kind_for
from expedition.selectors import groupable_methods, orders_available
from expedition.services import group_prepare
from expedition.views.groups import group_page, group_return
from expedition.views.requests import MOST_ROWS, asked_orders, codes_of, group_or_404, shipments_of
from invoices.models import Invoice


@dataclass(frozen=True, slots=True)
class AskedMethod:
    """Those of the chosen orders that have one *forma de envio*, or none."""

    label: str
    count: int
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class IncludeChoice:
    """What the page shows: a method and, after a list's *agrupar*, only the orders `ids`. `counts` tells how
    many of these wait, by method."""

    method: ShippingMethod | None
    group: ShipmentGroup | None
    with_none: bool
    ids: Sequence[int]
    counts: Counter[int | None]


def include(request: HttpRequest) -> HttpResponse:
    """Choose the method, then the orders, then *salvar*. A list's action comes by POST with its rows, which
    are led to the address of the page; the method of most of them is the first."""
    if request.method == "POST" and not {"forma", "agrupamento"} & set(request.POST):
        return _lead(request, action_asked(request.POST)[1])
    methods = ShippingMethod.objects.filter(company=company_of(request), is_active=True).order_by("name")
    choice = _choice(request, {method.pk: method for method in methods})
    context = _choice_context(request, choice, methods)
    if choice.method is None:
        return render(request, "expedition/include.html", context)
    if request.method == "POST":
        return _save(request, choice, choice.method, context)
    return render(request, "expedition/include.html", context | _rows(request, choice, choice.method))


@require_POST
def include_invoices(request: HttpRequest) -> HttpResponse:
    """The same for the orders of the notes that were chosen in their list."""
    own = Invoice.objects.visible_to(user_of(request)).filter(order__isnull=False)
    rows = own.filter(pk__in=action_asked(request.POST)[1]).order_by("number", "pk")
    return _lead(request, rows.values_list("order_id", flat=True))


def _lead(request: HttpRequest, order_ids: Iterable[int | None]) -> HttpResponseRedirect:
    asked = [pk for pk in dict.fromkeys(order_ids) if pk is not None]
    grouped = Shipment.objects.active().filter(order__in=asked, group__isnull=False)
    ids, left = undone_first(asked, set(grouped.values_list("order_id", flat=True)), MOST_ROWS)
    if left:
        shown = f"Aqui estão {len(ids)} dos {len(asked)} pedidos marcados."
        messages.warning(request, f"{shown} Agrupe estes e repita com os mesmos: os outros {left} vêm então.")
    return redirect(_address(pedidos=",".join(map(str, ids))))


def _address(**values: str) -> str:
    query = QueryDict(mutable=True)
    for name, value in values.items():
        if value:
            query[name] = value
    return f"{reverse('expedition:include')}?{query.urlencode(safe=',')}"


def _choice(request: HttpRequest, methods: dict[int, ShippingMethod]) -> IncludeChoice:
    asked = request.POST if request.method == "POST" else request.GET
    group = group_or_404(request, pk) if (pk := id_of(asked.get("agrupamento"))) is not None else None
    ids = asked_orders(request)
    counts = groupable_methods(user=user_of(request), order_ids=ids)
    known = [pk for pk, _ in counts.most_common() if pk in methods]
    first = id_of(asked.get("forma")) or (known[0] if known else 0)
    method = group.shipping_method if group else methods.get(first)
    return IncludeChoice(method, group, bool(asked.get("sem")) or set(counts) == {None}, ids, counts)


def _choice_context(
    request: HttpRequest, choice: IncludeChoice, methods: Iterable[ShippingMethod]
) -> dict[str, Any]:
    context: dict[str, Any] = {
        "group": choice.group,
        "method": choice.method,
        "methods": methods,
        "with_none": choice.with_none,
    }
    if not choice.ids:
        return context
    own = ShipmentGroup.objects.visible_to(user_of(request)).filter(shipments__order__in=choice.ids)
    return context | {
        "asked_text": ",".join(map(str, choice.ids)),
        "asked_count": len(choice.ids),
        "asked_parts": _asked_parts(choice, methods),
        "asked_groups": own.annotate(asked=Count("shipments")).order_by("-number"),
    }


def _asked_parts(choice: IncludeChoice, methods: Iterable[ShippingMethod]) -> list[AskedMethod]:
    asked = ",".join(map(str, choice.ids))
    current = choice.method.pk if choice.method else None
    parts = []
    for each in methods:
        if count := choice.counts[each.pk]:
            url = _address(forma=str(each.pk), pedidos=asked)
            parts.append(AskedMethod(each.name, count, url, each.pk == current))
    if count := choice.counts[None]:
        url = _address(forma=str(current or ""), sem="1", pedidos=asked)
        parts.append(AskedMethod("sem forma de envio", count, url, choice.with_none))
    return parts


def _available(request: HttpRequest, choice: IncludeChoice, method: ShippingMethod) -> QuerySet[Order]:
    found = orders_available(user=user_of(request), method_id=method.pk, with_none=choice.with_none)
    return found.filter(pk__in=choice.ids) if choice.ids else found


def _rows(request: HttpRequest, choice: IncludeChoice, method: ShippingMethod) -> dict[str, object]:
    available = _available(request, choice, method)
    orders = list(available.select_related("store", "buyer")[: MOST_ROWS + 1])
    shown = orders[:MOST_ROWS]
    shipments = {each.order_id: each for each in shipments_of(request).active().filter(order__in=shown)}
    return {
        "rows": [
            (order, shipments.get(order.pk), _row_reason(order, shipments.get(order.pk), method))
            for order in shown
        ],
        "has_more": len(orders) > MOST_ROWS,
        "kind": group_kind_for(method).label,
        "logistics_name": channels.logistics_name(orders[0].store.channel) if orders else "",
    }


def _row_reason(order: Order, shipment: Shipment | None, method: ShippingMethod) -> Refusal:
    frozen = shipment.frozen_reason if shipment else order.frozen_reason
    return frozen or method_problem(order, method)


def _save(
    request: HttpRequest, choice: IncludeChoice, method: ShippingMethod, context: dict[str, Any]
) -> HttpResponse:
    available = _available(request, choice, method)
    orders = {each.pk: each for each in available.filter(pk__in=ids_of(request.POST.getlist("orders")))}
    codes = dict.fromkeys(orders, "") | codes_of(request, list(orders))
    outcome = group_prepare(
        company_id=company_of(request).pk,
        shipping_method_id=method.pk,
        codes=codes,
        group_id=choice.group.pk if choice.group else None,
        actor=user_of(request),
    )
    rows = [replace(row, label=str(orders[row.id])) for row in outcome.results]
    panel = Results("Incluir expedição", sorted(rows, key=lambda row: row.outcome is not RowOutcome.REFUSED))
    if outcome.group is None or outcome.problem:
        told = {"results": panel if orders else None, "notice": outcome.problem}
        return render(request, "expedition/include.html", context | _rows(request, choice, method) | told)
    if not outcome.is_refused:
        text = ngettext("%d pedido incluído.", "%d pedidos incluídos.", len(orders)) % len(orders)
        messages.success(request, f"{outcome.group}: {text}")
        return group_return(request, outcome.group)
    return group_page(request, group_or_404(request, outcome.group.pk), panel)
