"""Leases: a worker's claim on a row, which ends by itself when the worker dies.

A model inherits `Leased` and says how long a claim holds. A claim is one conditional UPDATE and answers a
token; with it alone the row is renewed, written and let go, so that whoever lost it to somebody else changes
nothing. All instants are the database's.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Self, TypeVar

from django.db import models
from django.db.models import CheckConstraint, Q

from erp import clock
from erp.stamps import StampsUpdate

LeasedRow = TypeVar("LeasedRow", bound="Leased")


class LeasedQuerySet(models.QuerySet[LeasedRow]):
    def free(self) -> Self:
        """Nobody is at these rows: never claimed, let go, run out, or claimed by a clock that was ahead."""
        return self.filter(clock.reached("lease_until", self.model.lease_length()))

    def taken(self) -> Self:
        """Somebody is at these rows now."""
        return self.filter(clock.ahead("lease_until", self.model.lease_length()))

    def held(self, token: uuid.UUID | None) -> Self:
        """Those that nobody took from the holder of `token`, also after the lease ran out."""
        return self.none() if token is None else self.filter(lease_token=token)

    def claim(self, **changes: object) -> uuid.UUID | None:
        """Take those that are free, in one statement that also writes `changes`: their token, None when
        there were none. On PostgreSQL, filter by columns of the row itself alone: after waiting for its lock
        only those are looked at again."""
        token = uuid.uuid4()
        until = clock.after(self.model.lease_length())
        taken = self.free().update(lease_token=token, lease_until=until, **changes)
        return token if taken else None

    def renew(self, token: uuid.UUID | None) -> bool:
        """Hold on for another period, from now; False when somebody else took them."""
        return self.held(token).update(lease_until=clock.after(self.model.lease_length())) > 0

    def release(self, token: uuid.UUID | None, **changes: object) -> bool:
        """Let go and write `changes`, both or neither; False when somebody else took them."""
        return self.held(token).revoke(**changes) > 0

    def revoke(self, **changes: object) -> int:
        """End every lease on these rows and write `changes`; whoever held one can write nothing any more.
        How many rows that were."""
        return self.update(lease_token=None, lease_until=None, **changes)


class StampedLeasedQuerySet(StampsUpdate, LeasedQuerySet[LeasedRow]):
    """Of leased rows that pages watch; claiming and letting go are news too."""


class Leased(models.Model):
    """A row that one worker at a time is at."""

    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        abstract = True

    @staticmethod
    def lease_length() -> timedelta:
        """How long a claim holds without being renewed."""
        raise NotImplementedError

    def lease_drop(self) -> None:
        """Let go in memory; the caller, who holds the row, saves it."""
        self.lease_token = self.lease_until = None


def lease_is_whole(name: str) -> CheckConstraint:
    """Token and end are there together or not at all."""
    return CheckConstraint(
        condition=Q(lease_token__isnull=True, lease_until__isnull=True)
        | Q(lease_token__isnull=False, lease_until__isnull=False),
        name=name,
    )
