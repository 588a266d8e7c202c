"""One note: its page, original file, order and transport."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from erp import channels
from erp.accounts.permissions import may
from erp.channels import InvoiceStage
from erp.web.requests import company_of, text_of, user_of
from invoices import refusals
from invoices.forms import InvoiceCarrierForm
from invoices.intake.parser import XmlRefused, xml_indented
from invoices.intake.validation import InvoiceVerdict, judge
from invoices.issuing.services import cancel_issuer
from invoices.linking import (
    InvoiceRefused,
    company_facts,
    invoice_link,
    invoice_proceed,
    invoice_unlink,
    invoice_warnings,
    order_checks,
    replace_problem,
    unlink_problem,
)
from invoices.matching import order_not_found, orders_named
from invoices.models import ISSUED, DocumentDamaged, Invoice, InvoiceDocument, InvoiceEvent, InvoiceStatus
from invoices.next_steps import group_problems
from invoices.printing.services import print_problems
from invoices.sending import send_problems
from invoices.services import invoice_carrier_set
from invoices.views.downloads import file_response

LONGEST_SHOWN = 300_000


@require_safe
def invoice_detail(request: HttpRequest, pk: int) -> HttpResponse:
    invoice = _invoice(request, pk)
    order, verdict = invoice.order, _verdict(invoice)
    checks = (*verdict.checks, *order_checks(invoice, verdict.reading)) if verdict else ()
    state = channels.invoice_states([pk]).get(pk)
    context = {
        "invoice": invoice,
        "status": InvoiceStatus(invoice.status),
        "verdict": verdict,
        "checks": checks,
        "failed": sum(check.refuses for check in checks),
        "warned": sum(check.warns for check in checks),
        "state": state,
        "is_unsent": state is not None and state.stage is InvoiceStage.NOT_SENT,
        "send_problem": send_problems([pk])[pk],
        "replace_problem": replace_problem(invoice, order) if order else "",
        "print_problem": print_problems([pk])[pk],
        "to_group": not group_problems([pk])[pk],
        "unlink_problem": unlink_problem(invoice, order) if order else "",
        "warnings": invoice_warnings(invoice),
        "events": InvoiceEvent.objects.filter(company=invoice.company, access_key=invoice.access_key),
        "overrides": may(user_of(request), "invoices:proceed", "POST"),
        "operates": may(user_of(request), "invoices:link", "POST"),
        "may_cancel": cancel_issuer(invoice) is not None,
        "may_link": order is None and invoice.replaced_by is None and invoice.status in ISSUED,
    }
    return render(request, "invoices/detail.html", context)


@require_GET
def invoice_xml(request: HttpRequest, pk: int) -> HttpResponse:
    """The original bytes, always as a download: they are a stranger's text."""
    invoice = _invoice(request, pk)
    try:
        content = InvoiceDocument.objects.get(invoice=invoice).read()
    except InvoiceDocument.DoesNotExist:
        raise Http404 from None
    except DocumentDamaged:
        messages.error(request, refusals.DAMAGED)
        return redirect(invoice)
    name = f"{invoice.access_key}-procNFe.xml"
    return file_response(content, name=name, content_type="application/xml")


@require_safe
def invoice_xml_view(request: HttpRequest, pk: int) -> HttpResponse:
    """The same file indented to be read. Only text: the template escapes it."""
    invoice = _invoice(request, pk)
    try:
        text = xml_indented(InvoiceDocument.objects.get(invoice=invoice).read())
    except (InvoiceDocument.DoesNotExist, DocumentDamaged, XmlRefused):
        messages.error(request, refusals.DAMAGED)
        return redirect(invoice)
    context = {"invoice": invoice, "text": text[:LONGEST_SHOWN], "is_cut": len(text) > LONGEST_SHOWN}
    return render(request, "invoices/xml.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def invoice_carrier(request: HttpRequest, pk: int) -> HttpResponse:
    """*Transportadora* and *forma de envio*, beside the XML that stays as it is."""
    invoice = _invoice(request, pk)
    form = InvoiceCarrierForm(request.POST or None, instance=invoice, company=company_of(request))
    if request.method == "POST" and form.is_valid():
        try:
            _carrier_save(request, pk, form)
        except InvoiceRefused as refused:
            form.add_error("shipping_method", str(refused))
        else:
            return redirect("invoices:detail", pk=pk)
    context = {
        "form": form,
        "title": f"Transporte da {invoice}",
        "pretitle": "Vendas · Notas Fiscais",
        "cancel_url": invoice.get_absolute_url(),
    }
    return render(request, "components/form_page.html", context)


@require_POST
def invoice_order_link(request: HttpRequest, pk: int) -> HttpResponse:
    invoice = _invoice(request, pk)
    typed = text_of(request.POST, "order", 40)
    orders = orders_named(user_of(request), typed)
    if len(orders) != 1:
        messages.error(request, order_not_found(typed, orders))
        return redirect(invoice)
    try:
        warnings = invoice_link(invoice_id=pk, order_id=orders[0].pk, user=user_of(request))
    except InvoiceRefused as refused:
        messages.error(request, str(refused))
        return redirect(invoice)
    if warnings:
        messages.warning(
            request, f"A nota espera: leia o que difere do pedido {orders[0].number} e confirme."
        )
    else:
        messages.success(request, f"Nota vinculada ao pedido {orders[0].number}.")
    return redirect(invoice)


@require_POST
def invoice_proceed_anyway(request: HttpRequest, pk: int) -> HttpResponse:
    """*Seguir mesmo assim*, for the warnings the page showed."""
    invoice = _invoice(request, pk)
    codes = request.POST.getlist("code")[:50]
    try:
        order = invoice_proceed(invoice_id=pk, codes=codes, user=user_of(request))
    except InvoiceRefused as refused:
        messages.error(request, str(refused))
        return redirect(invoice)
    messages.success(
        request, f"Nota vinculada ao pedido {order.number}." if order else "A nota está liberada."
    )
    return redirect(invoice)


@require_POST
def invoice_order_unlink(request: HttpRequest, pk: int) -> HttpResponse:
    invoice = _invoice(request, pk)
    try:
        invoice_unlink(invoice_id=pk, user=user_of(request))
        messages.success(request, "Nota desvinculada. Vincule-a ao pedido certo.")
    except InvoiceRefused as refused:
        messages.error(request, str(refused))
    return redirect(invoice)


def _invoice(request: HttpRequest, pk: int) -> Invoice:
    rows = Invoice.objects.visible_to(user_of(request)).select_related(
        "company", "order", "store", "carrier", "shipping_method", "created_by", "replaced_by", "wanted_order"
    )
    return get_object_or_404(rows, pk=pk)


def _verdict(invoice: Invoice) -> InvoiceVerdict | None:
    """The checks of the stored file as they stand today; None when it can no longer be read."""
    try:
        content = InvoiceDocument.objects.get(invoice=invoice).read()
    except (InvoiceDocument.DoesNotExist, DocumentDamaged):
        return None
    return judge(content, company=company_facts(invoice.company))


def _carrier_save(request: HttpRequest, pk: int, form: InvoiceCarrierForm) -> None:
    method, carrier = form.cleaned_data["shipping_method"], form.cleaned_data["carrier"]
    changed = invoice_carrier_set(
        invoice_id=pk,
        carrier_id=carrier.pk if carrier else None,
        shipping_method_id=method.pk if method else None,
        user=user_of(request),
    )
    messages.success(request, "Transporte salvo." if changed else "Nada mudou.")
