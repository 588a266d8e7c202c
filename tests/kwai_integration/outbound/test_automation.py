"""What a hold or a refund kept from leaving leaves by itself when it ends, where the store wants so."""

from __future__ import annotations

import pytest

from erp.outbox.models import PushJob
from erp.outbox.statuses import JobState
from erp.sales.models import Order
from expedition.models import Shipment
from expedition.services import shipments_open
from invoices.models import Invoice
from kwai_integration.models import KwaiSettings
from kwai_integration.outbound.kinds import Kind
from tests.kwai_integration.outbound.conftest import Desk, job_of
from tests.kwai_integration.outbound.test_cancelled_notes import cancel

FROZEN = [
    ({"holdReason": "análise de fraude"}, {"holdReason": ""}),
    ({"refundStatus": 10}, {"refundStatus": 70}),
]


def told(desk: Desk, order: Order, fields: dict[str, object]) -> None:
    desk.kwai.change(order.external_id, **fields)
    desk.kwai.poll()


@pytest.mark.parametrize(("stopped", "released"), FROZEN)
def test_a_note_linked_meanwhile_is_sent_afterwards(
    desk: Desk, stopped: dict[str, object], released: dict[str, object]
) -> None:
    KwaiSettings.objects.update(auto_send_invoice=True)
    (order,) = desk.orders()
    told(desk, order, stopped)
    order.refresh_from_db()
    invoice = desk.invoice(order)
    assert not PushJob.objects.filter(kind=Kind.SEND_INVOICE).exists()
    told(desk, order, released)
    desk.push()
    assert desk.remote(order)["invoice"]["accessKey"] == invoice.access_key


def test_what_stopped_on_its_way_goes_on(desk: Desk) -> None:
    KwaiSettings.objects.update(auto_send_invoice=True, auto_send_tracking=True)
    (order,) = desk.orders()
    desk.shipped([order])
    told(desk, order, {"holdReason": "análise de fraude"})
    desk.push()
    assert job_of(Kind.SEND_INVOICE, order).state == JobState.BLOCKED
    told(desk, order, {"holdReason": ""})
    desk.push_later()
    desk.push_later()
    assert job_of(Kind.SEND_INVOICE, order).state == JobState.DONE
    assert job_of(Kind.SEND_TRACKING, order).state == JobState.DONE
    assert desk.doubled() == []


def test_a_note_after_the_hand_over_sends_the_code_too(desk: Desk) -> None:
    KwaiSettings.objects.update(auto_send_tracking=True)
    (order,) = desk.orders()
    shipments_open(order_ids=[order.pk])
    desk.conclude(list(Shipment.objects.filter(order=order)), ["JD000000001"])
    assert not PushJob.objects.filter(kind=Kind.SEND_TRACKING).exists()
    invoice = desk.invoice(order)
    desk.push_later()
    desk.push_later()
    remote = desk.remote(order)
    assert remote["shipment"]["trackingNumber"] == "JD000000001"
    assert remote["invoice"]["accessKey"] == invoice.access_key


def test_another_note_lets_the_code_go_that_the_cancelled_one_stopped(desk: Desk) -> None:
    KwaiSettings.objects.update(auto_send_invoice=True, auto_send_tracking=True)
    (order,) = desk.orders()
    desk.shipped([order])
    first = Invoice.objects.get()
    cancel(desk, first)
    desk.push_later()
    assert job_of(Kind.SEND_TRACKING, order).state == JobState.BLOCKED
    second = desk.invoice(order)
    desk.push_later()
    desk.push_later()
    remote = desk.remote(order)
    assert remote["invoice"]["accessKey"] == second.access_key
    assert remote["shipment"]["trackingNumber"]
    assert desk.doubled() == []


def test_a_store_that_sends_by_hand_keeps_doing_so(desk: Desk) -> None:
    (order,) = desk.orders()
    told(desk, order, {"holdReason": "análise de fraude"})
    desk.invoice(order)
    told(desk, order, {"holdReason": ""})
    assert not PushJob.objects.exists()
