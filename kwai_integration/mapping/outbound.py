"""The JSON of every write (contract section 4, assumed except where `endpoints` says published)."""

from __future__ import annotations

from base64 import b64encode
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from kwai_integration.client.types import (
    Cancellation,
    DeliveryNotice,
    InvoiceReference,
    InvoiceUpload,
    PriceUpdate,
    ShipmentNotice,
    StockUpdate,
)
from kwai_integration.mapping.fields import ms_from_moment, wire_id

SAO_PAULO = ZoneInfo("America/Sao_Paulo")

Payload = dict[str, Any]


def invoice_payload(upload: InvoiceUpload) -> Payload:
    return {
        "orderId": wire_id(upload.order_id),
        **_invoice_fields(upload),
        "totalAmount": upload.total,
        "xml": b64encode(upload.xml).decode("ascii"),
    }


def shipment_payload(notice: ShipmentNotice) -> Payload:
    payload: Payload = {
        "orderId": wire_id(notice.order_id),
        "carrierCode": notice.carrier_code,
        "carrierName": notice.carrier_name,
        "trackingNumber": notice.tracking_number,
        "shippedAt": ms_from_moment(notice.shipped_at),
        "invoice": _invoice_fields(notice.invoice),
    }
    if notice.tracking_url:
        payload["trackingUrl"] = notice.tracking_url
    if notice.expected_delivery_on:
        # What leaves in the afternoon and arrives the same day must not arrive before it left.
        payload["estimatedDeliveryAt"] = max(noon_ms(notice.expected_delivery_on), payload["shippedAt"])
    return payload


def arrangement_payload(order_id: str, handover: str) -> Payload:
    return {"orderId": wire_id(order_id), "handover": handover}


def delivery_payload(notice: DeliveryNotice) -> Payload:
    return {"orderId": wire_id(notice.order_id), "deliveredAt": ms_from_moment(notice.delivered_at)}


def cancellation_payload(cancellation: Cancellation) -> Payload:
    return {"orderId": wire_id(cancellation.order_id), "reason": cancellation.reason}


def stock_payload(update: StockUpdate) -> Payload:
    return {"itemId": wire_id(update.item_id), "skuId": wire_id(update.sku_id), "stock": update.stock}


def price_payload(update: PriceUpdate) -> Payload:
    """The promotion goes as a whole or not at all. ValueError when a part of it is missing."""
    payload: Payload = {
        "itemId": wire_id(update.item_id),
        "skuId": wire_id(update.sku_id),
        "salePrice": update.sale_price,
    }
    promotion = (update.promotional_price, update.promotion_starts_at, update.promotion_ends_at)
    if any(part is not None for part in promotion):
        payload |= _promotion(*promotion)
    return payload


def noon_ms(day: date) -> int:
    """A calendar day as an instant: noon in São Paulo is the same date all over the Americas and in UTC."""
    return ms_from_moment(datetime.combine(day, time(12), SAO_PAULO))


def _promotion(price: int | None, starts_at: datetime | None, ends_at: datetime | None) -> Payload:
    if price is None or starts_at is None or ends_at is None:
        raise ValueError("a promotion needs its price and both moments")
    return {
        "promotionalPrice": price,
        "promotionStartsAt": ms_from_moment(starts_at),
        "promotionEndsAt": ms_from_moment(ends_at),
    }


def _invoice_fields(invoice: InvoiceReference | InvoiceUpload) -> Payload:
    return {
        "accessKey": invoice.access_key,
        "number": invoice.number,
        "series": invoice.series,
        "issuedAt": ms_from_moment(invoice.issued_at),
    }
