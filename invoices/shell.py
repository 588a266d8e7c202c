"""What the notes add to the shell: sidebar, what needs a person, search."""

from __future__ import annotations

from collections.abc import Iterable

from django.http import HttpRequest

from erp.attention import register as attention
from erp.attention.register import Severity
from erp.search.finding import newest_first, search_of
from erp.web import registry
from erp.web.requests import user_of
from invoices.models import Invoice
from invoices.search import invoices_found


def register() -> None:
    registry.sidebar_register(
        section="vendas", label="Notas Fiscais", url_name="invoices:list", icon="file-invoice", order=30
    )
    attention.register(
        attention.RowsSource(
            key="invoices.without_order",
            label="Notas sem pedido",
            icon="file-invoice",
            rows=lambda user: Invoice.objects.visible_to(user).without_order(),
            one="nota autorizada espera ser vinculada a um pedido",
            many="notas autorizadas esperam ser vinculadas a um pedido",
            repair="Vincular",
            url_name="invoices:unlinked",
            watched=lambda user: [Invoice.objects.visible_to(user)],
            severity=Severity.WARNING,
            order=30,
        )
    )
    registry.search_source_register(
        label="Notas fiscais", url_name="invoices:list", icon="file-invoice", search=_search, order=30
    )


def _search(request: HttpRequest, text: str) -> Iterable[registry.SearchHit]:
    own = Invoice.objects.visible_to(user_of(request)).order_by("-issued_at", "-pk")
    found = invoices_found(search_of(request, text))
    return [
        registry.SearchHit(label=str(invoice), url=invoice.get_absolute_url(), text=invoice.recipient_name)
        for invoice in newest_first(own, found, registry.MOST_HITS + 1)
    ]
