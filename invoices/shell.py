"""What the notes add to the shell: sidebar, home card and search."""

from __future__ import annotations

from collections.abc import Iterable

from django.http import HttpRequest

from erp.web import registry
from erp.web.requests import user_of
from invoices.models import Invoice
from invoices.search import invoice_condition


def register() -> None:
    registry.sidebar_register(
        section="vendas", label="Notas Fiscais", url_name="invoices:list", icon="file-invoice", order=30
    )
    registry.home_card_register(
        label="Notas sem pedido",
        url_name="invoices:unlinked",
        icon="file-invoice",
        content=_unlinked,
        order=30,
    )
    registry.search_source_register(
        label="Notas fiscais", url_name="invoices:list", icon="file-invoice", search=_search
    )


def _unlinked(request: HttpRequest) -> registry.CardContent | None:
    own = Invoice.objects.visible_to(user_of(request))
    count = own.without_order().count()
    if not count:
        return None
    text = "notas autorizadas esperam ser vinculadas" if count > 1 else "nota autorizada espera ser vinculada"
    return registry.CardContent(count, f"{text} a um pedido", "Vincular", "orange")


def _search(request: HttpRequest, text: str) -> Iterable[registry.SearchHit]:
    own = Invoice.objects.visible_to(user_of(request)).filter(invoice_condition(text))
    return [
        registry.SearchHit(label=str(invoice), url=invoice.get_absolute_url(), text=invoice.recipient_name)
        for invoice in own.order_by("-issued_at", "-pk")[:10]
    ]
