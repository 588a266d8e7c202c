"""Where Kwai delivers push messages (contract section 4)."""

from __future__ import annotations

import logging

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from kwai_integration.client.pushes import LARGEST_BODY
from kwai_integration.inbound.webhook import PushMessageRefused, event_accept

logger = logging.getLogger(__name__)

TOO_LARGE = "larger than a message may be"
BROKEN_OFF = "the connection broke off"


@csrf_exempt
@login_not_required
@require_POST
def webhook(request: HttpRequest) -> HttpResponse:
    """`{"result":1}` once the event is stored; anything refused gets one and the same answer."""
    try:
        event_accept(_body(request))
    except PushMessageRefused as refusal:
        logger.warning("Push refused: %s", refusal)
        return JsonResponse({"result": 0}, status=400)
    return JsonResponse({"result": 1})


def _body(request: HttpRequest) -> bytes:
    """At most the agreed size; more is refused by its announced length, before a byte is read."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit()) or int(length) > LARGEST_BODY:
        raise PushMessageRefused(TOO_LARGE)
    try:
        return request.read(LARGEST_BODY) if int(length) else _pieces(request)
    except UnreadablePostError:
        raise PushMessageRefused(BROKEN_OFF) from None


def _pieces(request: HttpRequest) -> bytes:
    """A body sent in chunks, which announces no length and which Django takes for empty."""
    if not request.META.get("wsgi.input_terminated"):
        return b""
    try:
        body: bytes = request.META["wsgi.input"].read(LARGEST_BODY + 1)
    except Exception:
        # Each server has an error of its own for a piece that is none.
        raise PushMessageRefused(BROKEN_OFF) from None
    if len(body) > LARGEST_BODY:
        raise PushMessageRefused(TOO_LARGE)
    return body
