"""One request and its whole answer."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import requests
import urllib3
from django.db import connections

from erp.http.connections import adapter, too_large
from erp.http.errors import (
    AddressRefused,
    DeadlineExceeded,
    HttpError,
    InsideTransaction,
    RedirectRefused,
    RequestNotSent,
    RequestOutcomeUnknown,
)
from erp.http.exchange import DEFAULT_LIMITS, HttpExchange, Limits, running

USER_AGENT = "self-hosted-erp"
REDIRECTS = frozenset({301, 302, 303, 307, 308})
CHUNK_BYTES = 64 * 1024
HIDDEN = "***"
SECRET_NAMES = frozenset(
    {
        "accesstoken", "access_token", "refreshtoken", "refresh_token", "appsecret", "app_secret",
        "client_secret", "sign", "signsecret", "code", "token", "password", "authorization",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """A complete answer of any status but a redirect. `headers` has lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    elapsed_ms: int


_FAILURES = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,
)


def call(
    method: str,
    url: str,
    *,
    params: Mapping[str, str] | None = None,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    guarded: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> Answer:
    """Send one request and read its whole answer.

    `guarded` is for addresses typed by people: a host that resolves to anything but public addresses is
    refused, and the connection goes to exactly the address that was checked.

    Raises `AddressRefused` and `RequestNotSent` (nothing left this machine), `RequestOutcomeUnknown` and its
    kinds (the request left), `InsideTransaction`.
    """
    _refuse_inside_transaction()
    host = _checked_host(url)
    exchange = HttpExchange(limits=limits, guarded=guarded, started=time.monotonic())
    running.exchange = exchange
    failure: HttpError
    try:
        return _answer(_prepared(method, url, params, body, headers), exchange)
    except HttpError as error:
        failure = type(error)(f"{method} {host}: {error}")
    except _FAILURES as error:
        failure = _failure(error, exchange, f"{method} {host}")
    # Raised outside the handler: the original error, which quotes the address with its secrets, is then not
    # even reachable as __context__.
    raise failure from None


def redacted(values: Mapping[str, object]) -> dict[str, object]:
    """The same names with every secret value hidden, for logs and stored exchanges."""
    return {name: HIDDEN if name.lower() in SECRET_NAMES else value for name, value in values.items()}


def _refuse_inside_transaction() -> None:
    for connection in connections.all(initialized_only=True):
        # The same rule as Django's `durable`: the blocks a TestCase opens around each test do not count.
        if any(not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks):
            raise InsideTransaction(f"HTTP call inside a transaction of database {connection.alias!r}")


def _checked_host(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, has_user = parts.hostname, parts.username is not None or parts.password is not None
        valid = parts.scheme in ("http", "https") and (parts.port or 0) >= 0
    except ValueError:
        host, has_user, valid = None, False, False
    if not host or not valid or has_user:
        raise AddressRefused("Endereço inválido. Informe um endereço completo que comece com https://.")
    return host


def _prepared(
    method: str,
    url: str,
    params: Mapping[str, str] | None,
    body: bytes | None,
    headers: Mapping[str, str] | None,
) -> requests.PreparedRequest:
    own = {"User-Agent": USER_AGENT, "Accept-Encoding": "gzip", "Connection": "keep-alive"}
    request = requests.Request(
        method, url, params=dict(params or {}), data=body, headers=own | dict(headers or {})
    )
    return request.prepare()


def _answer(prepared: requests.PreparedRequest, exchange: HttpExchange) -> Answer:
    timeout = (exchange.limits.connect, exchange.limits.read)
    # The adapter is used without a Session: no cookies, no netrc, no proxies, and above all no reading of a
    # redirect's body, which Session.send does without any limit.
    response = adapter(exchange.guarded).send(prepared, stream=True, timeout=timeout)
    complete = False
    try:
        if response.status_code in REDIRECTS:
            raise RedirectRefused("o servidor respondeu com um redirecionamento, que não é seguido.")
        body = b"".join(_chunks(response, exchange.limits.max_bytes))
        complete = True
    finally:
        if not complete:
            response.close()
    headers = {name.lower(): value for name, value in response.headers.items()}
    elapsed_ms = round((time.monotonic() - exchange.started) * 1000)
    return Answer(status=response.status_code, headers=headers, body=body, elapsed_ms=elapsed_ms)


def _chunks(response: requests.Response, max_bytes: int) -> Iterator[bytes]:
    size = 0
    for chunk in response.raw.stream(CHUNK_BYTES, decode_content=True):
        size += len(chunk)
        if size > max_bytes:
            raise too_large(max_bytes)
        yield chunk


def _failure(error: Exception, exchange: HttpExchange, where: str) -> HttpError:
    if not exchange.sent:
        return RequestNotSent(f"{where}: não foi possível conectar ({_cause(error)}). Nada foi enviado.")
    if _is_timeout(error):
        return DeadlineExceeded(f"{where}: a resposta não chegou a tempo. O resultado é desconhecido.")
    return RequestOutcomeUnknown(
        f"{where}: a resposta foi interrompida ({_cause(error)}). O resultado é desconhecido."
    )


def _is_timeout(error: BaseException | None) -> bool:
    kinds = (TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError)
    return isinstance(error, kinds) or any(isinstance(part, kinds) for part in getattr(error, "args", ()))


def _cause(error: Exception) -> str:
    """The class name of the innermost error: its text may quote the address, its name never does."""
    inner: BaseException = error
    for _ in range(5):
        parts = [getattr(inner, "reason", None), *getattr(inner, "args", ())]
        deeper = next((part for part in parts if isinstance(part, BaseException)), None)
        if deeper is None:
            break
        inner = deeper
    return type(inner).__name__
