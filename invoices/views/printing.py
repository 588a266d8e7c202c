"""The paper of one note."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods

from erp.web.requests import user_of
from invoices.models import Invoice
from invoices.printing.printouts import InvoicePrintout
from invoices.printing.services import PrintRefused, invoices_print, invoices_printout


@require_http_methods(["GET", "HEAD", "POST"])
def invoice_printout(request: HttpRequest, pk: int, printout: str) -> HttpResponse:
    """DANFE or label: a POST prints and records it, a GET only shows the same PDF."""
    if printout not in InvoicePrintout.values:
        raise Http404
    invoice = get_object_or_404(Invoice.objects.visible_to(user_of(request)), pk=pk)
    try:
        if request.method == "POST":
            content = invoices_print(ids=[pk], printout=InvoicePrintout(printout), user=user_of(request))
        else:
            content = invoices_printout(ids=[pk], printout=InvoicePrintout(printout))
    except PrintRefused as refused:
        messages.error(request, refused.results[0].text)
        return redirect(invoice)
    return pdf_response(content, f"{printout}-{invoice.access_key}.pdf")


def pdf_response(content: bytes, name: str) -> HttpResponse:
    """Shown by the browser, which prints it; it holds personal data, so nothing on the way keeps it."""
    return HttpResponse(
        content,
        content_type="application/pdf",
        headers={
            "Content-Disposition": f'inline; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-store",
        },
    )
