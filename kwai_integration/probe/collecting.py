"""Asking one account for a sample of everything that can be read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from kwai_integration.client.gateway import PAGE_SIZE, KwaiClient, window_payload
from kwai_integration.mapping import fields
from kwai_integration.mapping.fields import wire_id
from kwai_integration.probe.judging import SeenInAnswers, inside_keep
from kwai_integration.wire.errors import KwaiError
from kwai_integration.wire.types import ClientConfig

MOST_ITEMS_WITH_SKUS = 10


class Reader:
    """The only way the probe speaks to the platform: `read` refuses a call that writes, and nothing else of
    the client is within reach. What fails is noted, and the probe goes on."""

    def __init__(self, client: KwaiClient) -> None:
        self._read = client.read_raw
        self.config: ClientConfig = client.config
        self.seen = SeenInAnswers()

    def read(
        self, name: str, *, params: Mapping[str, str] | None = None, payload: Mapping[str, Any] | None = None
    ) -> Any:
        """The `data` of the answer, None when the call failed. ValueError for a call that writes."""
        try:
            reply = self._read(name, params=params, payload=payload)
        except KwaiError as error:
            if error.code is not None:
                self.seen.results[error.code] += 1
            self.seen.failures[name] = str(error)
            return None
        self.seen.results[reply.code] += 1
        self.seen.frames.setdefault(name, []).append(reply.data)
        return reply.data


def collected(reader: Reader, *, now: datetime, days: int) -> SeenInAnswers:
    """One page of orders changed in the last `days` (at most 31) with their details, one page of refunds,
    one of listings with the SKUs of the first ten."""
    window = (now - timedelta(days=days), now)
    _orders(reader, *window)
    _refunds(reader, *window)
    _items(reader)
    inside_keep(reader.seen, reader.config)
    return reader.seen


def _orders(reader: Reader, since: datetime, until: datetime) -> None:
    names, seen = reader.config.names, reader.seen
    payload = window_payload(names.window, since, until, 1, PAGE_SIZE)
    frame = fields.record(reader.read("list_orders", payload=payload))
    seen.keep("order_page", frame)
    rows = fields.records(frame.get(names.order_page.orders))
    for row in rows:
        seen.keep("order_page", row)
    ids = [order_id for row in rows if (order_id := fields.remote_id(row.get(names.order_page.order_id)))]
    if not ids:
        return
    asked = {names.details.order_ids: [wire_id(order_id) for order_id in ids[:PAGE_SIZE]]}
    answer = reader.read("order_details", payload=asked)
    if isinstance(answer, dict):
        seen.keep("details", answer)
        answer = answer.get(names.details.orders)
    for row in fields.records(answer):
        seen.keep("order", row)


def _refunds(reader: Reader, since: datetime, until: datetime) -> None:
    names = reader.config.names
    payload = window_payload(names.refund_window, since, until, 1, PAGE_SIZE)
    _page(
        reader,
        reader.read("list_refunds", payload=payload),
        "refund_page",
        "refund",
        names.refund_page.refunds,
    )


def _items(reader: Reader) -> None:
    names, seen = reader.config.names, reader.seen
    asked = {names.item_page.page: 1, names.item_page.size: PAGE_SIZE, names.item_page.sort: 0}
    _page(reader, reader.read("list_items", payload=asked), "item_page", "item", names.item_page.items)
    ids = [fields.remote_id(row.get(names.item.id)) for row in seen.of("item")]
    for item_id in list(filter(None, ids))[:MOST_ITEMS_WITH_SKUS]:
        answer = reader.read("sku_list", params={names.sku_list.item_id: item_id})
        _page(reader, answer, "sku_list", "sku", names.sku_list.skus)


def _page(reader: Reader, answer: Any, frame: str, section: str, rows: str) -> None:
    """Keep a frame and the objects of its list called `rows`."""
    if not isinstance(answer, dict):
        return
    reader.seen.keep(frame, answer)
    for row in fields.records(answer.get(rows)):
        reader.seen.keep(section, row)
