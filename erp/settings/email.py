"""Where messages go. Without `EMAIL_URL` none is sent and nothing fails: the notices above the pages say the
same."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from erp.settings.environment import shared_env

env = shared_env()

_URL = env.str("EMAIL_URL", "")
_CONFIG: dict[str, Any] = dict(env.dj_email_url("EMAIL_URL", default="dummy://") if _URL else {})
if _URL and "EMAIL_BACKEND" not in _CONFIG:
    raise ImproperlyConfigured(
        f"EMAIL_URL começa com {urlsplit(_URL).scheme or 'nada'}://, que não é conhecido: use "
        "submission://usuário:senha@servidor:587 (TLS) ou smtp://usuário:senha@servidor:465?ssl=on."
    )

EMAIL_ENABLED = bool(_URL)
EMAIL_BACKEND = _CONFIG.get("EMAIL_BACKEND", "django.core.mail.backends.dummy.EmailBackend")
EMAIL_HOST = _CONFIG.get("EMAIL_HOST") or "localhost"
EMAIL_PORT = _CONFIG.get("EMAIL_PORT") or 25
EMAIL_HOST_USER = _CONFIG.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = _CONFIG.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS = _CONFIG.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = _CONFIG.get("EMAIL_USE_SSL", False)
EMAIL_FILE_PATH = _CONFIG.get("EMAIL_FILE_PATH") or None
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("EMAIL_FROM", EMAIL_HOST_USER or "erp@localhost")
