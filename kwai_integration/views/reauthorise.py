"""One click from a notice to Kwai's consent page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from kwai_integration.views.scope import at_public_address, kwai_stores, leading_to_kwai


@require_safe
@at_public_address
def reauthorise(request: HttpRequest, pk: int) -> HttpResponse:
    """Sends the *conectar com Kwai* form by itself; without JavaScript its button is pressed.

    A link cannot start a consent: that changes something, and the page must first be at PUBLIC_URL.
    """
    store = get_object_or_404(kwai_stores(request), pk=pk)
    return leading_to_kwai(render(request, "kwai/reauthorise.html", {"store": store}))
