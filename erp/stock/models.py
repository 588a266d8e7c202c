"""What lies where, for whom it is kept, and why the balance is what it is. Quantities are whole units."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import models
from django.db.models import F, Q

from erp.accounts.models import AppendOnlyModel, Company, User
from erp.catalog.models import Sku
from erp.choices import ColouredChoices
from erp.stamps import Stamped, StampedQuerySet

DEFAULT_WAREHOUSE = "Geral"


class WarehouseQuerySet(models.QuerySet["Warehouse"]):
    def lock_for_update(self) -> WarehouseQuerySet:
        """Rows in a fixed order. `no_key`: rows that only refer to a warehouse need not wait."""
        return self.select_for_update(of=("self",), no_key=True).order_by("pk")


class Warehouse(models.Model):
    """*Depósito*. Each company has one that is used where nobody chose."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="warehouses")
    name = models.CharField("nome", max_length=60)
    is_default = models.BooleanField("padrão", default=False)
    is_active = models.BooleanField("ativo", default=True)

    objects = WarehouseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "name"], name="warehouse_unique_name"),
            models.UniqueConstraint(
                fields=["company"], condition=Q(is_default=True), name="warehouse_one_default"
            ),
            models.CheckConstraint(condition=~Q(name=""), name="warehouse_has_name"),
            models.CheckConstraint(
                condition=Q(is_default=False) | Q(is_active=True), name="warehouse_default_is_active"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class StockItem(Stamped):
    """The balance of one SKU in one warehouse: *físico* and *reservado*; *disponível* is the difference.

    Written only by `erp.stock.ledger`: `on_hand` is the balance of the last movement, `reserved` the sum
    of what reservations hold.
    """

    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="stock_items")
    warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT, related_name="stock_items")
    on_hand = models.BigIntegerField("físico", default=0)
    reserved = models.BigIntegerField("reservado", default=0)

    objects = StampedQuerySet["StockItem"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["-updated_at"], name="stock_item_written")]
        constraints = [
            models.UniqueConstraint(fields=["sku", "warehouse"], name="stock_item_unique_place"),
            models.CheckConstraint(condition=Q(reserved__gte=0), name="stock_item_reserved_not_negative"),
            # With the one above also: on_hand is never negative.
            models.CheckConstraint(
                condition=Q(reserved__lte=F("on_hand")), name="stock_item_available_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sku_id} @ {self.warehouse_id}"

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved


class MovementKind(ColouredChoices):
    ENTRY = "entry", "green", "Entrada"
    EXIT = "exit", "orange", "Saída"
    COUNT = "count", "azure", "Balanço"
    SALE = "sale", "purple", "Saída por venda"
    RETURN = "return", "teal", "Volta por cancelamento"


class StockMovement(AppendOnlyModel):
    """One change of a balance: the ledger. `quantity` is signed, `balance` is what was there afterwards."""

    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="stock_movements")
    warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT, related_name="movements")
    at = models.DateTimeField(auto_now_add=True)
    kind = models.CharField(max_length=10, choices=MovementKind.choices)
    quantity = models.BigIntegerField()
    balance = models.BigIntegerField()
    # The cause, for SALE and RETURN. A plain number, because order lines stand left of stock.
    order_line_id = models.BigIntegerField(null=True)
    # Which leaving of the line this is: the second begins once the goods of the first came back.
    round = models.PositiveSmallIntegerField(default=1, db_default=1)
    actor = models.ForeignKey(User, on_delete=models.PROTECT, null=True)
    text = models.CharField("motivo", max_length=300)
    # What a form sends along, so that sending it twice moves the balance once.
    request_key = models.CharField(max_length=36, null=True, unique=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(balance__gte=0), name="stock_movement_balance_not_negative"),
            models.CheckConstraint(
                condition=Q(kind="entry", quantity__gt=0)
                | Q(kind="exit", quantity__lt=0)
                | Q(kind="count")
                | Q(kind="sale", quantity__lte=0)
                | Q(kind="return", quantity__gte=0),
                name="stock_movement_kind_and_sign",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["sale", "return"], order_line_id__isnull=False)
                | (~Q(kind__in=["sale", "return"]) & Q(order_line_id__isnull=True)),
                name="stock_movement_cause",
            ),
            # A line of an order leaves once and comes back once in each round, whatever its situation does.
            models.UniqueConstraint(
                fields=["order_line_id", "sku", "kind", "round"], name="stock_movement_once_per_round"
            ),
        ]
        indexes = [models.Index(fields=["sku", "-id"], name="stock_movement_ledger")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.quantity:+d}"

    @property
    def kind_colour(self) -> str:
        return MovementKind(self.kind).colour


class StockReservationQuerySet(models.QuerySet["StockReservation"]):
    def waiting(self) -> StockReservationQuerySet:
        """Those that got less than they want: what *sem estoque* is derived from."""
        return self.filter(held__lt=F("wanted"))

    def of_lines(self, order_line_ids: Iterable[int]) -> StockReservationQuerySet:
        return self.filter(order_line_id__in=list(order_line_ids))


class StockReservation(models.Model):
    """What one order line wants of one SKU in one warehouse, and how much of it is kept for it.

    Lives from the order's arrival to its physical exit or cancellation. Waiting ones are served oldest
    first, which is the order of their ids. A kit has one row per component.
    """

    # A plain number, because order lines stand left of stock.
    order_line_id = models.BigIntegerField()
    sku = models.ForeignKey(Sku, on_delete=models.PROTECT, related_name="reservations")
    warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT, related_name="reservations")
    wanted = models.PositiveIntegerField()
    held = models.PositiveIntegerField(default=0)

    objects = StockReservationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["order_line_id", "sku", "warehouse"], name="reservation_unique_place"
            ),
            models.CheckConstraint(
                condition=Q(held__gte=0) & Q(held__lte=F("wanted")), name="reservation_held_within_wanted"
            ),
        ]
        indexes = [
            models.Index(fields=["sku", "warehouse", "id"], name="reservation_place"),
            models.Index(
                fields=["order_line_id"], condition=Q(held__lt=F("wanted")), name="reservation_waiting"
            ),
            # Who waits at a place, oldest first, past all that have what they want.
            models.Index(
                fields=["sku", "warehouse", "id"],
                condition=Q(held__lt=F("wanted")),
                name="reservation_next",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.held}/{self.wanted} of {self.sku_id}"

    @property
    def missing(self) -> int:
        return self.wanted - self.held
