"""NF-e, tracking and delivery reach the emulator over real HTTP: once, in order, and never when frozen."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from erp import channels
from erp.accounts.models import Store, StoreLifecycle
from erp.channels import ChannelAction, RowOutcome
from erp.outbox.commands import jobs_retry
from erp.outbox.models import PushJob
from erp.outbox.statuses import FailureMode, JobState
from erp.sales.models import Order, OrderEvent, ShippedBy
from erp.sales.statuses import OrderStatus
from expedition.models import Shipment, ShipmentStatus
from expedition.services import tracking_set
from invoices.models import Invoice, InvoiceStatus
from kwai_integration.inbound.plan import orders_to_receive
from kwai_integration.mapping.outbound import noon_ms
from kwai_integration.models import KwaiOrder, KwaiSettings
from kwai_integration.outbound.kinds import Kind
from kwai_integration.wire.codes import SITUATIONS, KwaiInvoiceStatus
from tests.kwai_integration.codes import CLOSED, RECEIVED, SHIPPED
from tests.kwai_integration.outbound.conftest import Desk, job_of, status_of

pytestmark = pytest.mark.django_db

LOST_ANSWERS = [
    (kind, effect) for kind in ("timeout", "bad_gateway", "truncated") for effect in ("before", "after")
]
STOPS = [
    ({"holdReason": "Análise de risco"}, "Análise de risco"),
    ({"refundStatus": 10}, "reembolso"),
    ({"status": CLOSED}, SITUATIONS[str(CLOSED)].label),
]
OWN_STOPS = [
    ({"hold_reason": "Análise de risco"}, "Análise de risco"),
    ({"refund_open": True}, "reembolso"),
    ({"status": OrderStatus.CANCELLED}, "cancelado"),
]


def shipped(desk: Desk) -> tuple[Order, Shipment]:
    """An order whose code Kwai has confirmed."""
    (order,) = desk.orders()
    (shipment,) = desk.shipped([order])
    desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    desk.push()
    assert status_of(order) == OrderStatus.SHIPPED
    return order, shipment


def test_a_note_that_was_sent_leaves_nothing_to_receive(desk: Desk) -> None:
    """Its push outruns the stored answer. Receiving that answer again would change nothing, and be due again."""
    (order,) = desk.orders()
    desk.ask(ChannelAction.SEND_INVOICE, desk.invoice(order).pk)
    desk.push()
    assert job_of(Kind.SEND_INVOICE, order).state == JobState.DONE
    assert not orders_to_receive().exists()
    desk.kwai.poll()
    assert KwaiOrder.objects.get().received_digest == KwaiOrder.objects.get().digest != ""


def test_kwai_holds_the_note_the_code_and_the_delivery(desk: Desk) -> None:
    (order,) = desk.orders()
    (shipment,) = desk.shipped([order], ["JD000000001"])
    invoice = shipment.invoice
    assert invoice is not None
    assert desk.ask(ChannelAction.SEND_INVOICE, invoice.pk)[0].outcome == RowOutcome.QUEUED
    assert desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)[0].outcome == RowOutcome.QUEUED
    assert status_of(order) not in (OrderStatus.SHIPPED, OrderStatus.DELIVERED)
    assert desk.push() == 2
    remote = desk.remote(order)
    note, shipping = remote["invoice"], remote["shipment"]
    assert (note["accessKey"], note["number"], note["series"]) == (invoice.access_key, invoice.number, 1)
    assert note["issuedAt"] == int(invoice.issued_at.timestamp() * 1000)
    assert note["totalAmount"] == invoice.total
    assert base64.b64decode(note["xml"]) == desk.xml[invoice.pk]
    assert (shipping["carrierCode"], shipping["carrierName"]) == ("JADLOG", "Jadlog")
    assert shipping["trackingNumber"] == "JD000000001"
    assert shipping["trackingUrl"] == "https://rastreio.example/JD000000001"
    assert shipment.concluded_at is not None
    assert shipment.expected_delivery_on is not None
    assert shipping["shippedAt"] == int(shipment.concluded_at.timestamp() * 1000)
    assert shipping["estimatedDeliveryAt"] == noon_ms(shipment.expected_delivery_on)
    assert status_of(order) == OrderStatus.SHIPPED

    assert desk.ask(ChannelAction.CONFIRM_DELIVERY, shipment.pk)[0].outcome == RowOutcome.QUEUED
    assert status_of(order) == OrderStatus.SHIPPED
    assert desk.push() == 1
    delivered = Shipment.objects.get(pk=shipment.pk)
    assert (delivered.status, status_of(order)) == (ShipmentStatus.DELIVERED, OrderStatus.DELIVERED)
    assert delivered.delivered_at is not None
    assert desk.remote(order)["delivery"]["deliveredAt"] == int(delivered.delivered_at.timestamp() * 1000)
    assert desk.remote(order)["status"] == RECEIVED
    assert desk.doubled() == []
    kinds = set(OrderEvent.objects.filter(order=order).values_list("kind", flat=True))
    assert {"kwai.invoice", "kwai.tracking", "kwai.delivery"} <= kinds


def test_asking_again_says_what_is_already_so(desk: Desk) -> None:
    (order,) = desk.orders()
    (shipment,) = desk.shipped([order])
    desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    assert desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)[0].outcome == RowOutcome.ALREADY_QUEUED
    desk.push()
    desk.ask(ChannelAction.CONFIRM_DELIVERY, shipment.pk)
    desk.push()
    assert (
        desk.ask(ChannelAction.SEND_INVOICE, shipment.invoice_id or 0)[0].outcome == RowOutcome.ALREADY_DONE
    )
    assert desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)[0].outcome == RowOutcome.ALREADY_DONE
    assert desk.ask(ChannelAction.CONFIRM_DELIVERY, shipment.pk)[0].outcome == RowOutcome.ALREADY_DONE
    assert desk.push() == 0
    assert len(desk.remote(order)["writes"]) == 3


def test_tracking_asks_for_the_note_first(desk: Desk) -> None:
    (order,) = desk.orders()
    (shipment,) = desk.shipped([order])
    desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    assert set(PushJob.objects.values_list("kind", flat=True)) == {Kind.SEND_INVOICE, Kind.SEND_TRACKING}
    desk.push()
    assert [row["call"] for row in desk.remote(order)["writes"]] == ["uploadInvoice", "shipOrder"]


def test_a_refused_note_holds_back_its_own_order_only(desk: Desk) -> None:
    first, second = desk.orders(2)
    shipments = desk.shipped([first, second])
    # 404 on a write: the platform no longer knows the first order's number under this merchant.
    Order.objects.filter(pk=first.pk).update(external_id="2699999999999999999")
    first.refresh_from_db()
    desk.ask(ChannelAction.SEND_TRACKING, *(shipment.pk for shipment in shipments))
    desk.push()
    note = job_of(Kind.SEND_INVOICE, first)
    assert (note.state, note.failure_mode) == (JobState.BLOCKED, FailureMode.REJECTED)
    assert job_of(Kind.SEND_TRACKING, first).state == JobState.PENDING
    shown = [badge.label for badge in channels.badges([first.pk])[first.pk]]
    assert shown == ["NF-e não enviada", "aguardando a NF-e recusada"]
    assert desk.push_later() == 0
    assert (status_of(second), desk.remote(second)["status"]) == (OrderStatus.SHIPPED, SHIPPED)
    assert status_of(first) != OrderStatus.SHIPPED


def test_a_note_kwai_refuses_shows_its_words(desk: Desk) -> None:
    (order,) = desk.orders()
    desk.kwai.sandbox.control("PUT", "settings", {"invoiceReview": "refuse"})
    invoice = desk.invoice(order)
    desk.ask(ChannelAction.SEND_INVOICE, invoice.pk)
    desk.push()
    job = job_of(Kind.SEND_INVOICE, order)
    assert (job.state, job.failure_mode) == (JobState.BLOCKED, FailureMode.REJECTED)
    assert "destinatário não confere" in job.last_error
    desk.kwai.sandbox.control("PUT", "settings", {"invoiceReview": "accept"})
    assert desk.ask(ChannelAction.SEND_INVOICE, invoice.pk)[0].outcome == RowOutcome.QUEUED
    desk.push()
    assert job_of(Kind.SEND_INVOICE, order).state == JobState.DONE


def test_a_corrected_code_replaces_the_waiting_one(desk: Desk) -> None:
    (order,) = desk.orders()
    (shipment,) = desk.shipped([order], ["JD000000001"])
    desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    tracking_set(codes={shipment.pk: "JD000000002"})
    assert desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)[0].outcome == RowOutcome.QUEUED
    states = PushJob.objects.filter(kind=Kind.SEND_TRACKING).order_by("pk").values_list("state", flat=True)
    assert list(states) == [JobState.SUPERSEDED, JobState.PENDING]
    desk.push()
    assert desk.remote(order)["shipment"]["trackingNumber"] == "JD000000002"


@pytest.mark.parametrize(("kind", "effect"), LOST_ANSWERS)
@pytest.mark.parametrize("call", ["uploadInvoice", "shipOrder", "confirmDelivery"])
def test_a_lost_answer_loses_and_doubles_nothing(desk: Desk, call: str, kind: str, effect: str) -> None:
    (order,) = desk.orders()
    (shipment,) = desk.shipped([order])
    desk.fault(call, kind, effect)
    desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    desk.push()
    desk.push_later()
    if call != "confirmDelivery":
        assert desk.push_later() == 0
    desk.ask(ChannelAction.CONFIRM_DELIVERY, shipment.pk)
    desk.push()
    desk.push_later()
    assert set(PushJob.objects.values_list("state", flat=True)) == {JobState.DONE}
    assert PushJob.objects.filter(attempts=2).count() == 1
    applied = [row["call"] for row in desk.remote(order)["writes"] if row["applied"]]
    assert applied == ["uploadInvoice", "shipOrder", "confirmDelivery"]
    assert desk.doubled() == []
    assert status_of(order) == OrderStatus.DELIVERED


@pytest.mark.parametrize(("change", "reason"), STOPS)
def test_a_stop_on_the_platform_holds_the_code_back(desk: Desk, change: dict[str, Any], reason: str) -> None:
    (order,) = desk.orders()
    (shipment,) = desk.shipped([order])
    desk.ask(ChannelAction.SEND_INVOICE, shipment.invoice_id or 0)
    desk.push()
    desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    desk.kwai.change(order.external_id, **change)
    desk.push()
    job = job_of(Kind.SEND_TRACKING, order)
    assert (job.state, job.failure_mode) == (JobState.BLOCKED, FailureMode.REJECTED)
    assert reason in job.last_error
    assert desk.remote(order)["shipment"] is None
    assert [row["call"] for row in desk.remote(order)["writes"]] == ["uploadInvoice"]


@pytest.mark.parametrize(("change", "reason"), OWN_STOPS)
@pytest.mark.parametrize(
    "action", [ChannelAction.SEND_INVOICE, ChannelAction.SEND_TRACKING, ChannelAction.CONFIRM_DELIVERY]
)
def test_a_frozen_order_sends_nothing(
    desk: Desk, action: ChannelAction, change: dict[str, Any], reason: str
) -> None:
    if action is ChannelAction.CONFIRM_DELIVERY:
        order, shipment = shipped(desk)
    else:
        (order,) = desk.orders()
        (shipment,) = desk.shipped([order])
    before = len(desk.remote(order)["writes"])
    desk.ask(action, shipment.invoice_id if action is ChannelAction.SEND_INVOICE else shipment.pk)  # type: ignore[arg-type]
    Order.objects.filter(pk=order.pk).update(**change)
    desk.push()
    job = PushJob.objects.filter(state=JobState.BLOCKED).get()
    assert reason in job.last_error
    assert len(desk.remote(order)["writes"]) == before
    row_id = shipment.invoice_id if action is ChannelAction.SEND_INVOICE else shipment.pk
    assert reason in channels.check(action, [row_id])[row_id]  # type: ignore[index,list-item]


def test_a_note_cancelled_meanwhile_is_not_sent(desk: Desk) -> None:
    (order,) = desk.orders()
    invoice = desk.invoice(order)
    desk.ask(ChannelAction.SEND_INVOICE, invoice.pk)
    Invoice.objects.filter(pk=invoice.pk).update(status=InvoiceStatus.REJECTED)
    desk.push()
    assert "não está mais autorizada" in job_of(Kind.SEND_INVOICE, order).last_error
    assert desk.remote(order)["invoice"] is None


def test_a_note_taken_off_the_order_refuses_the_code(desk: Desk) -> None:
    (order,) = desk.orders()
    (shipment,) = desk.shipped([order])
    Invoice.objects.filter(pk=shipment.invoice_id).update(order=None)
    (result,) = desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    assert result.outcome == RowOutcome.REFUSED
    assert "NF-e" in result.text
    assert not PushJob.objects.exists()


def test_shipped_elsewhere_with_another_code_is_refused(desk: Desk) -> None:
    (order,) = desk.orders()
    (shipment,) = desk.shipped([order], ["JD000000001"])
    desk.ask(ChannelAction.SEND_INVOICE, shipment.invoice_id or 0)
    desk.push()
    desk.kwai.change(order.external_id, status=SHIPPED, trackingNumber="OUTRO123", carrierCode="JADLOG")
    desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    desk.push()
    job = job_of(Kind.SEND_TRACKING, order)
    assert job.state == JobState.BLOCKED
    assert "Despachado fora do ERP com OUTRO123" in job.last_error
    tracking_set(codes={shipment.pk: "OUTRO123"})
    desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    desk.push()
    assert job_of(Kind.SEND_TRACKING, order).state == JobState.DONE
    assert status_of(order) == OrderStatus.SHIPPED


def test_what_is_missing_is_said_before_it_is_queued(desk: Desk) -> None:
    (order,) = desk.orders()
    invoice = desk.invoice(order)
    shipment = Shipment.objects.get(order=order)
    (tracking,) = desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    (delivery,) = desk.ask(ChannelAction.CONFIRM_DELIVERY, shipment.pk)
    assert (tracking.outcome, delivery.outcome) == (RowOutcome.REFUSED, RowOutcome.REFUSED)
    assert tracking.text == channels.check(ChannelAction.SEND_TRACKING, [shipment.pk])[shipment.pk]
    assert "Conclua" in tracking.text
    Store.objects.update(lifecycle=StoreLifecycle.INACTIVE)
    (sent,) = desk.ask(ChannelAction.SEND_INVOICE, invoice.pk)
    assert "não está ativa" in sent.text
    assert not PushJob.objects.exists()


def test_rules_send_by_themselves_when_the_settings_say_so(desk: Desk) -> None:
    KwaiSettings.objects.update(auto_send_invoice=True, auto_send_tracking=True)
    (order,) = desk.orders()
    desk.shipped([order])
    desk.push()
    assert status_of(order) == OrderStatus.SHIPPED
    assert set(PushJob.objects.values_list("origin", flat=True)) == {"rule"}


def test_badges_follow_the_pushes(desk: Desk) -> None:
    (order,) = desk.orders()
    (shipment,) = desk.shipped([order])
    assert channels.badges([order.pk])[order.pk] == []
    desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    waiting = [badge.label for badge in channels.badges([order.pk])[order.pk]]
    assert waiting == ["NF-e: aguardando Kwai", "rastreio: aguardando Kwai"]
    desk.push()
    done = [badge.label for badge in channels.badges([order.pk])[order.pk]]
    assert done == ["dados da NF-e enviados", "rastreio enviado"]
    panel = channels.panel(order.pk)
    assert panel is not None
    assert panel.title == "Kwai Shop"


def test_the_expedition_follows_a_deadline_that_kwai_moves(desk: Desk) -> None:
    (order,) = desk.orders()
    (shipment,) = desk.shipped([order])
    later = (shipment.order.ship_by_at or timezone.now()) + timedelta(days=2)
    desk.kwai.change(order.external_id, shipByTime=int(later.timestamp() * 1000))
    desk.kwai.poll()
    order.refresh_from_db()
    shipment.refresh_from_db()
    assert shipment.ship_by_at == order.ship_by_at
    assert abs(order.ship_by_at - later) < timedelta(seconds=1)


def test_a_group_counts_the_markers_of_its_orders(desk: Desk) -> None:
    """In every state of a push, with a verdict of Kwai, a refused first step, what Kwai carries itself and a
    note that was cancelled after it was sent."""
    orders = desk.orders(8)
    shipments = desk.shipped(orders)
    for shipment in shipments[:7]:
        desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    desk.push()
    subjects = [order.external_id for order in orders]
    jobs = PushJob.objects.filter(store=orders[0].store)
    jobs.filter(subject__in=subjects[:3], kind=Kind.SEND_TRACKING).update(
        state=JobState.PENDING, finished_at=None
    )
    jobs.filter(subject=subjects[1], kind=Kind.SEND_INVOICE).update(
        state=JobState.BLOCKED, failure_mode=FailureMode.REJECTED, finished_at=None
    )
    jobs.filter(subject=subjects[2], kind=Kind.SEND_TRACKING).update(
        state=JobState.CANCELLED, finished_at=timezone.now()
    )
    Order.objects.filter(pk__in=[orders[3].pk, orders[4].pk]).update(shipped_by=ShippedBy.CHANNEL)
    KwaiOrder.objects.filter(order=orders[3]).update(remote_status="105", remote_tracking_code="")
    KwaiOrder.objects.filter(order=orders[4]).update(remote_status="103", remote_tracking_code="KE1")
    KwaiOrder.objects.filter(order=orders[5]).update(invoice_status=KwaiInvoiceStatus.REFUSED)
    KwaiOrder.objects.filter(order=orders[0]).update(invoice_status=KwaiInvoiceStatus.ACCEPTED)
    Invoice.objects.filter(order=orders[6]).update(
        status=InvoiceStatus.CANCELLED, cancelled_at=timezone.now()
    )
    told = Counter(
        badge.bare for own in channels.badges([order.pk for order in orders]).values() for badge in own
    )
    rows = Shipment.objects.filter(order__in=orders)
    assert channels.badge_counts(rows, "company_id") == {orders[0].company_id: told}
    labels = {badge.label for badge in told}
    assert {"aguardando a NF-e recusada", "NF-e recusada", "cancelada, mas no Kwai"} <= labels


def test_statements_do_not_grow_with_the_orders(desk: Desk) -> None:
    orders = desk.orders(20)
    shipments = desk.shipped(orders)
    ids = [shipment.pk for shipment in shipments]
    notes = [shipment.invoice_id or 0 for shipment in shipments]
    order_ids = [order.pk for order in orders]
    desk.ask(ChannelAction.SEND_TRACKING, ids[0])
    reads: list[Callable[[slice], object]] = [
        lambda part: channels.badges(order_ids[part]),
        lambda part: channels.badge_counts(Shipment.objects.filter(pk__in=ids[part]), "group_id"),
        lambda part: channels.check(ChannelAction.SEND_INVOICE, notes[part]),
        lambda part: channels.check(ChannelAction.SEND_TRACKING, ids[part]),
        lambda part: channels.check(ChannelAction.CONFIRM_DELIVERY, ids[part]),
        lambda part: channels.check(ChannelAction.REFRESH_STATUS, order_ids[part]),
        lambda part: channels.run(ChannelAction.SEND_INVOICE, notes[part], user=None),
        lambda part: channels.run(ChannelAction.SEND_TRACKING, ids[part], user=None),
        lambda part: channels.badges(order_ids[part]),
    ]
    for index, read in enumerate(reads):
        counts = []
        for part in (slice(1, 2), slice(2, 20)):
            with CaptureQueriesContext(connection) as queries:
                read(part)
            counts.append(len(queries))
        assert counts[0] == counts[1], index


@pytest.mark.parametrize(("change", "reason"), OWN_STOPS[:2])
@pytest.mark.parametrize("call", ["uploadInvoice", "shipOrder", "confirmDelivery"])
@pytest.mark.parametrize("applied", [True, False])
def test_a_lost_answer_of_an_order_that_froze_meanwhile_is_cleared_up(
    desk: Desk, call: str, applied: bool, change: dict[str, Any], reason: str
) -> None:
    """Reading Kwai is allowed while frozen: what it already holds is done, what it lacks waits for the release."""
    if call == "confirmDelivery":
        order, shipment = shipped(desk)
        action = ChannelAction.CONFIRM_DELIVERY
    else:
        (order,) = desk.orders()
        (shipment,) = desk.shipped([order])
        action = ChannelAction.SEND_TRACKING
    desk.fault(call, "timeout" if applied else "server_error", "before" if applied else "after")
    desk.ask(action, shipment.pk)
    desk.push()
    assert PushJob.objects.filter(needs_verification=True).count() == 1
    Order.objects.filter(pk=order.pk).update(**change)
    lost = PushJob.objects.get(needs_verification=True)
    writes = len(desk.remote(order)["writes"])
    desk.push_later()
    lost.refresh_from_db()
    assert lost.needs_verification is False
    assert len(desk.remote(order)["writes"]) == writes
    if applied:
        assert lost.state == JobState.DONE
    else:
        assert lost.state == JobState.BLOCKED
        assert reason in lost.last_error
    Order.objects.filter(pk=order.pk).update(hold_reason="", refund_open=False)
    stopped = PushJob.objects.filter(state=JobState.BLOCKED).values_list("pk", flat=True)
    jobs_retry(job_ids=list(stopped))
    desk.push_later()
    assert set(PushJob.objects.values_list("state", flat=True)) == {JobState.DONE}
    assert desk.doubled() == []
    assert sum(row["applied"] for row in desk.remote(order)["writes"]) == (
        3 if call == "confirmDelivery" else 2
    )
