"""One notice about a store: what it says, where it leads, and *entendi*."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from erp.accounts.models import Store
from erp.web.requests import user_of
from kwai_integration.models import StoreNotice
from kwai_integration.store_notices import notice_read


def store_notice(request: HttpRequest, pk: int) -> HttpResponse:
    visible = StoreNotice.objects.filter(store__in=Store.objects.visible_to(user_of(request)))
    notice = get_object_or_404(visible.select_related("store"), pk=pk)
    if request.method == "POST":
        notice_read(notice=notice, user=user_of(request))
        return redirect("web:home")
    label, url = _leads_to(notice)
    return render(request, "kwai/notice.html", {"notice": notice, "label": label, "url": url})


def _leads_to(notice: StoreNotice) -> tuple[str, str]:
    """The page where what the notice tells of is looked at."""
    if "mappings" in notice.key:
        return "Abrir Mapeamentos", reverse("kwai:store_step", args=[notice.store_id, "mapeamentos"])
    return "Ver pedidos de venda", reverse("sales:orders")
