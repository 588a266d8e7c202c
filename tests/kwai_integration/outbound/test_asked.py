"""Rows change between the click and the worker: only what was asked for leaves, whatever the kind."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from erp.channels import ChannelAction, RowOutcome
from erp.outbox.models import PushJob
from erp.outbox.push_requests import FactRequest
from erp.outbox.request import facts_request
from erp.outbox.statuses import FailureMode, JobState
from erp.sales.models import Carrier, OrderEvent, ShippingKind, ShippingMethod
from expedition.models import Shipment, ShipmentStatus
from expedition.services import shipment_cancel, shipments_open, tracking_set
from invoices.models import Invoice
from kwai_integration import refusals
from kwai_integration.outbound.arranging import arrange_request
from kwai_integration.outbound.asked import CANCELLED
from kwai_integration.outbound.kinds import Kind
from kwai_integration.outbound.push_requests import delivery_request, tracking_request
from tests.kwai_integration.codes import SHIPPED, TO_ARRANGE
from tests.kwai_integration.outbound.conftest import Desk, job_of

pytestmark = pytest.mark.django_db

# Of each kind about a shipment: its request, the call, and the situation in which Kwai would take it.
KINDS: dict[Kind, tuple[Callable[[Shipment], FactRequest], str, int]] = {
    Kind.ARRANGE_SHIPMENT: (arrange_request, "arrangeShipment", TO_ARRANGE),
    Kind.SEND_TRACKING: (tracking_request, "shipOrder", TO_ARRANGE),
    Kind.CONFIRM_DELIVERY: (delivery_request, "confirmDelivery", SHIPPED),
}


def concluded(desk: Desk, kind: Kind) -> Shipment:
    """A concluded shipment whose order Kwai shows where it takes `kind`; the ERP has not read that yet."""
    is_theirs = kind is Kind.ARRANGE_SHIPMENT
    (order,) = desk.orders(shippingType="KWAI_ENVIOS" if is_theirs else "SELLER")
    if not is_theirs:
        (shipment,) = desk.shipped([order])
    else:
        desk.method = ShippingMethod.objects.create(
            company=desk.company, name="Kwai Envios", kind=ShippingKind.MARKETPLACE
        )
        desk.invoice(order)
        shipment = Shipment.objects.for_screens().get(order=order)
    desk.kwai.change(order.external_id, orderStatus=KINDS[kind][2], invoiceStatus=2)
    return shipment


def queued(desk: Desk, kind: Kind) -> tuple[Shipment, PushJob]:
    shipment = concluded(desk, kind)
    facts_request(requests=[KINDS[kind][0](shipment)])
    return shipment, job_of(kind, shipment.order)


def applied(desk: Desk, kind: Kind) -> int:
    rows = desk.kwai.sandbox.control("GET", "ledger")["rows"]
    return sum(row["applied"] for row in rows if row["call"] == KINDS[kind][1])


def cancel(shipment: Shipment) -> None:
    assert shipment_cancel(shipment_id=shipment.pk).outcome is RowOutcome.DONE


def cancel_unheard(shipment: Shipment) -> None:
    """As another process does between the claim and the load."""
    Shipment.objects.filter(pk=shipment.pk).update(status=ShipmentStatus.CANCELLED)


@pytest.mark.parametrize("how", [cancel, cancel_unheard])
@pytest.mark.parametrize("kind", KINDS)
def test_a_cancelled_shipment_sends_nothing(desk: Desk, kind: Kind, how: Callable[[Shipment], None]) -> None:
    shipment, job = queued(desk, kind)
    how(shipment)
    desk.push_later()
    job.refresh_from_db()
    assert (job.state, job.last_error) == (JobState.CANCELLED, CANCELLED)
    assert applied(desk, kind) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_cancelling_takes_back_what_had_stopped(desk: Desk, kind: Kind) -> None:
    shipment, job = queued(desk, kind)
    PushJob.objects.filter(pk=job.pk).update(state=JobState.BLOCKED, failure_mode=FailureMode.REJECTED)
    cancel(shipment)
    job.refresh_from_db()
    assert (job.state, job.last_error) == (JobState.CANCELLED, CANCELLED)


@pytest.mark.parametrize("arrived", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_outcome_is_read_back_although_the_shipment_was_cancelled(
    desk: Desk, kind: Kind, arrived: bool
) -> None:
    shipment, job = queued(desk, kind)
    desk.fault(KINDS[kind][1], "bad_gateway", "before" if arrived else "after")
    desk.push()
    job.refresh_from_db()
    assert job.needs_verification
    cancel(shipment)
    desk.push_later()
    job.refresh_from_db()
    assert job.state == (JobState.DONE if arrived else JobState.CANCELLED), job.last_error
    assert applied(desk, kind) == arrived


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_shipment_of_the_order_is_what_the_push_goes_on_with(desk: Desk, kind: Kind) -> None:
    """The push of the first one has an unknown outcome, so the second joins it."""
    shipment, job = queued(desk, kind)
    PushJob.objects.filter(pk=job.pk).update(needs_verification=True)
    cancel(shipment)
    (opened,) = shipments_open(order_ids=[shipment.order_id])
    assert opened.outcome is RowOutcome.DONE, opened
    again = Shipment.objects.active().get(order=shipment.order_id)
    if kind is not Kind.ARRANGE_SHIPMENT:
        desk.conclude([again], [shipment.tracking_code])
    desk.push_later()
    job.refresh_from_db()
    assert (job.state, applied(desk, kind)) == (JobState.DONE, 1), job.last_error


@pytest.mark.parametrize("kind", [Kind.SEND_TRACKING, Kind.CONFIRM_DELIVERY])
def test_a_shipment_that_is_not_concluded_sends_nothing(desk: Desk, kind: Kind) -> None:
    shipment, job = queued(desk, kind)
    Shipment.objects.filter(pk=shipment.pk).update(status=ShipmentStatus.PENDING)
    desk.push_later()
    job.refresh_from_db()
    assert (job.state, job.last_error) == (JobState.BLOCKED, refusals.SHIPMENT_NOT_CONCLUDED)
    assert applied(desk, kind) == 0


def correct_code(shipment: Shipment) -> None:
    (row,) = tracking_set(codes={shipment.pk: "JD000000999"})
    assert row.outcome is RowOutcome.DONE, row


def correct_carrier(shipment: Shipment) -> None:
    Carrier.objects.update(code="OUTRA")


CORRECTIONS: list[Callable[[Shipment], None]] = [correct_code, correct_carrier]


@pytest.mark.parametrize("correct", CORRECTIONS)
def test_a_corrected_code_does_not_leave_in_the_place_of_the_one_asked_for(
    desk: Desk, correct: Callable[[Shipment], None]
) -> None:
    shipment, job = queued(desk, Kind.SEND_TRACKING)
    correct(shipment)
    desk.push_later()
    job.refresh_from_db()
    assert (job.state, job.last_error) == (JobState.BLOCKED, refusals.CODE_CHANGED)
    assert applied(desk, Kind.SEND_TRACKING) == 0
    desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    desk.push_later()
    newest = job_of(Kind.SEND_TRACKING, shipment.order)
    now = Shipment.objects.for_screens().get(pk=shipment.pk)
    assert (newest.state, newest.pk != job.pk) == (JobState.DONE, True)
    at_kwai = desk.remote(shipment.order)["order"]
    assert now.chosen_carrier is not None
    assert (at_kwai["trackingNumber"], at_kwai["carrierCode"]) == (now.tracking_code, now.chosen_carrier.code)


@pytest.mark.parametrize("arrived", [True, False])
@pytest.mark.parametrize("correct", CORRECTIONS)
def test_the_code_that_was_asked_for_is_what_is_read_back(
    desk: Desk, correct: Callable[[Shipment], None], arrived: bool
) -> None:
    shipment, job = queued(desk, Kind.SEND_TRACKING)
    desk.fault("shipOrder", "bad_gateway", "before" if arrived else "after")
    desk.push()
    correct(shipment)
    desk.push_later()
    job.refresh_from_db()
    assert job.state == (JobState.DONE if arrived else JobState.BLOCKED), job.last_error
    told = OrderEvent.objects.filter(order=shipment.order, text__contains=shipment.tracking_code)
    assert told.filter(kind="kwai.tracking").exists() is arrived


def test_another_note_does_not_leave_in_the_place_of_the_one_asked_for(desk: Desk) -> None:
    (order,) = desk.orders()
    note = desk.invoice(order)
    desk.ask(ChannelAction.SEND_INVOICE, note.pk)
    Invoice.objects.filter(pk=note.pk).update(access_key=note.access_key[::-1])
    desk.push()
    job = job_of(Kind.SEND_INVOICE, order)
    assert (job.state, job.last_error) == (JobState.BLOCKED, refusals.INVOICE_CHANGED)
    assert not desk.remote(order)["invoice"]


def test_pushes_of_other_orders_stay(desk: Desk) -> None:
    first, job = queued(desk, Kind.SEND_TRACKING)
    second, kept = queued(desk, Kind.SEND_TRACKING)
    cancel(first)
    states = {each.pk: each.state for each in PushJob.objects.all()}
    assert (states[job.pk], states[kept.pk]) == (JobState.CANCELLED, JobState.PENDING)
    assert second.order_id != first.order_id
