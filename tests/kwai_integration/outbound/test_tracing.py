"""One id from the browser's click to the call it causes, in the log a collector gets."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from erp.accounts.models import User
from erp.outbox.models import PushAttempt, PushJob
from erp.settings.logs import JsonFormatter
from tests.kwai_integration.outbound.conftest import Desk

pytestmark = pytest.mark.django_db


@pytest.fixture
def stream() -> Iterator[StringIO]:
    text = StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(JsonFormatter())
    logging.getLogger().addHandler(handler)
    yield text
    logging.getLogger().removeHandler(handler)


def test_from_the_click_to_the_call(
    desk: Desk, admin: User, sign_in: Callable[[User], Client], stream: StringIO
) -> None:
    (order,) = desk.orders()
    invoice = desk.invoice(order)
    body = {"action": "send_invoice", "ids": [invoice.pk]}
    headers = {"X-Request-ID": "browser-click-1"}
    answer = sign_in(admin).post(reverse("invoices:list"), body, headers=headers)
    assert answer["X-Request-ID"] == "browser-click-1"
    job = PushJob.objects.get()
    assert job.request_id == "browser-click-1"
    desk.push()
    lines: list[dict[str, Any]] = [json.loads(line) for line in stream.getvalue().splitlines()]
    (request,) = [line for line in lines if line["message"] == "request"]
    (call,) = [line for line in lines if line.get("call") == "upload_invoice"]
    assert request["request_id"] == call["request_id"] == "browser-click-1"
    assert (call["outcome"], call["code"], call["http_status"]) == ("ok", 200, 200)
    assert call["duration_ms"] >= 0
    assert PushAttempt.objects.get().job == job


def test_no_log_line_holds_a_secret_or_a_person(desk: Desk, stream: StringIO) -> None:
    logging.getLogger("kwai_integration").setLevel(logging.DEBUG)
    (order,) = desk.orders()
    (shipment,) = desk.shipped([order])
    desk.fault("uploadInvoice", "server_error")
    desk.push()
    desk.push_later()
    text = stream.getvalue()
    account = desk.kwai.store.kwai_account
    assert "order_details" in text
    for hidden in (account.access_token, account.refresh_token, order.buyer.tax_id, order.buyer.name):
        assert hidden
        assert hidden not in text
    assert shipment.order == order
