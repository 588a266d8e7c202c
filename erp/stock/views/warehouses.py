"""*Depósitos*: list and form."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from erp.stock.forms import WarehouseForm
from erp.stock.models import Warehouse
from erp.stock.services import StockRefused, warehouse_save
from erp.web.lists import Column, Link, ListPage, Tab
from erp.web.requests import company_of, user_of


class WarehouseList(ListPage[Warehouse]):
    title = "Depósitos"
    pretitle = "Cadastros"
    columns = (
        Column("Nome", "components/cells/name.html"),
        Column("Unidades em estoque", "units", numeric=True, stack_label="Unidades"),
        Column("Uso", "stock/cells/warehouse_use.html"),
    )
    order_by = ("-is_default", "name", "pk")
    search_fields = ("name",)
    search_label = "nome"
    tabs = (
        Tab("active", "ativos", Q(is_active=True)),
        Tab("inactive", "inativos", Q(is_active=False)),
    )

    def queryset(self) -> QuerySet[Warehouse]:
        own = Warehouse.objects.filter(company=company_of(self.request))
        return own.annotate(units=Sum("stock_items__on_hand", default=0))

    def page_links(self) -> list[Link]:
        return [Link("Incluir depósito", reverse("stock:warehouse_create"), "plus", primary=True)]

    def row_url(self, obj: Warehouse) -> str:
        return reverse("stock:warehouse", args=[obj.pk])


def warehouse_edit(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """Create (no pk) or edit a *depósito*."""
    user = user_of(request)
    company = company_of(request)
    row = get_object_or_404(Warehouse, pk=pk, company=company) if pk else None
    title = row.name if row else "Incluir depósito"
    form = WarehouseForm(request.POST or None, instance=row or Warehouse(company=company))
    if request.method == "POST" and form.is_valid():
        try:
            saved = warehouse_save(company=company, warehouse=row, actor=user, **form.cleaned_data)
        except StockRefused as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"Depósito {saved} salvo.")
            return redirect("stock:warehouses")
    context = {
        "form": form,
        "title": title,
        "pretitle": "Cadastros · Depósitos",
        "cancel_url": reverse("stock:warehouses"),
    }
    return render(request, "components/form_page.html", context)
