"""The request signature and the app's secrets (contract section 1)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

SIGN_HOST = "api-shop.kwai.com"
ENVIRONMENT = {
    "app_key": "KWAI_APP_KEY",
    "app_secret": "KWAI_APP_SECRET",
    "sign_secret": "KWAI_SIGN_SECRET",
    "message_key": "KWAI_MESSAGE_KEY",
}


@dataclass(frozen=True)
class AppCredentials:
    """The app's four secrets; `message_key` is base64 of an AES key."""

    app_key: str
    app_secret: str
    sign_secret: str
    message_key: str
    sign_host: str = SIGN_HOST
    sign_access_token: bool = False

    def __repr__(self) -> str:
        return f"Credentials(app_key={self.app_key!r})"

    def as_environment(self) -> dict[str, str]:
        """The secrets under the names both sides read."""
        return {variable: getattr(self, name) for name, variable in ENVIRONMENT.items()}


def credentials_generate() -> dict[str, str]:
    """Fresh secrets, as plain data that the state keeps."""
    return {
        "app_key": f"ks7{secrets.randbelow(10**17):017d}",
        "app_secret": secrets.token_urlsafe(24),
        "sign_secret": secrets.token_urlsafe(24),
        "message_key": base64.b64encode(secrets.token_bytes(16)).decode(),
    }


def credentials_load(stored: Mapping[str, str]) -> AppCredentials:
    """The stored secrets, overruled by the `KWAI_*` environment so that both sides agree."""
    values = {name: os.environ.get(variable) or stored[name] for name, variable in ENVIRONMENT.items()}
    signs_token = os.environ.get("KWAI_SIGN_ACCESS_TOKEN", "").strip().lower() in {"1", "true", "on", "yes"}
    return AppCredentials(
        **values,
        sign_host=os.environ.get("KWAI_SIGN_HOST") or SIGN_HOST,
        sign_access_token=signs_token,
    )


def signature(path: str, query: Mapping[str, str], credentials: AppCredentials) -> str:
    """Lower-case hex SHA-256 of host, path, sorted `name=value` pairs and the secret."""
    left_out = {"sign"} if credentials.sign_access_token else {"sign", "accessToken"}
    pairs = "".join(f"{name}={query[name]}" for name in sorted(query) if name not in left_out)
    text = f"{credentials.sign_host}{path}{pairs}signSecret={credentials.sign_secret}"
    return hashlib.sha256(text.encode()).hexdigest()


def signature_matches(path: str, query: Mapping[str, str], credentials: AppCredentials) -> bool:
    """Whether the query's own `sign` is the right one."""
    expected = signature(path, query, credentials).encode()
    return hmac.compare_digest(expected, query.get("sign", "").encode())
