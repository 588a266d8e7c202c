"""*Estoque*: the balances, and one SKU with everything that explains its balance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.db.models import F, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from erp.accounts.permissions import may
from erp.catalog.models import Sku
from erp.catalog.search import skus_found
from erp.search.finding import Matches, Search
from erp.stock.causes import causes_read
from erp.stock.forms import MoveForm
from erp.stock.models import MovementKind, StockItem, StockMovement, StockReservation, Warehouse
from erp.stock.selectors import skus_with_balance
from erp.stock.services import AlreadyMoved, Moved, StockRefused, stock_move
from erp.web.lists import ChoiceFilter, Column, Empty, Filter, Link, ListPage, Tab
from erp.web.paging import older_page
from erp.web.requests import company_of, id_of, user_of

MOVEMENTS_PER_PAGE = 50
RESERVATIONS_SHOWN = 100
NAMED_ORDERS = 8

MOVES = (
    (MovementKind.ENTRY, "stock:entry", "package-import"),
    (MovementKind.EXIT, "stock:exit", "package-export"),
    (MovementKind.COUNT, "stock:count", "clipboard-check"),
)


def warehouses_of(request: HttpRequest) -> list[tuple[int, str]]:
    """Choices of the filter *depósito*."""
    own = Warehouse.objects.filter(company=company_of(request))
    return list(own.order_by("-is_default", "name").values_list("pk", "name"))


def move_links(request: HttpRequest, sku_id: int) -> list[Link]:
    """*entrada*, *saída* and *balanço* of one SKU, for those who may."""
    return [
        Link(kind.label.lower(), reverse(name, args=[sku_id]), icon)
        for kind, name, icon in MOVES
        if may(user_of(request), name)
    ]


class BalanceList(ListPage[Sku]):
    title = "Estoque"
    pretitle = "Cadastros"
    columns = (
        Column("Código (SKU)", "stock/cells/balance_code.html", shown_from="md"),
        Column("Produto", "stock/cells/balance_product.html", css="wide-cell"),
        Column(
            "Por depósito",
            "stock/cells/balance_places.html",
            shown_from="xl",
            css="text-secondary small medium-cell",
        ),
        Column("Físico", "on_hand", numeric=True, shown_from="md"),
        Column("Reservado", "reserved", numeric=True, shown_from="md"),
        Column(
            "Disponível",
            "stock/cells/balance_available.html",
            numeric=True,
            css="fw-bold",
            stack_label="Disponível",
        ),
        Column("Situação", "stock/cells/balance_state.html", shown_from="md"),
    )
    order_by = ("product__name", "code", "pk")
    search_fields = ("code", "product__name", "specification", "gtin")
    search_label = "código, nome, variação ou GTIN"
    tabs = (
        Tab("all", "todos"),
        Tab("in", "com saldo", Q(available__gt=0)),
        Tab("out", "sem saldo", Q(available__lte=0)),
        Tab("waiting", "pedidos esperando", Q(waiting__gt=0)),
    )

    @cached_property
    def warehouses(self) -> list[tuple[int, str]]:
        return warehouses_of(self.request)

    @cached_property
    def filters(self) -> Sequence[Filter]:
        """The figures themselves follow the choice, see `queryset`."""
        kept = self.warehouses
        return (ChoiceFilter("warehouse", "Depósito", lambda pk: Q(), choices=kept, all_label="todos"),)

    @property
    def empty(self) -> Empty:
        return Empty(
            "Nenhum SKU aqui",
            "Cadastre produtos em Produtos; depois registre aqui o saldo de cada um com balanço ou entrada.",
            Link("Abrir Produtos", reverse("catalog:products"), "box"),
        )

    def queryset(self) -> QuerySet[Sku]:
        own = Sku.objects.filter(company=company_of(self.request))
        warehouse_id = id_of(self.request.GET.get("warehouse"))
        known = warehouse_id if warehouse_id in dict(self.warehouses) else None
        # A product out of use still has its goods, and its orders still wait.
        shown = Q(product__is_active=True) | Q(on_hand__gt=0) | Q(waiting__gt=0)
        return skus_with_balance(own.select_related("product"), known).filter(shown)

    def matches(self, search: Search) -> Matches:
        return skus_found(search)

    def extras(self, objects: list[Sku]) -> Mapping[int, list[StockItem]]:
        places: dict[int, list[StockItem]] = defaultdict(list)
        rows = StockItem.objects.filter(sku__in=objects).exclude(on_hand=0)
        for item in rows.select_related("warehouse").order_by("-warehouse__is_default", "warehouse__name"):
            places[item.sku_id].append(item)
        return places

    def row_label(self, obj: Sku) -> str:
        return obj.code

    def row_url(self, obj: Sku) -> str:
        return reverse("stock:sku", args=[obj.pk])

    def row_links(self, obj: Sku) -> Sequence[Link]:
        return move_links(self.request, obj.pk)


@require_safe
def sku_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Balances by warehouse, every movement, and the orders that hold or wait."""
    sku = _sku(request, pk)
    history = StockMovement.objects.filter(sku=sku).select_related("warehouse", "actor")
    movements, older = older_page(history, request.GET.get("before"), MOVEMENTS_PER_PAGE)
    reservations = StockReservation.objects.filter(sku=sku).select_related("warehouse").order_by("pk")
    shown = list(reservations[: RESERVATIONS_SHOWN + 1])
    places = _places(sku)
    line_ids = {row.order_line_id for row in [*movements, *shown] if row.order_line_id}
    causes = causes_read(user_of(request), line_ids)
    context = {
        "sku": sku,
        "places": places,
        "totals": {
            name: sum(place[name] for place in places)
            for name in ("on_hand", "reserved", "available", "waiting")
        },
        "movements": [(row, causes.get(row.order_line_id)) for row in movements],
        "older": older,
        "reservations": [(row, causes.get(row.order_line_id)) for row in shown[:RESERVATIONS_SHOWN]],
        "more_reservations": len(shown) > RESERVATIONS_SHOWN,
        "move_links": move_links(request, sku.pk),
    }
    return render(request, "stock/sku.html", context)


def sku_move(request: HttpRequest, pk: int, kind: MovementKind) -> HttpResponse:
    """The form of *entrada*, *saída* or *balanço*."""
    sku = _sku(request, pk)
    user = user_of(request)
    form = MoveForm(request.POST or None, company=company_of(request), kind=kind)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data | {"request_key": str(form.cleaned_data["request_key"])}
        try:
            moved = stock_move(kind=kind, sku=sku, actor=user, **data)
        except AlreadyMoved:
            messages.info(request, "Este lançamento já estava registrado; nada foi lançado de novo.")
            return redirect("stock:sku", pk=sku.pk)
        except StockRefused as error:
            form.add_error("quantity", str(error))
        else:
            _say(request, moved)
            return redirect("stock:sku", pk=sku.pk)
    context = {
        "form": form,
        "title": f"{kind.label} de {sku.code}",
        "pretitle": "Cadastros · Estoque",
        "submit_label": f"Registrar {kind.label.lower()}",
        "cancel_url": reverse("stock:sku", args=[sku.pk]),
        "sku": sku,
        "places": _places(sku),
        "kind": kind,
    }
    return render(request, "stock/move.html", context)


def _sku(request: HttpRequest, pk: int) -> Sku:
    own = Sku.objects.filter(company=company_of(request))
    return get_object_or_404(own.select_related("product"), pk=pk)


def _places(sku: Sku) -> list[dict[str, Any]]:
    """Balance and waiting units in each warehouse of the company."""
    items = {item.warehouse_id: item for item in StockItem.objects.filter(sku=sku)}
    waiting = StockReservation.objects.waiting().filter(sku=sku).order_by().values_list("warehouse_id")
    missing = dict(waiting.annotate(total=Sum(F("wanted") - F("held"))))
    warehouses = Warehouse.objects.filter(company_id=sku.company_id).order_by("-is_default", "name")
    empty = StockItem(sku=sku)
    return [
        {
            "warehouse": warehouse,
            "on_hand": item.on_hand,
            "reserved": item.reserved,
            "available": item.available,
            "waiting": missing.get(warehouse.pk, 0),
        }
        for warehouse in warehouses
        for item in [items.get(warehouse.pk, empty)]
        if warehouse.is_active or warehouse.pk in items
    ]


def _say(request: HttpRequest, moved: Moved) -> None:
    """What was done, and who lost goods by it."""
    movement = moved.movement
    messages.success(request, f"Registrado. Saldo de {movement.balance} no depósito {movement.warehouse}.")
    if not moved.released:
        return
    causes = causes_read(user_of(request), {each.order_line_id for each in moved.released})
    named = [f"{causes[each.order_line_id].label} ({each.quantity})" for each in moved.released]
    rest = f" e mais {len(named) - NAMED_ORDERS}" if len(named) > NAMED_ORDERS else ""
    messages.warning(
        request,
        "O saldo não cobre mais estas reservas, das mais novas: "
        f"{', '.join(named[:NAMED_ORDERS])}{rest}. Estão sem estoque até haver entrada.",
    )
