"""Shipments, their packages, and the groups they leave in (PLP for Correios, coleta for carriers)."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models import Exists, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, Now
from django.urls import reverse

from erp import channels
from erp.accounts.models import Company, Role, Store, User
from erp.choices import ColouredChoices
from erp.leases import Leased, LeasedQuerySet, lease_is_whole
from erp.refusals import NO_REFUSAL, Refusal
from erp.sales.models import Carrier, Order, ShippingMethod
from erp.stamps import Stamped, StampedQuerySet
from expedition import refusals
from invoices.models import ISSUED, Invoice


class GroupKind(models.TextChoices):
    POSTING_LIST = "posting_list", "PLP"
    PICKUP = "pickup", "Coleta"


class GroupStatus(ColouredChoices):
    OPEN = "open", "yellow", "Pendente"
    CONCLUDED = "concluded", "green", "Concluída"


class GroupQuerySet(StampedQuerySet["ShipmentGroup"]):
    def visible_to(self, user: User) -> GroupQuerySet:
        """Groups of the company; those without any shipment of the user's stores only when still empty."""
        if user.company_id is None:
            return self.none()
        own = self.filter(company_id=user.company_id)
        if user.role == Role.ADMIN:
            return own
        members = Shipment.objects.filter(group=OuterRef("pk"))
        return own.filter(Exists(members.visible_to(user)) | ~Exists(members))

    def lock_for_update(self) -> GroupQuerySet:
        """Rows that refer to a group are not held up: nobody changes its key."""
        return self.select_for_update(of=("self",), no_key=True).order_by("pk")


class ShipmentGroup(Stamped):
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

    def get_absolute_url(self) -> str:
        return reverse("expedition:group", args=[self.pk])

    @property
    def status_colour(self) -> str:
        return GroupStatus(self.status).colour

    @property
    def is_open(self) -> bool:
        return self.status == GroupStatus.OPEN


class ShipmentStatus(ColouredChoices):
    PENDING = "pending", "yellow", "Pendente"
    CONCLUDED = "concluded", "teal", "Concluída"
    DELIVERED = "delivered", "green", "Entregue"
    CANCELLED = "cancelled", "secondary", "Cancelada"


ON_THE_WAY = (ShipmentStatus.PENDING, ShipmentStatus.CONCLUDED)


class FormerCode(models.TextChoices):
    """How the code that stood here before the present one came to an end."""

    REPLACED = "replaced", "Digitado aqui e substituído pelo número do e-commerce"
    REISSUED = "reissued", "Número anterior do e-commerce"
    SENT = "sent", "Código que o e-commerce recebeu"


SHIPMENT_RELATIONS = (
    "order__store",
    "order__shipping_method__carrier",
    "order__carrier",
    "invoice__shipping_method__carrier",
    "invoice__carrier",
    "shipping_method__carrier",
    "carrier",
    "store",
    "group",
    "label",
)


# What the list is sorted and filtered by: the order's deadline, and `chosen_method`.
COPIES = ("ship_by_at", "method_shown")


class ShipmentQuerySet(StampedQuerySet["Shipment"]):
    def visible_to(self, user: User) -> ShipmentQuerySet:
        """By company as well, which the indexes of the list begin with."""
        if user.company_id is None or not user.is_active:
            return self.none()
        own = self.filter(company_id=user.company_id)
        return own if user.role == Role.ADMIN else own.filter(store__in=Store.objects.visible_to(user))

    def active(self) -> ShipmentQuerySet:
        """The one shipment an order has, delivered ones included."""
        return self.exclude(status=ShipmentStatus.CANCELLED)

    def for_screens(self) -> ShipmentQuerySet:
        """Everything a row or a check reads, joined in."""
        return self.select_related(*SHIPMENT_RELATIONS).prefetch_related("packages")

    def copies_follow(self) -> int:
        """Write `COPIES` of rows whose order or note has changed."""
        invoice = Invoice.objects.filter(pk=OuterRef("invoice")).values("shipping_method")
        order = Order.objects.filter(pk=OuterRef("order"))
        method = Coalesce("shipping_method", Subquery(invoice), Subquery(order.values("shipping_method")))
        return self.update(ship_by_at=Subquery(order.values("ship_by_at")), method_shown=method)

    def lock_for_update(self) -> ShipmentQuerySet:
        return self.select_for_update(of=("self",)).order_by("pk")


class Shipment(Stamped):
    """*Objeto* of the expedição; `number` is its *nº de expedição*.

    `shipping_method` and `carrier` stay empty while they follow the invoice, else the order; choosing
    here or joining a group fixes them. Readers before that use `chosen_method` and `chosen_carrier`.
    """

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
    carrier = models.ForeignKey(Carrier, on_delete=models.PROTECT, null=True, verbose_name="transportadora")
    expected_delivery_on = models.DateField("data prevista", null=True)
    # What the marketplace assigned to a parcel that it carries itself; empty for every other.
    channel_number = models.CharField(max_length=60, blank=True)
    channel_carrier_code = models.CharField(max_length=40, blank=True)
    channel_carrier_name = models.CharField(max_length=80, blank=True)
    # The code before the present one, where somebody may still meet it on paper or at the marketplace.
    former_code = models.CharField(max_length=60, blank=True)
    former_code_is = models.CharField(max_length=8, choices=FormerCode.choices, blank=True)
    # Copies for the list, see `ShipmentQuerySet.copies_follow`.
    ship_by_at = models.DateTimeField("prazo de envio", null=True)
    method_shown = models.ForeignKey(
        ShippingMethod, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
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
                condition=~Q(status="delivered") | Q(delivered_at__isnull=False),
                name="shipment_delivered_has_time",
            ),
            models.CheckConstraint(
                condition=Q(group__isnull=True) | Q(shipping_method__isnull=False),
                name="shipment_grouped_has_method",
            ),
            models.CheckConstraint(
                condition=Q(former_code="", former_code_is="")
                | (~Q(former_code="") & Q(former_code_is__in=FormerCode.values)),
                name="shipment_former_code_is_known",
            ),
        ]
        indexes = [
            models.Index(fields=["company", "status", "-id"], name="shipment_list"),
            models.Index(fields=["company", "ship_by_at", "id"], name="shipment_deadline"),
            models.Index(
                fields=["company", "ship_by_at", "id"],
                condition=Q(status="pending"),
                name="shipment_pending_deadline",
            ),
            models.Index(
                fields=["company", "number"], condition=Q(status="pending"), name="shipment_pending_number"
            ),
            models.Index(fields=["method_shown", "-id"], name="shipment_method"),
            models.Index(fields=["-updated_at"], name="shipment_written"),
        ]

    def __str__(self) -> str:
        return f"Expedição {self.number}"

    def get_absolute_url(self) -> str:
        return reverse("expedition:shipment", args=[self.pk])

    @property
    def status_colour(self) -> str:
        return ShipmentStatus(self.status).colour

    @property
    def is_pending(self) -> bool:
        return self.status == ShipmentStatus.PENDING

    @property
    def is_on_the_way(self) -> bool:
        """Pending or concluded: still holds its tracking codes and may still be changed."""
        return self.status in ON_THE_WAY

    @property
    def has_channel(self) -> bool:
        """True when a marketplace has to hear about this shipment."""
        return bool(self.store.channel)

    @property
    def is_channel_shipped(self) -> bool:
        """The marketplace carries it: carrier, number and label come from there and are read-only here."""
        return self.order.is_channel_shipped

    @property
    def logistics_name(self) -> str:
        """What people call the delivery service of its marketplace."""
        return channels.logistics_name(self.store.channel)

    @property
    def carrier_name(self) -> str:
        """*Transportadora* as screens show it: the marketplace's own where it carries the parcel."""
        if self.is_channel_shipped and (self.channel_carrier_name or self.channel_carrier_code):
            return self.channel_carrier_name or self.channel_carrier_code
        carrier = self.chosen_carrier
        return carrier.name if carrier else ""

    @property
    def label_row(self) -> ShippingLabel | None:
        return getattr(self, "label", None)

    @property
    def former_code_text(self) -> str:
        """What became of the code before this one, or an empty text."""
        if not self.former_code:
            return ""
        former, channel = self.former_code, channels.label(self.store.channel)
        match FormerCode(self.former_code_is):
            case FormerCode.REPLACED:
                return f"O número do {self.logistics_name} tomou o lugar do código digitado antes, {former}."
            case FormerCode.REISSUED:
                return f"O {channel} reemitiu o número para {self.tracking_code}; antes era {former}."
            case FormerCode.SENT:
                return f"O {channel} continua com {former}: depois do despacho não aceita outro código."

    @property
    def chosen_method(self) -> ShippingMethod | None:
        """*Forma de envio*: its own, else the invoice's, else the order's."""
        return next((source.shipping_method for source in self._sources() if source.shipping_method), None)

    def copies_take(self) -> None:
        """Set `COPIES` of a row about to be written: with a second UPDATE in one transaction PostgreSQL
        checks every foreign key of the row anew, and waits for whoever holds what it refers to."""
        self.ship_by_at = self.order.ship_by_at
        methods = (source.shipping_method_id for source in self._sources())
        self.method_shown_id = next((pk for pk in methods if pk is not None), None)

    @property
    def chosen_carrier(self) -> Carrier | None:
        """*Transportadora* from the same source; the method's own stands in for a missing one."""
        for source in self._sources():
            method = source.shipping_method
            carrier = source.carrier or (method.carrier if method else None)
            if carrier or method:
                return carrier
        return None

    def _sources(self) -> list[Shipment | Invoice | Order]:
        return [self, self.invoice, self.order] if self.invoice else [self, self.order]

    @property
    def tracking_code(self) -> str:
        """The first package's code: the one a channel is told."""
        return next((package.tracking_code for package in self.packages.all()), "")

    @property
    def frozen_reason(self) -> Refusal:
        """Why this must not move on."""
        return self.order.frozen_reason or (refusals.INVOICE_FELL if self.has_fallen_invoice else NO_REFUSAL)

    @property
    def lacks_invoice(self) -> bool:
        return self.invoice is None or self.has_fallen_invoice

    @property
    def has_fallen_invoice(self) -> bool:
        """Its note was cancelled, rejected or taken off the order, and no other took its place."""
        invoice = self.invoice
        return invoice is not None and (invoice.status not in ISSUED or invoice.order_id != self.order_id)


class Package(models.Model):
    """*Volume*. The first one's tracking code is what the channel is told.

    `holds_code` follows the shipment: while it is on the way nobody else may use the code.
    """

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="+")
    shipment = models.ForeignKey(Shipment, on_delete=models.CASCADE, related_name="packages")
    sequence = models.PositiveSmallIntegerField(default=1)
    tracking_code = models.CharField("código de rastreamento", max_length=60, blank=True)
    holds_code = models.BooleanField(default=True)

    class Meta:
        ordering = ["sequence"]
        constraints = [
            models.UniqueConstraint(fields=["shipment", "sequence"], name="package_unique_sequence"),
            models.CheckConstraint(condition=Q(sequence__gte=1), name="package_sequence_positive"),
            models.UniqueConstraint(
                fields=["company", "tracking_code"],
                condition=Q(holds_code=True) & ~Q(tracking_code=""),
                name="package_code_used_once",
            ),
        ]


class LabelState(ColouredChoices):
    WANTED = "wanted", "blue", "Etiqueta a buscar"
    READY = "ready", "green", "Etiqueta pronta"
    FAILED = "failed", "red", "Etiqueta não obtida"
    ERASED = "erased", "secondary", "Etiqueta apagada"


class ShippingLabel(Leased):
    """*Etiqueta* of a parcel that the marketplace carries: fetched by a worker, kept as a file of its own.

    The marketplace hands it out from the arrangement until the pickup only, so what was fetched is kept for
    printing again. `number` is the one printed on it. `file_name` lies in `settings.LABELS_DIR`.
    """

    shipment = models.OneToOneField(Shipment, on_delete=models.CASCADE, related_name="label")
    number = models.CharField(max_length=60)
    state = models.CharField(max_length=7, choices=LabelState.choices, default=LabelState.WANTED)
    kind = models.CharField(max_length=3, blank=True)
    file_name = models.CharField(max_length=60, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    wanted_at = models.DateTimeField(db_default=Now())
    fetched_at = models.DateTimeField(null=True)
    printed_at = models.DateTimeField(null=True)
    erased_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(db_default=Now())
    # Why it is not there yet, or never will be; Portuguese, shown.
    error = models.CharField(max_length=500, blank=True)

    objects = LeasedQuerySet["ShippingLabel"].as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=LabelState.values), name="label_known_state"),
            models.CheckConstraint(
                condition=Q(kind__in=["", *map(str, channels.LabelKind)]), name="label_known_kind"
            ),
            models.CheckConstraint(
                condition=~Q(state=LabelState.READY)
                | (~Q(file_name="") & ~Q(kind="") & ~Q(sha256="") & Q(fetched_at__isnull=False)),
                name="label_ready_has_file",
            ),
            models.CheckConstraint(
                condition=~Q(state=LabelState.ERASED) | Q(file_name="", erased_at__isnull=False),
                name="label_erased_has_none",
            ),
            lease_is_whole("label_lease_has_end"),
            models.CheckConstraint(condition=~Q(number=""), name="label_names_number"),
        ]
        indexes = [
            models.Index(fields=["not_before"], condition=Q(state=LabelState.WANTED), name="label_due"),
        ]

    @staticmethod
    def lease_length() -> timedelta:
        return timedelta(seconds=90)

    @property
    def state_colour(self) -> str:
        return LabelState(self.state).colour
