"""Where reading from Kwai stands."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from erp import clock
from erp.accounts.models import Store
from erp.leases import Leased, LeasedQuerySet, lease_is_whole


class SyncCursor(Leased):
    """The poll's watermark: everything the platform changed up to here has been stored.

    It moves only after the window's last page is stored (contract section 5).
    """

    store = models.OneToOneField(
        Store, on_delete=models.CASCADE, primary_key=True, related_name="sync_cursor"
    )
    watermark = models.DateTimeField()
    # The same for the list of refunds; None before it was first read.
    refunds_watermark = models.DateTimeField(null=True)
    due_at = models.DateTimeField()
    last_success_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)
    last_error_at = models.DateTimeField(null=True)

    objects = LeasedQuerySet["SyncCursor"].as_manager()

    class Meta:
        constraints = [lease_is_whole("sync_cursor_lease_is_whole")]

    @staticmethod
    def lease_length() -> timedelta:
        """Renewed before each call: longer than one, which ends after 25 s, and storing what it answered."""
        return timedelta(seconds=45)


class KwaiRefund(models.Model):
    """One refund as the platform's list told it last, whether or not its order is here already.

    `status` is a code of `refundStatus`, `amount` in centavos. `reported_at` is when it changed at the
    platform; for a row without such a moment, when the list first said so.
    """

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="kwai_refunds")
    refund_id = models.CharField(max_length=40, blank=True)
    external_id = models.CharField(max_length=40)
    status = models.CharField(max_length=20, blank=True)
    amount = models.BigIntegerField(null=True)
    reason = models.CharField(max_length=300, blank=True)
    reported_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["store", "external_id", "refund_id"], name="kwai_refund_unique"),
        ]


class EventState(models.TextChoices):
    """What became of a push message."""

    PENDING = "pending", "Na fila"
    CLAIMED = "claimed", "Em leitura"
    DONE = "done", "Atendido"
    IGNORED = "ignored", "Sem efeito"
    FAILED = "failed", "Desistiu"


SETTLED = (EventState.DONE, EventState.IGNORED, EventState.FAILED)


# The longest a message is told to wait.
LONGEST_EVENT_WAIT = timedelta(hours=1)


class InboundEventQuerySet(LeasedQuerySet["InboundEvent"]):
    def due(self) -> InboundEventQuerySet:
        """Waiting for a fetch that may start now, by the database's clock."""
        return self.filter(clock.reached("not_before", LONGEST_EVENT_WAIT), state=EventState.PENDING)


class InboundEvent(Leased):
    """A push message as it arrived: it says that `subject` is worth fetching, never the truth about it.

    Stored before the platform gets its answer; one row per event id, however often it is delivered. Only the
    holder of `lease_token` may settle a claimed row, and a lease that ran out sends it back to the queue.
    """

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="inbound_events")
    event_id = models.CharField(max_length=80)
    event = models.CharField(max_length=40, blank=True)
    # The order to fetch; empty for what concerns the connection.
    subject = models.CharField(max_length=40, blank=True)
    # The message as ASCII JSON: escapes keep what a database would refuse.
    payload = models.TextField()
    sent_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField(db_default=Now())
    request_id = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=8, choices=EventState.choices, default=EventState.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(db_default=Now())
    settled_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=300, blank=True)

    objects = InboundEventQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["store", "event_id"], name="inbound_event_unique_id"),
            models.CheckConstraint(
                condition=Q(state__in=EventState.values), name="inbound_event_known_state"
            ),
            models.CheckConstraint(
                condition=Q(state=EventState.CLAIMED, lease_until__isnull=False, lease_token__isnull=False)
                | (Q(lease_until__isnull=True, lease_token__isnull=True) & ~Q(state=EventState.CLAIMED)),
                name="inbound_event_lease_while_claimed",
            ),
            models.CheckConstraint(
                condition=Q(state__in=SETTLED, settled_at__isnull=False)
                | (~Q(state__in=SETTLED) & Q(settled_at__isnull=True)),
                name="inbound_event_settled_has_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["store", "not_before"],
                condition=Q(state=EventState.PENDING),
                name="inbound_event_due",
            ),
            models.Index(
                fields=["store", "lease_token"],
                condition=Q(state=EventState.CLAIMED),
                name="inbound_event_leases",
            ),
            models.Index(fields=["received_at"], name="inbound_event_age"),
            models.Index(fields=["store", "-received_at"], name="inbound_event_latest"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.subject}"

    @staticmethod
    def lease_length() -> timedelta:
        return timedelta(seconds=settings.OUTBOX_LEASE_SECONDS)
