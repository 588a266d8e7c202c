"""Shipments, their packages, and the groups they leave in (PLP for Correios, coleta for carriers)."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from erp.accounts.models import Company, Store, User
from erp.sales.models import Carrier, Order, ShippingMethod
from invoices.models import Invoice


class GroupKind(models.TextChoices):
    POSTING_LIST = "posting_list", "PLP"
    PICKUP = "pickup", "Coleta"


class GroupStatus(models.TextChoices):
    OPEN = "open", "Pendente"
    CONCLUDED = "concluded", "Concluída"

    @property
    def colour(self) -> str:
        return {"open": "yellow", "concluded": "green"}[self.value]


class GroupQuerySet(models.QuerySet["ShipmentGroup"]):
    def lock_for_update(self) -> GroupQuerySet:
        return self.select_for_update(of=("self",)).order_by("pk")


class ShipmentGroup(models.Model):
    """*Agrupamento*: what one pick-up or one Correios list takes away together."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="shipment_groups")
    number = models.BigIntegerField("número")
    kind = models.CharField("tipo", max_length=15, choices=GroupKind.choices)
    shipping_method = models.ForeignKey(
        ShippingMethod, on_delete=models.PROTECT, verbose_name="forma de envio"
    )
    status = models.CharField(
        "situação", max_length=10, choices=GroupStatus.choices, default=GroupStatus.OPEN
    )
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    concluded_at = models.DateTimeField(null=True)
    concluded_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    objects = GroupQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "number"], name="group_unique_number"),
            models.CheckConstraint(condition=Q(kind__in=GroupKind.values), name="group_known_kind"),
            models.CheckConstraint(
                condition=Q(status=GroupStatus.OPEN, concluded_at__isnull=True)
                | Q(status=GroupStatus.CONCLUDED, concluded_at__isnull=False),
                name="group_concluded_has_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.number}"


class ShipmentStatus(models.TextChoices):
    PENDING = "pending", "Pendente"
    CONCLUDED = "concluded", "Concluída"
    DELIVERED = "delivered", "Entregue"
    CANCELLED = "cancelled", "Cancelada"

    @property
    def colour(self) -> str:
        return {"pending": "yellow", "concluded": "teal", "delivered": "green", "cancelled": "secondary"}[
            self.value
        ]


class ShipmentQuerySet(models.QuerySet["Shipment"]):
    def visible_to(self, user: User) -> ShipmentQuerySet:
        return self.filter(store__in=Store.objects.visible_to(user))

    def lock_for_update(self) -> ShipmentQuerySet:
        return self.select_for_update(of=("self",)).order_by("pk")


class Shipment(models.Model):
    """*Objeto* of the expedição; `number` is its *nº de expedição*."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="shipments")
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="shipments")
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="shipments")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, null=True, related_name="shipments")
    group = models.ForeignKey(ShipmentGroup, on_delete=models.PROTECT, null=True, related_name="shipments")
    number = models.BigIntegerField("nº de expedição")
    status = models.CharField(
        "situação", max_length=10, choices=ShipmentStatus.choices, default=ShipmentStatus.PENDING
    )
    shipping_method = models.ForeignKey(
        ShippingMethod, on_delete=models.PROTECT, null=True, verbose_name="forma de envio"
    )
    carrier = models.ForeignKey(
        Carrier, on_delete=models.PROTECT, null=True, verbose_name="transportadora"
    )
    expected_delivery_on = models.DateField("data prevista", null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    concluded_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)

    objects = ShipmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "number"], name="shipment_unique_number"),
            models.UniqueConstraint(
                fields=["order"], condition=~Q(status="cancelled"), name="shipment_one_active_per_order"
            ),
            models.CheckConstraint(
                condition=Q(status__in=ShipmentStatus.values), name="shipment_known_status"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "cancelled"]) | Q(concluded_at__isnull=False),
                name="shipment_concluded_has_time",
            ),
            models.CheckConstraint(
                condition=Q(group__isnull=True) | Q(shipping_method__isnull=False),
                name="shipment_grouped_has_method",
            ),
        ]
        indexes = [models.Index(fields=["company", "status", "-id"], name="shipment_list")]

    def __str__(self) -> str:
        return f"Expedição {self.number}"


class Package(models.Model):
    """*Volume*. The first one's tracking code is what the channel is told (design 3.4)."""

    shipment = models.ForeignKey(Shipment, on_delete=models.CASCADE, related_name="packages")
    sequence = models.PositiveSmallIntegerField(default=1)
    tracking_code = models.CharField("código de rastreamento", max_length=60, blank=True)

    class Meta:
        ordering = ["sequence"]
        constraints = [
            models.UniqueConstraint(fields=["shipment", "sequence"], name="package_unique_sequence"),
            models.CheckConstraint(condition=Q(sequence__gte=1), name="package_sequence_positive"),
        ]
