"""A worker under a wrong clock, made to die: `python -m tests.kwai_integration.wrong_clock_worker STORE_ID`.

It does a bit of everything that leaves an instant behind, and leaves what it holds as a killed process does.
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from erp.outbox.attempts import AttemptContext


def handler_register() -> None:
    """A fact kind that writes one stock value."""
    from erp.outbox import handlers
    from erp.outbox.handlers import Handler, Nature, Sent
    from kwai_integration.outbound.remote import calling
    from kwai_integration.wire.types import StockUpdate

    def send(loaded: Any, context: AttemptContext) -> Sent:
        with calling(context) as client:
            client.update_stock(StockUpdate(item_id="1", sku_id="2", stock=3))
        return Sent()

    handlers.register(
        Handler(
            kind="k", label="K", nature=Nature.FACT, call="update_stock", load=lambda job: job, send=send,
            record=lambda *_: None, is_satisfied=lambda *_: False,
        )
    )  # fmt: skip


def work(store_id: int) -> None:
    from django.db.models.functions import Now
    from django.utils import timezone

    from erp import scheduling
    from erp.outbox import breaker, claim, drain
    from erp.outbox.queues import channel_pause
    from kwai_integration.connection import _lease_take, account_refresh
    from kwai_integration.inbound import events
    from kwai_integration.inbound.cursor import lease_take
    from kwai_integration.inbound.poll import store_poll
    from kwai_integration.models import InboundEvent, KwaiAccount, SyncCursor

    scheduling._send = lambda task, kwargs: None  # type: ignore[assignment]
    assert store_poll(store_id) is not None
    KwaiAccount.objects.update(refresh_due_at=Now())
    assert account_refresh(store_id=store_id)
    # One push is told to wait, one is under way when the worker dies.
    refused = claim.claim_in_store(store_id=store_id)
    assert refused is not None
    drain.push(refused)
    InboundEvent.objects.create(
        store_id=store_id, event_id="e", event="order_paid", subject="900", payload="{}"
    )
    assert events._claim(store_id) is not None
    SyncCursor.objects.revoke(due_at=timezone.now() - timedelta(seconds=1))
    assert lease_take(store_id) is not None
    assert _lease_take(KwaiAccount.objects.get(pk=store_id), goes_on=False) is not None
    breaker.rest_now(store_id=store_id, reason="448")
    channel_pause(channel="kwai", reason="442")


if __name__ == "__main__":
    import django

    django.setup()
    handler_register()
    work(int(sys.argv[1]))
    os._exit(9)
