"""Rows of Kwai a user may reach."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from erp.accounts.models import Store, StoreLifecycle, StoreQuerySet
from erp.web.lists import ChoiceFilter
from erp.web.requests import user_of
from kwai_integration.models import CHANNEL_KEY

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
View = Callable[..., HttpResponse]


def kwai_stores(request: HttpRequest) -> StoreQuerySet:
    """Kwai stores the user may see, with their connection."""
    rows = Store.objects.visible_to(user_of(request)).filter(channel=CHANNEL_KEY, kwai_account__isnull=False)
    return rows.select_related("kwai_account", "kwai_settings", "company").order_by("name")


def store_choices(request: HttpRequest) -> list[tuple[Any, Any]]:
    """Choices of the filter *loja*: a store that was switched off still has its rows."""
    return list(kwai_stores(request).exclude(lifecycle=StoreLifecycle.DRAFT).values_list("pk", "name"))


STORE = ChoiceFilter(
    "store",
    "Loja",
    "store_id",
    choices=store_choices,
    read_from=lambda request: [Store.objects.visible_to(user_of(request))],
)


def leading_to_kwai(response: HttpResponse) -> HttpResponse:
    """The *conectar com Kwai* form of a page answers with a redirect to Kwai, and browsers hold redirects
    against form-action."""
    consent = urlsplit(settings.KWAI_CONSENT_URL)
    response._csp_update = {"form-action": [f"{consent.scheme}://{consent.netloc}"]}  # type: ignore[attr-defined]
    return response


def at_public_address(view: View) -> View:
    """Under another loopback name the session cookie would be lost on the way back from Kwai, so the
    page moves to PUBLIC_URL first (contract section 2)."""

    @wraps(view)
    def moved(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        public = urlsplit(settings.PUBLIC_URL)
        here = urlsplit(f"//{request.get_host()}")
        elsewhere = (here.hostname, here.port) != (public.hostname, public.port)
        if request.method == "GET" and elsewhere and here.hostname in LOOPBACK:
            return redirect(settings.PUBLIC_URL + request.get_full_path())
        return view(request, *args, **kwargs)

    return moved
