"""*Produtos*: list and form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from erp.accounts.models import Company, User
from erp.catalog.balances import Balance, balances_read
from erp.catalog.forms import FISCAL_FIELDS, ProductForm, SkuFormSet
from erp.catalog.models import Product, Sku
from erp.catalog.search import skus_found
from erp.catalog.services import SkuCodeTaken, SkuDraft, product_save
from erp.search.finding import Matches, Search
from erp.web.lists import Column, Empty, Link, ListPage, Tab
from erp.web.requests import company_of, user_of


class SkuList(ListPage[Sku]):
    title = "Produtos"
    pretitle = "Cadastros"
    columns = (
        Column("Código (SKU)", "catalog/cells/sku_code.html"),
        Column("Produto", "catalog/cells/sku_product.html", css="wide-cell"),
        Column("Variação", 'specification|default:"—"', shown_from="md", css="text-secondary"),
        Column("GTIN", 'gtin|default:"—"', shown_from="xl", css="text-secondary"),
        Column("Preço", "price|money", numeric=True, css="text-nowrap"),
        Column("Físico", "extra.on_hand", numeric=True, shown_from="md"),
        Column("Reservado", "extra.reserved", numeric=True, shown_from="md"),
        Column(
            "Disponível",
            "catalog/cells/sku_available.html",
            numeric=True,
            css="fw-bold",
            stack_label="Disponível",
        ),
    )
    order_by = ("product__name", "code", "pk")
    search_fields = ("code", "product__name", "specification", "gtin")
    search_label = "código, nome, variação ou GTIN"
    tabs = (
        Tab("active", "ativos", Q(product__is_active=True)),
        Tab("inactive", "inativos", Q(product__is_active=False)),
    )

    @property
    def empty(self) -> Empty:
        return Empty(
            "Nenhum produto cadastrado",
            "Cadastre os produtos com os mesmos códigos (SKU) dos anúncios: os pedidos se vinculam sozinhos.",
            Link("Incluir produto", reverse("catalog:product_create"), "plus", primary=True),
        )

    def queryset(self) -> QuerySet[Sku]:
        return Sku.objects.filter(company=company_of(self.request)).select_related("product")

    def matches(self, search: Search) -> Matches:
        return skus_found(search)

    def extras(self, objects: list[Sku]) -> Mapping[int, Balance]:
        return balances_read([sku.pk for sku in objects])

    def row_links(self, obj: Sku) -> list[Link]:
        return [Link("ver estoque", reverse("stock:sku", args=[obj.pk]), "stack-2")]

    def page_links(self) -> list[Link]:
        return [Link("Incluir produto", reverse("catalog:product_create"), "plus", primary=True)]

    def row_label(self, obj: Sku) -> str:
        return obj.code

    def row_url(self, obj: Sku) -> str:
        return reverse("catalog:product", args=[obj.product_id])


def product_create(request: HttpRequest) -> HttpResponse:
    return _product_form(request, None)


def product_edit(request: HttpRequest, pk: int) -> HttpResponse:
    return _product_form(request, get_object_or_404(Product, pk=pk, company=company_of(request)))


def _product_form(request: HttpRequest, product: Product | None) -> HttpResponse:
    user = user_of(request)
    form = ProductForm(request.POST or None, instance=product)
    company = company_of(request)
    skus = SkuFormSet(
        request.POST or None,
        instance=product or Product(),
        prefix="skus",
        form_kwargs={"company": company},
    )
    if request.method == "POST" and form.is_valid() and skus.is_valid():
        try:
            saved = _save(company, user, form, skus, product)
        except SkuCodeTaken as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"Produto {saved.name} salvo.")
            return redirect("catalog:products")
    balances = balances_read([row.instance.pk for row in skus.forms if row.instance.pk])
    context = {
        "form": form,
        "skus": skus,
        "sku_rows": [(row, balances.get(row.instance.pk)) for row in skus],
        "title": product.name if product else "Incluir produto",
    }
    context["fiscal_open"] = "fiscal" in request.GET or any(
        name in row.errors for row in skus for name in FISCAL_FIELDS
    )
    return render(request, "catalog/product_form.html", context)


def _save(company: Company, user: User, form: ProductForm, skus: Any, product: Product | None) -> Product:
    drafts = [
        SkuDraft(
            id=row.instance.pk,
            code=row.cleaned_data["code"],
            specification=row.cleaned_data["specification"],
            gtin=row.cleaned_data["gtin"],
            price=row.cleaned_data["price"],
            fiscal={name: row.cleaned_data[name] for name in FISCAL_FIELDS},
        )
        for row in skus.forms
        if row.cleaned_data
    ]
    return product_save(company=company, product=product, skus=drafts, actor=user, **form.cleaned_data)
