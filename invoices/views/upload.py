"""Upload of authorised notes: one page for the files and for what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO, cast
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from erp.sales.models import Order
from erp.web.requests import company_of, id_of, user_of
from erp.work.models import Work
from erp.work.progress import WorkPart, work_part
from invoices.intake.archives import MAX_MEMBERS
from invoices.uploads import KIND, upload_open_for, upload_take

MAX_FILES = 100


@require_http_methods(["GET", "HEAD", "POST"])
def invoice_upload(request: HttpRequest) -> HttpResponse:
    """One page for the files and for what became of each. `?order=` links them all to one order, `?work=`
    shows the results of that upload, else those of one that is still under way.

    The page's script sends the files one by one with `fragment` set, all to the same `work`, and is answered
    with the results alone; without it the whole form comes at once.
    """
    order = _order_asked(request)
    files = request.FILES.getlist("files")
    problem = _upload_problem(files) if request.method == "POST" else ""
    if request.method == "POST" and not problem:
        return _taken(request, order)
    if "fragment" in request.POST:
        return HttpResponseBadRequest(problem)
    context = {
        "order": order,
        "part": _part_shown(request),
        "problem": problem,
        "max_files": MAX_FILES,
        "max_members": MAX_MEMBERS,
    }
    return render(request, "invoices/upload.html", context)


def _taken(request: HttpRequest, order: Order | None) -> HttpResponse:
    user = user_of(request)
    work = upload_take(
        files=[(file.name or "", cast(BinaryIO, file)) for file in request.FILES.getlist("files")],
        company=company_of(request),
        user=user,
        order=order,
        work=upload_open_for(user=user, order=order, work_id=id_of(request.POST.get("work"))),
    )
    if "fragment" in request.POST:
        return render(request, "work/part.html", {"part": work_part(work, user=user, rows=True)})
    asked = {"work": work.pk} | ({"order": order.pk} if order else {})
    return redirect(f"{reverse('invoices:upload')}?{urlencode(asked)}")


def _part_shown(request: HttpRequest) -> WorkPart | None:
    user = user_of(request)
    works = Work.objects.visible_to(user).filter(kind=KIND)
    if pk := id_of(request.GET.get("work")):
        work: Work | None = get_object_or_404(works, pk=pk)
    else:
        work = works.unfinished().filter(asked_by=user).order_by("-pk").first()
    return work_part(work, user=user, rows=True) if work else None


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
