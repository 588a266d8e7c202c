"""The request's id and its line in the log; compressed pages; a page for addresses that only act."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.shortcuts import render, resolve_url

from erp import tracing

logger = logging.getLogger(__name__)

READING = ("GET", "HEAD", "OPTIONS")
COMPRESSED = ("text/html", "application/json")


class RequestIdMiddleware:
    """Takes a valid `X-Request-ID` or makes one, answers it, and keeps it current while the request lasts."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with tracing.bound(request.headers.get(tracing.HEADER)) as request_id:
            started = time.monotonic()
            response = self.get_response(request)
            response[tracing.HEADER] = request_id
            _log(request, response.status_code, started)
        return response


class CompressionMiddleware(GZipMiddleware):
    """Compresses pages and parts of them. Files keep their length, by which a browser shows how far a
    download is, and most are compressed already. Why the size of a page tells nothing of the secrets in it:
    docs/security.md.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        kind = response.get("Content-Type", "").partition(";")[0]
        if response.streaming or kind not in COMPRESSED:
            return response
        return super().process_response(request, response)


class SessionEndedMiddleware:
    """A part of a page whose session has ended leads the whole page to the login, and back to it, in place of
    the login page standing where the part stood."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        login = resolve_url(settings.LOGIN_URL)
        leads_there = response.status_code == HTTPStatus.FOUND and response["Location"].startswith(login)
        if not leads_there or request.headers.get("HX-Request") != "true":
            return response
        page = urlsplit(request.headers.get("HX-Current-URL", ""))
        back = page._replace(scheme="", netloc="", fragment="").geturl()
        address = f"{login}?{urlencode({'next': back or '/'})}"
        return HttpResponse(status=HTTPStatus.NO_CONTENT, headers={"HX-Redirect": address})


class ActionAddressMiddleware:
    """Who opens the address of a button in the browser gets a page that says so, not an empty one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        is_browser = "text/html" in request.headers.get("Accept", "")
        if response.status_code != HTTPStatus.METHOD_NOT_ALLOWED or not is_browser:
            return response
        page = render(request, "405.html", status=HTTPStatus.METHOD_NOT_ALLOWED)
        page["Allow"] = response["Allow"]
        return page


def _log(request: HttpRequest, status: int, started: float) -> None:
    """The route's name, not the address: addresses hold one-time codes and what people search for."""
    match = request.resolver_match
    # Whoever was looked up by now: a log line asks no database.
    user = getattr(request, "_cached_user", None)
    # Pages that refresh by themselves would drown the rest.
    logger.log(
        logging.DEBUG if request.method in READING else logging.INFO,
        "request",
        extra={
            "method": request.method,
            "route": match.view_name if match else "",
            "row": match.kwargs.get("pk") if match else None,
            "user": getattr(user, "pk", None),
            "status": status,
            "duration_ms": round((time.monotonic() - started) * 1000),
        },
    )
