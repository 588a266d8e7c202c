"""The page of a group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from erp import channels
from erp.channels import RowOutcome
from erp.refusals import NO_REFUSAL
from erp.web.requests import ids_of, user_of
from erp.web.results import Results
from expedition import marketplace
from expedition.forms import ExpectedDeliveryForm
from expedition.models import Shipment, ShipmentGroup
from expedition.preconditions import conclusion_problem, correction_notice
from expedition.selectors import orders_groupable
from expedition.services import (
    expected_delivery_set,
    group_conclude,
    group_discard,
    group_remove,
    tracking_set,
)
from expedition.views.printing import group_label_problem, labels_answer
from expedition.views.requests import (
    asked_orders,
    codes_of,
    group_or_404,
    may_operate,
    results_of,
    shipments_of,
)


@require_safe
def group_detail(request: HttpRequest, pk: int) -> HttpResponse:
    return group_page(request, group_or_404(request, pk))


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
        return group_return(request, group)
    panel = results_of("Códigos de rastreio", rows, members)
    return group_page(request, group, panel, typed=wrong)


@require_POST
def group_conclude_view(request: HttpRequest, pk: int) -> HttpResponse:
    group = group_or_404(request, pk)
    outcome = group_conclude(group_id=group.pk, actor=user_of(request))
    group = group_or_404(request, pk)
    if outcome.problem:
        messages.error(request, outcome.problem)
        return group_return(request, group)
    members = _members(request, group)
    title = f"{group} não foi concluída" if outcome.is_refused else f"{group} concluída"
    return group_page(request, group, results_of(title, outcome.results, members))


@require_POST
def group_arrange(request: HttpRequest, pk: int) -> HttpResponse:
    """*Programar envio* for the row whose button was pressed, or for every member without a number."""
    group = group_or_404(request, pk)
    members = _members(request, group)
    asked = [key for key in ids_of(request.POST.getlist("shipment")) if key in members]
    lacking = [key for key, each in members.items() if each.is_channel_shipped and not each.channel_number]
    rows = marketplace.run(marketplace.ARRANGE, [members[key] for key in asked or lacking], user_of(request))
    return group_page(request, group, results_of("Programar envio", rows, members))


@require_POST
def group_labels(request: HttpRequest, pk: int) -> HttpResponse:
    """*Imprimir etiquetas* of the whole group, in its order; `danfe` asks for the DANFEs beside them."""
    group = group_or_404(request, pk)
    members = _members(request, group)
    answer = labels_answer(list(members.values()), bool(request.POST.get("danfe")), user_of(request))
    if isinstance(answer, HttpResponse):
        return answer
    return group_page(request, group, results_of("Imprimir etiquetas", answer, members))


@require_POST
def group_remove_view(request: HttpRequest, pk: int) -> HttpResponse:
    group = group_or_404(request, pk)
    members = _members(request, group)
    ids = [key for key in ids_of(request.POST.getlist("shipment")) if key in members]
    for row in group_remove(group_id=group.pk, shipment_ids=ids, actor=user_of(request)):
        say = messages.error if row.outcome is RowOutcome.REFUSED else messages.success
        say(request, f"{members[row.id]}: {row.text}")
    return group_return(request, group)


@require_POST
def group_expected(request: HttpRequest, pk: int) -> HttpResponse:
    """One *data prevista* for every member."""
    group = group_or_404(request, pk)
    form = ExpectedDeliveryForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Informe uma data válida.")
        return group_return(request, group)
    members = _members(request, group)
    day = form.cleaned_data["expected_on"]
    rows = expected_delivery_set(shipment_ids=list(members), expected_on=day, actor=user_of(request))
    if any(row.outcome is RowOutcome.REFUSED for row in rows):
        return group_page(request, group, results_of("Data prevista", rows, members))
    messages.success(request, "Data prevista salva.")
    return group_return(request, group)


@require_POST
def group_discard_view(request: HttpRequest, pk: int) -> HttpResponse:
    group = group_or_404(request, pk)
    if problem := group_discard(group_id=group.pk):
        messages.error(request, problem)
        return group_return(request, group)
    messages.success(request, f"{group} excluída.")
    return redirect("expedition:list")


def group_return(request: HttpRequest, group: ShipmentGroup) -> HttpResponseRedirect:
    """To the page of the group, which goes on naming the orders that were to be grouped with it."""
    return redirect(f"{group.get_absolute_url()}{_kept_query(request)}")


def _kept_query(request: HttpRequest) -> str:
    asked = asked_orders(request)
    return f"?pedidos={','.join(map(str, asked))}" if asked else ""


def _still_to_group(request: HttpRequest) -> int:
    """How many of the orders chosen in a list wait for another group."""
    asked = asked_orders(request)
    return orders_groupable(user_of(request)).filter(pk__in=asked).count() if asked else 0


def _members(request: HttpRequest, group: ShipmentGroup) -> dict[int, Shipment]:
    """The members the user may see, in the order they are printed."""
    found = shipments_of(request).filter(group=group).select_related("order__buyer").order_by("number")
    return {shipment.pk: shipment for shipment in found}


def group_page(
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
        "kept_query": _kept_query(request),
        "to_group": _still_to_group(request),
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
