from __future__ import annotations

import json
from base64 import b64decode
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from kwai_integration.mapping import outbound
from kwai_integration.wire.names import DEFAULT_NAMES
from kwai_integration.wire.types import (
    Cancellation,
    DeliveryNotice,
    InvoiceReference,
    InvoiceUpload,
    PriceUpdate,
    ShipmentNotice,
    StockUpdate,
)

KEY = "35261111222333000181550010000001231482139070"
ISSUED = datetime(2026, 11, 23, 10, 30, 15, tzinfo=timezone(timedelta(hours=-3)))
ISSUED_MS = 1_795_440_615_000


def shipment(**changes):
    values = {
        "order_id": "7000000000000000001",
        "carrier_code": "CORREIOS",
        "carrier_name": "Correios",
        "tracking_number": "AA123456785BR",
        "shipped_at": ISSUED,
        "expected_delivery_on": date(2026, 12, 1),
        "invoice": InvoiceReference(KEY, 123, 1, ISSUED),
        **changes,
    }
    return outbound.shipment_payload(ShipmentNotice(**values), DEFAULT_NAMES)


def test_invoice_carries_the_xml_byte_for_byte():
    xml = b'<?xml version="1.0"?><nfeProc>\r\n\xc3\xa7</nfeProc>'
    payload = outbound.invoice_payload(
        InvoiceUpload("7000000000000000001", KEY, 123, 1, ISSUED, 17000, xml), DEFAULT_NAMES
    )
    assert b64decode(payload.pop("xml")) == xml
    assert payload == {
        "orderId": 7000000000000000001,
        "accessKey": KEY,
        "number": 123,
        "series": 1,
        "issuedAt": ISSUED_MS,
        "totalAmount": 17000,
    }


def test_shipment_names_its_invoice():
    payload = shipment()
    assert payload["invoice"] == {"accessKey": KEY, "number": 123, "series": 1, "issuedAt": ISSUED_MS}
    assert (payload["carrierCode"], payload["trackingNumber"]) == ("CORREIOS", "AA123456785BR")
    assert payload["shippedAt"] == ISSUED_MS
    assert "trackingUrl" not in payload


def test_expected_day_reads_the_same_in_brazil_and_in_utc():
    moment = datetime.fromtimestamp(shipment()["estimatedDeliveryAt"] / 1000, UTC)
    zones = (UTC, ZoneInfo("America/Sao_Paulo"), ZoneInfo("America/Rio_Branco"))
    assert {moment.astimezone(zone).date() for zone in zones} == {date(2026, 12, 1)}


def test_a_parcel_never_arrives_before_it_left():
    afternoon = ISSUED.replace(hour=17)
    payload = shipment(shipped_at=afternoon, expected_delivery_on=afternoon.date())
    assert payload["estimatedDeliveryAt"] == payload["shippedAt"]


def test_optional_fields_of_a_shipment():
    payload = shipment(expected_delivery_on=None, tracking_url="https://rastreio.example/AA123456785BR")
    assert "estimatedDeliveryAt" not in payload
    assert payload["trackingUrl"].startswith("https://")


def test_delivery_and_cancellation():
    assert outbound.delivery_payload(DeliveryNotice("1", ISSUED), DEFAULT_NAMES) == {
        "orderId": 1,
        "deliveredAt": ISSUED_MS,
    }
    assert outbound.cancellation_payload(Cancellation("1", "sem estoque"), DEFAULT_NAMES) == {
        "orderId": 1,
        "reason": "sem estoque",
    }


def test_naive_datetimes_are_refused():
    with pytest.raises(ValueError, match="naive"):
        outbound.delivery_payload(DeliveryNotice("1", ISSUED.replace(tzinfo=None)), DEFAULT_NAMES)


@pytest.mark.parametrize(
    ("text", "sent"), [("9223372036854775807", 9223372036854775807), ("007", "007"), ("A1", "A1"), ("0", 0)]
)
def test_ids_go_as_bare_integers_when_that_changes_nothing(text, sent):
    assert outbound.stock_payload(StockUpdate(text, "2", 5), DEFAULT_NAMES) == {
        "itemId": sent,
        "skuId": 2,
        "stock": 5,
    }


def test_price_without_promotion():
    assert outbound.price_payload(PriceUpdate("1", "2", 5000), DEFAULT_NAMES) == {
        "itemId": 1,
        "skuId": 2,
        "salePrice": 5000,
    }


def test_promotion_goes_whole_or_not_at_all():
    payload = outbound.price_payload(
        PriceUpdate("1", "2", 5000, 4000, ISSUED, ISSUED + timedelta(days=1)), DEFAULT_NAMES
    )
    assert payload["promotionalPrice"] == 4000
    assert payload["promotionEndsAt"] - payload["promotionStartsAt"] == 86_400_000
    with pytest.raises(ValueError, match="promotion"):
        outbound.price_payload(PriceUpdate("1", "2", 5000, 4000), DEFAULT_NAMES)


def test_payloads_are_json():
    json.dumps(shipment(), allow_nan=False)
