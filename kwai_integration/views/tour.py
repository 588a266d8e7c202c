"""The guided tour of the demonstration; outside it these addresses do not exist."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from kwai_integration.demo.tour import FOLDED, tour_of

NOT_HERE = "O passeio só existe na demonstração."


@require_safe
def tour(request: HttpRequest) -> HttpResponse:
    """The card alone, for the home page that asks every few seconds; 204 while it looks the same."""
    found = tour_of(request)
    if found is None:
        raise Http404(NOT_HERE)
    if request.GET.get("estado") == found.state:
        return HttpResponse(status=204)
    return render(request, "kwai/tour.html", {"tour": found})


@require_POST
def tour_fold(request: HttpRequest) -> HttpResponse:
    """Fold the card away or show it again; kept for the session."""
    if not settings.ERP_DEMO:
        raise Http404(NOT_HERE)
    request.session[FOLDED] = request.POST.get("folded") == "1"
    return redirect("web:home")
