"""Upload of authorised notes: one page for the files and for what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO, cast

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods

from erp.accounts.models import Company
from erp.sales.models import Order
from erp.web.requests import id_of, user_of
from invoices.intake.archives import MAX_MEMBERS
from invoices.services import invoices_import

MAX_FILES = 100


@require_http_methods(["GET", "HEAD", "POST"])
def invoice_upload(request: HttpRequest) -> HttpResponse:
    """One page for the files and for what became of each. `?order=` links them all to one order.

    The page's script sends the files one by one with `fragment` set, to show progress, and is answered with
    rows alone; without it the whole form comes at once.
    """
    order = _order_asked(request)
    files = request.FILES.getlist("files")
    results, problem = [], ""
    if request.method == "POST":
        problem = _upload_problem(files)
        if not problem:
            company = cast(Company, user_of(request).company)
            named = [(file.name or "", cast(BinaryIO, file)) for file in files]
            results = invoices_import(company=company, files=named, user=user_of(request), order=order)
    context = {
        "order": order,
        "results": results,
        "problem": problem,
        "max_files": MAX_FILES,
        "max_members": MAX_MEMBERS,
    }
    template = "invoices/upload_rows.html" if "fragment" in request.POST else "invoices/upload.html"
    return render(request, template, context)


def _upload_problem(files: Sequence[object]) -> str:
    if not files:
        return "Nenhum arquivo escolhido. Escolha os XMLs ou ZIPs das notas e envie de novo."
    if len(files) > MAX_FILES:
        return f"São {len(files)} arquivos; envie até {MAX_FILES} por vez. Nenhum foi importado."
    return ""


def _order_asked(request: HttpRequest) -> Order | None:
    text = request.POST.get("order") or request.GET.get("order") or ""
    if not text:
        return None
    pk = id_of(text)
    if pk is None:
        raise Http404
    return get_object_or_404(Order.objects.visible_to(user_of(request)), pk=pk)
