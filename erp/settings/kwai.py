"""Names that tools rely on for the Kwai connection (contract section 6)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from erp.settings.environment import shared_env
from kwai_integration.client.codes import result_table, situation_table
from kwai_integration.client.endpoints import endpoint_table
from kwai_integration.client.wire import wire_names

env = shared_env()

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


def _corrections(name: str, check: Callable[[Any], object]) -> dict[str, Any]:
    """A JSON object that corrects a table of the contract; one that does not fit ends the start."""
    text = env.str(name, "") or "{}"
    try:
        corrections: dict[str, Any] = json.loads(text)
    except ValueError:
        raise ImproperlyConfigured(
            f"{name} não é um objeto JSON: confira aspas e chaves no arquivo .env."
        ) from None
    try:
        check(corrections)
    except ValueError as error:
        raise ImproperlyConfigured(str(error)) from None
    return corrections


# Corrections of rows of the contract: {"ship_order": "/rest/..."}, {"order.status": "state"},
# {"448": "clock_wrong"} and {"77": {"role": "to_arrange", "label": "..."}}.
KWAI_PATHS = _corrections("KWAI_PATHS", endpoint_table)
KWAI_FIELDS = _corrections("KWAI_FIELDS", wire_names)
KWAI_STATUS_ROLES = _corrections("KWAI_STATUS_ROLES", situation_table)
KWAI_RESULT_ROLES = _corrections("KWAI_RESULT_ROLES", result_table)

# The first push of each kind of a new store waits for a person and is read back after.
KWAI_CONFIRM_FIRST_PUSH = env.bool("KWAI_CONFIRM_FIRST_PUSH", not _DEMO)

# Platform limits (contract section 4, assumed): requests a second and calls a day.
KWAI_STORE_RATE = env.float("KWAI_STORE_RATE", 20.0)
KWAI_APP_RATE = env.float("KWAI_APP_RATE", 100.0)
KWAI_DAILY_CALLS = env.int("KWAI_DAILY_CALLS", 1_000_000)

# Seconds between two polls of one store, and how far a poll reaches back behind the last one.
KWAI_POLL_SECONDS = env.int("KWAI_POLL_SECONDS", 15)
KWAI_POLL_OVERLAP_SECONDS = env.int("KWAI_POLL_OVERLAP_SECONDS", 300)
