"""The name of every field the ERP reads from the platform or writes to it, and where we know it from.

Source: contract sections 2 to 4. Code asks `names.order.status`, never the wire's own spelling; the setting
`KWAI_FIELDS` corrects a name, `{"order.status": "state"}`, published or assumed. `manage.py kwai_contract`
prints the table, `manage.py kwai_probe` compares it with what a merchant's account answers.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, ClassVar

from kwai_integration.wire.codes import CodeTableError, Source, nearest

NAME_LENGTH = 80


class Shape(StrEnum):
    """What a value must look like (contract section 1)."""

    ID = "id"  # up to 19 digits, a number or text
    CODE = "code"  # a whole number or a short text
    COUNT = "count"  # a whole number, or its digits as text
    MONEY = "money"  # whole centavos, or their digits as text
    MOMENT = "moment"  # Unix milliseconds
    SECONDS = "seconds"  # a life time
    TEXT = "text"
    FLAG = "flag"
    LIST = "list"
    OBJECT = "object"


class Privacy(StrEnum):
    """What a recording of an answer does with a value."""

    OPEN = "open"
    PERSONAL = "personal"  # identifies a person, or is free text that may
    SECRET = "secret"  # noqa: S105 - never leaves the program


def _row(source: Source, name: str, shape: Shape, privacy: Privacy) -> Any:
    return dataclasses.field(default=name, metadata={"source": source, "shape": shape, "privacy": privacy})


def _published(name: str, shape: Shape = Shape.TEXT, privacy: Privacy = Privacy.OPEN) -> Any:
    return _row(Source.PUBLISHED, name, shape, privacy)


def _assumed(name: str, shape: Shape = Shape.TEXT, privacy: Privacy = Privacy.OPEN) -> Any:
    return _row(Source.ASSUMED, name, shape, privacy)


@dataclass(frozen=True)
class RefusalNames:
    """What the data of a refused call may say, whatever the call."""

    call: ClassVar[str] = "any"
    retry_after: str = _assumed("retryAfter", Shape.SECONDS)


@dataclass(frozen=True)
class TokensNames:
    """The answer of both OAuth calls."""

    call: ClassVar[str] = "oauth_token"
    merchant_id: str = _published("merchantId", Shape.ID)
    shop_name: str = _published("shopName")
    access_token: str = _published("accessToken", privacy=Privacy.SECRET)
    refresh_token: str = _published("refreshToken", privacy=Privacy.SECRET)
    expires_in: str = _published("expiresIn", Shape.SECONDS)
    refresh_expires_in: str = _published("refreshTokenExpiresIn", Shape.SECONDS)
    scopes: str = _published("scopes")


@dataclass(frozen=True)
class WindowNames:
    """The request of queryOrderList."""

    call: ClassVar[str] = "list_orders"
    page: str = _published("page", Shape.COUNT)
    size: str = _published("size", Shape.COUNT)
    time_from: str = _published("timeFrom", Shape.MOMENT)
    time_to: str = _published("timeTo", Shape.MOMENT)
    time_field: str = _published("timeRangeField")


@dataclass(frozen=True)
class RefundWindowNames:
    """The request of queryRefundList."""

    call: ClassVar[str] = "list_refunds"
    page: str = _assumed("page", Shape.COUNT)
    size: str = _assumed("size", Shape.COUNT)
    time_from: str = _assumed("timeFrom", Shape.MOMENT)
    time_to: str = _assumed("timeTo", Shape.MOMENT)
    time_field: str = _assumed("timeRangeField")


@dataclass(frozen=True)
class OrderPageNames:
    call: ClassVar[str] = "list_orders"
    total: str = _published("total", Shape.COUNT)
    orders: str = _published("orderList", Shape.LIST)
    order_id: str = _published("orderId", Shape.ID)


@dataclass(frozen=True)
class DetailsNames:
    """The frame of queryOrderDetails: the ids asked for, and the list of one of the two answers."""

    call: ClassVar[str] = "order_details"
    order_ids: str = _published("orderList", Shape.LIST)
    orders: str = _published("orderInfoDetailList", Shape.LIST)


@dataclass(frozen=True)
class OrderNames:
    """The detail of an order."""

    call: ClassVar[str] = "order_details"
    id: str = _published("orderId", Shape.ID)
    status: str = _published("orderStatus", Shape.CODE)
    currency: str = _published("currency")
    country: str = _published("country")
    created_at: str = _published("createTime", Shape.MOMENT)
    paid_at: str = _published("paidTime", Shape.MOMENT)
    total: str = _published("totalAmount", Shape.MONEY)
    freight: str = _published("shippingFee", Shape.MONEY)
    platform_discount: str = _published("productPlatformDiscount", Shape.MONEY)
    seller_discount: str = _published("productSellerDiscount", Shape.MONEY)
    lines: str = _published("orderItemView", Shape.LIST)
    receiver: str = _published("receiverAddressInfo", Shape.OBJECT)
    updated_at: str = _assumed("updateTime", Shape.MOMENT)
    ship_by_at: str = _assumed("shipByTime", Shape.MOMENT)
    cancel_reason: str = _assumed("cancelReason", privacy=Privacy.PERSONAL)
    buyer_note: str = _assumed("buyerRemark", privacy=Privacy.PERSONAL)
    shipping_type: str = _assumed("shippingType", Shape.CODE)
    carrier_code: str = _assumed("carrierCode", Shape.CODE)
    tracking_number: str = _assumed("trackingNumber", privacy=Privacy.PERSONAL)
    payments: str = _assumed("payments", Shape.LIST)
    invoice_status: str = _assumed("invoiceStatus", Shape.CODE)
    invoice_refusal_reason: str = _assumed("invoiceRefusalReason", privacy=Privacy.PERSONAL)
    hold_reason: str = _assumed("holdReason", privacy=Privacy.PERSONAL)
    cancelled_at: str = _assumed("canceledAt", Shape.MOMENT)
    refund_status: str = _assumed("refundStatus", Shape.CODE)


@dataclass(frozen=True)
class LineNames:
    """One line of an order; the seller's code stands under either name."""

    call: ClassVar[str] = "order_details"
    item_id: str = _published("itemId", Shape.ID)
    sku_id: str = _published("skuId", Shape.ID)
    title: str = _published("itemName")
    specification: str = _published("skuName")
    seller_code: str = _published("skuNumber")
    seller_code_other: str = _published("number")
    quantity: str = _published("skuQuantity", Shape.COUNT)
    price: str = _published("skuPrice", Shape.MONEY)


@dataclass(frozen=True)
class ReceiverNames:
    """Buyer and address of an order."""

    call: ClassVar[str] = "order_details"
    tax_id: str = _published("cpf", privacy=Privacy.PERSONAL)
    name: str = _assumed("name", privacy=Privacy.PERSONAL)
    phone: str = _assumed("phone", privacy=Privacy.PERSONAL)
    postal_code: str = _assumed("zipCode", privacy=Privacy.PERSONAL)
    state: str = _assumed("state")
    city: str = _assumed("city", privacy=Privacy.PERSONAL)
    district: str = _assumed("district", privacy=Privacy.PERSONAL)
    street: str = _assumed("street", privacy=Privacy.PERSONAL)
    number: str = _assumed("number", privacy=Privacy.PERSONAL)
    complement: str = _assumed("complement", privacy=Privacy.PERSONAL)


@dataclass(frozen=True)
class PaymentNames:
    call: ClassVar[str] = "order_details"
    method: str = _assumed("method", Shape.CODE)
    amount: str = _assumed("amount", Shape.MONEY)


@dataclass(frozen=True)
class RefundPageNames:
    call: ClassVar[str] = "list_refunds"
    total: str = _assumed("total", Shape.COUNT)
    refunds: str = _assumed("refundList", Shape.LIST)


@dataclass(frozen=True)
class RefundNames:
    call: ClassVar[str] = "list_refunds"
    id: str = _assumed("refundId", Shape.ID)
    order_id: str = _assumed("orderId", Shape.ID)
    status: str = _assumed("status", Shape.CODE)
    amount: str = _assumed("amount", Shape.MONEY)
    reason: str = _assumed("reason", privacy=Privacy.PERSONAL)
    updated_at: str = _assumed("updateTime", Shape.MOMENT)


@dataclass(frozen=True)
class ItemPageNames:
    """Request and frame of listItem."""

    call: ClassVar[str] = "list_items"
    page: str = _published("currentPage", Shape.COUNT)
    size: str = _published("pageSize", Shape.COUNT)
    sort: str = _published("sort", Shape.CODE)
    total: str = _published("totalCount", Shape.COUNT)
    items: str = _published("itemList", Shape.LIST)


@dataclass(frozen=True)
class ItemNames:
    """A listing; the number is the seller's code."""

    call: ClassVar[str] = "list_items"
    id: str = _published("itemId", Shape.ID)
    title: str = _published("title")
    seller_code: str = _published("number")
    active_status: str = _published("activeStatus", Shape.CODE)
    price: str = _published("salePrice", Shape.MONEY)
    stock: str = _published("stock", Shape.COUNT)
    updated_at: str = _published("updateTime", Shape.MOMENT)
    country: str = _published("saleCountry")


@dataclass(frozen=True)
class SkuListNames:
    """Request (`item_id`) and frame of getSkuList."""

    call: ClassVar[str] = "sku_list"
    item_id: str = _published("itemId", Shape.ID)
    country: str = _published("saleCountry")
    skus: str = _published("skus", Shape.LIST)


@dataclass(frozen=True)
class SkuNames:
    call: ClassVar[str] = "sku_list"
    item_id: str = _published("itemId", Shape.ID)
    id: str = _published("skuId", Shape.ID)
    seller_code: str = _published("number")
    specification: str = _published("skuSpecDesc")
    price: str = _published("skuPrice", Shape.MONEY)
    stock: str = _published("stock", Shape.COUNT)


@dataclass(frozen=True)
class InvoiceUploadNames:
    """The request of uploadInvoice."""

    call: ClassVar[str] = "upload_invoice"
    order_id: str = _assumed("orderId", Shape.ID)
    access_key: str = _assumed("accessKey")
    number: str = _assumed("number", Shape.COUNT)
    series: str = _assumed("series", Shape.COUNT)
    issued_at: str = _assumed("issuedAt", Shape.MOMENT)
    total: str = _assumed("totalAmount", Shape.MONEY)
    xml: str = _assumed("xml", privacy=Privacy.PERSONAL)


@dataclass(frozen=True)
class ShipmentNames:
    """The request of shipOrder; `invoice` holds the four fields of `ShipmentInvoiceNames`."""

    call: ClassVar[str] = "ship_order"
    order_id: str = _assumed("orderId", Shape.ID)
    carrier_code: str = _assumed("carrierCode", Shape.CODE)
    carrier_name: str = _assumed("carrierName")
    tracking_number: str = _assumed("trackingNumber", privacy=Privacy.PERSONAL)
    tracking_url: str = _assumed("trackingUrl", privacy=Privacy.PERSONAL)
    shipped_at: str = _assumed("shippedAt", Shape.MOMENT)
    estimated_delivery_at: str = _assumed("estimatedDeliveryAt", Shape.MOMENT)
    invoice: str = _assumed("invoice", Shape.OBJECT)


@dataclass(frozen=True)
class ShipmentInvoiceNames:
    call: ClassVar[str] = "ship_order"
    access_key: str = _assumed("accessKey")
    number: str = _assumed("number", Shape.COUNT)
    series: str = _assumed("series", Shape.COUNT)
    issued_at: str = _assumed("issuedAt", Shape.MOMENT)


@dataclass(frozen=True)
class ArrangementNames:
    """Request (`order_id`, `handover`) and answer of arrangeShipment."""

    call: ClassVar[str] = "arrange_shipment"
    order_id: str = _assumed("orderId", Shape.ID)
    handover: str = _assumed("handover", Shape.CODE)
    carrier_code: str = _assumed("carrierCode", Shape.CODE)
    carrier_name: str = _assumed("carrierName")
    tracking_number: str = _assumed("trackingNumber", privacy=Privacy.PERSONAL)


@dataclass(frozen=True)
class LabelNames:
    """Request (`order_id`, `format`) and answer of getShippingLabel; the file is base64."""

    call: ClassVar[str] = "shipping_label"
    order_id: str = _assumed("orderId", Shape.ID)
    format: str = _assumed("format", Shape.CODE)
    content: str = _assumed("content", privacy=Privacy.PERSONAL)


@dataclass(frozen=True)
class DeliveryNames:
    """The request of confirmDelivery."""

    call: ClassVar[str] = "confirm_delivery"
    order_id: str = _assumed("orderId", Shape.ID)
    delivered_at: str = _assumed("deliveredAt", Shape.MOMENT)


@dataclass(frozen=True)
class CancellationNames:
    """The request of cancelOrder."""

    call: ClassVar[str] = "cancel_order"
    order_id: str = _assumed("orderId", Shape.ID)
    reason: str = _assumed("reason", privacy=Privacy.PERSONAL)


@dataclass(frozen=True)
class StockNames:
    """The request of updateStock."""

    call: ClassVar[str] = "update_stock"
    item_id: str = _assumed("itemId", Shape.ID)
    sku_id: str = _assumed("skuId", Shape.ID)
    stock: str = _assumed("stock", Shape.COUNT)


@dataclass(frozen=True)
class PriceNames:
    """The request of updatePrice."""

    call: ClassVar[str] = "update_price"
    item_id: str = _assumed("itemId", Shape.ID)
    sku_id: str = _assumed("skuId", Shape.ID)
    price: str = _assumed("salePrice", Shape.MONEY)
    promotional_price: str = _assumed("promotionalPrice", Shape.MONEY)
    promotion_starts_at: str = _assumed("promotionStartsAt", Shape.MOMENT)
    promotion_ends_at: str = _assumed("promotionEndsAt", Shape.MOMENT)


@dataclass(frozen=True)
class PushNames:
    """A push message."""

    call: ClassVar[str] = "push"
    event_id: str = _assumed("eventId", Shape.ID)
    event: str = _assumed("event", Shape.CODE)
    subject: str = _assumed("bizId", Shape.ID)
    merchant_id: str = _assumed("merchantId", Shape.ID)
    app_key: str = _assumed("appKey")
    sent_at: str = _assumed("createTime", Shape.MOMENT)
    info: str = _assumed("info")
    test: str = _assumed("test", Shape.FLAG)


@dataclass(frozen=True)
class PushInfoNames:
    """What `info` of a push message holds."""

    call: ClassVar[str] = "push"
    order_id: str = _assumed("orderId", Shape.ID)


@dataclass(frozen=True)
class WireNames:
    """The names in force, one section for each object of the wire. `call` of a section is a name of the
    endpoint table, `push` for what the platform sends by itself, or `any`."""

    refusal: RefusalNames = RefusalNames()
    tokens: TokensNames = TokensNames()
    window: WindowNames = WindowNames()
    order_page: OrderPageNames = OrderPageNames()
    details: DetailsNames = DetailsNames()
    order: OrderNames = OrderNames()
    line: LineNames = LineNames()
    receiver: ReceiverNames = ReceiverNames()
    payment: PaymentNames = PaymentNames()
    refund_window: RefundWindowNames = RefundWindowNames()
    refund_page: RefundPageNames = RefundPageNames()
    refund: RefundNames = RefundNames()
    item_page: ItemPageNames = ItemPageNames()
    item: ItemNames = ItemNames()
    sku_list: SkuListNames = SkuListNames()
    sku: SkuNames = SkuNames()
    invoice_upload: InvoiceUploadNames = InvoiceUploadNames()
    arrangement: ArrangementNames = ArrangementNames()
    label: LabelNames = LabelNames()
    shipment: ShipmentNames = ShipmentNames()
    shipment_invoice: ShipmentInvoiceNames = ShipmentInvoiceNames()
    delivery: DeliveryNames = DeliveryNames()
    cancellation: CancellationNames = CancellationNames()
    stock: StockNames = StockNames()
    price: PriceNames = PriceNames()
    push: PushNames = PushNames()
    push_info: PushInfoNames = PushInfoNames()


DEFAULT_NAMES = WireNames()


@dataclass(frozen=True)
class FieldRow:
    """One row of the table: `default` is the name of the contract, `wire` the one in force."""

    section: str
    attribute: str
    call: str
    default: str
    wire: str
    source: Source
    shape: Shape
    privacy: Privacy

    @property
    def name(self) -> str:
        """What `KWAI_FIELDS` calls the field."""
        return f"{self.section}.{self.attribute}"

    @property
    def is_overridden(self) -> bool:
        return self.wire != self.default


def field_rows(names: WireNames = DEFAULT_NAMES) -> Iterator[FieldRow]:
    """Every row, section by section."""
    for section in dataclasses.fields(names):
        yield from section_rows(names, section.name)


def section_rows(names: WireNames, section: str) -> Iterator[FieldRow]:
    """The rows of one object of the wire. Raises AttributeError for a section that is none."""
    part = getattr(names, section)
    for row in dataclasses.fields(part):
        wire = getattr(part, row.name)
        yield FieldRow(section, row.name, part.call, str(row.default), wire, **row.metadata)


_KNOWN = frozenset(row.name for row in field_rows())


def wire_names(overrides: Mapping[str, Any]) -> WireNames:
    """The names corrected by `KWAI_FIELDS`, `{"order.status": "state"}`.

    Raises CodeTableError for a field that is none, a name that can be none, and for two fields of one object
    that would share a name.
    """
    if not isinstance(overrides, Mapping):
        raise CodeTableError('KWAI_FIELDS precisa ser um objeto JSON, como {"order.status": "state"}.')
    for name, wire in overrides.items():
        _check(name, wire)
    return _corrected(tuple(sorted(overrides.items())))


def _check(name: str, wire: Any) -> None:
    if name not in _KNOWN:
        raise CodeTableError(f"KWAI_FIELDS: o campo {name} não existe; {nearest(name, _KNOWN)}.")
    usable = isinstance(wire, str) and wire.isprintable() and wire.strip() == wire
    if not usable or not 0 < len(wire) <= NAME_LENGTH:
        raise CodeTableError(f"KWAI_FIELDS: o nome de {name} precisa ser um texto, como o Kwai o escreve.")


@lru_cache(maxsize=8)
def _corrected(overrides: tuple[tuple[str, str], ...]) -> WireNames:
    """Asked for every order, so the same correction is worked out once."""
    given = dict(overrides)
    return WireNames(**{row.name: _section(row.name, given) for row in dataclasses.fields(DEFAULT_NAMES)})


def _section(section: str, overrides: Mapping[str, str]) -> Any:
    part = getattr(DEFAULT_NAMES, section)
    changes = {
        row.name: overrides[f"{section}.{row.name}"]
        for row in dataclasses.fields(part)
        if f"{section}.{row.name}" in overrides
    }
    corrected = dataclasses.replace(part, **changes)
    spelled = Counter(dataclasses.asdict(corrected).values())
    twice = next((wire for wire, count in spelled.items() if count > 1), "")
    if twice:
        raise CodeTableError(
            f"KWAI_FIELDS: dois campos de {section} teriam o mesmo nome, {twice}; escreva nomes diferentes."
        )
    return corrected
