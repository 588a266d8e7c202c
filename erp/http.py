"""The one door to the outside: every outgoing HTTP request of the product passes through `call`.

What it promises (design section 2):

- never an automatic retry, never a redirect followed, no proxy or password taken from the environment;
- connect within 5 s, no silence longer than 10 s, and the whole call over within 25 s of a monotonic clock,
  however slowly the other side drips its answer;
- an answer larger than 32 MB, also after decompression, is refused while it arrives;
- no call while a database transaction is open;
- errors that tell "nothing was sent" from "sent, outcome unknown" and carry no address, query or secret.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import logging
import os
import queue
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from django.db import connections
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NameResolutionError

USER_AGENT = "self-hosted-erp"
REDIRECTS = frozenset({301, 302, 303, 307, 308})
CHUNK_BYTES = 64 * 1024
HEADER_ALLOWANCE = 1024 * 1024
NAT64 = ipaddress.ip_network("64:ff9b::/96")
HIDDEN = "***"
SECRET_NAMES = frozenset(
    {
        "accesstoken", "access_token", "refreshtoken", "refresh_token", "appsecret", "app_secret",
        "client_secret", "sign", "signsecret", "code", "token", "password", "authorization",
    }
)  # fmt: skip

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class HttpError(Exception):
    """A call that brought no answer. The Portuguese text names method and host, nothing else."""


class AddressRefused(HttpError):
    """The address itself is not allowed; nothing was sent. Whoever typed the address must correct it."""


class RequestNotSent(HttpError):
    """The connection was never established, so not one byte of the request left. Repeating is safe."""


class RequestOutcomeUnknown(HttpError):
    """The request left, but no readable answer came back: the other side may or may not have acted."""


class DeadlineExceeded(RequestOutcomeUnknown):
    """The answer was silent for too long or not complete when the time was over."""


class AnswerTooLarge(RequestOutcomeUnknown):
    """The answer passed the size limit and was dropped."""


class RedirectRefused(RequestOutcomeUnknown):
    """The other side answered with a redirect, which is never followed."""


class InsideTransaction(RuntimeError):
    """A programming error: a call was tried while a database transaction was open."""


@dataclass(frozen=True)
class Limits:
    """Seconds, and bytes of the decoded body. The defaults are those of design section 2."""

    connect: float = 5.0
    read: float = 10.0
    total: float = 25.0
    max_bytes: int = 32 * 1024 * 1024


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Answer:
    """A complete answer of any status but a redirect. `headers` has lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    elapsed_ms: int


@dataclass
class _Exchange:
    """What the connection classes below need to know of the call that runs in this thread."""

    limits: Limits
    guarded: bool
    started: float
    sent: bool = False

    def remaining(self, at_most: float) -> float:
        """Seconds left for one blocking step; raises TimeoutError when the deadline has passed."""
        left = self.started + self.limits.total - time.monotonic()
        if left <= 0:
            raise TimeoutError("deadline")
        return min(left, at_most)


class _Local(threading.local):
    exchange: _Exchange
    owner: int = 0
    adapters: dict[bool, HTTPAdapter]


_local = _Local()

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

    Raises `AddressRefused` and `NotSent` (nothing left this machine), `OutcomeUnknown` and its kinds (the
    request left), `InsideTransaction`.
    """
    _refuse_inside_transaction()
    host = _checked_host(url)
    exchange = _Exchange(limits=limits, guarded=guarded, started=time.monotonic())
    _local.exchange = exchange
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


def _answer(prepared: requests.PreparedRequest, exchange: _Exchange) -> Answer:
    timeout = (exchange.limits.connect, exchange.limits.read)
    # The adapter is used without a Session: no cookies, no netrc, no proxies, and above all no reading of a
    # redirect's body, which Session.send does without any limit.
    response = _adapter(exchange.guarded).send(prepared, stream=True, timeout=timeout)
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
            raise _too_large(max_bytes)
        yield chunk


def _too_large(max_bytes: int) -> AnswerTooLarge:
    return AnswerTooLarge(f"a resposta passou do limite de {max_bytes} bytes e foi descartada.")


def _failure(error: Exception, exchange: _Exchange, where: str) -> HttpError:
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


class _DeadlineReader(io.RawIOBase):
    """The raw side of an answer: every read gets the time that is left, and the wire bytes are counted.

    A socket timeout alone starts again at each byte, so a server that drips one byte every nine seconds
    would hold a worker for ever.
    """

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        super().__init__()
        self._raw = raw
        self._sock = sock
        self._seen = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        exchange = _local.exchange
        self._sock.settimeout(exchange.remaining(exchange.limits.read))
        count: int | None = self._raw.readinto(buffer)
        self._seen += count or 0
        if self._seen > exchange.limits.max_bytes + HEADER_ALLOWANCE:
            raise _too_large(exchange.limits.max_bytes)
        return count

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _DeadlineResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        raw: io.RawIOBase = self.fp.detach()
        self.fp = io.BufferedReader(_DeadlineReader(raw, sock))


class _DeadlineConnection(HTTPConnection):
    """Connects within its own budget, to checked addresses only, and notes the first byte that leaves."""

    response_class = _DeadlineResponse

    def _new_conn(self) -> socket.socket:
        try:
            return _connected(self._dns_host, self.port, _local.exchange)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        exchange = _local.exchange
        self.sock.settimeout(exchange.remaining(exchange.limits.total))
        exchange.sent = True
        super().send(data)


class _DeadlineTlsConnection(_DeadlineConnection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _DeadlineConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _DeadlineTlsConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


def _adapter(guarded: bool) -> HTTPAdapter:
    """This thread's connections. Guarded calls have their own and never meet an unchecked one."""
    if _local.owner != os.getpid():
        # After a fork the inherited sockets belong to the parent too; using them would mix two conversations.
        _local.owner = os.getpid()
        _local.adapters = {}
    if guarded not in _local.adapters:
        _local.adapters[guarded] = _Adapter(pool_connections=8, pool_maxsize=2, max_retries=0)
    return _local.adapters[guarded]


def _connected(host: str, port: int, exchange: _Exchange) -> socket.socket:
    """A connected socket, by trying every address of the host within the connect budget."""
    ends = time.monotonic() + exchange.limits.connect
    addresses = _resolved(host, port, exchange)
    error: OSError = TimeoutError("connect")
    for left, (family, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        share = max((ends - time.monotonic()) / left, 0.01)
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(exchange.remaining(share))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(exchange.remaining(exchange.limits.connect))
            return sock
        except OSError as refused:
            sock.close()
            error = refused
    raise error


def _resolved(host: str, port: int, exchange: _Exchange) -> list[tuple[socket.AddressFamily, Any]]:
    found = _looked_up(host, port, exchange.remaining(exchange.limits.connect))
    addresses = [(family, address) for family, _, _, _, address in found]
    if exchange.guarded and not all(is_public(address[0]) for _, address in addresses):
        raise AddressRefused(
            "o endereço aponta para uma rede interna. Informe um endereço público da internet."
        )
    return addresses


def _looked_up(host: str, port: int, seconds: float) -> list[Any]:
    """`getaddrinfo` with a time limit: the resolver's own can be half a minute and knows no timeout."""
    answers: queue.SimpleQueue[list[Any] | OSError | UnicodeError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=look_up, daemon=True, name="resolve").start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError("resolver") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def is_public(text: str) -> bool:
    """True for an address of the public internet, seen through every IPv6 disguise of an IPv4 one."""
    address = ipaddress.ip_address(text.partition("%")[0])
    return all(part.is_global and not part.is_multicast for part in _unwrapped(address))


def _unwrapped(address: IpAddress) -> Iterator[IpAddress]:
    if isinstance(address, ipaddress.IPv4Address):
        yield address
        return
    if address.ipv4_mapped:
        yield address.ipv4_mapped
        return
    yield address
    if address.sixtofour:
        yield address.sixtofour
    if address.teredo:
        yield from address.teredo
    if address in NAT64:
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)


def _hide_query(record: logging.LogRecord) -> bool:
    """urllib3 quotes the whole address when it warns about odd headers; the query carries secrets."""
    if isinstance(record.args, tuple):
        record.args = tuple(part.partition("?")[0] if isinstance(part, str) else part for part in record.args)
    record.exc_info = None
    return True


def _quiet_urllib3() -> None:
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    for name in ("urllib3.connection", "urllib3.connectionpool"):
        logging.getLogger(name).addFilter(_hide_query)


_quiet_urllib3()
