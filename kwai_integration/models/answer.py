"""What the platform answered, beside the rows that lists read, and the walks over all orders."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from erp.accounts.models import Store
from kwai_integration.models.binding import KwaiOrder


class KwaiOrderAnswer(models.Model):
    """The platform's last answer about one order, as it came.

    A table of its own, because it is many times as large as the row of the order. `inbound.payload` alone
    reads and writes it. An order has none when the platform never handed out its details, and when it was
    emptied `KWAI_ANSWER_DAYS` after the order ended (`inbound.retention`).
    """

    kwai_order = models.OneToOneField(
        KwaiOrder, on_delete=models.CASCADE, primary_key=True, related_name="answer"
    )
    text = models.TextField(blank=True)
    # An answer that is not clean text (NUL, lone surrogates) is kept as bytes instead.
    raw = models.BinaryField(null=True)
    truncated = models.BooleanField(default=False)
    stored_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["stored_at"], name="kwai_answer_age")]

    def __str__(self) -> str:
        return f"{self.kwai_order_id}"


class AnswerMove(models.Model):
    """The walk that takes answers out of `KwaiOrder`, where they lay before they had their own table.

    There is a row while some may be left there; `KwaiOrder` rows up to the id `up_to` are done. Read by
    `inbound.moving`.
    """

    up_to = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.up_to}"


class ReprocessRequest(models.Model):
    """A mapping was saved: orders of the store that carry one of these codes are to be received once more.

    `KwaiOrder` rows up to the id `up_to` have been marked, `marked` of the `expected` ones; the row goes when
    the walk has ended. `expected` is counted at the click and stops at `inbound.reprocess.COUNTED`. Read by
    `inbound.reprocess`.
    """

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="reprocess_requests")
    situations = models.JSONField(default=list)
    shippings = models.JSONField(default=list)
    payments = models.JSONField(default=list)
    up_to = models.BigIntegerField(default=0)
    expected = models.PositiveIntegerField(default=0)
    marked = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.store_id}: {self.marked}/{self.expected}"
