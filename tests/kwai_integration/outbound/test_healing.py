"""What Kwai's own answer shows as done is settled, whatever stopped its push before."""

from __future__ import annotations

from typing import Any

import pytest

from erp.channels import ChannelAction
from erp.outbox.commands import jobs_retry
from erp.outbox.models import PushAttempt, PushJob
from erp.outbox.statuses import AttemptAction, FailureMode, JobState
from erp.sales.models import Order
from expedition.models import Shipment
from kwai_integration.outbound.kinds import Kind
from tests.kwai_integration.codes import RECEIVED, SHIPPED, TO_ARRANGE
from tests.kwai_integration.outbound.conftest import Desk, job_of

pytestmark = pytest.mark.django_db(transaction=True)

NOTE_TAKEN = {"invoiceStatus": 2, "invoiceRefusalReason": "", "status": TO_ARRANGE}


def sends(order: Order, kind: Kind) -> int:
    """How often a write was begun; reading back is none."""
    rows = PushAttempt.objects.filter(job__subject=order.external_id, job__kind=kind)
    return rows.filter(action=AttemptAction.SEND).count()


@pytest.fixture
def refused(desk: Desk) -> Shipment:
    """One click has sent the note and asked for the code; Kwai refuses the note, also when sent again."""
    desk.kwai.sandbox.control("PUT", "settings", {"invoiceReview": "wait"})
    (order,) = desk.orders()
    (shipment,) = desk.shipped([order])
    desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    desk.push()
    desk.kwai.change(order.external_id, invoiceStatus=3, invoiceRefusalReason="CFOP inválido")
    desk.kwai.poll()
    desk.push()
    assert shipment.invoice is not None
    desk.ask(ChannelAction.SEND_INVOICE, shipment.invoice.pk)
    desk.push()
    assert states(order) == (JobState.BLOCKED, JobState.BLOCKED)
    return shipment


def states(order: Order) -> tuple[str, str]:
    return job_of(Kind.SEND_INVOICE, order).state, job_of(Kind.SEND_TRACKING, order).state


def test_a_note_accepted_after_its_refusal_is_settled_and_lets_the_code_go(
    desk: Desk, refused: Shipment
) -> None:
    uploads = sends(refused.order, Kind.SEND_INVOICE)
    desk.kwai.change(refused.order.external_id, **NOTE_TAKEN)
    desk.kwai.poll()
    desk.push()
    assert states(refused.order) == (JobState.DONE, JobState.DONE)
    assert sends(refused.order, Kind.SEND_INVOICE) == uploads
    assert desk.remote(refused.order)["order"]["trackingNumber"] == refused.tracking_code


def test_an_arrangement_stopped_by_its_note_goes_on_once_that_is_accepted(desk: Desk) -> None:
    desk.kwai.sandbox.control("PUT", "settings", {"invoiceReview": "wait"})
    (order,) = desk.orders(shippingType="KWAI_ENVIOS")
    desk.invoice(order)
    shipment = Shipment.objects.get(order=order)
    desk.ask(ChannelAction.ARRANGE_SHIPMENT, shipment.pk)
    desk.push()
    desk.kwai.change(order.external_id, invoiceStatus=3, invoiceRefusalReason="CFOP inválido")
    desk.kwai.poll()
    desk.push()
    assert job_of(Kind.ARRANGE_SHIPMENT, order).state == JobState.BLOCKED
    desk.kwai.change(order.external_id, **NOTE_TAKEN)
    desk.kwai.poll()
    desk.push()
    assert job_of(Kind.ARRANGE_SHIPMENT, order).state == JobState.DONE


@pytest.mark.parametrize("way", ["note", "pushes"])
def test_asking_again_for_what_kwai_holds_sends_nothing(desk: Desk, refused: Shipment, way: str) -> None:
    """Kwai has accepted it and nobody has read its answer yet."""
    uploads = sends(refused.order, Kind.SEND_INVOICE)
    desk.kwai.change(refused.order.external_id, **NOTE_TAKEN)
    assert refused.invoice is not None
    if way == "note":
        desk.ask(ChannelAction.SEND_INVOICE, refused.invoice.pk)
    else:
        jobs_retry(job_ids=[job_of(Kind.SEND_INVOICE, refused.order).pk])
    desk.push()
    assert job_of(Kind.SEND_INVOICE, refused.order).state == JobState.DONE
    assert sends(refused.order, Kind.SEND_INVOICE) == uploads


def stop(order: Order, kind: Kind) -> None:
    """The platform's last word about this push was no."""
    job = job_of(kind, order)
    PushJob.objects.filter(pk=job.pk).update(
        state=JobState.BLOCKED, failure_mode=FailureMode.REJECTED, last_error="não", waiting_for=""
    )


def stopped_code(desk: Desk) -> Shipment:
    """Kwai holds the note and has refused the code."""
    (shipment,) = desk.shipped(desk.orders())
    assert shipment.invoice is not None
    desk.ask(ChannelAction.SEND_INVOICE, shipment.invoice.pk)
    desk.push()
    desk.kwai.poll()
    desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    stop(shipment.order, Kind.SEND_TRACKING)
    return shipment


@pytest.mark.parametrize("status", [SHIPPED, RECEIVED])
def test_our_code_on_a_parcel_that_left_settles_its_push(desk: Desk, status: int) -> None:
    shipment = stopped_code(desk)
    told: dict[str, Any] = {"status": status, "trackingNumber": shipment.tracking_code}
    desk.kwai.change(shipment.order.external_id, **told)
    desk.kwai.poll()
    desk.push()
    assert job_of(Kind.SEND_TRACKING, shipment.order).state == JobState.DONE
    assert sends(shipment.order, Kind.SEND_TRACKING) == 0


def test_another_code_on_a_parcel_that_left_settles_nothing(desk: Desk) -> None:
    shipment = stopped_code(desk)
    desk.kwai.change(shipment.order.external_id, status=SHIPPED, trackingNumber="OUTRO1")
    desk.kwai.poll()
    job = job_of(Kind.SEND_TRACKING, shipment.order)
    assert (job.state, job.last_error) == (JobState.BLOCKED, "não")


def test_a_delivery_that_kwai_shows_settles_its_push(desk: Desk) -> None:
    (shipment,) = desk.shipped(desk.orders())
    desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    desk.push()
    desk.kwai.poll()
    desk.ask(ChannelAction.CONFIRM_DELIVERY, shipment.pk)
    stop(shipment.order, Kind.CONFIRM_DELIVERY)
    desk.kwai.change(shipment.order.external_id, status=RECEIVED)
    desk.kwai.poll()
    desk.push()
    assert job_of(Kind.CONFIRM_DELIVERY, shipment.order).state == JobState.DONE
    assert sends(shipment.order, Kind.CONFIRM_DELIVERY) == 0


def test_a_verdict_on_an_earlier_note_settles_nothing_of_a_later_one(desk: Desk, refused: Shipment) -> None:
    """Kwai says that it holds a note, not which one."""
    job = job_of(Kind.SEND_INVOICE, refused.order)
    PushJob.objects.create(
        store_id=job.store_id,
        kind=job.kind,
        subject=job.subject,
        idempotency_key=f"{job.idempotency_key}x",
        state=JobState.DONE,
        step=job.step,
        payload=job.payload,
        finished_at=job.requested_at,
    )
    desk.kwai.change(refused.order.external_id, **NOTE_TAKEN)
    desk.kwai.poll()
    job.refresh_from_db()
    assert job.state == JobState.BLOCKED
