"""The calls of the platform's own logistics: arranging a shipment and fetching its label."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pytest_httpserver import HTTPServer

from kwai_integration.client import gateway
from kwai_integration.mapping.answers import LARGEST_LABEL
from kwai_integration.wire import errors
from kwai_integration.wire.codes import Handover, LabelFormat
from kwai_integration.wire.types import Arranged
from tests.kwai_integration.client.fakes import (
    NOW_MS,
    MemoryLimiter,
    MemoryRecorder,
    MemoryTokens,
    config,
)

ORDER = "9223372036854775807"
ARRANGE = "/rest/open/api/logistics/arrangeShipment"
LABEL = "/rest/open/api/logistics/getShippingLabel"
FILES = {LabelFormat.PDF: b"%PDF-1.4\n...", LabelFormat.ZPL: b"^XA^FDx^FS^XZ"}


@pytest.fixture
def recorder() -> MemoryRecorder:
    return MemoryRecorder()


@pytest.fixture
def client(httpserver: HTTPServer, recorder: MemoryRecorder) -> gateway.KwaiClient:
    return gateway.KwaiClient(
        config=config(httpserver.url_for("").rstrip("/")),
        tokens=MemoryTokens(),
        limiter=MemoryLimiter(),
        recorder=recorder,
        clock=lambda: NOW_MS,
    )


def answer(server: HTTPServer, path: str, data: Any) -> None:
    server.expect_ordered_request(path).respond_with_json({"result": 200, "message": "ok", "data": data})


@pytest.mark.parametrize("handover", Handover)
def test_arranging_names_order_and_handover(httpserver: HTTPServer, client, handover: Handover):
    answered = {"carrierCode": "TOTAL", "carrierName": "Total Express", "trackingNumber": "KE1BR"}
    answer(httpserver, ARRANGE, answered)
    assert client.arrange_shipment(ORDER, handover) == Arranged("TOTAL", "Total Express", "KE1BR")
    sent = httpserver.log[0][0].get_data()
    assert json.loads(sent) == {"orderId": int(ORDER), "handover": handover.value}


@pytest.mark.parametrize("data", [None, [], {}, {"trackingNumber": ""}, {"trackingNumber": {}}, "KE1BR"])
def test_an_arrangement_without_a_number_is_an_unknown_write(httpserver: HTTPServer, client, data: Any):
    """The platform may have arranged it: only reading back tells."""
    answer(httpserver, ARRANGE, data)
    with pytest.raises(errors.KwaiOutcomeUnknown) as caught:
        client.arrange_shipment(ORDER, Handover.PICKUP)
    assert caught.value.write is True


def test_a_missing_carrier_does_not_hide_the_number(httpserver: HTTPServer, client):
    answer(httpserver, ARRANGE, {"trackingNumber": 123})
    assert client.arrange_shipment(ORDER, Handover.PICKUP) == Arranged("", "", "123")


@pytest.mark.parametrize("wanted", LabelFormat)
def test_label(httpserver: HTTPServer, client, recorder: MemoryRecorder, wanted: LabelFormat):
    answer(httpserver, LABEL, {"content": b64encode(FILES[wanted]).decode()})
    assert client.shipping_label(ORDER, wanted) == FILES[wanted]
    query = parse_qs(urlsplit(httpserver.log[0][0].url).query)
    assert (query["orderId"], query["format"]) == ([ORDER], [wanted.value])
    assert b64encode(FILES[wanted]).decode() not in repr(recorder.exchanges)


@pytest.mark.parametrize("wanted", LabelFormat)
@pytest.mark.parametrize(
    "content",
    [
        None,
        7,
        [],
        "",
        "%%%",
        "JVBERi0",  # cut base64
        b64encode(b"<html>login</html>").decode(),
        b64encode(b"%PDF-1.4" + b"0" * LARGEST_LABEL).decode(),
        b64encode(b"^XA" + b"0" * LARGEST_LABEL).decode(),
    ],
)
def test_a_label_that_is_none_is_an_unreadable_read(
    httpserver: HTTPServer, client, wanted: LabelFormat, content: Any
):
    answer(httpserver, LABEL, {"content": content})
    with pytest.raises(errors.KwaiOutcomeUnknown) as caught:
        client.shipping_label(ORDER, wanted)
    assert caught.value.write is False


@pytest.mark.parametrize("wanted", LabelFormat)
def test_the_other_format_is_no_label(httpserver: HTTPServer, client, wanted: LabelFormat):
    other = next(each for each in LabelFormat if each is not wanted)
    answer(httpserver, LABEL, {"content": b64encode(FILES[other]).decode()})
    with pytest.raises(errors.KwaiOutcomeUnknown):
        client.shipping_label(ORDER, wanted)
