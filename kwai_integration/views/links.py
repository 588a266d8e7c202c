"""*Item sem vínculo*: listings of Kwai that no SKU of ours stands for yet."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import ngettext

from erp.accounts.models import Store
from erp.channels import RowOutcome
from erp.search.finding import Matches, Search
from erp.web.lists import Column, Empty, ListPage, Tab
from erp.web.requests import company_of, user_of
from kwai_integration.forms import LinkForm
from kwai_integration.inbound.linking import LinkRefused, NewSku, listing_link
from kwai_integration.models import KwaiOrderState, Listing
from kwai_integration.search import listings_found
from kwai_integration.views.scope import STORE


class ListingList(ListPage[Listing]):
    title = "Itens do Kwai"
    pretitle = "Vendas · Pedidos no e-commerce"
    columns = (
        Column("Item no Kwai", "kwai/cells/listing_item.html", css="wide-cell"),
        Column("Nº no Kwai", "item_id", shown_from="xl", css="text-secondary font-monospace small"),
        Column("Código do vendedor", 'seller_code|default:"—"', css="font-monospace short-cell"),
        Column("Loja", "store.name", shown_from="xxl", css="text-secondary"),
        Column("Pedidos esperando", "waiting", numeric=True, stack_label="Pedidos esperando"),
        Column("SKU no ERP", "kwai/cells/listing_sku.html", css="short-cell"),
    )
    order_by = ("-waiting", "pk")
    search_fields = ("title", "seller_code", "item_id", "sku_id_remote")
    search_label = "título, código ou número do item"
    tabs = (
        Tab("unlinked", "sem vínculo", Q(sku__isnull=True)),
        Tab("linked", "vinculados", Q(sku__isnull=False)),
    )
    filters = (STORE,)
    empty = Empty(
        "Todos os itens estão vinculados",
        "Quando um pedido trouxer um item que o ERP não conhece, ele aparece aqui para ser vinculado.",
    )

    def queryset(self) -> QuerySet[Listing]:
        waiting = Count("waiting_orders", filter=Q(waiting_orders__state=KwaiOrderState.UNLINKED))
        rows = Listing.objects.filter(store__in=Store.objects.visible_to(user_of(self.request)))
        return rows.select_related("store", "sku__product").annotate(waiting=waiting)

    def matches(self, search: Search) -> Matches:
        return listings_found(search)

    def row_label(self, obj: Listing) -> str:
        return obj.title or obj.item_id

    def row_url(self, obj: Listing) -> str:
        return reverse("kwai:link", args=[obj.pk]) if obj.sku_id is None else ""


def listing_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Pick or create the SKU of one listing; its waiting orders are reprocessed."""
    user = user_of(request)
    rows = Listing.objects.filter(store__in=Store.objects.visible_to(user), sku__isnull=True)
    listing = get_object_or_404(rows.select_related("store"), pk=pk)
    form = LinkForm(request.POST or None, company=company_of(request), listing=listing)
    if request.method == "POST" and form.is_valid():
        try:
            received = _link(listing, form, request)
        except LinkRefused as error:
            form.add_error(None, str(error))
        else:
            text = "%d pedido que esperava foi recebido.", "%d pedidos que esperavam foram recebidos."
            messages.success(request, f"Item vinculado. {ngettext(*text, received) % received}")
            return redirect("kwai:links")
    context = {
        "form": form,
        "listing": listing,
        "title": "Vincular item",
        "pretitle": "Vendas · Itens do Kwai",
        "submit_label": "vincular",
        "cancel_url": reverse("kwai:links"),
    }
    return render(request, "kwai/link.html", context)


def _link(listing: Listing, form: LinkForm, request: HttpRequest) -> int:
    data = form.cleaned_data
    sku = data["sku"]
    new_sku = None if sku else NewSku(code=data["code"], name=data["name"], price=data["price"] or 0)
    results = listing_link(
        listing_id=listing.pk, actor=user_of(request), sku_id=sku.pk if sku else None, new_sku=new_sku
    )
    return sum(result.outcome is RowOutcome.DONE for result in results)
