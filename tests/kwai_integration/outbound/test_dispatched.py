"""Three sentences for three ways a parcel got its number, and corrections that Kwai takes no more."""

from __future__ import annotations

import pytest

from erp import channels
from erp.channels import ChannelAction, RowOutcome
from erp.outbox.models import PushJob
from erp.outbox.request import facts_request
from erp.outbox.statuses import JobState
from erp.sales.models import Order, OrderEvent, OrderStatus
from expedition.models import Shipment
from expedition.services import tracking_set
from kwai_integration.outbound.dispatched import NO_OTHER, codes_sent, dispatch_text
from kwai_integration.outbound.kinds import Kind
from kwai_integration.outbound.push_requests import tracking_request
from tests.kwai_integration.codes import SHIPPED
from tests.kwai_integration.outbound.conftest import Desk, job_of, status_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=[30, 200])
def sent(request: pytest.FixtureRequest, desk: Desk) -> Shipment:
    """A parcel of the seller whose code Kwai has, whether a ship call leads to *enviado* or first to a pickup."""
    desk.kwai.sandbox.control("PUT", "settings", {"shipLeadsTo": request.param})
    (order,) = desk.orders(shippingType="SELLER")
    (shipment,) = desk.shipped([order], ["PRIMEIRO"])
    desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    desk.push()
    assert job_of(Kind.SEND_TRACKING, order).state == JobState.DONE
    desk.kwai.poll()
    return Shipment.objects.for_screens().get(pk=shipment.pk)


def panel_row(order: Order) -> str:
    panel = channels.panel(order.pk)
    assert panel is not None
    return dict(panel.rows).get("Despacho", "")


def test_a_code_of_ours_is_sent_by_us_also_after_another_was_typed(desk: Desk, sent: Shipment) -> None:
    desk.kwai.change(sent.order.external_id, orderStatus=SHIPPED)
    desk.kwai.poll()
    assert panel_row(sent.order) == "Enviado por nós com PRIMEIRO."
    tracking_set(codes={sent.pk: "SEGUNDO"})
    desk.kwai.change(sent.order.external_id, buyerRemark="outra resposta")
    desk.kwai.poll()
    assert panel_row(sent.order) == "Enviado por nós com PRIMEIRO."
    assert not OrderEvent.objects.filter(text__contains="fora do ERP").exists()
    (row,) = desk.ask(ChannelAction.SEND_TRACKING, sent.pk)
    assert (row.outcome, row.text) == (
        RowOutcome.ALREADY_DONE,
        f"Enviado por nós com PRIMEIRO. {NO_OTHER}",
    )


def test_a_code_of_somebody_else_is_from_outside(desk: Desk) -> None:
    (order,) = desk.orders(shippingType="SELLER")
    desk.kwai.change(order.external_id, orderStatus=SHIPPED, trackingNumber="DE-FORA")
    desk.kwai.poll()
    assert panel_row(order) == "Despachado fora do ERP com DE-FORA."
    assert OrderEvent.objects.filter(order=order, text="Despachado fora do ERP com DE-FORA.").count() == 1


def test_a_number_kwai_does_not_tell_is_said_too(desk: Desk) -> None:
    (order,) = desk.orders(shippingType="SELLER")
    assert "não informa" in dispatch_text(order, "", codes_sent([order]))


def test_what_kwai_carries_is_never_from_outside(desk: Desk) -> None:
    (order,) = desk.orders(shippingType="KWAI_ENVIOS")
    desk.kwai.change(order.external_id, orderStatus=SHIPPED, trackingNumber="KE1BR")
    desk.kwai.poll()
    assert not OrderEvent.objects.filter(text__contains="fora do ERP").exists()
    assert panel_row(order) == "O Kwai Envios cuida do rastreio."


def blocked_correction(desk: Desk, sent: Shipment) -> None:
    """Queued before anybody knew better; Kwai refuses it."""
    tracking_set(codes={sent.pk: "SEGUNDO"})
    again = Shipment.objects.for_screens().get(pk=sent.pk)
    facts_request(requests=[tracking_request(again)])
    desk.push()


def test_a_refused_correction_does_not_hold_the_delivery_back(desk: Desk, sent: Shipment) -> None:
    blocked_correction(desk, sent)
    job = PushJob.objects.filter(kind=Kind.SEND_TRACKING).latest("pk")
    assert job.state == JobState.BLOCKED
    desk.kwai.change(sent.order.external_id, orderStatus=SHIPPED)
    desk.kwai.poll()
    (row,) = desk.ask(ChannelAction.CONFIRM_DELIVERY, sent.pk)
    assert row.outcome is RowOutcome.QUEUED
    desk.push()
    assert job_of(Kind.CONFIRM_DELIVERY, sent.order).state == JobState.DONE
    assert status_of(sent.order) == OrderStatus.DELIVERED
