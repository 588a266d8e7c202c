"""What of Kwai stands for what of ours: orders, listings and the situation mapping."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q

from erp.accounts.models import Store, User
from erp.catalog.models import Sku
from erp.choices import ColouredChoices
from erp.sales.models import Order, PaymentMethod, ShippingMethod
from erp.sales.statuses import OrderStatus
from erp.stamps import Stamped, StampedQuerySet
from kwai_integration.wire.codes import KwaiInvoiceStatus, KwaiRole

# Where answers lay before they had a table; no query needs to load these.
FORMER_FIELDS = ("payload", "payload_bytes")
# In `KwaiOrder.received_digest`: the order is to be received once more, and the answer is not kept any more.
FETCH_NEEDED = "fetch"


class KwaiOrderState(ColouredChoices):
    """How far an order of the platform has come into the ERP."""

    STAGED = "staged", "azure", "A receber"
    UNLINKED = "unlinked", "orange", "Item sem vínculo"
    RECEIVED = "received", "green", "Recebido"
    QUARANTINED = "quarantined", "red", "Com problema"


class KwaiOrderQuerySet(StampedQuerySet["KwaiOrder"]):
    def visible_to(self, user: User) -> KwaiOrderQuerySet:
        return self.filter(store__in=Store.objects.visible_to(user))


class KwaiOrder(Stamped):
    """*Pedido no e-commerce*: what the platform says of an order, and what became of it here.

    The answer itself is `KwaiOrderAnswer`.
    """

    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="kwai_orders")
    external_id = models.CharField(max_length=40)
    order = models.OneToOneField(Order, on_delete=models.PROTECT, null=True, related_name="kwai_order")
    state = models.CharField(max_length=12, choices=KwaiOrderState.choices, default=KwaiOrderState.STAGED)
    problem_code = models.CharField(max_length=40, blank=True)
    problem = models.CharField(max_length=500, blank=True)
    warnings = models.JSONField(default=list)

    # Shown in lists without opening the answer; empty when the answer has none.
    remote_status = models.CharField(max_length=20, blank=True)
    buyer_name = models.CharField(max_length=150, blank=True)
    summary = models.CharField(max_length=300, blank=True)
    total = models.BigIntegerField(null=True)
    placed_at = models.DateTimeField(null=True)
    ship_by_at = models.DateTimeField(null=True)
    invoice_status = models.CharField(max_length=20, blank=True)
    invoice_refusal_reason = models.CharField(max_length=500, blank=True)
    remote_carrier_code = models.CharField(max_length=40, blank=True)
    remote_tracking_code = models.CharField(max_length=60, blank=True)
    shipping_type = models.CharField(max_length=30, blank=True)
    # The first answer whose role says that the parcel had left; once set it stays.
    first_shipped_at = models.DateTimeField(null=True)
    # What the details say of a refund (`RefundStatus`); empty in rows that were stored before this was kept.
    refund_reported = models.CharField(max_length=10, blank=True)
    # The way of payment that carries most of the total, as the platform names it.
    payment_code = models.CharField(max_length=60, blank=True)

    # Where answers lay before `KwaiOrderAnswer`: `inbound.payload` reads it, `inbound.moving` empties it.
    payload = models.TextField(blank=True)
    payload_bytes = models.BinaryField(null=True)
    payload_truncated = models.BooleanField(default=False)
    digest = models.CharField(max_length=64)
    remote_updated_at = models.DateTimeField(null=True)
    fetch_started_at = models.DateTimeField()
    staged_at = models.DateTimeField(auto_now_add=True)
    # The digest `receive` looked at last; another one in `digest` is news it has not seen. Emptied when a
    # mapping changed, so that the stored answer is received once more; `FETCH_NEEDED` where none is stored.
    received_digest = models.CharField(max_length=64, blank=True)
    received_at = models.DateTimeField(null=True)

    # The listings of its lines that keep an UNLINKED order waiting.
    waiting_for: models.ManyToManyField[Listing, Any] = models.ManyToManyField(
        "Listing", related_name="waiting_orders"
    )

    objects = KwaiOrderQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["store", "external_id"], name="kwai_order_unique_external_id"),
            models.CheckConstraint(
                condition=~Q(state="received") | Q(order__isnull=False), name="kwai_order_received_has_order"
            ),
            models.CheckConstraint(
                condition=Q(state__in=KwaiOrderState.values), name="kwai_order_known_state"
            ),
        ]
        indexes = [
            models.Index(fields=["-placed_at", "-id"], name="kwai_order_newest"),
            models.Index(fields=["ship_by_at", "id"], name="kwai_order_deadline"),
            # The few notes that Kwai refused, among those that it accepted.
            models.Index(
                fields=["order"],
                condition=Q(invoice_status=KwaiInvoiceStatus.REFUSED),
                name="kwai_order_note_refused",
            ),
            models.Index(fields=["total", "id"], name="kwai_order_total"),
            models.Index(fields=["-updated_at"], name="kwai_order_written"),
            models.Index(fields=["state", "placed_at", "id"], name="kwai_order_by_state"),
            models.Index(fields=["store", "state", "-placed_at", "-id"], name="kwai_order_list"),
            # Holds all that `setup.seen` reads of an order.
            models.Index(
                fields=["store", "remote_status", "shipping_type", "remote_carrier_code", "payment_code"],
                name="kwai_order_codes",
            ),
            models.Index(
                fields=["store"],
                condition=Q(state="received", received_digest=""),
                name="kwai_order_reprocess",
            ),
        ]

    def __str__(self) -> str:
        return f"Kwai {self.external_id}"


class Listing(models.Model):
    """*Anúncio*: one SKU published in one store. `sku` is empty while nobody has linked it."""

    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="listings")
    item_id = models.CharField(max_length=40)
    sku_id_remote = models.CharField(max_length=40)
    seller_code = models.CharField(max_length=60, blank=True)
    title = models.CharField(max_length=300, blank=True)
    specification = models.CharField(max_length=200, blank=True)
    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, null=True, related_name="listings")
    linked_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True)
    first_seen_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["store", "item_id", "sku_id_remote"], name="listing_unique_pair")
        ]


class StatusMapping(Stamped):
    """Platform situation code -> ERP situation, per store."""

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="status_mappings")
    remote_code = models.CharField(max_length=20)
    status = models.CharField(max_length=15, choices=OrderStatus.choices)
    # What a code that the table does not know means on the platform, said by a person; empty for all others.
    role = models.CharField(
        max_length=20, choices=[(role.value, role.value) for role in KwaiRole], blank=True
    )
    # Chosen under another table of codes: somebody should look at it once (*confira*).
    needs_check = models.BooleanField(default=False)

    objects = StampedQuerySet["StatusMapping"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["store", "remote_code"], name="status_mapping_unique_code"),
            models.CheckConstraint(
                condition=Q(status__in=OrderStatus.values), name="status_mapping_known_status"
            ),
        ]


class ShippingMapping(models.Model):
    """Platform code of a way of shipping (its carrier code, or its type) -> *forma de envio*, per store."""

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="shipping_mappings")
    remote_code = models.CharField(max_length=40)
    shipping_method = models.ForeignKey(ShippingMethod, on_delete=models.PROTECT)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["store", "remote_code"], name="shipping_mapping_unique_code")
        ]


class PaymentMapping(models.Model):
    """Platform code of a way of payment -> *forma de recebimento*, per store."""

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="payment_mappings")
    remote_code = models.CharField(max_length=60)
    payment_method = models.ForeignKey(PaymentMethod, on_delete=models.PROTECT)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["store", "remote_code"], name="payment_mapping_unique_code")
        ]
