"""What a push message says. Only a reason to look: the truth is fetched by API (contract section 4)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kwai_integration.mapping import fields
from kwai_integration.wire.codes import PushEvent
from kwai_integration.wire.names import WireNames

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


def push_read(value: object, wire: WireNames) -> PushMessage | None:
    """The message as typed values, None when `value` is no object."""
    if not isinstance(value, dict):
        return None
    names = wire.push
    return PushMessage(
        event_id=fields.remote_id(value.get(names.event_id)),
        event=fields.text(value.get(names.event), EVENT_LIMIT),
        subject=_subject(value, wire),
        merchant_id=fields.remote_id(value.get(names.merchant_id)),
        app_key=fields.text(value.get(names.app_key), 80),
        sent_at=fields.moment(value.get(names.sent_at)),
        is_heartbeat=value.get(names.test) is True,
        raw=value,
    )


def _subject(value: dict[str, Any], wire: WireNames) -> str:
    """What the event is about. A refund may be named by its own number; its order stands in `info`."""
    subject = fields.remote_id(value.get(wire.push.subject))
    if value.get(wire.push.event) != PushEvent.REFUND_UPDATED:
        return subject
    return fields.remote_id(_info(value, wire).get(wire.push_info.order_id)) or subject


def _info(value: dict[str, Any], wire: WireNames) -> dict[str, Any]:
    """`info` is JSON text; some platforms nest the object itself."""
    info = value.get(wire.push.info)
    if isinstance(info, str):
        try:
            info = json.loads(info)
        except (ValueError, RecursionError):
            return {}
    return fields.record(info)
