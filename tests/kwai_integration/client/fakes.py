"""The protocols of `gateway` in memory: they count what the client asked of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from kwai_integration.wire.codes import result_table, situation_table
from kwai_integration.wire.endpoints import endpoint_table
from kwai_integration.wire.errors import KwaiError
from kwai_integration.wire.names import DEFAULT_NAMES
from kwai_integration.wire.types import ClientConfig, Exchange, KwaiCredentials

APP_SECRET, SIGN_SECRET = "APPSECRET_demo_0001", "SIGNSECRET_demo_0001"
TOKEN = "AT_demo_0001"
NOW_MS = 1_767_312_000_123


def config(api_url: str = "http://127.0.0.1:9", **changes) -> ClientConfig:
    values = {
        "api_url": api_url,
        "consent_url": "https://shop.kwai.com/shop/b/authorize",
        "app_key": "ks700000000000000001",
        "app_secret": APP_SECRET,
        "sign_secret": SIGN_SECRET,
        "sign_host": "api-shop.kwai.com",
        "sign_access_token": False,
        "endpoints": endpoint_table({}),
        "situations": situation_table({}),
        "results": result_table({}),
        "names": DEFAULT_NAMES,
        **changes,
    }
    return ClientConfig(**values)


@dataclass
class MemoryTokens:
    """`refresh` makes the next pair; each renewal is counted."""

    credentials: KwaiCredentials = field(default_factory=lambda: KwaiCredentials("123", TOKEN))
    refresh: Callable[[KwaiCredentials], KwaiCredentials] = lambda stale: KwaiCredentials(
        stale.merchant_id, "AT_demo_0002"
    )
    renewals: int = 0
    judged: list[tuple[KwaiCredentials, KwaiError]] = field(default_factory=list)

    def current(self) -> KwaiCredentials:
        return self.credentials

    def renew(self, stale: KwaiCredentials) -> KwaiCredentials:
        self.renewals += 1
        self.credentials = self.refresh(stale)
        return self.credentials

    def judge(self, used: KwaiCredentials, error: KwaiError) -> None:
        self.judged.append((used, error))


@dataclass
class MemoryLimiter:
    refusal: KwaiError | None = None
    acquired: list[str] = field(default_factory=list)
    learned: list[tuple[str, KwaiError]] = field(default_factory=list)

    def acquire(self, call: str) -> None:
        if self.refusal:
            raise self.refusal
        self.acquired.append(call)

    def learn(self, call: str, error: KwaiError) -> None:
        self.learned.append((call, error))


@dataclass
class MemoryRecorder:
    exchanges: list[Exchange] = field(default_factory=list)

    def record(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)
