"""A raw order of the platform as a typed value. Pure, never raises.

What is needed to create an order is not needed to follow it (contract 3.4). `MappedOrder.problem` says why a
new order cannot be made from this answer: the published `orderId`, `orderStatus` and items with quantity and
price are required, and what would corrupt money or stock is refused. `MappedOrder.unread` names the fields
that could not be read: whoever follows an order that is already here keeps what it knows of them. Everything
else warns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from erp.brazil.money import LARGEST, MoneyError, centavos_read
from kwai_integration.mapping import fields
from kwai_integration.mapping.answers import seller_code
from kwai_integration.mapping.people import MappedAddress, MappedBuyer, address_read, buyer_read
from kwai_integration.mapping.warnings import Warn
from kwai_integration.wire.codes import (
    SITUATIONS,
    KwaiInvoiceStatus,
    KwaiRefundStatus,
    KwaiRole,
    ShippingType,
)
from kwai_integration.wire.names import DEFAULT_NAMES, WireNames
from kwai_integration.wire.text import clean_lines, clean_text

DEFAULT_ROLES: Mapping[str, KwaiRole] = {row.code: row.role for row in SITUATIONS.values()}
AMOUNT_NAMES = ("freight", "seller_discount", "platform_discount", "total")
# The parts an order is read by, with the fields of each (contract 3.4).
PARTS: Mapping[str, tuple[str, ...]] = {
    "situation": ("remote_status",),
    # Without its details a line is still followed in quantity and price.
    "lines": ("lines", "line_details"),
    "amounts": AMOUNT_NAMES,
    "deadlines": ("placed_at", "paid_at", "ship_by_at", "cancelled_at"),
    "address": ("address",),
    "shipping": ("shipping_type",),
    "invoice": ("invoice_status", "invoice_refusal_reason"),
    "tracking": ("carrier_code", "tracking_code"),
    "refund": ("refund_status",),
    "payments": ("payments",),
    "texts": ("buyer_note", "cancel_reason"),
}
SHORTEST_TEXT = 20
PROBLEMS: Mapping[str, str] = {
    "status_missing": "O pedido veio sem situação. Confira o pedido no Kwai.",
    "currency_unknown": "O pedido não está em reais (BRL) e não pode ser recebido. Confira no Kwai.",
    "items_missing": "O pedido veio sem itens. Confira o pedido no Kwai.",
    "quantity_invalid": "Um item veio com quantidade inválida: ela precisa ser inteira e maior que zero.",
    "price_invalid": "Um item veio com preço inválido: ele precisa ser um número inteiro de centavos.",
    "amount_too_large": ("O pedido tem um valor maior do que pode ser guardado. Confira o pedido no Kwai."),
}
CURRENCY = "BRL"
COUNTRIES = frozenset({"BRA", "BR"})
# A clock a little ahead is normal; a change "next year" would make every later version look old.
CLOCK_TOLERANCE = timedelta(days=1)


@dataclass(frozen=True)
class Problem:
    """Why an order is quarantined: a stable code and what the operator reads."""

    code: str
    reason: str
    external_id: str


@dataclass(frozen=True)
class MappedLine:
    """One line in remote order; `unit_price` in centavos. The same SKU may stand in two lines."""

    item_id: str
    sku_id: str
    seller_code: str
    title: str
    specification: str
    quantity: int
    unit_price: int


@dataclass(frozen=True)
class MappedPayment:
    """`amount` in centavos, None when the platform wrote it unreadably."""

    method: str
    amount: int | None


@dataclass(frozen=True)
class MappedOrder:
    """Money in centavos and never negative (but `computed_total`, which is the
    contract's formula as it comes out), datetimes aware UTC, texts clean and short enough for their columns.

    `role` is None for a situation nobody gave one; `total` is the platform's, or the computed one without it.
    `lines` leaves out what stands with quantity 0: in a later answer that is a line taken away.
    `refund_status` is None for a code nobody knows. A field named in `unread` holds here what is left of it,
    mostly nothing: enough for a new order, never to be taken over by one that is here.
    """

    external_id: str
    remote_status: str
    role: KwaiRole | None
    lines: tuple[MappedLine, ...] = field(repr=False)
    buyer: MappedBuyer = field(repr=False)
    address: MappedAddress = field(repr=False)
    freight: int
    seller_discount: int
    platform_discount: int
    total: int
    computed_total: int
    placed_at: datetime | None
    paid_at: datetime | None
    remote_updated_at: datetime | None
    ship_by_at: datetime | None
    cancelled_at: datetime | None
    hold_reason: str
    refund_status: KwaiRefundStatus | None
    cancel_reason: str
    buyer_note: str = field(repr=False)
    shipping_type: str
    carrier_code: str
    tracking_code: str
    payments: tuple[MappedPayment, ...]
    invoice_status: str
    invoice_refusal_reason: str
    warnings: tuple[str, ...]
    unread: frozenset[str]
    problem: Problem | None

    @property
    def unread_parts(self) -> tuple[str, ...]:
        """The parts of the order, as `erp.sales` names them, that this answer leaves open."""
        return tuple(part for part, names in PARTS.items() if self.unread.intersection(names))

    @property
    def refund_open(self) -> bool:
        """An unknown code counts as running: a refunded parcel that left is lost money, a held one is not."""
        return self.refund_status not in (KwaiRefundStatus.NONE, KwaiRefundStatus.CLOSED)

    @property
    def items_total(self) -> int:
        return sum(line.quantity * line.unit_price for line in self.lines)

    @property
    def payment_code(self) -> str:
        """The method that carries most of the total, or an empty text."""
        named = [payment for payment in self.payments if payment.method]
        return max(named, key=lambda payment: payment.amount or 0).method if named else ""

    @property
    def shipping_codes(self) -> tuple[str, ...]:
        """What names the way of shipping, the closest first. The carrier of a parcel that the seller ships
        himself is our own code coming back, and names nothing new."""
        own = self.shipping_type == ShippingType.SELLER
        return tuple(code for code in ("" if own else self.carrier_code, self.shipping_type) if code)


def order_read(
    raw: object,
    fetched_at: datetime,
    roles: Mapping[str, KwaiRole] = DEFAULT_ROLES,
    names: WireNames = DEFAULT_NAMES,
) -> MappedOrder | Problem:
    """Map one raw order that was asked for at `fetched_at`; `roles` says what each code means in its store,
    `names` how the platform spells its fields.

    A Problem when the answer names no order at all.
    """
    entry = fields.record(raw)
    external_id = fields.remote_id(entry.get(names.order.id))
    if not external_id:
        return Problem("order_id_missing", "O pedido veio sem número. Confira o pedido no Kwai.", "")
    return _OrderReader(entry, external_id, fetched_at, roles, names).order()


class _OrderReader:
    """One reading of one order; collects on the way what warns, what is unread, and the first problem."""

    def __init__(
        self,
        raw: dict[str, Any],
        external_id: str,
        fetched_at: datetime,
        roles: Mapping[str, KwaiRole],
        wire: WireNames,
    ) -> None:
        self.raw = raw
        self.external_id = external_id
        self.fetched_at = fetched_at
        self.roles = roles
        self.wire = wire
        self.names = wire.order
        self.warnings: dict[Warn, None] = {}
        self.unread: set[str] = set()
        self.problem: Problem | None = None

    def warn(self, warning: Warn) -> None:
        self.warnings[warning] = None

    def refuse(self, code: str, *names: str) -> None:
        """Fields that could not be read, of those without which no new order is made."""
        self.unread.update(names)
        self.problem = self.problem or Problem(code, PROBLEMS[code], self.external_id)

    def order(self) -> MappedOrder:
        remote_status = self.status()
        self.currency_and_country()
        lines = self.lines()
        freight = self.amount(self.names.freight, "freight")
        seller_discount = self.amount(self.names.seller_discount, "seller_discount")
        platform_discount = self.amount(self.names.platform_discount, "platform_discount")
        items_total = sum(line.quantity * line.unit_price for line in lines)
        computed_total = items_total + freight - seller_discount - platform_discount
        if items_total > LARGEST or computed_total > LARGEST:
            self.refuse("amount_too_large", "lines", *AMOUNT_NAMES)
        receiver = self.receiver()
        # The arguments are read in this order: `warnings` comes last, when all have been collected.
        return MappedOrder(
            external_id=self.external_id,
            remote_status=remote_status,
            role=self.roles.get(remote_status),
            lines=() if "lines" in self.unread else lines,
            buyer=buyer_read(receiver, self.warn, self.wire.receiver),
            address=address_read(receiver, self.warn, self.wire.receiver),
            freight=freight,
            seller_discount=seller_discount,
            platform_discount=platform_discount,
            total=self.total(computed_total),
            computed_total=computed_total,
            placed_at=self.moment(self.names.created_at, "placed_at"),
            paid_at=self.moment(self.names.paid_at, "paid_at"),
            remote_updated_at=self.updated_at(),
            ship_by_at=self.moment(self.names.ship_by_at, "ship_by_at"),
            cancelled_at=self.moment(self.names.cancelled_at, "cancelled_at"),
            hold_reason=self.hold_reason(),
            refund_status=self.refund_status(),
            cancel_reason=self.text(self.names.cancel_reason, "cancel_reason", 500),
            buyer_note=self.note(self.names.buyer_note, "buyer_note", 2000),
            shipping_type=self.known_code(
                self.names.shipping_type, "shipping_type", ShippingType, Warn.SHIPPING_TYPE_UNKNOWN, 30
            ),
            carrier_code=self.text(self.names.carrier_code, "carrier_code", 40),
            tracking_code=self.text(self.names.tracking_number, "tracking_code", 60),
            payments=self.payments(),
            invoice_status=self.known_code(
                self.names.invoice_status,
                "invoice_status",
                KwaiInvoiceStatus,
                Warn.INVOICE_STATUS_UNKNOWN,
                20,
            ),
            invoice_refusal_reason=self.text(
                self.names.invoice_refusal_reason, "invoice_refusal_reason", 500
            ),
            warnings=tuple(str(warning) for warning in self.warnings),
            unread=frozenset(self.unread),
            problem=self.problem,
        )

    def status(self) -> str:
        code = fields.remote_code(self.raw.get(self.names.status))
        if not code:
            self.refuse("status_missing", "remote_status")
        elif code not in self.roles:
            self.warn(Warn.STATUS_UNKNOWN)
        return code

    def currency_and_country(self) -> None:
        currency, country = self.raw.get(self.names.currency), self.raw.get(self.names.country)
        if fields.is_absent(currency):
            self.warn(Warn.CURRENCY_MISSING)
        elif fields.text(currency, 10).upper() != CURRENCY:
            self.refuse("currency_unknown", "lines", *AMOUNT_NAMES)
        if fields.text(country, 10).upper() not in COUNTRIES:
            self.warn(Warn.COUNTRY_UNKNOWN)

    def lines(self) -> tuple[MappedLine, ...]:
        """The lines with a quantity; none, and the reason, when one of them cannot be read."""
        entries = self.raw.get(self.names.lines)
        if not isinstance(entries, list) or not entries:
            self.refuse("items_missing", "lines")
            return ()
        lines = [self.line(fields.record(entry)) for entry in entries]
        if any(line is None for line in lines):
            return ()
        kept = tuple(line for line in lines if line and line.quantity)
        if len(kept) < len(lines):
            # A new order cannot begin with what was taken away; one that is here loses these lines.
            self.problem = self.problem or Problem(
                "quantity_invalid", PROBLEMS["quantity_invalid"], self.external_id
            )
        return kept

    def line(self, entry: dict[str, Any]) -> MappedLine | None:
        names = self.wire.line
        item_id, sku_id = self.line_id(entry.get(names.item_id)), self.line_id(entry.get(names.sku_id))
        if not item_id or not sku_id:
            self.warn(Warn.ITEM_ID_MISSING)
        stated_code = entry.get(names.seller_code)
        if fields.is_absent(stated_code):
            stated_code = entry.get(names.seller_code_other)
        code = seller_code(stated_code)
        if not code and not fields.is_absent(stated_code):
            self.warn(Warn.SELLER_CODE_UNUSABLE)
        quantity, price = self.quantity(entry.get(names.quantity)), self.price(entry.get(names.price))
        if quantity is None or price is None:
            return None
        return MappedLine(
            item_id=item_id,
            sku_id=sku_id,
            seller_code=code,
            title=self.stated(entry.get(names.title), "line_details", 300),
            specification=self.stated(entry.get(names.specification), "line_details", 200),
            quantity=quantity,
            unit_price=price,
        )

    def line_id(self, value: object) -> str:
        found = fields.remote_id(value)
        if not found and not fields.is_absent(value):
            self.unread.add("line_details")
        return found

    def quantity(self, value: object) -> int | None:
        count = fields.integer(value)
        if count is None or not 0 <= count <= fields.COUNT_LIMIT:
            self.refuse("quantity_invalid", "lines")
            return None
        return count

    def price(self, value: object) -> int | None:
        try:
            return centavos_read(value)
        except MoneyError as error:
            self.refuse("amount_too_large" if error.code == "too_large" else "price_invalid", "lines")
            return None

    def amount(self, name: str, ours: str) -> int:
        """Freight or a discount; 0 with a warning when unreadable, so that the total shows the gap."""
        value = self.raw.get(name)
        return 0 if value is None else self.centavos(value, ours) or 0

    def centavos(self, value: object, ours: str) -> int | None:
        try:
            return centavos_read(value)
        except MoneyError as error:
            if error.code == "too_large":
                self.refuse("amount_too_large", ours)
            else:
                self.unread.add(ours)
                self.warn(Warn.AMOUNT_UNREADABLE)
            return None

    def total(self, computed: int) -> int:
        value = self.raw.get(self.names.total)
        stated = None if value is None else self.centavos(value, "total")
        if value is None:
            self.warn(Warn.TOTAL_MISSING)
        if stated is None:
            return min(max(computed, 0), LARGEST)
        if stated != computed:
            self.warn(Warn.TOTAL_DIFFERS)
        return stated

    def moment(self, name: str, ours: str) -> datetime | None:
        value = self.raw.get(name)
        moment = fields.moment(value)
        if moment is None and not fields.is_absent(value):
            self.unread.add(ours)
            self.warn(Warn.MOMENT_UNREADABLE)
        return moment

    def updated_at(self) -> datetime | None:
        """Compares versions only: one from the future would make every later version look old."""
        value = self.raw.get(self.names.updated_at)
        moment = fields.moment(value)
        if moment and moment <= self.fetched_at + CLOCK_TOLERANCE:
            return moment
        if not fields.is_absent(value):
            self.warn(Warn.MOMENT_UNREADABLE)
        return None

    def hold_reason(self) -> str:
        """Whatever stands there holds the order, also when it is no text."""
        value = self.raw.get(self.names.hold_reason)
        if not value or fields.is_absent(value):
            return ""
        return fields.text(value, 200) or "motivo não informado"

    def refund_status(self) -> KwaiRefundStatus | None:
        value = self.raw.get(self.names.refund_status)
        if fields.is_absent(value):
            return KwaiRefundStatus.NONE
        code = fields.remote_code(value)
        if not code:
            self.unread.add("refund_status")
        if code not in set(KwaiRefundStatus):
            self.warn(Warn.REFUND_STATUS_UNKNOWN)
            return None
        return KwaiRefundStatus(code)

    def known_code(
        self,
        name: str,
        ours: str,
        known: type[ShippingType] | type[KwaiInvoiceStatus],
        warning: Warn,
        limit: int,
    ) -> str:
        value = self.raw.get(name)
        code = fields.remote_code(value, limit)
        if not code and not fields.is_absent(value):
            self.unread.add(ours)
            self.warn(warning)
        elif code and code not in {str(member) for member in known}:
            self.warn(warning)
        return code

    def payments(self) -> tuple[MappedPayment, ...]:
        value = self.raw.get(self.names.payments)
        entries = fields.records(value)
        is_whole = isinstance(value, list) and len(entries) == len(value)
        if not is_whole and not fields.is_absent(value):
            self.unread.add("payments")
        return tuple(self.payment(entry) for entry in entries)

    def payment(self, entry: dict[str, Any]) -> MappedPayment:
        names = self.wire.payment
        amount = entry.get(names.amount)
        return MappedPayment(
            self.stated(entry.get(names.method), "payments", 60),
            None if amount is None else self.centavos(amount, "payments"),
        )

    def receiver(self) -> dict[str, Any]:
        """Null is nobody told yet, or withdrawn: no fault. Anything else that is no object cannot be read."""
        value = self.raw.get(self.names.receiver)
        entry = fields.record(value)
        is_whole = all(fields.is_text(entry.get(name), SHORTEST_TEXT) for name in astuple(self.wire.receiver))
        if (value is not None and not isinstance(value, dict)) or not is_whole:
            self.unread.add("address")
        return entry

    def text(self, name: str, ours: str, limit: int) -> str:
        return self.stated(self.raw.get(name), ours, limit)

    def stated(self, value: object, ours: str, limit: int) -> str:
        """Nothing and a blank are an empty text, and news; what cannot be read is none."""
        if not fields.is_text(value, limit):
            self.unread.add(ours)
        return fields.text(value, limit)

    def note(self, name: str, ours: str, limit: int) -> str:
        value = self.raw.get(name)
        line = self.stated(value, ours, limit)
        return clean_lines(value, limit) if isinstance(value, str) else line


def summary(order: MappedOrder) -> str:
    """The lines in one short text, for lists: `2x Caneca azul; 1x Pires`."""
    return clean_text("; ".join(f"{line.quantity}x {line.title or line.sku_id}" for line in order.lines), 300)
