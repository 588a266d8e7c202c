"""*Notas Fiscais*: the list and what is done to many notes at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.urls import reverse

from erp import channels
from erp.accounts.permissions import may
from erp.channels import InvoiceStage, InvoiceState, RowResult
from erp.sales.views.orders import shipping_methods_of, stores_of
from erp.web.lists import Action, ChoiceFilter, Column, DateFilter, Empty, Filter, Link, ListPage, Tab
from erp.web.requests import user_of
from invoices.models import ISSUED, Invoice, InvoiceStatus
from invoices.printing.paper import Paper
from invoices.printing.services import PrintRefused, invoices_print, print_problems
from invoices.search import invoice_condition
from invoices.sending import invoices_send, send_problems
from invoices.views.printing import pdf_response

SEND = "send_invoice"
STAGES = [(stage.value, stage.label) for stage in InvoiceStage]
ENVIRONMENTS = [("production", "produção"), ("homologation", "homologação")]


def _at_stage(stage: str) -> Q:
    return channels.invoices_in(InvoiceStage(stage))


class InvoiceList(ListPage[Invoice]):
    title = "Notas Fiscais"
    pretitle = "Vendas"
    columns = (
        Column("Nota"),
        Column("Emissão", css="d-none d-md-table-cell"),
        Column("Destinatário", css="d-none d-lg-table-cell"),
        Column("Pedido"),
        Column("Situação"),
        Column("No e-commerce", css="d-none d-md-table-cell"),
        Column("Forma de envio", css="d-none d-xxl-table-cell"),
        Column("Total", numeric=True, css="d-none d-sm-table-cell"),
    )
    row_template = "invoices/invoice_row.html"
    order_by = ("-issued_at", "-pk")
    search_fields = ("number",)
    search_label = "número, chave, destinatário ou pedido"
    tabs = (
        Tab("all", "todas"),
        Tab("pending", "pendentes", Q(status=InvoiceStatus.PENDING)),
        Tab("issued", "emitidas", Q(status__in=ISSUED)),
        Tab("rejected", "rejeitadas", Q(status=InvoiceStatus.REJECTED)),
        Tab("cancelled", "canceladas", Q(status=InvoiceStatus.CANCELLED)),
    )
    filters = (
        ChoiceFilter("store", "Loja", "store_id", choices=stores_of),
        ChoiceFilter("method", "Forma de envio", "shipping_method_id", choices=shipping_methods_of),
        ChoiceFilter("sent", "No e-commerce", _at_stage, choices=STAGES),
        ChoiceFilter("environment", "Ambiente", "environment", choices=ENVIRONMENTS, all_label="todos"),
        Filter("kwai", "Nº do pedido Kwai", "order__external_id__startswith"),
        DateFilter("since", "Desde", "issued_at__date__gte"),
        DateFilter("until", "Até", "issued_at__date__lte"),
    )
    actions = (
        Action(Paper.DANFE, "imprimir DANFE", "printer", in_bar=True, download=True),
        Action(Paper.LABEL, "imprimir etiqueta do DANFE (10x15)", "tag", download=True),
        Action(SEND, "enviar dados da NFe para e-commerce", "send"),
    )
    poll_seconds = 15

    @property
    def empty(self) -> Empty:  # type: ignore[override]
        return Empty(
            "Nenhuma nota fiscal",
            "Envie os XMLs das notas autorizadas; cada uma é conferida e vinculada ao seu pedido.",
            self._upload(),
        )

    def queryset(self) -> QuerySet[Invoice]:
        rows = Invoice.objects.visible_to(user_of(self.request))
        return rows.select_related("order", "store", "shipping_method", "carrier")

    def search_condition(self, text: str) -> Q:
        return invoice_condition(text)

    def page_links(self) -> Sequence[Link]:
        unlinked = Link("Notas sem pedido", reverse("invoices:unlinked"), "unlink")
        return (
            [unlinked, self._upload()]
            if may(user_of(self.request), "invoices:upload", "POST")
            else [unlinked]
        )

    def decorate(self, objects: list[Invoice]) -> None:
        found = channels.invoice_states([invoice.pk for invoice in objects])
        for invoice in objects:
            invoice.channel_state = found.get(invoice.pk)  # type: ignore[attr-defined]

    def check(self, action: str, ids: Sequence[int]) -> Mapping[int, str]:
        return send_problems(ids) if action == SEND else print_problems(ids)

    def run(self, action: str, ids: Sequence[int]) -> Iterable[RowResult] | HttpResponse:
        if action == SEND:
            return invoices_send(ids=ids, user=user_of(self.request))
        try:
            content = invoices_print(ids=ids, paper=Paper(action), user=user_of(self.request))
        except PrintRefused as refused:
            return refused.results
        return pdf_response(content, f"{action}-{len(ids)}-notas.pdf")

    def row_links(self, obj: Invoice) -> Sequence[Link]:
        links = [Link("baixar XML", reverse("invoices:xml", args=[obj.pk]), "download")]
        state: InvoiceState | None = getattr(obj, "channel_state", None)
        if state is not None and state.is_refused and may(user_of(self.request), "invoices:correct", "POST"):
            links.insert(0, Link("corrigir e reenviar", reverse("invoices:correct", args=[obj.pk]), "tool"))
        return links

    def row_url(self, obj: Invoice) -> str:
        return obj.get_absolute_url()

    def _upload(self) -> Link:
        return Link("Enviar XML", reverse("invoices:upload"), "upload", primary=True)
