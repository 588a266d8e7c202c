"""Sales orders and what they refer to. Amounts are integer centavos, instants are UTC."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import models
from django.db.models import Q
from django.utils.functional import lazy

from erp import channels
from erp.accounts.models import AppendOnlyModel, Company, Role, Store, User
from erp.catalog.models import Sku
from erp.refusals import NO_REFUSAL, Refusal, joined
from erp.sales import refusals
from erp.sales.statuses import TO_SHIP, OrderStatus
from erp.stamps import Stamped, StampedQuerySet


class Carrier(models.Model):
    """*Transportadora*. `code` is what a sales channel is told as carrier code."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="carriers")
    name = models.CharField("nome", max_length=100)
    code = models.CharField("código no e-commerce", max_length=40)
    tax_id = models.CharField("CNPJ", max_length=14, blank=True)
    tracking_url = models.CharField(
        "endereço de rastreio",
        max_length=200,
        blank=True,
        help_text="Use {codigo} no lugar do código de rastreio.",
    )
    is_active = models.BooleanField("ativa", default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "name"], name="carrier_unique_name"),
            models.CheckConstraint(condition=~Q(code=""), name="carrier_has_code"),
        ]

    def __str__(self) -> str:
        return self.name


MARKETPLACE_LABEL = lazy(channels.logistics_name, str)()


class ShippingKind(models.TextChoices):
    """Which paper closes a group: a PLP for Correios, a collection for everyone else."""

    CORREIOS = "correios", "Correios"
    CARRIER = "carrier", "Transportadora"
    # Carried by the marketplace itself, under the name its channel gives it.
    MARKETPLACE = "marketplace", MARKETPLACE_LABEL
    OTHER = "other", "Outra"


class ShippingMethod(Stamped):
    """*Forma de envio*."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="shipping_methods")
    name = models.CharField("nome", max_length=80)
    kind = models.CharField("tipo", max_length=11, choices=ShippingKind.choices)
    carrier = models.ForeignKey(
        Carrier, on_delete=models.PROTECT, null=True, blank=True, verbose_name="transportadora"
    )
    delivery_days = models.PositiveSmallIntegerField("prazo de entrega (dias úteis)", default=7)
    is_active = models.BooleanField("ativa", default=True)

    objects = StampedQuerySet["ShippingMethod"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "name"], name="shipping_method_unique_name"),
            models.CheckConstraint(
                condition=Q(kind__in=ShippingKind.values), name="shipping_method_known_kind"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PaymentMethod(models.Model):
    """*Forma de recebimento*."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="payment_methods")
    name = models.CharField("nome", max_length=80)
    is_active = models.BooleanField("ativa", default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["company", "name"], name="payment_method_unique_name")]

    def __str__(self) -> str:
        return self.name


class RefundStatus(models.TextChoices):
    """What became of the buyer's money: asked for, paid back, or the request ended without payment."""

    NONE = "none", "Sem reembolso"
    ASKED = "asked", "Reembolso pedido"
    PAID = "paid", "Reembolsado"
    CLOSED = "closed", "Pedido de reembolso encerrado"
    UNKNOWN = "unknown", "Reembolso em situação desconhecida"


class ShippedBy(models.TextChoices):
    """Who carries the parcel. Unknown is an answer: then nothing is arranged and no code is sent."""

    CHANNEL = "channel", "Logística do e-commerce"
    SELLER = "seller", "Transportadora própria"
    UNKNOWN = "unknown", "Não informado"


# Situations of a parcel that is out of the house.
LEFT = (OrderStatus.SHIPPED, OrderStatus.UNDELIVERED, OrderStatus.DELIVERED)
UNREAD_LABELS = {
    "situation": "situação",
    "lines": "itens",
    "amounts": "valores",
    "deadlines": "datas e prazos",
    "address": "comprador e endereço",
    "shipping": "tipo de envio",
    "invoice": "situação da nota",
    "tracking": "rastreio",
    "refund": "reembolso",
    "payments": "pagamento",
    "texts": "observações",
}


# What was read and keeps printouts back all the same: the lines here are not the order's, or there are none.
OPEN_LINES = {"links": refusals.LINES_UNLINKED, "emptied": refusals.LINES_TAKEN_AWAY}


def unread_problem(parts: Sequence[str]) -> Refusal:
    """Why an order with these unread or open parts is not printed."""
    labels = ", ".join(UNREAD_LABELS.get(part, part) for part in parts if part not in OPEN_LINES)
    found = [refusals.UNREAD.of(parts=labels)] if labels else []
    return joined([*found, *(OPEN_LINES[part] for part in parts if part in OPEN_LINES)])


class OrderQuerySet(StampedQuerySet["Order"]):
    def visible_to(self, user: User) -> OrderQuerySet:
        """By company as well, which the indexes of the list begin with."""
        if user.company_id is None or not user.is_active:
            return self.none()
        own = self.filter(company_id=user.company_id)
        # Every store is theirs: with the company alone an index answers a count by itself.
        return own if user.role == Role.ADMIN else own.filter(store__in=Store.objects.visible_to(user))

    def that_may_come_back(self) -> OrderQuerySet:
        """The rows of `Order.may_come_back`."""
        return self.filter(
            Q(status=OrderStatus.CANCELLED)
            | Q(closed_at__isnull=False, handover_unclear=False)
            | Q(refund_status=RefundStatus.PAID, status__in=LEFT)
        )

    def lock_for_update(self) -> OrderQuerySet:
        """Rows in a fixed order, so that two callers cannot wait for each other."""
        return self.select_for_update(of=("self",)).order_by("pk")


class Order(Stamped):
    """*Pedido de venda*. `number` is ours, `external_id` theirs."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="orders")
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="orders")
    number = models.BigIntegerField("número")
    external_id = models.CharField("número no e-commerce", max_length=40, blank=True)
    status = models.CharField(
        "situação", max_length=15, choices=OrderStatus.choices, default=OrderStatus.OPEN
    )
    remote_status = models.CharField(max_length=20, blank=True)

    items_total = models.BigIntegerField()
    freight_total = models.BigIntegerField(default=0)
    seller_discount = models.BigIntegerField(default=0)
    platform_discount = models.BigIntegerField(default=0)
    total = models.BigIntegerField()

    placed_at = models.DateTimeField("data")
    paid_at = models.DateTimeField(null=True)
    ship_by_at = models.DateTimeField("prazo de envio", null=True)
    cancelled_at = models.DateTimeField(null=True)
    # Written by receive, so that expedition can refuse to ship without knowing the platform.
    hold_reason = models.CharField(max_length=200, blank=True)
    refund_status = models.CharField(max_length=10, choices=RefundStatus.choices, default=RefundStatus.NONE)
    refund_amount = models.BigIntegerField(null=True)
    refund_reason = models.CharField(max_length=300, blank=True)
    refund_at = models.DateTimeField(null=True)
    # A refund keeps the order from moving on: it runs, or it was paid and nobody has released the order.
    refund_open = models.BooleanField(default=False)
    refund_released_at = models.DateTimeField(null=True)
    refund_released_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    # The e-commerce ended an order whose parcel had left: the situation here stays, nothing else moves.
    closed_at = models.DateTimeField(null=True)
    # All that is known of the parcel is that it was handed over; a person says whether it came back.
    handover_unclear = models.BooleanField(default=False)
    shipped_by = models.CharField(max_length=8, choices=ShippedBy.choices, default=ShippedBy.UNKNOWN)
    # Parts of the e-commerce's last answer that could not be read, what stands here of them being older, and
    # `OPEN_LINES`.
    unread_parts = models.JSONField(default=list)

    shipping_method = models.ForeignKey(
        ShippingMethod, on_delete=models.PROTECT, null=True, blank=True, verbose_name="forma de envio"
    )
    carrier = models.ForeignKey(
        Carrier, on_delete=models.PROTECT, null=True, blank=True, verbose_name="transportadora"
    )
    payment_method = models.ForeignKey(
        PaymentMethod, on_delete=models.PROTECT, null=True, blank=True, verbose_name="forma de recebimento"
    )
    buyer_note = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OrderQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "number"], name="order_unique_number"),
            models.UniqueConstraint(
                fields=["store", "external_id"], condition=~Q(external_id=""), name="order_unique_external_id"
            ),
            models.CheckConstraint(condition=Q(status__in=OrderStatus.values), name="order_known_status"),
            models.CheckConstraint(
                condition=Q(refund_status__in=RefundStatus.values), name="order_known_refund"
            ),
            models.CheckConstraint(condition=Q(shipped_by__in=ShippedBy.values), name="order_known_shipper"),
            models.CheckConstraint(
                condition=Q(handover_unclear=False) | Q(closed_at__isnull=False),
                name="order_unclear_only_when_closed",
            ),
            models.CheckConstraint(
                condition=Q(items_total__gte=0)
                & Q(freight_total__gte=0)
                & Q(seller_discount__gte=0)
                & Q(platform_discount__gte=0)
                & Q(total__gte=0),
                name="order_amounts_not_negative",
            ),
        ]
        indexes = [
            models.Index(fields=["company", "-placed_at", "-id"], name="order_newest"),
            models.Index(fields=["company", "status", "placed_at", "id"], name="order_status_list"),
            models.Index(fields=["company", "ship_by_at", "id"], name="order_deadline"),
            models.Index(
                fields=["company", "ship_by_at", "id"],
                condition=Q(status__in=TO_SHIP),
                name="order_to_ship_deadline",
            ),
            models.Index(
                fields=["company", "-placed_at", "-id"],
                condition=Q(status__in=TO_SHIP),
                name="order_to_ship_newest",
            ),
            models.Index(fields=["company", "total", "id"], name="order_total"),
            models.Index(fields=["-updated_at"], name="order_written"),
            models.Index(fields=["store", "-placed_at", "-id"], name="order_store_list"),
        ]

    def __str__(self) -> str:
        return f"Pedido {self.number}"

    @property
    def is_channel_shipped(self) -> bool:
        """The marketplace carries the parcel: carrier, number and label come from there."""
        return self.shipped_by == ShippedBy.CHANNEL

    @property
    def is_to_ship(self) -> bool:
        """Paid for and not on its way: its deadline still has to be met."""
        return self.status in TO_SHIP

    @property
    def status_colour(self) -> str:
        return OrderStatus(self.status).colour

    @property
    def computed_total(self) -> int:
        """Items + freight - discounts, in centavos."""
        return self.items_total + self.freight_total - self.seller_discount - self.platform_discount

    @property
    def total_differs(self) -> bool:
        return self.computed_total != self.total

    @property
    def has_left(self) -> bool:
        """The parcel is out of the house: on its way, delivered, or it failed to be."""
        return self.status in LEFT

    @property
    def may_come_back(self) -> bool:
        """Goods of this order that left may be put back into stock: it was cancelled, closed by the
        e-commerce, or its buyer was refunded after the parcel left."""
        if self.closed_at and not self.handover_unclear:
            return True
        if self.status == OrderStatus.CANCELLED:
            return True
        return self.refund_status == RefundStatus.PAID and self.has_left

    @property
    def frozen_reason(self) -> Refusal:
        """Why this order must not move on."""
        if self.status == OrderStatus.CANCELLED:
            return refusals.CANCELLED
        if self.hold_reason:
            return refusals.HELD.of(reason=self.hold_reason)
        if self.refund_open:
            return self._refund_reason
        if self.closed_at:
            return self._closed_reason
        return NO_REFUSAL

    @property
    def _closed_reason(self) -> Refusal:
        if self.handover_unclear:
            return refusals.CLOSED_UNCLEAR
        return refusals.CLOSED_SENT if self.has_left else refusals.CLOSED

    @property
    def _refund_reason(self) -> Refusal:
        is_paid = self.refund_status == RefundStatus.PAID
        if self.has_left:
            by_status = refusals.REFUND_PAID_AFTER if is_paid else refusals.REFUND_ASKED_AFTER
            return by_status[OrderStatus(self.status)]
        return refusals.REFUND_PAID if is_paid else refusals.REFUND_ASKED

    @property
    def printout_problem(self) -> Refusal:
        """Why nothing about this order may be printed now."""
        return self.frozen_reason or self.unread_problem

    @property
    def unread_problem(self) -> Refusal:
        """What the e-commerce said last is not here whole: what stands here may be wrong by now."""
        return unread_problem(self.unread_parts)


class OrderLine(models.Model):
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    position = models.PositiveSmallIntegerField()
    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="order_lines")
    external_item_id = models.CharField(max_length=40, blank=True)
    external_sku_id = models.CharField(max_length=40, blank=True)
    title = models.CharField(max_length=300)
    specification = models.CharField(max_length=200, blank=True)
    quantity = models.PositiveIntegerField()
    unit_price = models.BigIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["order", "position"], name="order_line_unique_position"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="order_line_quantity_positive"),
            models.CheckConstraint(condition=Q(unit_price__gte=0), name="order_line_price_not_negative"),
        ]

    @property
    def total(self) -> int:
        return self.quantity * self.unit_price


class PlatformOwned(models.Model):
    """Follows the platform until an operator edits it; after that a platform change waits in
    `proposal` for *aceitar* or *manter*."""

    edited_at = models.DateTimeField(null=True)
    proposal = models.JSONField(null=True)
    # What the platform said last: only a difference from this is news.
    platform_values = models.JSONField(default=dict)

    class Meta:
        abstract = True


class Buyer(PlatformOwned):
    order = models.OneToOneField(Order, on_delete=models.CASCADE, related_name="buyer")
    name = models.CharField("nome", max_length=150, blank=True)
    tax_id = models.CharField("CPF/CNPJ", max_length=14, blank=True)
    tax_id_kind = models.CharField(max_length=4, blank=True)
    phone = models.CharField("telefone", max_length=30, blank=True)

    class Meta:
        indexes = [models.Index(fields=["tax_id"], condition=~Q(tax_id=""), name="buyer_tax_id")]

    def __str__(self) -> str:
        return self.name


class DeliveryAddress(PlatformOwned):
    order = models.OneToOneField(Order, on_delete=models.CASCADE, related_name="address")
    recipient = models.CharField("destinatário", max_length=150, blank=True)
    postal_code = models.CharField("CEP", max_length=8, blank=True)
    state_code = models.CharField("UF", max_length=2, blank=True)
    city = models.CharField("cidade", max_length=100, blank=True)
    district = models.CharField("bairro", max_length=100, blank=True)
    street = models.CharField("logradouro", max_length=200, blank=True)
    number = models.CharField("número", max_length=20, blank=True)
    complement = models.CharField("complemento", max_length=120, blank=True)
    # Typed only where the table of municipalities does not know the city by its name.
    city_code = models.CharField("código IBGE do município", max_length=7, blank=True)
    # Why label and NF-e cannot be made with this address yet, or empty.
    problem = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return f"{self.city}/{self.state_code}"


class OrderEvent(AppendOnlyModel):
    """One line of the timeline of an order, written by whichever room acted."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="events")
    at = models.DateTimeField(auto_now_add=True)
    actor = models.ForeignKey(User, on_delete=models.PROTECT, null=True)
    kind = models.CharField(max_length=40)
    text = models.CharField(max_length=500)
    link = models.CharField(max_length=200, blank=True)
    data = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["order", "-at", "-id"], name="order_event_timeline")]


__all__ = [
    "Buyer",
    "Carrier",
    "DeliveryAddress",
    "Order",
    "OrderEvent",
    "OrderLine",
    "OrderStatus",
    "PaymentMethod",
    "RefundStatus",
    "ShippedBy",
    "ShippingKind",
    "ShippingMethod",
]
