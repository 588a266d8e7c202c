"""What every template of the shell can name. Lazy: a table refreshed by itself never builds the sidebar."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from erp import __version__, channels
from erp.accounts.models import User
from erp.web import registry
from erp.web.requests import board_of


def shell(request: HttpRequest) -> dict[str, Any]:
    """`sidebar_sections`, `shell_notices`, the current `company` (None before set-up and signed out),
    what people call the product and its channels, `demo_mode` and `erp_version`."""
    user = getattr(request, "user", None)
    return {
        "sidebar_sections": SimpleLazyObject(lambda: registry.sidebar_for(request)),
        "shell_notices": SimpleLazyObject(lambda: board_of(request).banners),
        "company": SimpleLazyObject(lambda: user.company) if isinstance(user, User) else None,
        "product_name": settings.PRODUCT_NAME,
        "channel_name": channels.label(),
        "demo_mode": bool(getattr(settings, "ERP_DEMO", False)),
        "erp_version": __version__,
    }
