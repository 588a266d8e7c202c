"""Names that tools rely on for the Kwai connection."""

from __future__ import annotations

from urllib.parse import urlsplit

from erp.settings.environment import shared_env
from erp.settings.mode import ERP_DEMO

env = shared_env()

# A demonstration has no way to the real platform: its default is the sandbox, another choice is refused.
_PLATFORM = "http://127.0.0.1:8100" if ERP_DEMO else "https://api-shop.kwai.com"
KWAI_API_URL = env.address("KWAI_API_URL", _PLATFORM)
if ERP_DEMO and urlsplit(KWAI_API_URL).hostname not in ("127.0.0.1", "localhost", "::1"):
    env.refuse(
        "KWAI_API_URL",
        "não leva ao Kwai simulado, o único que ERP_DEMO=1 usa: retire KWAI_API_URL do arquivo .env ou "
        "escreva `ERP_DEMO=0`",
    )
KWAI_CONSENT_URL = env.address("KWAI_CONSENT_URL", "https://shop.kwai.com/shop/b/authorize", path=True)
KWAI_APP_KEY = env.word("KWAI_APP_KEY")
KWAI_APP_SECRET = env.word("KWAI_APP_SECRET")
KWAI_SIGN_SECRET = env.word("KWAI_SIGN_SECRET")
KWAI_MESSAGE_KEY = env.word("KWAI_MESSAGE_KEY")
KWAI_SIGN_HOST = env.host("KWAI_SIGN_HOST", "api-shop.kwai.com")
KWAI_SIGN_ACCESS_TOKEN = env.flag("KWAI_SIGN_ACCESS_TOKEN", False)

# Corrections of rows of the contract, checked against its tables by `kwai_integration.checks`.
KWAI_PATHS = env.table("KWAI_PATHS", '{"ship_order": "/rest/open/api/trade/shipOrder"}')
KWAI_FIELDS = env.table("KWAI_FIELDS", '{"order.status": "state"}')
KWAI_STATUS_ROLES = env.table("KWAI_STATUS_ROLES", '{"77": {"role": "to_arrange", "label": "A programar"}}')
KWAI_RESULT_ROLES = env.table("KWAI_RESULT_ROLES", '{"448": "clock_wrong"}')

# The first push of each kind of a new store waits for a person and is read back after.
KWAI_CONFIRM_FIRST_PUSH = env.flag("KWAI_CONFIRM_FIRST_PUSH", not ERP_DEMO)

# Platform limits (assumed, docs/kwai-api.md): requests a second and calls a day.
KWAI_STORE_RATE = env.number("KWAI_STORE_RATE", 20.0, 0.1, 1_000)
KWAI_APP_RATE = env.number("KWAI_APP_RATE", 100.0, 0.1, 1_000)
KWAI_DAILY_CALLS = env.whole("KWAI_DAILY_CALLS", 1_000_000, 1, 1_000_000_000)

# Seconds between two polls of one store, and how far a poll reaches back behind the last one.
KWAI_POLL_SECONDS = env.whole("KWAI_POLL_SECONDS", 15, 1, 3_600)
KWAI_POLL_OVERLAP_SECONDS = env.whole("KWAI_POLL_OVERLAP_SECONDS", 300, 1, 86_400)

# How many days after an order ended the platform's answer about it is kept; 0 keeps it for ever.
KWAI_ANSWER_DAYS = env.whole("KWAI_ANSWER_DAYS", 180, 0, 36_500)
