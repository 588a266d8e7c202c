"""What a push message says. Only a hint: the truth is fetched by API (contract section 4)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kwai_integration.client.codes import PushEvent
from kwai_integration.mapping import fields

EVENT_LIMIT = 40


@dataclass(frozen=True, slots=True)
class PushMessage:
    """One event. `event_id`, `subject` and `merchant_id` are empty when the message has none that can be
    kept; `sent_at` is None when it states no sane moment."""

    event_id: str
    event: str
    subject: str
    merchant_id: str
    app_key: str
    sent_at: datetime | None
    is_heartbeat: bool
    raw: dict[str, Any] = field(repr=False)


def push_read(value: object) -> PushMessage | None:
    """The message as typed values, None when `value` is no object."""
    if not isinstance(value, dict):
        return None
    return PushMessage(
        event_id=fields.remote_id(value.get("eventId")),
        event=fields.text(value.get("event"), EVENT_LIMIT),
        subject=_subject(value),
        merchant_id=fields.remote_id(value.get("merchantId")),
        app_key=fields.text(value.get("appKey"), 80),
        sent_at=fields.moment(value.get("createTime")),
        is_heartbeat=value.get("test") is True,
        raw=value,
    )


def _subject(value: dict[str, Any]) -> str:
    """What the event is about. A refund may be named by its own number; its order stands in `info`."""
    subject = fields.remote_id(value.get("bizId"))
    if value.get("event") != PushEvent.REFUND_UPDATED:
        return subject
    return fields.remote_id(_info(value).get("orderId")) or subject


def _info(value: dict[str, Any]) -> dict[str, Any]:
    """`info` is JSON text; some platforms nest the object itself."""
    info = value.get("info")
    if isinstance(info, str):
        try:
            info = json.loads(info)
        except (ValueError, RecursionError):
            return {}
    return fields.record(info)
