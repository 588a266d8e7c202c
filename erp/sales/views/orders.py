"""*Pedidos de venda*: list, detail with timeline, and what an operator may edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from erp import channels
from erp.accounts.permissions import may
from erp.sales.decisions import order_handover_settle, order_refund_release
from erp.sales.forms import BuyerForm, DeliveryAddressForm, OrderShippingForm
from erp.sales.models import Buyer, DeliveryAddress, Order, ShippedBy
from erp.sales.next_steps import orders_next_steps
from erp.sales.ownership import address_edit, buyer_edit, proposal_accept, proposal_keep
from erp.sales.search import orders_found
from erp.sales.services import ShippingSet, order_shipping_edit, orders_shipping_set
from erp.sales.shippers import order_shipper_set, shipper_label, shipper_problem
from erp.sales.statuses import TO_SHIP, OrderStatus
from erp.sales.stock import is_lacking_stock, lines_stock_read, order_stock_return
from erp.sales.views.scope import SHIPPING_METHOD, STORE, deadline_filter, order_or_404
from erp.search.finding import Matches, Search
from erp.stock.models import StockItem
from erp.web.lists import (
    LIVE_SECONDS,
    Column,
    DateFilter,
    Empty,
    Link,
    ListAction,
    ListPage,
    Sort,
    Tab,
    action_asked,
    since,
    until,
)
from erp.web.lists.paging import MOST_COUNTED
from erp.web.paging import older_page
from erp.web.requests import address_back, company_of, ids_of, user_of
from erp.web.results import next_steps_keep

EVENTS_PER_PAGE = 30
MOST_NAMED = 40


@dataclass(frozen=True, slots=True)
class OrderExtra:
    lacks_stock: bool
    markers: Sequence[channels.Badge]


class OrderList(ListPage[Order]):
    title = "Pedidos de venda"
    pretitle = "Vendas"
    columns = (
        Column("Pedido", "sales/cells/order_number.html", sort="number", export="number"),
        Column(
            "Nº no e-commerce",
            "external_id",
            shown_from="lg",
            css="text-secondary font-monospace small",
        ),
        Column("Loja", "store.name", shown_from="wide", css="text-secondary"),
        Column("Data", "placed_at|ago", shown_from="md", css="text-secondary", sort="placed"),
        Column("Prazo", "sales/cells/order_deadline.html", sort="deadline", export="ship_by_at"),
        Column("Comprador", "buyer.name|person", css="wide-cell"),
        Column("Situação", "sales/cells/order_status.html", sort="status"),
        Column("No e-commerce", "components/cells/markers.html"),
        Column("Forma de envio", 'shipping_method.name|default:"—"', shown_from="xxl", css="text-secondary"),
        Column("Total", "total|money", numeric=True, sort="total"),
    )
    sorts = (
        Sort("placed", ("placed_at",), newest_first=True),
        Sort("number", ("number",), newest_first=True, unique=True),
        Sort("deadline", ("ship_by_at",), nullable="ship_by_at"),
        Sort("status", ("status", "placed_at")),
        Sort("total", ("total",), newest_first=True),
    )
    order_by = ("-placed_at", "-pk")
    search_fields = ("external_id", "buyer__name", "number")
    search_label = channels.worded("número, número no {channel} ou comprador")
    tabs = (
        Tab("all", "todas"),
        Tab("to_ship", "para enviar", Q(status__in=TO_SHIP)),
        Tab("short", "sem estoque", Q(is_lacking_stock())),
        *(Tab(status.value, status.label.lower(), Q(status=status)) for status in OrderStatus),
    )
    filters = (
        STORE,
        deadline_filter(Q(status__in=TO_SHIP)),
        SHIPPING_METHOD,
        DateFilter("since", "Desde", since("placed_at"), rare=True),
        DateFilter("until", "Até", until("placed_at"), rare=True),
    )
    actions = (
        ListAction(
            "shipping",
            "definir forma de envio",
            "truck-delivery",
            in_bar=True,
            leads_to="sales:orders_shipping",
        ),
        ListAction("issue", "gerar nota fiscal", "file-invoice", in_bar=True, leads_to="invoices:issue"),
    )
    poll_seconds = LIVE_SECONDS

    @property
    def empty(self) -> Empty:
        url = channels.stores_url()
        return Empty(
            "Nenhum pedido de venda",
            "Conecte uma loja em Integrações; os pedidos aparecem aqui depois de recebidos.",
            Link("Abrir Integrações", url, "plug") if url else None,
        )

    def queryset(self) -> QuerySet[Order]:
        rows = Order.objects.visible_to(user_of(self.request))
        rows = rows.annotate(lacks_stock=is_lacking_stock())
        return rows.select_related("buyer", "store", "shipping_method")

    def watched(self) -> Sequence[QuerySet[Any]]:
        user = user_of(self.request)
        goods = StockItem.objects.filter(sku__company=company_of(self.request))
        return [Order.objects.visible_to(user), goods, *channels.watched(user)]

    def matches(self, search: Search) -> Matches:
        return orders_found(search)

    def extras(self, objects: list[Any]) -> Mapping[int, OrderExtra]:
        found = channels.badges([order.pk for order in objects])
        return {order.pk: OrderExtra(order.lacks_stock, found[order.pk]) for order in objects}

    def row_label(self, obj: Order) -> str:
        return f"Pedido {obj.number}"

    def row_url(self, obj: Order) -> str:
        return reverse("sales:order", args=[obj.pk])


@require_safe
def order_detail(request: HttpRequest, pk: int) -> HttpResponse:
    order = order_or_404(request, pk)
    events, older = older_page(
        order.events.select_related("actor"), request.GET.get("before"), EVENTS_PER_PAGE
    )
    lines = list(order.lines.select_related("sku"))
    stock = lines_stock_read(lines)
    panel = channels.panel(order.pk)
    context = {
        "order": order,
        "lines": [(line, stock[line.pk]) for line in lines],
        "stock_missing": sum(each.missing for each in stock.values()),
        "stock_away": order.may_come_back and any(each.is_away for each in stock.values()),
        "stock_back": order.has_left and any(each.is_back for each in stock.values()),
        "may_return": may(user_of(request), "sales:order_stock", "POST"),
        "events": events,
        "older": older,
        "channel_panel": panel,
        "shipper": shipper_label(order.shipped_by, order.store.channel) if order.external_id else "",
        "shipper_choices": _shipper_choices(request, order),
        "status": OrderStatus(order.status),
        "may_decide": may(user_of(request), "sales:order_release", "POST"),
        "primary": _primary(request, order, panel),
    }
    template = "sales/order_timeline.html" if request.headers.get("HX-Request") else "sales/order.html"
    return render(request, template, context)


def _primary(request: HttpRequest, order: Order, panel: channels.Panel | None) -> channels.NextStep | None:
    """The page's blue button: the operator's own next step, nothing while somebody else acts."""
    if not may(user_of(request), "sales:order_release", "POST"):
        return None
    if panel is None:
        if order.frozen_reason or OrderStatus(order.status).rank >= OrderStatus.INVOICED.rank:
            return None
        url = f"{reverse('invoices:issue')}?order={order.pk}"
        return channels.NextStep(channels.Owner.YOU, "", "Gerar nota fiscal", "file-invoice", url)
    return panel.next if panel.is_yours and panel.next and panel.next.url else None


def _shipper_choices(request: HttpRequest, order: Order) -> list[tuple[str, str]]:
    """What somebody may say of who carries the order; nothing where there is nothing to say."""
    if not may(user_of(request), "sales:order_shipper", "POST") or shipper_problem(order):
        return []
    channel = order.store.channel
    known = (ShippedBy.CHANNEL, ShippedBy.SELLER)
    return [(each.value, shipper_label(each, channel)) for each in known if each != order.shipped_by]


@require_POST
def order_shipper(request: HttpRequest, pk: int) -> HttpResponse:
    """Say who carries an order of which the marketplace does not."""
    order = order_or_404(request, pk)
    chosen = request.POST.get("shipped_by")
    if chosen not in (ShippedBy.CHANNEL, ShippedBy.SELLER):
        messages.error(request, "Escolha quem envia o pedido.")
        return redirect("sales:order", pk=order.pk)
    shipped_by = ShippedBy(chosen)
    if problem := order_shipper_set(order_id=order.pk, shipped_by=shipped_by, actor=user_of(request)):
        messages.error(request, problem)
    else:
        messages.success(request, f"Quem envia: {shipper_label(shipped_by, order.store.channel)}.")
    return redirect("sales:order", pk=order.pk)


@require_POST
def order_stock(request: HttpRequest, pk: int) -> HttpResponse:
    """*devolver ao estoque*."""
    order = order_or_404(request, pk)
    if order_stock_return(order_id=order.pk, actor=user_of(request)):
        messages.success(request, "Mercadoria devolvida ao estoque.")
    else:
        messages.info(request, "Não há nada deste pedido para devolver ao estoque.")
    return redirect("sales:order", pk=order.pk)


@require_POST
def order_release(request: HttpRequest, pk: int) -> HttpResponse:
    """*liberar mesmo assim*."""
    order = order_or_404(request, pk)
    if order_refund_release(order_id=order.pk, actor=user_of(request)):
        messages.success(request, "Pedido liberado: ele segue apesar do reembolso.")
    else:
        messages.info(request, "Nenhum reembolso pago segura este pedido.")
    return redirect("sales:order", pk=order.pk)


@require_POST
def order_handover(request: HttpRequest, pk: int) -> HttpResponse:
    """*o pacote voltou* or *foi entregue*."""
    order = order_or_404(request, pk)
    came_back = request.POST.get("came_back") == "1"
    if order_handover_settle(order_id=order.pk, came_back=came_back, actor=user_of(request)):
        text = "Pedido cancelado; a mercadoria voltou ao estoque." if came_back else "Pedido entregue."
        messages.success(request, text)
    else:
        messages.info(request, "Não há nada a dizer sobre o pacote deste pedido.")
    return redirect("sales:order", pk=order.pk)


def order_shipping(request: HttpRequest, pk: int) -> HttpResponse:
    """Forma de envio, transportadora and forma de recebimento of one order."""
    order, user = order_or_404(request, pk), user_of(request)
    form = OrderShippingForm(request.POST or None, instance=order, company=company_of(request))
    if request.method == "POST" and form.is_valid():
        problem = order_shipping_edit(
            order_id=order.pk,
            shipping_method_id=form.chosen("shipping_method"),
            carrier_id=form.chosen("carrier"),
            payment_method_id=form.chosen("payment_method"),
            actor=user,
        )
        if not problem:
            messages.success(request, "Envio e recebimento salvos.")
            return redirect("sales:order", pk=order.pk)
        form.add_error("shipping_method", problem)
    return _form_page(request, form, "Envio", order)


def orders_shipping(request: HttpRequest) -> HttpResponse:
    """The same for many: the list names its rows; the answered form sends them again as `ids`."""
    _, ids = action_asked(request.POST)
    followed = [*ids, *ids_of(request.POST.getlist("beside"))][:MOST_COUNTED]
    visible = Order.objects.visible_to(user_of(request))
    orders = visible.filter(pk__in=ids[:MOST_COUNTED])
    back = address_back(request, "sales:orders")
    chosen = request.POST if "shipping_method" in request.POST else None
    form = OrderShippingForm(chosen, instance=Order(), company=company_of(request))
    del form.fields["payment_method"]
    if chosen is not None and form.is_valid():
        saved = orders_shipping_set(
            order_ids=[order.pk for order in orders],
            shipping_method_id=form.chosen("shipping_method"),
            carrier_id=form.chosen("carrier"),
            actor=user_of(request),
        )
        _shipping_reported(request, saved, {order.pk: order.number for order in orders})
        next_steps_keep(request, orders_next_steps([order.pk for order in visible.filter(pk__in=followed)]))
        return redirect(back)
    numbers = dict(orders.order_by("number").values_list("pk", "number"))
    context = {
        "form": form,
        "ids": ",".join(str(pk) for pk in numbers),
        "beside": request.POST.get("beside", ""),
        "numbers": list(numbers.values())[:MOST_NAMED],
        "more": max(0, len(numbers) - MOST_NAMED),
        "count": len(numbers),
        "title": "Definir forma de envio",
        "back": back,
    }
    return render(request, "sales/orders_shipping.html", context)


def order_buyer(request: HttpRequest, pk: int) -> HttpResponse:
    order = order_or_404(request, pk)
    form = BuyerForm(request.POST or None, instance=Buyer.objects.filter(order=order).first())
    if request.method == "POST" and form.is_valid():
        buyer_edit(order=order, fields=form.cleaned_data, actor=user_of(request))
        messages.success(request, "Comprador salvo. Mudanças do e-commerce passam a pedir confirmação.")
        return redirect("sales:order", pk=order.pk)
    return _form_page(request, form, "Comprador", order)


def order_address(request: HttpRequest, pk: int) -> HttpResponse:
    order = order_or_404(request, pk)
    form = DeliveryAddressForm(
        request.POST or None, instance=DeliveryAddress.objects.filter(order=order).first()
    )
    if request.method == "POST" and form.is_valid():
        address_edit(order=order, fields=form.cleaned_data, actor=user_of(request))
        messages.success(request, "Endereço salvo. Mudanças do e-commerce passam a pedir confirmação.")
        return redirect("sales:order", pk=order.pk)
    return _form_page(request, form, "Endereço", order)


@require_POST
def order_proposal(request: HttpRequest, pk: int, part: str) -> HttpResponse:
    """*aceitar* or *manter* a change that came from the platform after an edit here."""
    order = order_or_404(request, pk)
    target: Buyer | DeliveryAddress = (
        get_object_or_404(Buyer, order=order)
        if part == "comprador"
        else get_object_or_404(DeliveryAddress, order=order)
    )
    decide = proposal_accept if request.POST.get("decision") == "accept" else proposal_keep
    decide(part=target, actor=user_of(request))
    return redirect("sales:order", pk=order.pk)


def _shipping_reported(request: HttpRequest, saved: ShippingSet, numbers: Mapping[int, int]) -> None:
    """One message for what changed, and one per reason with the orders it kept from changing."""
    text = ngettext("em %d pedido", "em %d pedidos", saved.changed) % saved.changed
    if saved.changed or not saved.problems:
        messages.success(request, f"Forma de envio definida {text}.")
    kept: dict[str, list[str]] = {}
    for pk, problem in saved.problems.items():
        kept.setdefault(problem, []).append(str(numbers[pk]))
    for reason, own in kept.items():
        messages.error(request, f"{reason} Sem mudança: {', '.join(own)}.")


def _form_page(request: HttpRequest, form: BaseForm, title: str, order: Order) -> HttpResponse:
    context = {
        "form": form,
        "title": f"{title} do pedido {order.number}",
        "pretitle": "Vendas · Pedidos de venda",
        "cancel_url": reverse("sales:order", args=[order.pk]),
    }
    return render(request, "components/form_page.html", context)
