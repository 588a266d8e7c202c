"""Names that tools rely on for the Kwai connection (contract section 6)."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from environs import Env

env = Env()

# A demonstration has no way to the real platform: its default is the sandbox, another choice is refused.
_DEMO = env.bool("ERP_DEMO", False)
_PLATFORM = "http://127.0.0.1:8100" if _DEMO else "https://api-shop.kwai.com"
KWAI_API_URL = env.str("KWAI_API_URL", _PLATFORM).rstrip("/")
if _DEMO and urlsplit(KWAI_API_URL).hostname not in ("127.0.0.1", "localhost", "::1"):
    raise ImproperlyConfigured(
        f"ERP_DEMO=1 não usa {KWAI_API_URL}: retire KWAI_API_URL do arquivo .env ou ponha ERP_DEMO=0."
    )
KWAI_CONSENT_URL = env.str("KWAI_CONSENT_URL", "https://shop.kwai.com/shop/b/authorize")
KWAI_APP_KEY = env.str("KWAI_APP_KEY", "")
KWAI_APP_SECRET = env.str("KWAI_APP_SECRET", "")
KWAI_SIGN_SECRET = env.str("KWAI_SIGN_SECRET", "")
KWAI_MESSAGE_KEY = env.str("KWAI_MESSAGE_KEY", "")
KWAI_SIGN_HOST = env.str("KWAI_SIGN_HOST", "api-shop.kwai.com")
KWAI_SIGN_ACCESS_TOKEN = env.bool("KWAI_SIGN_ACCESS_TOKEN", False)

# Corrections of assumed rows of the contract, as JSON objects: {"ship_order": "/rest/..."} and
# {"30": "payable"}.
KWAI_PATHS: dict[str, str] = json.loads(env.str("KWAI_PATHS", "{}") or "{}")
KWAI_STATUS_ROLES: dict[str, str] = json.loads(env.str("KWAI_STATUS_ROLES", "{}") or "{}")

# Platform limits (contract section 4, assumed): requests a second and calls a day.
KWAI_STORE_RATE = env.float("KWAI_STORE_RATE", 20.0)
KWAI_APP_RATE = env.float("KWAI_APP_RATE", 100.0)
KWAI_DAILY_CALLS = env.int("KWAI_DAILY_CALLS", 1_000_000)

# Seconds between two polls of one store, and how far a poll reaches back behind the last one.
KWAI_POLL_SECONDS = env.int("KWAI_POLL_SECONDS", 15)
KWAI_POLL_OVERLAP_SECONDS = env.int("KWAI_POLL_OVERLAP_SECONDS", 300)
