"""Frozen values that cross the edge. Money in centavos, datetimes aware, remote ids text.

`repr` never shows a secret or personal data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from kwai_integration.wire.codes import ResultTable, SituationTable
from kwai_integration.wire.endpoints import KwaiEndpoint
from kwai_integration.wire.names import WireNames


@dataclass(frozen=True)
class ClientConfig:
    """Everything the client needs to know of the application; built by `gateway.client_config`."""

    api_url: str
    consent_url: str
    app_key: str
    app_secret: str = field(repr=False)
    sign_secret: str = field(repr=False)
    sign_host: str
    sign_access_token: bool
    endpoints: Mapping[str, KwaiEndpoint] = field(repr=False)
    situations: SituationTable = field(repr=False)
    results: ResultTable = field(repr=False)
    names: WireNames = field(repr=False)


@dataclass(frozen=True)
class KwaiCredentials:
    """Whose call it is: the merchant and the access token that opens it."""

    merchant_id: str
    access_token: str = field(repr=False)


@dataclass(frozen=True)
class TokenPair:
    """The answer of OAuth (contract section 2). An end the platform did not state readably is None; a renewal
    may leave everything but the access token empty."""

    merchant_id: str
    shop_name: str
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    access_expires_at: datetime | None
    refresh_expires_at: datetime | None
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class Exchange:
    """One attempt as it may be stored: secrets, personal data and documents are already hidden.

    `request` holds the redacted query and body; `outcome` is `ok` or the name of the error's class.
    """

    call: str
    request: Mapping[str, Any]
    http_status: int | None
    code: int | None
    text: str
    outcome: str
    duration_ms: int


@dataclass(frozen=True)
class OrderPage:
    """One page of `queryOrderList`: the total of the window and the ids of this page, in remote order."""

    total: int
    order_ids: tuple[str, ...]


@dataclass(frozen=True)
class RemoteRefund:
    """One row of `queryRefundList` (contract section 4, assumed). `status` is a code of `refundStatus`,
    `amount` in centavos; a field the platform left out or wrote unreadably is empty or None."""

    refund_id: str
    order_id: str
    status: str
    amount: int | None
    reason: str = field(repr=False)
    updated_at: datetime | None


@dataclass(frozen=True)
class RefundPage:
    """One page of `queryRefundList`: the total of the window and this page's refunds, in remote order."""

    total: int
    refunds: tuple[RemoteRefund, ...]


@dataclass(frozen=True)
class RemoteItem:
    """One listing of `listItem`; a field the platform left out or wrote unreadably is empty or None."""

    item_id: str
    title: str
    seller_code: str
    active_status: str
    sale_price: int | None
    stock: int | None
    updated_at: datetime | None
    sale_country: str


@dataclass(frozen=True)
class ItemPage:
    total: int
    items: tuple[RemoteItem, ...]


@dataclass(frozen=True)
class RemoteSku:
    """One SKU of `getSkuList`."""

    item_id: str
    sku_id: str
    seller_code: str
    specification: str
    price: int | None
    stock: int | None


@dataclass(frozen=True)
class InvoiceUpload:
    """`xml` is the authorised `nfeProc` document, byte for byte; `total` in centavos."""

    order_id: str
    access_key: str
    number: int
    series: int
    issued_at: datetime
    total: int
    xml: bytes = field(repr=False)


@dataclass(frozen=True)
class InvoiceReference:
    """The NF-e a shipment travels with."""

    access_key: str
    number: int
    series: int
    issued_at: datetime


@dataclass(frozen=True)
class ShipmentNotice:
    order_id: str
    carrier_code: str
    carrier_name: str
    tracking_number: str
    shipped_at: datetime
    expected_delivery_on: date | None
    invoice: InvoiceReference
    tracking_url: str = ""


@dataclass(frozen=True)
class Arranged:
    """What the platform assigned to a shipment that it carries itself. The number is never empty; a carrier
    the platform left out is."""

    carrier_code: str
    carrier_name: str
    tracking_number: str


@dataclass(frozen=True)
class DeliveryNotice:
    order_id: str
    delivered_at: datetime


@dataclass(frozen=True)
class Cancellation:
    order_id: str
    reason: str


@dataclass(frozen=True)
class StockUpdate:
    """`stock` is the absolute quantity, never a difference."""

    item_id: str
    sku_id: str
    stock: int


@dataclass(frozen=True)
class PriceUpdate:
    """Prices in centavos; a promotion needs its price and both moments."""

    item_id: str
    sku_id: str
    sale_price: int
    promotional_price: int | None = None
    promotion_starts_at: datetime | None = None
    promotion_ends_at: datetime | None = None
