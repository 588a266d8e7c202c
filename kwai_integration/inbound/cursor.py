"""The lease on a store's poll: one poller at a time, by the database's clock."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models.expressions import Combinable
from django.db.models.functions import Now

from erp import clock
from erp.accounts.models import Store
from erp.leases import LeasedQuerySet
from kwai_integration.app_health import app_paused
from kwai_integration.models import ConnectionHealth, SyncCursor

# The longest a store's poll is put off: a daily quota is asked for again each hour.
LONGEST_REST = timedelta(hours=1)


class CursorLeaseLost(Exception):
    """Somebody else polls this store by now; whatever was read here is read again there."""


@dataclass
class CursorLease:
    """Every write is fenced by the token. `is_resumed`: the last poll was killed, and its lease ran out."""

    store_id: int
    token: uuid.UUID
    watermark: datetime
    is_resumed: bool

    def renew(self) -> None:
        """Hold the lease for another period. Raises CursorLeaseLost."""
        if not self._row().renew(self.token):
            raise CursorLeaseLost

    def watermark_move(self, to: datetime) -> None:
        """Everything up to `to` is stored. Never moves back. Raises CursorLeaseLost."""
        if to > self.watermark:
            self._write(watermark=to)
            self.watermark = to

    def watermark_restore(self, to: datetime) -> None:
        """Read again from `to`: the watermark was ahead of every clock. Raises CursorLeaseLost."""
        self._write(watermark=to)
        self.watermark = to

    def succeed(self, *, due_in: float, notice: str) -> None:
        """Give the lease back after a whole poll; `notice` is shown although nothing failed."""
        self._end(
            due_at=_due_at(due_in),
            last_success_at=Now(),
            last_error=notice[:300],
            last_error_at=Now() if notice else None,
        )

    def fail(self, *, due_in: float, reason: str) -> None:
        """Give the lease back after a failure; `reason` is what the operator reads."""
        self._end(due_at=_due_at(due_in), last_error=reason[:300], last_error_at=Now())

    def _row(self) -> LeasedQuerySet[SyncCursor]:
        return SyncCursor.objects.filter(pk=self.store_id)

    def _write(self, **changes: object) -> None:
        if not self._row().held(self.token).update(**changes):
            raise CursorLeaseLost

    def _end(self, **changes: object) -> None:
        if not self._row().release(self.token, **changes):
            raise CursorLeaseLost


def _due_at(seconds: float) -> Combinable:
    return clock.after(min(timedelta(seconds=seconds), LONGEST_REST))


def lease_take(store_id: int) -> CursorLease | None:
    """The lease when the store's poll is due and nobody holds it, else None."""
    if not is_pollable(store_id):
        return None
    is_resumed = SyncCursor.objects.filter(pk=store_id, lease_token__isnull=False).exists()
    token = cursors_due().filter(pk=store_id).claim()
    cursor = SyncCursor.objects.filter(pk=store_id).held(token).first()
    return CursorLease(store_id, token, cursor.watermark, is_resumed) if token and cursor else None


def cursors_due() -> LeasedQuerySet[SyncCursor]:
    """A poll may start: nobody holds the lease and the time has come, by the database's clock."""
    return SyncCursor.objects.free().filter(clock.reached("due_at", LONGEST_REST))


def is_pollable(store_id: int) -> bool:
    """ACTIVE and connected, and Kwai accepts the application."""
    stores = Store.objects.active().filter(kwai_account__health=ConnectionHealth.OK)
    return stores.filter(pk=store_id).exists() and app_paused() is None
