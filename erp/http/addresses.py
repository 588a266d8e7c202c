"""Which addresses a host has, and whether a guarded call may go there."""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
from collections.abc import Iterator
from typing import Any

from erp.http.errors import AddressRefused
from erp.http.exchange import HttpExchange

NAT64 = ipaddress.ip_network("64:ff9b::/96")

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def resolved(host: str, port: int, exchange: HttpExchange) -> list[tuple[socket.AddressFamily, Any]]:
    """Family and address of each, looked up within the time left. Raises `AddressRefused` for a guarded call
    when one of them is not public."""
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
    if address in NAT64:
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
