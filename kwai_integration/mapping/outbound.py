"""The JSON of every write (contract section 4, assumed except where `endpoints` says published)."""

from __future__ import annotations

from base64 import b64encode
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from kwai_integration.mapping.fields import ms_from_moment, wire_id
from kwai_integration.wire.names import InvoiceUploadNames, PriceNames, ShipmentInvoiceNames, WireNames
from kwai_integration.wire.types import (
    Cancellation,
    DeliveryNotice,
    InvoiceReference,
    InvoiceUpload,
    PriceUpdate,
    ShipmentNotice,
    StockUpdate,
)

SAO_PAULO = ZoneInfo("America/Sao_Paulo")

Payload = dict[str, Any]


def invoice_payload(upload: InvoiceUpload, wire: WireNames) -> Payload:
    names = wire.invoice_upload
    return {
        names.order_id: wire_id(upload.order_id),
        **_invoice_fields(upload, names),
        names.total: upload.total,
        names.xml: b64encode(upload.xml).decode("ascii"),
    }


def shipment_payload(notice: ShipmentNotice, wire: WireNames) -> Payload:
    names = wire.shipment
    shipped_at = ms_from_moment(notice.shipped_at)
    payload: Payload = {
        names.order_id: wire_id(notice.order_id),
        names.carrier_code: notice.carrier_code,
        names.carrier_name: notice.carrier_name,
        names.tracking_number: notice.tracking_number,
        names.shipped_at: shipped_at,
        names.invoice: _invoice_fields(notice.invoice, wire.shipment_invoice),
    }
    if notice.tracking_url:
        payload[names.tracking_url] = notice.tracking_url
    if notice.expected_delivery_on:
        # What leaves in the afternoon and arrives the same day must not arrive before it left.
        payload[names.estimated_delivery_at] = max(noon_ms(notice.expected_delivery_on), shipped_at)
    return payload


def arrangement_payload(order_id: str, handover: str, wire: WireNames) -> Payload:
    return {wire.arrangement.order_id: wire_id(order_id), wire.arrangement.handover: handover}


def delivery_payload(notice: DeliveryNotice, wire: WireNames) -> Payload:
    names = wire.delivery
    return {
        names.order_id: wire_id(notice.order_id),
        names.delivered_at: ms_from_moment(notice.delivered_at),
    }


def cancellation_payload(cancellation: Cancellation, wire: WireNames) -> Payload:
    names = wire.cancellation
    return {names.order_id: wire_id(cancellation.order_id), names.reason: cancellation.reason}


def stock_payload(update: StockUpdate, wire: WireNames) -> Payload:
    names = wire.stock
    return {
        names.item_id: wire_id(update.item_id),
        names.sku_id: wire_id(update.sku_id),
        names.stock: update.stock,
    }


def price_payload(update: PriceUpdate, wire: WireNames) -> Payload:
    """The promotion goes as a whole or not at all. ValueError when a part of it is missing."""
    names = wire.price
    payload: Payload = {
        names.item_id: wire_id(update.item_id),
        names.sku_id: wire_id(update.sku_id),
        names.price: update.sale_price,
    }
    promotion = (update.promotional_price, update.promotion_starts_at, update.promotion_ends_at)
    if any(part is not None for part in promotion):
        payload |= _promotion(names, *promotion)
    return payload


def noon_ms(day: date) -> int:
    """A calendar day as an instant: noon in São Paulo is the same date all over the Americas and in UTC."""
    return ms_from_moment(datetime.combine(day, time(12), SAO_PAULO))


def _promotion(
    names: PriceNames, price: int | None, starts_at: datetime | None, ends_at: datetime | None
) -> Payload:
    if price is None or starts_at is None or ends_at is None:
        raise ValueError("a promotion needs its price and both moments")
    return {
        names.promotional_price: price,
        names.promotion_starts_at: ms_from_moment(starts_at),
        names.promotion_ends_at: ms_from_moment(ends_at),
    }


def _invoice_fields(
    invoice: InvoiceReference | InvoiceUpload, names: ShipmentInvoiceNames | InvoiceUploadNames
) -> Payload:
    return {
        names.access_key: invoice.access_key,
        names.number: invoice.number,
        names.series: invoice.series,
        names.issued_at: ms_from_moment(invoice.issued_at),
    }
