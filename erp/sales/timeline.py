"""Lines of the timeline of orders, written by whichever room acted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from erp.accounts.models import User
from erp.rows import rows_insert
from erp.sales.models import OrderEvent


@dataclass(frozen=True, slots=True)
class EventDraft:
    """A timeline line to be; `text` is Portuguese, without buyer data or secrets."""

    order_id: int
    kind: str
    text: str
    link: str = ""
    data: dict[str, Any] = field(default_factory=dict)


def order_event(
    order_id: int,
    kind: str,
    text: str,
    *,
    actor: User | None = None,
    link: str = "",
    data: dict[str, Any] | None = None,
) -> None:
    """Append one timeline line; what the words mean is at `EventDraft`."""
    order_events_append(drafts=[EventDraft(order_id, kind, text, link, data or {})], actor=actor)


def order_events_append(*, drafts: Iterable[EventDraft], actor: User | None = None) -> None:
    """Append timeline lines in one statement.

    Order by order, as orders are locked: a line waits for whoever holds its order, and a writer that holds
    none of them must not wait for a later one while it has an earlier one.
    """
    events = (
        OrderEvent(
            order_id=draft.order_id,
            actor=actor,
            kind=draft.kind,
            text=draft.text[:500],
            link=draft.link,
            data=draft.data,
        )
        for draft in sorted(drafts, key=lambda draft: draft.order_id)
    )
    rows_insert(events, ids=False)
