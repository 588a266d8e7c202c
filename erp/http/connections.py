"""Connections of urllib3 that keep to the deadline, to checked addresses and to the size limit."""

from __future__ import annotations

import http.client
import io
import logging
import os
import socket
import threading
import time
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NameResolutionError

from erp.http.addresses import resolved
from erp.http.errors import AnswerTooLarge
from erp.http.exchange import HttpExchange, running

HEADER_ALLOWANCE = 1024 * 1024


class _Kept(threading.local):
    owner: int = 0
    adapters: dict[bool, HTTPAdapter]


_kept = _Kept()


def too_large(max_bytes: int) -> AnswerTooLarge:
    return AnswerTooLarge(f"a resposta passou do limite de {max_bytes} bytes e foi descartada.")


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
        exchange = running.exchange
        self._sock.settimeout(exchange.remaining(exchange.limits.read))
        count: int | None = self._raw.readinto(buffer)
        self._seen += count or 0
        if self._seen > exchange.limits.max_bytes + HEADER_ALLOWANCE:
            raise too_large(exchange.limits.max_bytes)
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
            return _connected(self._dns_host, self.port, running.exchange)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        exchange = running.exchange
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


def adapter(guarded: bool) -> HTTPAdapter:
    """This thread's connections. Guarded calls have their own and never meet an unchecked one."""
    if _kept.owner != os.getpid():
        # After a fork the inherited sockets belong to the parent too; using them would mix two conversations.
        _kept.owner = os.getpid()
        _kept.adapters = {}
    if guarded not in _kept.adapters:
        _kept.adapters[guarded] = _Adapter(pool_connections=8, pool_maxsize=2, max_retries=0)
    return _kept.adapters[guarded]


def _connected(host: str, port: int, exchange: HttpExchange) -> socket.socket:
    """A connected socket, by trying every address of the host within the connect budget."""
    ends = time.monotonic() + exchange.limits.connect
    addresses = resolved(host, port, exchange)
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
