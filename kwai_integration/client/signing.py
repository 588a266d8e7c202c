"""The request signature of Kwai Shop Brazil (contract section 1, published)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

PRODUCTION_HOST = "api-shop.kwai.com"


def signature(
    *,
    path: str,
    params: Mapping[str, str],
    secret: str,
    host: str = PRODUCTION_HOST,
    sign_access_token: bool = False,
) -> str:
    """Lower-case hex SHA-256 over host, path and the sorted query on decoded values; the body is not signed.

    `host` stays the production host whatever address is called. Two stored revisions of the public source
    disagree on whether `accessToken` is signed, hence `sign_access_token`.
    """
    unsigned = {"sign"} if sign_access_token else {"sign", "accessToken"}
    pairs = "".join(f"{name}={params[name]}" for name in sorted(params) if name not in unsigned)
    return hashlib.sha256(f"{host}{path}{pairs}signSecret={secret}".encode()).hexdigest()
