"""Home and search: pages that only show what the other apps registered; and what a failure looks like."""

from __future__ import annotations

import sys
from http import HTTPStatus

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from erp import tracing
from erp.runtime.storage import trouble_seen
from erp.web import registry
from erp.web.lists.saved import LONGEST_QUERY, list_address, saved_views, view_delete, view_save
from erp.web.requests import board_of, text_of, user_of

SHORTEST_SEARCH = 2
# How often the cards of Início are drawn again.
HOME_SECONDS = 2


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """*início*: one card per thing that needs somebody, each with its next step."""
    context = {"cards": board_of(request).cards, "live_seconds": HOME_SECONDS}
    # The cards look again by themselves; panels have addresses of their own for that.
    if request.headers.get("HX-Target") == "home-cards":
        return render(request, "web/home_cards.html", context)
    return render(request, "web/home.html", context | {"panels": _panels(request)})


def _panels(request: HttpRequest) -> list[str]:
    return [render_to_string(name, context, request) for name, context in registry.home_panels_for(request)]


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Whatever the registered sources find for `?q=`: a page, or the hits of the search box."""
    text = text_of(request.GET, "q")
    asked = len(text) >= SHORTEST_SEARCH or text.isdigit()
    context = {
        "text": text,
        "asked": asked,
        "groups": registry.search_for(request, text) if asked else [],
        "sources": registry.search_sources(request),
    }
    # The box that opens over every page asks for its hits alone.
    is_box = request.headers.get("HX-Target") == "search-hits"
    response = render(request, "web/search_hits.html" if is_box else "web/search.html", context)
    patch_vary_headers(response, ["HX-Target"])
    return response


@require_http_methods(["GET", "POST"])
def list_views(request: HttpRequest) -> HttpResponse:
    """The saved views of a list; POSTed, the view at hand is kept under a name."""
    asked = request.POST if request.method == "POST" else request.GET
    name, query = text_of(asked, "list"), text_of(asked, "query", LONGEST_QUERY + 1)
    back = list_address(name)
    if back is None:
        raise Http404
    if request.method == "POST":
        title = request.POST.get("name", "")
        problem = view_save(user=user_of(request), url_name=name, name=title, query=query)
        if problem:
            messages.error(request, problem)
        else:
            messages.success(request, f"Visão salva: {title.strip()}.")
        return redirect(f"{back}?{query}" if query else back)
    context = {
        "views": saved_views(user_of(request), name, query),
        "list_name": name,
        "query": query,
        "back": f"{back}?{query}",
    }
    is_part = request.headers.get("HX-Request")
    return render(request, "web/saved_views.html" if is_part else "web/saved_views_page.html", context)


@require_POST
def list_view_delete(request: HttpRequest, pk: int) -> HttpResponse:
    row = view_delete(user=user_of(request), pk=pk)
    if row is None:
        raise Http404
    messages.success(request, f"Visão apagada: {row.name}.")
    back = request.POST.get("back", "")
    is_own = url_has_allowed_host_and_scheme(back, allowed_hosts=None)
    return redirect(back if is_own else list_address(row.url_name) or "web:home")


def server_error(request: HttpRequest) -> HttpResponse:
    """The page after a failure, with the id under which the log has it; 503 with the reason where nothing can
    be written. Needs no database."""
    trouble = trouble_seen(sys.exc_info()[1])
    code = HTTPStatus.SERVICE_UNAVAILABLE if trouble else HTTPStatus.INTERNAL_SERVER_ERROR
    context = {"request_id": tracing.current(), "code": int(code), "trouble": trouble}
    return HttpResponse(render_to_string("500.html", context), status=code)


@login_not_required
@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """A tab with a file of ours names no icon: the browser then asks for this one."""
    return redirect(static("img/favicon.svg"))
