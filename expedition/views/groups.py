"""The page of a group, and *incluir expedição*."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from erp import channels
from erp.channels import RowOutcome
from erp.refusals import NO_REFUSAL, Refusal
from erp.sales.models import Order, ShippingMethod
from erp.sales.shippers import method_problem
from erp.web.requests import company_of, id_of, ids_of, user_of
from erp.web.results import Results
from expedition import marketplace
from expedition.forms import ExpectedDeliveryForm
from expedition.models import Shipment, ShipmentGroup
from expedition.preconditions import conclusion_problem, correction_notice, group_kind_for
from expedition.selectors import orders_available
from expedition.services import (
    expected_delivery_set,
    group_conclude,
    group_discard,
    group_prepare,
    group_remove,
    tracking_set,
)
from expedition.views.printing import group_label_problem, labels_answer
from expedition.views.requests import codes_of, group_or_404, may_operate, results_of, shipments_of

MOST_ROWS = 200


@require_safe
def group_detail(request: HttpRequest, pk: int) -> HttpResponse:
    return _group_page(request, group_or_404(request, pk))


@require_POST
def group_codes(request: HttpRequest, pk: int) -> HttpResponse:
    """Save every code that was typed on the rows; refused ones stay in their fields with the reason."""
    group = group_or_404(request, pk)
    members = _members(request, group)
    typed = codes_of(request, list(members))
    changed = {key: text for key, text in typed.items() if text.strip() != members[key].tracking_code}
    rows = tracking_set(codes=changed, actor=user_of(request))
    wrong = {row.id: typed[row.id] for row in rows if row.outcome is RowOutcome.REFUSED}
    if not wrong:
        saved = ngettext("%d código salvo.", "%d códigos salvos.", len(rows)) % len(rows)
        messages.success(request, saved if rows else "Nada mudou.")
        return redirect(group)
    panel = results_of("Códigos de rastreio", rows, members)
    return _group_page(request, group, panel, typed=wrong)


@require_POST
def group_conclude_view(request: HttpRequest, pk: int) -> HttpResponse:
    group = group_or_404(request, pk)
    outcome = group_conclude(group_id=group.pk, actor=user_of(request))
    group = group_or_404(request, pk)
    if outcome.problem:
        messages.error(request, outcome.problem)
        return redirect(group)
    members = _members(request, group)
    title = f"{group} não foi concluída" if outcome.is_refused else f"{group} concluída"
    return _group_page(request, group, results_of(title, outcome.results, members))


@require_POST
def group_arrange(request: HttpRequest, pk: int) -> HttpResponse:
    """*Programar envio* for the row whose button was pressed, or for every member without a number."""
    group = group_or_404(request, pk)
    members = _members(request, group)
    asked = [key for key in ids_of(request.POST.getlist("shipment")) if key in members]
    lacking = [key for key, each in members.items() if each.is_channel_shipped and not each.channel_number]
    rows = marketplace.run(marketplace.ARRANGE, [members[key] for key in asked or lacking], user_of(request))
    return _group_page(request, group, results_of("Programar envio", rows, members))


@require_POST
def group_labels(request: HttpRequest, pk: int) -> HttpResponse:
    """*Imprimir etiquetas* of the whole group, in its order; `danfe` asks for the DANFEs beside them."""
    group = group_or_404(request, pk)
    members = _members(request, group)
    answer = labels_answer(list(members.values()), bool(request.POST.get("danfe")), user_of(request))
    if isinstance(answer, HttpResponse):
        return answer
    return _group_page(request, group, results_of("Imprimir etiquetas", answer, members))


@require_POST
def group_remove_view(request: HttpRequest, pk: int) -> HttpResponse:
    group = group_or_404(request, pk)
    members = _members(request, group)
    ids = [key for key in ids_of(request.POST.getlist("shipment")) if key in members]
    for row in group_remove(group_id=group.pk, shipment_ids=ids, actor=user_of(request)):
        say = messages.error if row.outcome is RowOutcome.REFUSED else messages.success
        say(request, f"{members[row.id]}: {row.text}")
    return redirect("expedition:group", pk=pk)


@require_POST
def group_expected(request: HttpRequest, pk: int) -> HttpResponse:
    """One *data prevista* for every member."""
    group = group_or_404(request, pk)
    form = ExpectedDeliveryForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Informe uma data válida.")
        return redirect(group)
    members = _members(request, group)
    day = form.cleaned_data["expected_on"]
    rows = expected_delivery_set(shipment_ids=list(members), expected_on=day, actor=user_of(request))
    if any(row.outcome is RowOutcome.REFUSED for row in rows):
        return _group_page(request, group, results_of("Data prevista", rows, members))
    messages.success(request, "Data prevista salva.")
    return redirect(group)


@require_POST
def group_discard_view(request: HttpRequest, pk: int) -> HttpResponse:
    group = group_or_404(request, pk)
    if problem := group_discard(group_id=group.pk):
        messages.error(request, problem)
        return redirect(group)
    messages.success(request, f"{group} excluída.")
    return redirect("expedition:list")


def include(request: HttpRequest) -> HttpResponse:
    """*Incluir expedição*: choose the method, then the orders, then *salvar*."""
    asked = request.POST if request.method == "POST" else request.GET
    group = group_or_404(request, pk) if (pk := id_of(asked.get("agrupamento"))) is not None else None
    methods = ShippingMethod.objects.filter(company=company_of(request), is_active=True).order_by("name")
    method = group.shipping_method if group else methods.filter(pk=id_of(asked.get("forma")) or 0).first()
    with_none = bool(asked.get("sem"))
    context = {"group": group, "method": method, "methods": methods, "with_none": with_none}
    if method is None:
        return render(request, "expedition/include.html", context)
    if request.method == "POST":
        return _include_save(request, method, group, with_none)
    return render(request, "expedition/include.html", context | _include_rows(request, method, with_none))


def _include_rows(request: HttpRequest, method: ShippingMethod, with_none: bool) -> dict[str, object]:
    available = orders_available(user=user_of(request), method_id=method.pk, with_none=with_none)
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


def _include_save(
    request: HttpRequest, method: ShippingMethod, group: ShipmentGroup | None, with_none: bool
) -> HttpResponse:
    available = orders_available(user=user_of(request), method_id=method.pk, with_none=with_none)
    orders = {each.pk: each for each in available.filter(pk__in=ids_of(request.POST.getlist("orders")))}
    codes = dict.fromkeys(orders, "") | codes_of(request, list(orders))
    outcome = group_prepare(
        company_id=company_of(request).pk,
        shipping_method_id=method.pk,
        codes=codes,
        group_id=group.pk if group else None,
        actor=user_of(request),
    )
    rows = [replace(row, label=str(orders[row.id])) for row in outcome.results]
    panel = Results("Incluir expedição", sorted(rows, key=lambda row: row.outcome is not RowOutcome.REFUSED))
    if outcome.group is None or outcome.problem:
        context = _include_rows(request, method, with_none) | {
            "method": method,
            "group": group,
            "with_none": with_none,
            "results": panel if orders else None,
            "notice": outcome.problem,
        }
        return render(request, "expedition/include.html", context)
    if not outcome.is_refused:
        text = ngettext("%d pedido incluído.", "%d pedidos incluídos.", len(orders)) % len(orders)
        messages.success(request, f"{outcome.group}: {text}")
        return redirect(outcome.group)
    return _group_page(request, group_or_404(request, outcome.group.pk), panel)


def _members(request: HttpRequest, group: ShipmentGroup) -> dict[int, Shipment]:
    """The members the user may see, in the order they are printed."""
    found = shipments_of(request).filter(group=group).select_related("order__buyer").order_by("number")
    return {shipment.pk: shipment for shipment in found}


def _group_page(
    request: HttpRequest,
    group: ShipmentGroup,
    results: Results | None = None,
    typed: Mapping[int, str] | None = None,
) -> HttpResponse:
    members = _members(request, group)
    orders = [each.order_id for each in members.values()]
    badges = channels.badges(orders)
    held = {pk: code.number for pk, code in channels.shipping_codes(orders).items()}
    carried = [each for each in members.values() if each.is_channel_shipped]
    arrange = marketplace.reasons(marketplace.ARRANGE, [each for each in carried if not each.channel_number])
    rows = []
    for pk, each in members.items():
        reason = arrange.get(pk, NO_REFUSAL)
        row = {
            "shipment": each,
            "code": (typed or {}).get(pk, each.tracking_code),
            "problem": conclusion_problem(each) if group.is_open and not reason else "",
            "notice": correction_notice(each, held.get(each.order_id, "")),
            "may_arrange": pk in arrange and not reason,
            "arrange_reason": reason,
            "markers": badges[each.order_id],
        }
        rows.append(row)
    context = {
        "group": group,
        "rows": rows,
        "first_without_code": _first_without_code(members),
        "is_typed": len(carried) < len(members),
        "to_arrange": sum(not reason for reason in arrange.values()),
        "has_labels": bool(carried),
        "has_numbers": any(each.channel_number for each in carried),
        "labels_problem": group_label_problem(list(members.values())),
        "logistics_name": _logistics_name(carried),
        "hidden": group.shipments.count() - len(members),
        "results": results,
        "expected_form": ExpectedDeliveryForm(),
        "may_operate": may_operate(request),
        "send_tracking": marketplace.SEND_TRACKING,
    }
    return render(request, "expedition/group.html", context)


def _first_without_code(members: Mapping[int, Shipment]) -> int | None:
    """Where the cursor goes: the first row whose code somebody still types."""
    for pk, each in members.items():
        if not each.tracking_code and not each.is_channel_shipped:
            return pk
    return None


def _logistics_name(carried: Sequence[Shipment]) -> str:
    return carried[0].logistics_name if carried else ""
