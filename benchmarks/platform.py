"""A stand-in platform: `python -m benchmarks.platform PORT MILLISECONDS`.

Answers every call after so many milliseconds: `queryOrderDetails` with the orders asked for, as shipped
ones, anything else with a plain success. One process serves thousands of calls a second, which the sandbox is
not made for. `GET /times` answers the monotonic seconds at which each call arrived, and forgets them.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from contextlib import suppress
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "erp.settings.test")

import django

django.setup()

from tests.kwai_integration.codes import SHIPPED
from tests.kwai_integration.inbound.conftest import FIRST_ID, detail

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
arrived: list[float] = []


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head, body = await _request(reader)
            if head.startswith(b"GET /times"):
                answer: Any = arrived[:]
                arrived.clear()
            else:
                arrived.append(time.monotonic())
                await asyncio.sleep(seconds)
                answer = {"result": 200, "message": "success", "data": _data(head, body)}
            text = json.dumps(answer).encode()
            writer.write(HEAD % len(text) + text)
            await writer.drain()
    writer.close()


async def _request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    length = int(lengths[0].split(b":")[1]) if lengths else 0
    return head, await reader.readexactly(length)


def _data(head: bytes, body: bytes) -> Any:
    if b"queryOrderDetails" not in head.split(b"?", 1)[0]:
        return {}
    ids = next(value for value in json.loads(body).values() if isinstance(value, list))
    return [detail(int(each) - FIRST_ID, orderStatus=SHIPPED) for each in ids]


async def main(port: int, seconds: float) -> None:
    server = await asyncio.start_server(lambda r, w: serve(r, w, seconds), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]) / 1000))
