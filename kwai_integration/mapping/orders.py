"""A raw order of the platform as a typed value, or the reason why it cannot be used. Pure, never raises.

Required are only the published `orderId`, `orderStatus` and items with quantity and price; all else warns
(contract sections 3 and 4, design 3.1 rule 6). What would corrupt money or stock is a `Problem` instead: a
price written as text, a quantity of zero, an amount that fits no column, another currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from erp.money import LARGEST, MoneyError, centavos_read
from kwai_integration.client.codes import (
    SITUATIONS,
    KwaiInvoiceStatus,
    KwaiRefundStatus,
    KwaiRole,
    ShippingType,
)
from kwai_integration.client.text import clean_lines, clean_text
from kwai_integration.mapping import fields
from kwai_integration.mapping.answers import seller_code
from kwai_integration.mapping.people import MappedAddress, MappedBuyer, address_read, buyer_read
from kwai_integration.mapping.warnings import Warn

DEFAULT_ROLES: Mapping[str, KwaiRole] = {row.code: row.role for row in SITUATIONS.values()}
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
    """Names of design section 4. Money in centavos and never negative (but `computed_total`, which is the
    contract's formula as it comes out), datetimes aware UTC, texts clean and short enough for their columns.

    `role` is None for a status nobody mapped; `total` is the platform's, or the computed one without it.
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
    refund_open: bool
    cancel_reason: str
    buyer_note: str = field(repr=False)
    shipping_type: str
    carrier_code: str
    tracking_code: str
    payments: tuple[MappedPayment, ...]
    invoice_status: str
    invoice_refusal_reason: str
    warnings: tuple[str, ...]

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
    raw: object, fetched_at: datetime, roles: Mapping[str, KwaiRole] = DEFAULT_ROLES
) -> MappedOrder | Problem:
    """Map one raw order that was asked for at `fetched_at`; `roles` come from the client's configuration."""
    entry = fields.record(raw)
    external_id = fields.remote_id(entry.get("orderId"))
    try:
        return _Reader(entry, external_id, fetched_at, roles).order()
    except _Refused as refused:
        return Problem(refused.code, refused.reason, external_id)


class _Refused(Exception):
    def __init__(self, code: str, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(code)


class _Reader:
    """One reading of one order; collects the warnings on the way."""

    def __init__(
        self, raw: dict[str, Any], external_id: str, fetched_at: datetime, roles: Mapping[str, KwaiRole]
    ) -> None:
        self.raw = raw
        self.external_id = external_id
        self.fetched_at = fetched_at
        self.roles = roles
        self.warnings: dict[Warn, None] = {}

    def warn(self, warning: Warn) -> None:
        self.warnings[warning] = None

    def order(self) -> MappedOrder:
        if not self.external_id:
            raise _Refused("order_id_missing", "O pedido veio sem número. Confira o pedido no Kwai.")
        remote_status = self.status()
        self.currency_and_country()
        lines = self.lines()
        freight = self.optional_amount("shippingFee")
        seller_discount = self.optional_amount("productSellerDiscount")
        platform_discount = self.optional_amount("productPlatformDiscount")
        items_total = sum(line.quantity * line.unit_price for line in lines)
        computed_total = items_total + freight - seller_discount - platform_discount
        if items_total > LARGEST or computed_total > LARGEST:
            raise _too_large()
        receiver = self.receiver()
        # The arguments are read in this order: `warnings` comes last, when all have been collected.
        return MappedOrder(
            external_id=self.external_id,
            remote_status=remote_status,
            role=self.roles.get(remote_status),
            lines=lines,
            buyer=buyer_read(receiver, self.warn),
            address=address_read(receiver, self.warn),
            freight=freight,
            seller_discount=seller_discount,
            platform_discount=platform_discount,
            total=self.total(computed_total),
            computed_total=computed_total,
            placed_at=self.moment("createTime"),
            paid_at=self.moment("paidTime"),
            remote_updated_at=self.past_moment("updateTime"),
            ship_by_at=self.moment("shipByTime"),
            cancelled_at=self.moment("canceledAt"),
            hold_reason=self.hold_reason(),
            refund_open=self.refund_open(),
            cancel_reason=self.text("cancelReason", 500),
            buyer_note=self.note("buyerRemark", 2000),
            shipping_type=self.known_code("shippingType", ShippingType, Warn.SHIPPING_TYPE_UNKNOWN, 30),
            carrier_code=self.text("carrierCode", 40),
            tracking_code=self.text("trackingNumber", 60),
            payments=self.payments(),
            invoice_status=self.known_code(
                "invoiceStatus", KwaiInvoiceStatus, Warn.INVOICE_STATUS_UNKNOWN, 20
            ),
            invoice_refusal_reason=self.text("invoiceRefusalReason", 500),
            warnings=tuple(str(warning) for warning in self.warnings),
        )

    def status(self) -> str:
        code = fields.remote_code(self.raw.get("orderStatus"))
        if not code:
            raise _Refused("status_missing", "O pedido veio sem situação. Confira o pedido no Kwai.")
        if code not in self.roles:
            self.warn(Warn.STATUS_UNKNOWN)
        return code

    def currency_and_country(self) -> None:
        currency, country = self.raw.get("currency"), self.raw.get("country")
        if fields.is_absent(currency):
            self.warn(Warn.CURRENCY_MISSING)
        elif fields.text(currency, 10).upper() != CURRENCY:
            raise _Refused(
                "currency_unknown",
                "O pedido não está em reais (BRL) e não pode ser recebido. Confira no Kwai.",
            )
        if fields.text(country, 10).upper() not in COUNTRIES:
            self.warn(Warn.COUNTRY_UNKNOWN)

    def lines(self) -> tuple[MappedLine, ...]:
        entries = self.raw.get("orderItemView")
        if not isinstance(entries, list) or not entries:
            raise _Refused("items_missing", "O pedido veio sem itens. Confira o pedido no Kwai.")
        return tuple(self.line(fields.record(entry)) for entry in entries)

    def line(self, entry: dict[str, Any]) -> MappedLine:
        item_id, sku_id = fields.remote_id(entry.get("itemId")), fields.remote_id(entry.get("skuId"))
        if not item_id or not sku_id:
            self.warn(Warn.ITEM_ID_MISSING)
        stated_code = entry.get("number") if fields.is_absent(entry.get("skuNumber")) else entry["skuNumber"]
        code = seller_code(stated_code)
        if not code and not fields.is_absent(stated_code):
            self.warn(Warn.SELLER_CODE_UNUSABLE)
        return MappedLine(
            item_id=item_id,
            sku_id=sku_id,
            seller_code=code,
            title=fields.text(entry.get("itemName"), 300),
            specification=fields.text(entry.get("skuName"), 200),
            quantity=_quantity(entry.get("skuQuantity")),
            unit_price=_price(entry.get("skuPrice")),
        )

    def optional_amount(self, name: str) -> int:
        """Freight or a discount; left out with a warning when unreadable, so that the total shows the gap."""
        value = self.raw.get(name)
        return 0 if value is None else self.amount(value) or 0

    def amount(self, value: object) -> int | None:
        try:
            return centavos_read(value)
        except MoneyError as error:
            if error.code == "too_large":
                raise _too_large() from None
            self.warn(Warn.AMOUNT_UNREADABLE)
            return None

    def total(self, computed: int) -> int:
        value = self.raw.get("totalAmount")
        stated = None if value is None else self.amount(value)
        if stated is None:
            self.warn(Warn.TOTAL_MISSING)
            return max(computed, 0)
        if stated != computed:
            self.warn(Warn.TOTAL_DIFFERS)
        return stated

    def moment(self, name: str) -> datetime | None:
        value = self.raw.get(name)
        moment = fields.moment(value)
        if moment is None and not fields.is_absent(value):
            self.warn(Warn.MOMENT_UNREADABLE)
        return moment

    def past_moment(self, name: str) -> datetime | None:
        moment = self.moment(name)
        if moment and moment > self.fetched_at + CLOCK_TOLERANCE:
            self.warn(Warn.MOMENT_UNREADABLE)
            return None
        return moment

    def hold_reason(self) -> str:
        """Whatever stands there holds the order, also when it is no text."""
        value = self.raw.get("holdReason")
        if not value or fields.is_absent(value):
            return ""
        return fields.text(value, 200) or "motivo não informado"

    def refund_open(self) -> bool:
        """An unknown code counts as running: a refunded parcel that left is lost money, a held one is not."""
        value = self.raw.get("refundStatus")
        if fields.is_absent(value):
            return False
        code = fields.remote_code(value)
        if code not in set(KwaiRefundStatus):
            self.warn(Warn.REFUND_STATUS_UNKNOWN)
        return code not in (KwaiRefundStatus.NONE, KwaiRefundStatus.CLOSED)

    def known_code(
        self, name: str, known: type[ShippingType] | type[KwaiInvoiceStatus], warning: Warn, limit: int
    ) -> str:
        code = fields.remote_code(self.raw.get(name), limit)
        if code and code not in {str(member) for member in known}:
            self.warn(warning)
        return code

    def payments(self) -> tuple[MappedPayment, ...]:
        entries = fields.records(self.raw.get("payments"))
        return tuple(
            MappedPayment(fields.text(entry.get("method"), 60), self.amount(entry.get("amount")))
            for entry in entries
        )

    def receiver(self) -> dict[str, Any]:
        return fields.record(self.raw.get("receiverAddressInfo"))

    def text(self, name: str, limit: int) -> str:
        return fields.text(self.raw.get(name), limit)

    def note(self, name: str, limit: int) -> str:
        value = self.raw.get(name)
        return clean_lines(value, limit) if isinstance(value, str) else ""


def _quantity(value: object) -> int:
    if type(value) is not int or not 0 < value <= fields.COUNT_LIMIT:
        raise _Refused(
            "quantity_invalid",
            "Um item veio com quantidade inválida: ela precisa ser inteira e maior que zero.",
        )
    return value


def _price(value: object) -> int:
    try:
        return centavos_read(value)
    except MoneyError as error:
        if error.code == "too_large":
            raise _too_large() from None
        raise _Refused("price_invalid", f"Um item veio com preço inválido. {error}") from None


def _too_large() -> _Refused:
    return _Refused(
        "amount_too_large", "O pedido tem um valor maior do que pode ser guardado. Confira o pedido no Kwai."
    )


def summary(order: MappedOrder) -> str:
    """The lines in one short text, for lists: `2x Caneca azul; 1x Pires`."""
    return clean_text("; ".join(f"{line.quantity}x {line.title or line.sku_id}" for line in order.lines), 300)
