"""Reading what the platform changed: window after window, page after page."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from erp import clock, scheduling
from erp.accounts.models import Store
from kwai_integration.client.gateway import LONGEST_WINDOW, PAGE_SIZE, KwaiClient
from kwai_integration.connection import NotConnected, client_for
from kwai_integration.inbound.cursor import CursorLease, CursorLeaseLost, is_pollable, lease_take
from kwai_integration.inbound.details import Fetched, details_fetch
from kwai_integration.inbound.orders.rules import KnownRules
from kwai_integration.inbound.receive import kwai_orders_follow
from kwai_integration.inbound.refund_list import refunds_poll
from kwai_integration.inbound.staging import (
    DETAILS_FAILED,
    DETAILS_MISSING,
    kwai_orders_invoice_missing,
    kwai_orders_stage,
)
from kwai_integration.inbound.window import (
    WindowRestless,
    WindowTooLarge,
    platform_present,
    tolerance,
    window_read,
)
from kwai_integration.models import KwaiOrder, KwaiSettings
from kwai_integration.wire import errors
from kwai_integration.wire.types import OrderPage

LONGEST_SLICE = timedelta(days=1)
SHORTEST_SLICE = timedelta(minutes=1)
# Orders of one slice; more are read in shorter slices, so that the watermark moves while catching up.
LARGEST_SLICE = 1_000
# A task lives 120 s; a poll that is still catching up after this long is continued by the next one.
BUDGET_SECONDS = 45.0
# Orders of one step after a poll that was killed.
RESUMED_STEP = 10
RETRY_SECONDS = 30.0
RATE_SECONDS = 5.0
LONG_SECONDS = 3600.0
# A lone order whose details fail for this long is given up, so that it does not stop the store for ever.
PATIENCE = timedelta(minutes=15)
INTERNAL = (
    "Falha interna ao ler os pedidos do Kwai. Será tentado de novo; se continuar, veja o registro do ERP."
)


@dataclass
class PollResult:
    """What one poll did; `more` tells that it stopped before it reached the present."""

    pages: int = 0
    orders: int = 0
    changed: int = 0
    received: int = 0
    more: bool = False
    notice: str = ""


def store_poll(store_id: int) -> PollResult | None:
    """Store, and where wanted receive, what changed since the watermark; None when there is nothing to do:
    not due, not ACTIVE, not connected, or somebody else is at it.

    Errors of the platform end up on the cursor in Portuguese. The watermark moves only after the last page
    of a window is stored, so that a crash means the same window again, with nothing doubled.
    """
    lease = lease_take(store_id)
    if lease is None:
        return None
    poll = _Poll(lease)
    try:
        poll.run()
        if not poll.result.more:
            refunds_poll(poll.client, store_id, lease.renew)
        lease.succeed(due_in=0.0 if poll.result.more else _rest(), notice=poll.result.notice)
    except CursorLeaseLost:
        return None
    except (errors.KwaiError, NotConnected, WindowRestless) as error:
        lease.fail(due_in=_wait_seconds(error), reason=str(error))
    except Exception:
        lease.fail(due_in=min(_rest(), RETRY_SECONDS), reason=INTERNAL)
        raise
    return poll.result


def _rest() -> float:
    """Two ticks of the planner early, so that from poll to poll no more than the period passes."""
    return float(max(0.0, settings.KWAI_POLL_SECONDS - 2 * settings.PLAN_SECONDS))


def _wait_seconds(error: Exception) -> float:
    """A told wait, else the period as after a success; a long one does not leave a failure for so long."""
    if isinstance(error, errors.RateLimited):
        return error.retry_after or RATE_SECONDS
    if isinstance(error, errors.KwaiQuotaSpent | errors.PermissionMissing):
        return error.retry_after or LONG_SECONDS
    return min(_rest(), RETRY_SECONDS)


class _Poll:
    """One poll of one store, from its watermark towards the present."""

    def __init__(self, lease: CursorLease) -> None:
        self.lease = lease
        self.store = Store.objects.get(pk=lease.store_id)
        self.client: KwaiClient = client_for(lease.store_id, share="import")
        options = KwaiSettings.objects.get(pk=lease.store_id)
        self.auto_receive, self.history_days = options.auto_receive, options.history_days
        self.rules = KnownRules()
        self.result = PollResult()
        # Orders that are here already, left for last by a poll after one that was killed.
        self.postponed: list[str] = []
        # The platform's clock when it began to list the window: what it changes later is not in it.
        self.listed_at: datetime | None = None

    def run(self) -> None:
        overlap = timedelta(seconds=settings.KWAI_POLL_OVERLAP_SECONDS)
        started, present = time.monotonic(), timezone.now()
        self.watermark_check(present)
        first_mark = self.lease.watermark
        begin, span = first_mark - overlap, LONGEST_SLICE
        while begin < present and is_pollable(self.lease.store_id):
            end = min(begin + span, present)
            try:
                self.window_store(begin, end)
            except WindowTooLarge:
                span = (end - begin) / 2
                continue
            present = platform_present(present, self.listed_at)
            self.lease.watermark_move(min(end, present))
            if self.watermark_check(present):
                begin = self.lease.watermark
                break
            begin, span = end, min(span * 2, LONGEST_SLICE)
            # The overlap alone is no progress: stopping inside it would read the same for ever.
            if time.monotonic() - started > BUDGET_SECONDS and self.lease.watermark > first_mark:
                break
            if scheduling.is_stopping():
                break
        self.result.more = begin < present

    def watermark_check(self, present: datetime) -> bool:
        """Move a watermark that lies in the future back to an instant that is safe; True when it did."""
        if self.lease.watermark <= present + tolerance():
            return False
        self.lease.watermark_restore(self.safe_mark(present))
        return True

    def safe_mark(self, present: datetime) -> datetime:
        """Where to read again from after a clock that was ahead: what changed since then is unread.

        The newest change that is stored, by the platform's clock, less a day, because a push message may have
        brought it before its neighbours were listed. Without one in the past, the longest window, or where
        the first import of the store began.
        """
        stored = KwaiOrder.objects.filter(store=self.store, remote_updated_at__lte=present)
        newest = stored.aggregate(newest=Max("remote_updated_at"))["newest"]
        mark: datetime = newest - LONGEST_SLICE if newest else present - LONGEST_WINDOW
        activated_at = self.store.activated_at
        if activated_at is None or activated_at > present:
            return mark
        return max(mark, activated_at - timedelta(days=self.history_days))

    def window_store(self, begin: datetime, end: datetime) -> None:
        self.listed_at = None
        largest = LARGEST_SLICE if end - begin > SHORTEST_SLICE else None
        self.postponed = []
        window = window_read(
            lambda number: self.list_page(begin, end, number), self.page_store, largest=largest
        )
        self.orders_store(self.postponed, PAGE_SIZE)
        if window.seen < window.announced:
            self.result.notice = (
                f"O Kwai anunciou {window.announced} pedidos e listou {window.seen}. "
                "Os que faltarem entram quando mudarem no Kwai."
            )

    def list_page(self, begin: datetime, end: datetime, number: int) -> OrderPage:
        self.lease.renew()
        self.result.pages += 1
        page = self.client.list_orders(time_from=begin, time_to=end, page=number)
        self.listed_at = self.listed_at or self.client.answered_at
        return page

    def page_store(self, order_ids: list[str]) -> None:
        """After a poll that was killed, what it had not reached comes first and in small steps: the next kill
        may be near, and what is stored then stays."""
        if not self.lease.is_resumed:
            self.orders_store(order_ids, PAGE_SIZE)
            return
        stored = KwaiOrder.objects.filter(store=self.store, external_id__in=order_ids)
        known = set(stored.values_list("external_id", flat=True))
        self.postponed += [order_id for order_id in order_ids if order_id in known]
        self.orders_store([order_id for order_id in order_ids if order_id not in known], RESUMED_STEP)

    def orders_store(self, order_ids: list[str], step: int) -> None:
        for start in range(0, len(order_ids), step):
            self.details_store(order_ids[start : start + step])

    def details_store(self, order_ids: list[str]) -> None:
        """Fetch, stage and receive up to one page of ids."""
        fetched = details_fetch(self.client, order_ids, self.lease.renew)
        self.lease.renew()
        staged = kwai_orders_stage(
            store=self.store,
            details=fetched.answers,
            fetch_started_at=fetched.started_at,
            known_rules=self.rules,
        )
        self.result.orders += len(staged.ids)
        self.result.changed += len(staged.created) + len(staged.changed)
        self.result.received += kwai_orders_follow(
            staged=staged, auto_receive=self.auto_receive, known_rules=self.rules
        )
        self.leftovers_note(fetched)

    def leftovers_note(self, fetched: Fetched) -> None:
        """Leave a row for every id without details. When nothing at all could be read it may as well be an
        outage: then the window is read again, until the patience with these orders ends."""
        given_up = self.given_up(fetched.failed)
        for code, ids in ((DETAILS_MISSING, fetched.missing), (DETAILS_FAILED, fetched.failed)):
            if ids:
                kwai_orders_invoice_missing(
                    store=self.store, external_ids=ids, code=code, fetch_started_at=fetched.started_at
                )
        if fetched.error and not fetched.is_proven and given_up != set(fetched.failed):
            raise fetched.error

    def given_up(self, order_ids: list[str]) -> set[str]:
        if not order_ids:
            return set()
        now = timezone.now()
        # First seen in the future means by a clock that was ahead: nobody knows for how long it fails.
        failing = KwaiOrder.objects.filter(
            store=self.store,
            external_id__in=order_ids,
            problem_code=DETAILS_FAILED,
        ).exclude(staged_at__range=(now - PATIENCE, now + clock.STEP))
        return set(failing.values_list("external_id", flat=True))
