"""`/metrics`: what a monitoring system reads, with a token of its own: it tells of every company."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from erp import __version__
from erp import metrics as register
from erp.metrics import Figure
from erp.web import health


@never_cache
@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Every figure of the installation, for who sends `METRICS_TOKEN` as a bearer token. Without that setting
    there is no such page."""
    if not settings.METRICS_TOKEN:
        raise Http404
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not constant_time_compare(given.strip(), settings.METRICS_TOKEN):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(register.text(), content_type=register.CONTENT_TYPE)


def health_figures() -> Iterator[Figure]:
    """What `/readyz` checks: is each part well, and how long it took to answer."""
    checks = {name: health.checked(check) for name, check in health.ALWAYS.items()}
    yield Figure("erp_info", "Version of the ERP", ["version"], [([__version__], 1)])
    yield Figure(
        "erp_part_up",
        "1 while database, broker and storage take what they are given",
        ["part"],
        [([name], float(check["ok"])) for name, check in checks.items()],
    )
    yield Figure(
        "erp_part_check_seconds",
        "How long each of them took to answer",
        ["part"],
        [([name], check["ms"] / 1000) for name, check in checks.items()],
    )
