"""*Notas sem pedido*: each with its suggestion, to be accepted many at once or chosen by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from django.db.models import QuerySet
from django.urls import reverse

from erp.channels import RowResult, row_refused
from erp.refusals import NO_REFUSAL, Refusal
from erp.search.finding import Matches, Search
from erp.web.lists import Column, DateFilter, Empty, Link, ListAction, ListPage, since, until
from erp.web.requests import company_of, id_of, text_of, user_of
from invoices import refusals
from invoices.linking import invoices_link
from invoices.matching import Suggestion, order_not_found, orders_named, orders_suggest
from invoices.models import Invoice
from invoices.search import invoices_found


class UnlinkedList(ListPage[Invoice]):
    title = "Notas sem pedido"
    pretitle = "Vendas · Notas Fiscais"
    columns = (
        Column("Nota", "invoices/cells/unlinked_number.html"),
        Column("Emissão", "issued_at|ago", shown_from="md", css="text-secondary"),
        Column("Destinatário", "invoices/cells/unlinked_recipient.html", shown_from="md"),
        Column("Total", "total|money", numeric=True, shown_from="sm"),
        Column("Pedido", "invoices/cells/unlinked_order.html", css="wide-cell"),
    )
    order_by = ("-issued_at", "-pk")
    search_fields = ("number",)
    search_label = "número, chave ou destinatário"
    filters = (
        DateFilter("since", "Desde", since("issued_at")),
        DateFilter("until", "Até", until("issued_at")),
    )
    actions = (ListAction("link", "vincular sugeridas", "link", in_bar=True),)

    @property
    def empty(self) -> Empty:
        link = Link("Notas Fiscais", reverse("invoices:list"))
        return Empty("Nenhuma nota sem pedido", "Toda nota autorizada está vinculada ao seu pedido.", link)

    def queryset(self) -> QuerySet[Invoice]:
        return Invoice.objects.visible_to(user_of(self.request)).without_order()

    def matches(self, search: Search) -> Matches:
        return invoices_found(search)

    def page_links(self) -> Sequence[Link]:
        return [Link("Notas Fiscais", reverse("invoices:list"), "arrow-left")]

    def extras(self, objects: list[Invoice]) -> Mapping[int, Suggestion]:
        return self._suggestions(objects)

    def row_url(self, obj: Invoice) -> str:
        return obj.get_absolute_url()

    def run(self, action: str, ids: Sequence[int]) -> Iterable[RowResult]:
        """A typed number wins; else the suggestion the operator saw, should it still be the same."""
        now = self._suggestions(list(self.queryset().filter(pk__in=ids)))
        chosen: dict[int, int] = {}
        refused: list[RowResult] = []
        for pk in ids:
            order_id, problem = self._chosen(pk, now.get(pk))
            if order_id is None:
                refused.append(row_refused(pk, problem))
            else:
                chosen[pk] = order_id
        return [*refused, *invoices_link(orders=chosen, user=user_of(self.request))]

    def _chosen(self, pk: int, now: Suggestion | None) -> tuple[int | None, Refusal]:
        """The order's id, or None and why there is none."""
        typed = text_of(self.request.POST, f"order-{pk}", 40)
        if typed:
            orders = orders_named(user_of(self.request), typed)
            return (orders[0].pk, NO_REFUSAL) if len(orders) == 1 else (None, order_not_found(typed, orders))
        shown = id_of(self.request.POST.get(f"suggested-{pk}"))
        if shown is None:
            return None, refusals.NO_SUGGESTION
        if now is None or now.order is None or now.order.pk != shown:
            return None, refusals.SUGGESTION_CHANGED
        return shown, NO_REFUSAL

    def _suggestions(self, invoices: Sequence[Invoice]) -> dict[int, Suggestion]:
        request = self.request
        return orders_suggest(invoices=invoices, company=company_of(request), user=user_of(request))
