"""What is due: read from rows, so that nothing depends on a message having arrived."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from erp.accounts.models import StoreLifecycle
from kwai_integration.app_health import app_paused
from kwai_integration.inbound.cursor import cursors_due
from kwai_integration.inbound.import_filter import filtered_out
from kwai_integration.inbound.receive import SLICE, kwai_orders_receive
from kwai_integration.models import ConnectionHealth, KwaiOrder, KwaiOrderState, Listing


def stores_to_poll() -> list[int]:
    """ACTIVE, connected stores whose poll is due and that nobody is polling now, by the database's clock;
    none while everything is paused."""
    if app_paused():
        return []
    due = cursors_due().filter(
        store__lifecycle=StoreLifecycle.ACTIVE,
        store__kwai_account__health=ConnectionHealth.OK,
    )
    return list(due.order_by("due_at").values_list("pk", flat=True))


def stores_to_receive() -> list[int]:
    """ACTIVE stores with stored orders that need no click any more."""
    active = orders_to_receive().filter(store__lifecycle=StoreLifecycle.ACTIVE)
    return list(active.order_by("store_id").values_list("store_id", flat=True).distinct())


def store_receive(store_id: int) -> int:
    """Receive one slice of what `orders_to_receive` finds in this store; how many orders that were."""
    waiting = orders_to_receive().filter(store_id=store_id).order_by("pk")
    ids = list(waiting.values_list("pk", flat=True)[:SLICE])
    return len(kwai_orders_receive(ids=ids)) if ids else 0


def orders_to_receive() -> QuerySet[KwaiOrder]:
    """Staged ones where the store receives by itself, waiting ones whose last link was made, and received
    ones whose codes were mapped anew. What the import filter keeps outside is not among them.

    All leave this set when they are received, linked or not.
    """
    loose = Listing.objects.filter(waiting_orders=OuterRef("pk"), sku__isnull=True)
    staged = Q(state=KwaiOrderState.STAGED, store__kwai_settings__auto_receive=True)
    linked = Q(state=KwaiOrderState.UNLINKED) & ~Exists(loose)
    # Without a digest of its own the answer is outrun by a note that was sent: the next one is received.
    unread = Q(received_digest="") & ~Q(digest="")
    again = Q(state=KwaiOrderState.RECEIVED) & unread
    # Known by now and waiting for a link of what came later: it follows the platform all the same.
    known = Q(state=KwaiOrderState.UNLINKED, order__isnull=False) & unread
    return KwaiOrder.objects.filter(staged | linked | again | known).exclude(filtered_out())
