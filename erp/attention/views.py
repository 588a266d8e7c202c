"""One condition: what it says, where it leads, and *entendi*."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from erp.attention.board import conditions_of
from erp.attention.conditions import condition_withdraw
from erp.attention.register import condition_source
from erp.web.requests import user_of


def condition(request: HttpRequest, pk: int) -> HttpResponse:
    """Everybody may come as far as here; the permission of each condition's source is held in the query."""
    user = user_of(request)
    row = get_object_or_404(conditions_of(user), pk=pk)
    if request.method == "POST":
        condition_withdraw(key=row.key, subject=row.subject, user=user)
        return redirect("web:home")
    source = condition_source(row.key)
    context = {"condition": row, "label": source.label, "leads_to": source.leads_to(row)}
    return render(request, "attention/condition.html", context)
