"""*Notas Fiscais*: the list and what is done to many notes at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_safe

from erp import channels
from erp.accounts.permissions import may
from erp.channels import InvoiceStage, InvoiceState, RowResult
from erp.sales.next_steps import orders_next_steps
from erp.sales.views.scope import SHIPPING_METHOD, STORE
from erp.search.finding import Matches, Search
from erp.web.lists import (
    ChoiceFilter,
    Column,
    DateFilter,
    Empty,
    Filter,
    Link,
    ListAction,
    ListPage,
    NextListStep,
    Sort,
    Tab,
    since,
    until,
)
from erp.web.requests import user_of
from invoices.intake.parser import MAX_BYTES
from invoices.models import ISSUED, Invoice, InvoiceStatus, RefusedFile
from invoices.next_steps import group_problems
from invoices.printing.printouts import InvoicePrintout
from invoices.printing.services import PrintRefused, invoices_print, print_problems
from invoices.search import invoices_found, invoices_of_remote_order, refused_files_found
from invoices.sending import invoices_send, send_problems
from invoices.views.downloads import file_response
from invoices.views.printing import pdf_response

SEND, GROUP = "send_invoice", "group"
REJECTED = "rejected"
STAGES = [(stage.value, stage.label) for stage in InvoiceStage]
ENVIRONMENTS = [("production", "produção"), ("homologation", "homologação")]


def _at_stage(stage: str) -> Q:
    return channels.invoices_in(InvoiceStage(stage))


class InvoiceList(ListPage[Invoice]):
    """The notes. Its tab *rejeitadas* shows `RefusedFileList`: what is refused never becomes a note."""

    title = "Notas Fiscais"
    pretitle = "Vendas"
    columns = (
        Column("Nota", "invoices/cells/invoice_number.html", sort="number", export="number"),
        Column("Série", "series", shown_from="xl", css="text-secondary"),
        Column("Emissão", "issued_at|ago", shown_from="md", css="text-secondary", sort="issued"),
        Column("Destinatário", "invoices/cells/invoice_recipient.html", css="wide-cell"),
        Column("Pedido", "invoices/cells/invoice_order.html"),
        Column("Situação", "invoices/cells/invoice_status.html"),
        Column("No e-commerce", "invoices/cells/invoice_channel.html"),
        Column("Forma de envio", 'shipping_method.name|default:"—"', shown_from="xxl", css="text-secondary"),
        Column("Total", "total|money", numeric=True, sort="total"),
    )
    sorts = (
        Sort("issued", ("issued_at",), newest_first=True),
        Sort("number", ("number",), newest_first=True),
        Sort("total", ("total",), newest_first=True),
    )
    order_by = ("-issued_at", "-pk")
    search_fields = ("number",)
    search_label = "número, chave, destinatário ou pedido"
    tabs = (
        Tab("all", "todas"),
        Tab("pending", "pendentes", Q(status=InvoiceStatus.PENDING)),
        Tab("issued", "emitidas", Q(status__in=ISSUED), always=True),
        Tab(REJECTED, "rejeitadas", Q(status=InvoiceStatus.REJECTED)),
        Tab("cancelled", "canceladas", Q(status=InvoiceStatus.CANCELLED)),
    )
    filters = (
        STORE,
        SHIPPING_METHOD,
        ChoiceFilter("sent", "No e-commerce", _at_stage, choices=STAGES),
        ChoiceFilter(
            "environment", "Ambiente", "environment", choices=ENVIRONMENTS, all_label="todos", rare=True
        ),
        Filter("remote", channels.worded("Nº do pedido no {channel}"), invoices_of_remote_order, rare=True),
        DateFilter("since", "Desde", since("issued_at"), rare=True),
        DateFilter("until", "Até", until("issued_at"), rare=True),
    )
    actions = (
        ListAction(InvoicePrintout.DANFE, "imprimir DANFE", "printer", in_bar=True, download=True),
        ListAction(GROUP, "agrupar", "package", in_bar=True, leads_to="expedition:include_invoices"),
        ListAction(InvoicePrintout.LABEL, "imprimir etiqueta do DANFE (10x15)", "tag", download=True),
        ListAction(SEND, "enviar dados da NFe para e-commerce", "send"),
    )
    poll_seconds = 15

    @property
    def empty(self) -> Empty:
        return Empty(
            "Nenhuma nota fiscal",
            "Envie os XMLs das notas autorizadas; cada uma é conferida e vinculada ao seu pedido.",
            self._upload(),
        )

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.GET.get("tab") == REJECTED:
            return RefusedFileList.beside(request).get(request)
        return super().get(request, *args, **kwargs)

    def counted(self, found: QuerySet[Invoice]) -> dict[str, QuerySet[Any]]:
        return super().counted(found) | {REJECTED: RefusedFileList.beside(self.request).found()}

    def watched(self) -> Sequence[QuerySet[Any]]:
        user = user_of(self.request)
        own: list[QuerySet[Any]] = [Invoice.objects.visible_to(user), RefusedFile.objects.visible_to(user)]
        return [*own, *channels.watched(user)]

    def queryset(self) -> QuerySet[Invoice]:
        rows = Invoice.objects.visible_to(user_of(self.request))
        return rows.select_related("order__buyer", "store", "shipping_method", "wanted_order")

    def matches(self, search: Search) -> Matches:
        return invoices_found(search)

    def page_links(self) -> Sequence[Link]:
        links = [
            Link("Fechamento", reverse("invoices:months"), "calendar"),
            Link("Notas sem pedido", reverse("invoices:unlinked"), "unlink"),
        ]
        may_upload = may(user_of(self.request), "invoices:upload", "POST")
        return [*links, self._upload()] if may_upload else links

    def extras(self, objects: list[Invoice]) -> Mapping[int, InvoiceState]:
        self.states = channels.invoice_states([invoice.pk for invoice in objects])
        return self.states

    def check(self, action: str, ids: Sequence[int]) -> Mapping[int, str]:
        if action == GROUP:
            return group_problems(ids)
        return send_problems(ids) if action == SEND else print_problems(ids)

    def run(self, action: str, ids: Sequence[int]) -> Iterable[RowResult] | HttpResponse:
        if action == SEND:
            return invoices_send(ids=ids, user=user_of(self.request))
        try:
            content = invoices_print(ids=ids, printout=InvoicePrintout(action), user=user_of(self.request))
        except PrintRefused as refused:
            return refused.results
        return pdf_response(content, f"{action}-{len(ids)}-notas.pdf")

    def next_steps(self, action: str, done: Sequence[int]) -> Sequence[NextListStep]:
        orders = Invoice.objects.filter(pk__in=done, order__isnull=False).values_list("order_id", flat=True)
        return orders_next_steps(orders) if action == SEND else ()

    def row_links(self, obj: Invoice) -> Sequence[Link]:
        links = [Link("baixar XML", reverse("invoices:xml", args=[obj.pk]), "download")]
        state = self.states.get(obj.pk)
        if state is not None and state.is_refused and may(user_of(self.request), "invoices:correct", "POST"):
            links.insert(0, Link("corrigir e reenviar", reverse("invoices:correct", args=[obj.pk]), "tool"))
        return links

    def row_url(self, obj: Invoice) -> str:
        return obj.get_absolute_url()

    def _upload(self) -> Link:
        return Link("Enviar XML", reverse("invoices:upload"), "upload", primary=True)


class RefusedFileList(ListPage[RefusedFile]):
    """The tab *rejeitadas*: files the validation refused, each with its reasons."""

    title = InvoiceList.title
    pretitle = InvoiceList.pretitle
    columns = (
        Column("Arquivo", "invoices/cells/refused_file.html", css="short-cell"),
        Column("Nota", "invoices/cells/refused_number.html", shown_from="md"),
        Column("Pedido", "invoices/cells/refused_order.html", shown_from="lg"),
        Column("Motivo", "invoices/cells/refused_reasons.html", css="wide-cell"),
        Column("Enviado", "invoices/cells/refused_sent.html", shown_from="md", css="text-secondary"),
    )
    order_by = ("-last_sent_at", "-pk")
    search_fields = ("file_name", "access_key", "order__external_id")
    search_label = "arquivo, chave ou pedido"
    tabs = tuple(Tab(tab.key, tab.label, always=tab.always) for tab in InvoiceList.tabs)
    filters = (
        STORE,
        Filter(
            "remote",
            channels.worded("Nº do pedido no {channel}"),
            "order__external_id__startswith",
            rare=True,
        ),
        DateFilter("since", "Desde", since("last_sent_at"), rare=True),
        DateFilter("until", "Até", until("last_sent_at"), rare=True),
    )
    poll_seconds = InvoiceList.poll_seconds
    empty = Empty("Nenhum arquivo recusado", "Os XMLs recusados na conferência aparecem aqui, com o motivo.")

    @classmethod
    def beside(cls, request: HttpRequest) -> RefusedFileList:
        """The list that answers `request`, which is one to the list of notes."""
        view = cls()
        view.setup(request)
        return view

    def matches(self, search: Search) -> Matches:
        return refused_files_found(search)

    def watched(self) -> Sequence[QuerySet[Any]]:
        user = user_of(self.request)
        return [RefusedFile.objects.visible_to(user), Invoice.objects.visible_to(user)]

    def queryset(self) -> QuerySet[RefusedFile]:
        return (
            RefusedFile.objects.visible_to(user_of(self.request))
            .select_related("order", "sent_by")
            .defer("content")
        )

    def page_links(self) -> Sequence[Link]:
        page = InvoiceList()
        page.setup(self.request)
        return page.page_links()

    def row_links(self, obj: RefusedFile) -> Sequence[Link]:
        if obj.size > MAX_BYTES:
            return []
        return [Link("baixar arquivo", reverse("invoices:refused_file", args=[obj.pk]), "download")]

    def counted(self, found: QuerySet[RefusedFile]) -> dict[str, QuerySet[Any]]:
        page = InvoiceList()
        page.setup(self.request)
        return page.counted(page.found()) | {REJECTED: found}


@require_safe
def refused_file(request: HttpRequest, pk: int) -> HttpResponse:
    """The bytes of a refused file, never to be opened by the browser: nothing is known of them."""
    row = get_object_or_404(RefusedFile.objects.visible_to(user_of(request)), pk=pk)
    if row.content is None:
        raise Http404
    name = f"recusado-{row.pk}.xml"
    return file_response(bytes(row.content), name=name, content_type="application/octet-stream")
