"""*Corrigir e reenviar*: what to do when the platform refused a note."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from erp import channels
from erp.channels import RowOutcome
from erp.web.requests import user_of
from invoices.imports import invoice_replace
from invoices.intake.parser import MAX_BYTES
from invoices.linking import InvoiceRefused, replace_problem
from invoices.models import Invoice
from invoices.placement import ImportOutcome
from invoices.sending import invoices_send, send_problems


@require_http_methods(["GET", "HEAD", "POST"])
def invoice_correct(request: HttpRequest, pk: int) -> HttpResponse:
    """Send the same note again, or put a corrected one in its place and send that."""
    rows = Invoice.objects.visible_to(user_of(request)).select_related("company", "order")
    invoice = get_object_or_404(rows, pk=pk)
    if invoice.order is None:
        messages.error(request, "A nota não está vinculada a um pedido: não há o que corrigir no e-commerce.")
        return redirect(invoice)
    problem: str = replace_problem(invoice, invoice.order)
    if request.method == "POST":
        if "again" in request.POST:
            return _send_again(request, invoice)
        file = request.FILES.get("file")
        problem = problem or ("" if file else "Escolha o XML da nota corrigida.")
        if not problem and file is not None:
            replaced = _replace(request, invoice, file.name or "", file.read(MAX_BYTES + 1))
            if replaced is not None:
                return redirect(replaced)
    context = {
        "invoice": invoice,
        "order": invoice.order,
        "state": channels.invoice_states([pk]).get(pk),
        "problem": problem,
        "send_problem": send_problems([pk])[pk],
    }
    return render(request, "invoices/correct.html", context)


def _send_again(request: HttpRequest, invoice: Invoice) -> HttpResponse:
    _send(request, invoice)
    return redirect(invoice)


def _replace(request: HttpRequest, invoice: Invoice, name: str, content: bytes) -> Invoice | None:
    """The note that took the place of `invoice`, or None with the reasons as messages."""
    try:
        result = invoice_replace(invoice=invoice, name=name, content=content, user=user_of(request))
    except InvoiceRefused as refused:
        messages.error(request, str(refused))
        return None
    if result.outcome is ImportOutcome.HELD and result.invoice is not None:
        messages.warning(
            request, f"{result.invoice}: espera confirmação antes de tomar o lugar da {invoice}."
        )
        return result.invoice
    if result.invoice is None or result.order is None or result.invoice.pk == invoice.pk:
        for text in result.texts or ("É a mesma nota. Envie o XML da nota corrigida.",):
            messages.error(request, text)
        return None
    messages.success(request, f"{result.invoice} tomou o lugar da {invoice} no pedido {result.order.number}.")
    for text in result.texts:
        messages.warning(request, text)
    _send(request, result.invoice)
    return result.invoice


def _send(request: HttpRequest, invoice: Invoice) -> None:
    (sent,) = invoices_send(ids=[invoice.pk], user=user_of(request))
    show = messages.error if sent.outcome is RowOutcome.REFUSED else messages.success
    show(request, sent.text)
