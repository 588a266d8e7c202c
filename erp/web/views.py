"""Home and search: pages that only show what the other apps registered; and what a failure looks like."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from erp import tracing
from erp.web import registry
from erp.web.lists import LIVE_SECONDS
from erp.web.requests import board_of, text_of

SHORTEST_SEARCH = 2


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """*início*: one card per thing that needs somebody, each with its next step."""
    context = {"cards": board_of(request).cards, "live_seconds": LIVE_SECONDS}
    # The cards look again by themselves; panels have addresses of their own for that.
    if request.headers.get("HX-Target") == "home-cards":
        return render(request, "web/home_cards.html", context)
    return render(request, "web/home.html", context | {"panels": _panels(request)})


def _panels(request: HttpRequest) -> list[str]:
    return [render_to_string(name, context, request) for name, context in registry.home_panels_for(request)]


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Whatever the registered sources find for `?q=`."""
    text = text_of(request.GET, "q")
    groups = registry.search_for(request, text) if len(text) >= SHORTEST_SEARCH else []
    return render(request, "web/search.html", {"text": text, "groups": groups})


def server_error(request: HttpRequest) -> HttpResponse:
    """The page after a failure, with the id under which the log has it. Needs no database."""
    page = render_to_string("500.html", {"request_id": tracing.current()})
    return HttpResponseServerError(page)
