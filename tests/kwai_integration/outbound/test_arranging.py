"""Kwai Envios against the emulator: note, arrangement, number, label, and what nobody sends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from erp import channels
from erp.accounts.models import User
from erp.channels import ChannelAction, LabelKind, RowOutcome, RowResult, ShippingCode
from erp.outbox.models import PushJob
from erp.outbox.request import facts_request
from erp.outbox.statuses import JobState
from erp.sales.models import Order, OrderEvent, OrderStatus, ShippedBy, ShippingKind, ShippingMethod
from erp.sales.shippers import order_shipper_set
from expedition.models import LabelState, Shipment, ShipmentStatus, ShippingLabel
from expedition.services import (
    group_conclude,
    group_create,
    packages_set,
    shipments_carrier_set,
    shipments_channel_codes_set,
    tracking_import,
    tracking_set,
)
from expedition.services.labels import label_fetch, labels_due
from kwai_integration import refusals
from kwai_integration.client.writes import Permit, Write, may
from kwai_integration.models import KwaiOrder, KwaiSettings
from kwai_integration.outbound.arranging import arrange_request
from kwai_integration.outbound.kinds import Kind
from kwai_integration.outbound.logistics import NOTHING_TO_SEND
from kwai_integration.outbound.push_requests import tracking_request
from kwai_integration.wire.codes import ARRIVED_ROLES, SITUATIONS, KwaiRole, ShippingType
from tests.kwai_integration.codes import PICKUP, SHIPPED, TO_ARRANGE
from tests.kwai_integration.outbound.conftest import Desk, job_of, status_of

pytestmark = pytest.mark.django_db(transaction=True)

ENVIOS = {"shippingType": "KWAI_ENVIOS"}
CARES = "O Kwai Envios cuida do rastreio"


@pytest.fixture
def envios(desk: Desk) -> Desk:
    """The desk, with a way of shipping of Kwai Envios to group by."""
    desk.method = ShippingMethod.objects.create(
        company=desk.company, name="Kwai Envios", kind=ShippingKind.MARKETPLACE, delivery_days=7
    )
    return desk


def shipment_of(order: Order) -> Shipment:
    return Shipment.objects.active().for_screens().get(order=order)


def ready(desk: Desk, quantity: int = 1, **fields: Any) -> list[Shipment]:
    """Orders of Kwai Envios, each with its note here."""
    orders = desk.orders(quantity, **(ENVIOS | fields))
    for order in orders:
        desk.invoice(order)
    return [shipment_of(order) for order in orders]


def arranged(desk: Desk) -> Shipment:
    (shipment,) = ready(desk)
    desk.ask(ChannelAction.ARRANGE_SHIPMENT, shipment.pk)
    desk.push()
    return shipment_of(shipment.order)


def review(desk: Desk, how: str) -> None:
    desk.kwai.sandbox.control("PUT", "settings", {"invoiceReview": how})


def number_at_kwai(desk: Desk, order: Order) -> str:
    return str(desk.remote(order)["order"]["trackingNumber"])


def writes_applied(desk: Desk, call: str) -> int:
    rows = desk.kwai.sandbox.control("GET", "ledger")["rows"]
    return sum(row["applied"] for row in rows if row["call"] == call)


def test_one_click_sends_the_note_and_brings_number_and_carrier(envios: Desk) -> None:
    (shipment,) = ready(envios)
    (row,) = envios.ask(ChannelAction.ARRANGE_SHIPMENT, shipment.pk)
    assert row.outcome is RowOutcome.QUEUED
    envios.push()
    after = shipment_of(shipment.order)
    number = number_at_kwai(envios, shipment.order)
    assert number
    assert (after.channel_number, after.tracking_code) == (number, number)
    assert after.carrier_name == "Kwai Envios"
    assert {job.kind for job in PushJob.objects.filter(state=JobState.DONE)} == {
        Kind.SEND_INVOICE,
        Kind.ARRANGE_SHIPMENT,
    }
    (again,) = envios.ask(ChannelAction.ARRANGE_SHIPMENT, shipment.pk)
    assert (again.outcome, again.text) == (RowOutcome.ALREADY_DONE, f"Já programado: número {number}.")
    assert channels.check(ChannelAction.ARRANGE_SHIPMENT, [shipment.pk]) == {shipment.pk: again.text}


@pytest.mark.parametrize("handover", ["PICKUP", "DROP_OFF"])
def test_the_store_says_how_the_parcel_is_handed_over(envios: Desk, handover: str) -> None:
    KwaiSettings.objects.update(arrange_handover=handover)
    shipment = arranged(envios)
    assert envios.remote(shipment.order)["arrangement"]["handover"] == handover


@pytest.mark.parametrize("kind", ["timeout", "bad_gateway", "truncated"])
@pytest.mark.parametrize("effect", ["before", "after"])
def test_a_lost_answer_is_read_back_and_doubles_nothing(envios: Desk, kind: str, effect: str) -> None:
    (shipment,) = ready(envios)
    envios.fault("arrangeShipment", kind, effect)
    envios.ask(ChannelAction.ARRANGE_SHIPMENT, shipment.pk)
    envios.push()
    assert shipment_of(shipment.order).channel_number == ""
    assert PushJob.objects.get(kind=Kind.ARRANGE_SHIPMENT).needs_verification
    envios.push_later()
    assert job_of(Kind.ARRANGE_SHIPMENT, shipment.order).state == JobState.DONE
    assert shipment_of(shipment.order).channel_number == number_at_kwai(envios, shipment.order)
    assert writes_applied(envios, "arrangeShipment") == 1
    assert envios.doubled() == []


def test_a_note_under_review_is_waited_for(envios: Desk) -> None:
    review(envios, "wait")
    (shipment,) = ready(envios)
    envios.ask(ChannelAction.ARRANGE_SHIPMENT, shipment.pk)
    envios.push()
    job = job_of(Kind.ARRANGE_SHIPMENT, shipment.order)
    assert job.state == JobState.PENDING
    assert job.last_error.startswith("aguardando o Kwai aceitar a NF-e, enviada às ")
    (again,) = envios.ask(ChannelAction.ARRANGE_SHIPMENT, shipment.pk)
    assert (again.outcome, again.text) == (RowOutcome.ALREADY_QUEUED, f"Já pedido: {job.last_error}.")
    assert channels.check(ChannelAction.ARRANGE_SHIPMENT, [shipment.pk]) == {shipment.pk: again.text}
    envios.kwai.change(shipment.order.external_id, invoiceStatus=2, status=TO_ARRANGE)
    envios.kwai.poll()  # the answer wakes what waited
    envios.push()
    assert shipment_of(shipment.order).channel_number


def test_a_refused_note_stops_the_arrangement_with_its_reason(envios: Desk) -> None:
    review(envios, "wait")
    (shipment,) = ready(envios)
    envios.ask(ChannelAction.ARRANGE_SHIPMENT, shipment.pk)
    envios.push()
    envios.kwai.change(shipment.order.external_id, invoiceStatus=3, invoiceRefusalReason="CFOP inválido")
    envios.push_later()
    job = job_of(Kind.ARRANGE_SHIPMENT, shipment.order)
    assert job.state == JobState.BLOCKED
    assert "CFOP inválido" in job.last_error
    envios.kwai.poll()
    assert "CFOP inválido" in channels.check(ChannelAction.ARRANGE_SHIPMENT, [shipment.pk])[shipment.pk]


@pytest.mark.parametrize(
    ("asked", "sent", "state"),
    [(96, 0, JobState.PENDING), (96, 71, JobState.PENDING), (96, 73, JobState.BLOCKED)],
)
def test_the_deadline_counts_from_the_note(envios: Desk, asked: int, sent: int, state: JobState) -> None:
    """Hours ago: a store that was not connected sends its notes late, and Kwai still needs its time."""
    review(envios, "wait")
    (shipment,) = ready(envios)
    envios.ask(ChannelAction.ARRANGE_SHIPMENT, shipment.pk)
    envios.push()
    now = timezone.now()
    PushJob.objects.update(requested_at=now - timedelta(hours=asked))
    PushJob.objects.filter(kind=Kind.SEND_INVOICE).update(finished_at=now - timedelta(hours=sent))
    envios.push_later()
    assert job_of(Kind.ARRANGE_SHIPMENT, shipment.order).state == state


@pytest.mark.parametrize("is_on", [True, False])
def test_a_store_may_arrange_by_itself_once_the_note_was_accepted(envios: Desk, is_on: bool) -> None:
    KwaiSettings.objects.update(auto_arrange=is_on, auto_send_invoice=True)
    (shipment,) = ready(envios)
    envios.push()  # the note, which is accepted at once
    envios.kwai.poll()
    envios.push()
    assert bool(shipment_of(shipment.order).channel_number) is is_on


@pytest.mark.parametrize("situation", SITUATIONS.values(), ids=lambda row: row.role)
@pytest.mark.parametrize("shipping_type", [*ShippingType, "", "DRONE"])
def test_only_what_kwai_carries_and_waits_to_be_arranged_is_arranged(
    envios: Desk, situation: Any, shipping_type: str
) -> None:
    """Every way of shipping in every situation: by what is known here, and once more as Kwai has it."""
    (order,) = envios.orders(overrides={"shippingType": shipping_type})
    envios.invoice(order)
    shipment = shipment_of(order)
    envios.kwai.change(order.external_id, orderStatus=int(situation.code), invoiceStatus=2)
    permit = may(Write.ARRANGE_SHIPMENT, situation.role, hold=False, refund=False)
    is_theirs = shipping_type == ShippingType.KWAI_ENVIOS
    # Asked for without a look at what the ERP knows: the handler alone decides.
    facts_request(requests=[arrange_request(shipment)])
    envios.push()
    job = job_of(Kind.ARRANGE_SHIPMENT, order)
    expected = {Permit.YES: JobState.DONE, Permit.DONE: JobState.DONE, Permit.NOT_YET: JobState.PENDING}
    other = JobState.CANCELLED if shipping_type == ShippingType.SELLER else JobState.BLOCKED
    assert job.state == (expected.get(permit, JobState.BLOCKED) if is_theirs else other)
    assert writes_applied(envios, "arrangeShipment") == (is_theirs and permit is Permit.YES)
    PushJob.objects.all().delete()
    envios.kwai.poll()
    reason = channels.check(ChannelAction.ARRANGE_SHIPMENT, [shipment.pk])[shipment.pk]
    asked = permit is Permit.NOT_YET or (permit is Permit.YES and not shipment_of(order).channel_number)
    assert bool(reason) is not (is_theirs and asked)


def test_no_code_is_sent_for_what_kwai_carries(envios: Desk) -> None:
    KwaiSettings.objects.update(auto_send_tracking=True)
    shipment = arranged(envios)
    conclude(envios, [shipment])
    (row,) = envios.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    assert (row.outcome, row.text) == (RowOutcome.ALREADY_DONE, NOTHING_TO_SEND)
    assert channels.check(ChannelAction.SEND_TRACKING, [shipment.pk]) == {shipment.pk: ""}
    envios.push()
    assert not PushJob.objects.filter(kind=Kind.SEND_TRACKING).exists()


def conclude(desk: Desk, shipments: list[Shipment]) -> None:
    outcome = group_conclude(group_id=grouped(desk, shipments).pk)
    assert not outcome.is_refused, outcome


def grouped(desk: Desk, shipments: list[Shipment]) -> Any:
    ids = [each.pk for each in shipments]
    shipments_carrier_set(shipment_ids=ids, shipping_method_id=desk.method.pk)
    made = group_create(company_id=desk.company.pk, shipping_method_id=desk.method.pk, shipment_ids=ids)
    assert made.group is not None, made
    return made.group


def test_a_group_waits_for_every_number_and_names_the_rows_without(envios: Desk) -> None:
    first, second = ready(envios, 2)
    envios.ask(ChannelAction.ARRANGE_SHIPMENT, first.pk)
    envios.push()
    group = grouped(envios, [first, second])
    refused = group_conclude(group_id=group.pk)
    assert [(row.id, row.text) for row in refused.results] == [
        (second.pk, "Falta o número do Kwai Envios. Use programar envio.")
    ]
    envios.ask(ChannelAction.ARRANGE_SHIPMENT, second.pk)
    envios.push()
    assert not group_conclude(group_id=group.pk).is_refused


def test_concluding_asks_for_the_note_that_kwai_does_not_hold(envios: Desk) -> None:
    """Arranged in the seller centre, before any note of ours."""
    (shipment,) = ready(envios)
    envios.kwai.change(shipment.order.external_id, status=PICKUP)
    envios.kwai.poll()
    shipment = shipment_of(shipment.order)
    assert shipment.channel_number
    held = KwaiOrder.objects.get(order=shipment.order).invoice_status
    conclude(envios, [shipment])
    kinds = set(PushJob.objects.values_list("kind", flat=True))
    assert kinds == (set() if held in ("1", "2") else {Kind.SEND_INVOICE})


def test_the_marker_turns_on_with_the_carriers_scan(envios: Desk) -> None:
    shipment = arranged(envios)
    envios.kwai.poll()
    order = shipment.order
    labels = [badge.label for badge in channels.badges([order.pk])[order.pk]]
    assert "envio programado" in labels
    assert "rastreio enviado" not in labels
    assert status_of(order) != OrderStatus.SHIPPED
    envios.kwai.change(order.external_id, orderStatus=SHIPPED)
    envios.kwai.poll()
    labels = [badge.label for badge in channels.badges([order.pk])[order.pk]]
    assert "rastreio enviado" in labels
    assert status_of(order) == OrderStatus.SHIPPED


def test_a_typed_code_gives_way_and_is_said(envios: Desk) -> None:
    """Typed while nobody knew who carries the order."""
    (order,) = envios.orders(overrides={"shippingType": ""})
    envios.invoice(order)
    shipment = shipment_of(order)
    assert tracking_set(codes={shipment.pk: "DIGITADO1"})[0].outcome is RowOutcome.DONE
    envios.kwai.change(order.external_id, shippingType="KWAI_ENVIOS")
    envios.kwai.change(order.external_id, status=PICKUP)
    envios.kwai.poll()
    after = shipment_of(order)
    number = number_at_kwai(envios, order)
    assert (after.tracking_code, after.former_code) == (number, "DIGITADO1")
    assert "DIGITADO1" in after.former_code_text
    assert OrderEvent.objects.filter(order=order, text__contains="DIGITADO1, foi substituído").count() == 1


def test_a_reissued_number_is_followed_after_the_conclusion_too(envios: Desk) -> None:
    shipment = arranged(envios)
    before = shipment.channel_number
    conclude(envios, [shipment])
    envios.kwai.change(shipment.order.external_id, trackingNumber="KENOVO0001BR")
    envios.kwai.poll()
    after = shipment_of(shipment.order)
    assert after.tracking_code == "KENOVO0001BR"
    assert after.former_code_text == f"O Kwai reemitiu o número para KENOVO0001BR; antes era {before}."
    told = OrderEvent.objects.filter(order=shipment.order, text__contains="O Kwai reemitiu o número")
    assert told.count() == 1
    panel = channels.panel(shipment.order_id)
    assert panel is not None
    assert ("Despacho", after.former_code_text) in panel.rows


CHANGES: dict[str, Callable[[Shipment], list[RowResult]]] = {
    "typed": lambda each: tracking_set(codes={each.pk: "OUTRO1"}),
    "taken away": lambda each: tracking_set(codes={each.pk: ""}),
    "packages": lambda each: [packages_set(shipment_id=each.pk, tracking_codes=["OUTRO1", "OUTRO2"])],
    "imported": lambda each: [
        line.result
        for line in tracking_import(source=f"E{each.number};OUTRO1", shipments=Shipment.objects.all())
    ],
}


@pytest.mark.parametrize("way", CHANGES)
def test_the_number_is_read_only_here(envios: Desk, way: str) -> None:
    shipment = arranged(envios)
    (row,) = CHANGES[way](shipment)
    assert row.outcome is RowOutcome.REFUSED
    assert CARES in row.text
    assert shipment_of(shipment.order).tracking_code == shipment.channel_number


@pytest.mark.parametrize("chosen", [ShippedBy.CHANNEL, ShippedBy.SELLER])
def test_an_unknown_shipper_waits_for_a_person(envios: Desk, chosen: ShippedBy) -> None:
    own = ShippingMethod.objects.get(name="Jadlog Package")
    (order,) = envios.orders(overrides={"shippingType": "DRONE"}, status=TO_ARRANGE)
    envios.invoice(order)
    shipment = shipment_of(order)
    assert Order.objects.get(pk=order.pk).shipped_by == ShippedBy.UNKNOWN
    for action in (ChannelAction.ARRANGE_SHIPMENT, ChannelAction.SEND_TRACKING):
        assert "página do pedido" in channels.check(action, [shipment.pk])[shipment.pk]
    assert order_shipper_set(order_id=order.pk, shipped_by=chosen) == ""
    envios.kwai.poll()
    assert Order.objects.get(pk=order.pk).shipped_by == chosen, "Kwai still says nothing"
    arrange = channels.check(ChannelAction.ARRANGE_SHIPMENT, [shipment.pk])[shipment.pk]
    assert bool(arrange) is (chosen is ShippedBy.SELLER)
    fits = shipments_carrier_set(shipment_ids=[shipment.pk], shipping_method_id=own.pk)[0].outcome
    assert fits is (RowOutcome.DONE if chosen is ShippedBy.SELLER else RowOutcome.REFUSED)


@pytest.mark.parametrize("is_on", [True, False])
def test_saying_that_kwai_carries_an_accepted_order_arranges_it_by_rule(envios: Desk, is_on: bool) -> None:
    KwaiSettings.objects.update(auto_arrange=is_on, auto_send_invoice=True)
    (order,) = envios.orders(overrides={"shippingType": ""})
    envios.invoice(order)
    envios.push()  # the note, which is accepted at once
    envios.kwai.poll()
    assert order_shipper_set(order_id=order.pk, shipped_by=ShippedBy.CHANNEL) == ""
    assert PushJob.objects.filter(kind=Kind.ARRANGE_SHIPMENT).exists() is is_on


def test_what_kwai_says_wins_over_a_choice(envios: Desk) -> None:
    (order,) = envios.orders(overrides={"shippingType": ""})
    assert order_shipper_set(order_id=order.pk, shipped_by=ShippedBy.SELLER) == ""
    envios.kwai.change(order.external_id, shippingType="KWAI_ENVIOS")
    envios.kwai.poll()
    assert Order.objects.get(pk=order.pk).shipped_by == ShippedBy.CHANNEL
    assert "já informa" in order_shipper_set(order_id=order.pk, shipped_by=ShippedBy.SELLER)


@pytest.mark.parametrize("default", ShippedBy)
def test_the_store_has_a_default_for_new_orders(envios: Desk, default: ShippedBy) -> None:
    KwaiSettings.objects.update(unknown_shipping=default)
    (order,) = envios.orders(overrides={"shippingType": ""})
    assert Order.objects.get(pk=order.pk).shipped_by == default


@pytest.mark.parametrize("state", [JobState.PENDING, JobState.BLOCKED])
@pytest.mark.parametrize("told_by", ["kwai", "a person"])
def test_what_turns_out_to_be_the_sellers_keeps_nothing_of_kwai(
    envios: Desk, told_by: str, state: JobState
) -> None:
    """Neither its number as our code, nor an arrangement that would hold our own code back."""
    (shipment,) = ready(envios, overrides={"shippingType": "KWAI_ENVIOS" if told_by == "kwai" else ""})
    order = shipment.order
    if told_by == "a person":
        assert order_shipper_set(order_id=order.pk, shipped_by=ShippedBy.CHANNEL) == ""
    facts_request(requests=[arrange_request(shipment)])
    mode = "rejected" if state is JobState.BLOCKED else ""
    PushJob.objects.update(state=state, failure_mode=mode)
    shipments_channel_codes_set(codes={order.pk: ShippingCode("X", "Kwai", "KE1BR")})
    if told_by == "kwai":
        envios.kwai.change(order.external_id, shippingType="SELLER")
        envios.kwai.poll()
    else:
        assert order_shipper_set(order_id=order.pk, shipped_by=ShippedBy.SELLER) == ""
    after = shipment_of(order)
    assert (after.tracking_code, after.channel_number) == ("", "")
    assert OrderEvent.objects.filter(order=order, text__contains="o número KE1BR saiu").count() == 1
    job = job_of(Kind.ARRANGE_SHIPMENT, order)
    assert (job.state, job.last_error) == (JobState.CANCELLED, refusals.SELLERS)


@pytest.mark.parametrize("role", [role for role in KwaiRole if role is not KwaiRole.CLOSED])
@pytest.mark.parametrize("shipping_type", ["KWAI_ENVIOS", "SELLER"])
def test_what_kwai_has_delivered_itself_is_delivered_here(
    envios: Desk, shipping_type: str, role: KwaiRole
) -> None:
    """Nobody is asked, and nothing is pushed by the rule."""
    KwaiSettings.objects.update(auto_confirm_delivery=True)
    if shipping_type == "SELLER":
        (order,) = envios.orders(shippingType="SELLER")
        envios.method = ShippingMethod.objects.get(name="Jadlog Package")
        (shipment,) = envios.shipped([order])
    else:
        shipment = arranged(envios)
        conclude(envios, [shipment])
    code = next(row.code for row in SITUATIONS.values() if row.role is role)
    envios.kwai.change(shipment.order.external_id, orderStatus=int(code))
    for _ in range(2):
        envios.kwai.poll()
    arrived = role in ARRIVED_ROLES and shipping_type == "KWAI_ENVIOS"
    after = shipment_of(shipment.order)
    assert (after.status == ShipmentStatus.DELIVERED) is arrived
    assert not PushJob.objects.filter(kind=Kind.CONFIRM_DELIVERY).exists()
    if arrived:
        assert status_of(shipment.order) == OrderStatus.DELIVERED
        told = OrderEvent.objects.filter(order=shipment.order, kind="shipment_delivered")
        assert told.count() == 1


@pytest.mark.parametrize("state", [JobState.PENDING, JobState.BLOCKED])
def test_codes_that_waited_are_withdrawn_when_kwai_carries_the_order(envios: Desk, state: JobState) -> None:
    (order,) = envios.orders(overrides={"shippingType": ""})
    job = waiting_tracking(envios, order, state)
    envios.kwai.change(order.external_id, shippingType="KWAI_ENVIOS")
    envios.kwai.poll()
    job.refresh_from_db()
    assert (job.state, job.last_error) == (JobState.CANCELLED, NOTHING_TO_SEND)


@pytest.mark.parametrize("state", [JobState.PENDING, JobState.BLOCKED])
def test_the_upgrade_cancels_codes_that_wait_for_what_kwai_carries(envios: Desk, state: JobState) -> None:
    carried, sellers = envios.orders(**ENVIOS)[0], envios.orders(shippingType="SELLER")[0]
    jobs = [waiting_tracking(envios, order, state) for order in (carried, sellers)]
    Order.objects.update(shipped_by=ShippedBy.UNKNOWN)
    import_module("kwai_integration.migrations.0012_orders_say_who_carries").say_who_carries(apps, None)
    assert dict(Order.objects.values_list("pk", "shipped_by")) == {
        carried.pk: ShippedBy.CHANNEL,
        sellers.pk: ShippedBy.SELLER,
    }
    for job in jobs:
        job.refresh_from_db()
    assert [job.state for job in jobs] == [JobState.CANCELLED, state]
    assert jobs[0].last_error == NOTHING_TO_SEND


def waiting_tracking(desk: Desk, order: Order, state: JobState) -> PushJob:
    desk.invoice(order)
    facts_request(requests=[tracking_request(shipment_of(order))])
    job = job_of(Kind.SEND_TRACKING, order)
    mode = "rejected" if state is JobState.BLOCKED else ""
    PushJob.objects.filter(pk=job.pk).update(state=state, failure_mode=mode)
    return job


@pytest.mark.parametrize("kind", LabelKind)
def test_the_label_is_fetched_as_soon_as_the_number_is_here(
    envios: Desk, kind: LabelKind, settings: Any
) -> None:
    KwaiSettings.objects.update(label_format=kind.upper())
    shipment = arranged(envios)
    assert [label_fetch(pk) for pk in labels_due()] == [True]
    row = ShippingLabel.objects.get(shipment=shipment)
    content = (settings.LABELS_DIR / row.file_name).read_bytes()
    assert (row.state, row.kind, row.number) == (LabelState.READY, kind, shipment.channel_number)
    assert content.startswith(b"%PDF" if kind is LabelKind.PDF else b"^XA")


def test_a_label_met_after_the_pickup_is_not_asked_for(envios: Desk) -> None:
    shipment = arranged(envios)
    envios.kwai.change(shipment.order.external_id, orderStatus=SHIPPED)
    envios.kwai.poll()
    assert [label_fetch(pk) for pk in labels_due()] == [False]
    row = ShippingLabel.objects.get()
    assert row.state == LabelState.FAILED
    assert "até a coleta" in row.error
    assert envios.kwai.calls("getShippingLabel") == 0


@pytest.mark.parametrize("kind", ["server_error", "rate_limit", "bad_gateway", "truncated", "timeout"])
def test_a_label_that_does_not_come_is_asked_for_again(envios: Desk, kind: str) -> None:
    arranged(envios)
    envios.fault("getShippingLabel", kind)
    assert [label_fetch(pk) for pk in labels_due()] == [False]
    row = ShippingLabel.objects.get()
    assert (row.state, row.lease_token, labels_due()) == (LabelState.WANTED, None, [])
    assert row.error
    ShippingLabel.objects.update(not_before=timezone.now() - timedelta(seconds=1))
    assert [label_fetch(pk) for pk in labels_due()] == [True]


def test_statements_do_not_grow_with_the_shipments(envios: Desk) -> None:
    few, many = ready(envios, 2), ready(envios, 12)
    counts = []
    for rows in (few, many):
        with CaptureQueriesContext(connection) as queries:
            channels.check(ChannelAction.ARRANGE_SHIPMENT, [each.pk for each in rows])
            envios.ask(ChannelAction.ARRANGE_SHIPMENT, *[each.pk for each in rows])
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_the_orders_page_offers_the_step_to_who_may_take_it(
    envios: Desk, make_user: Callable[..., User], sign_in: Callable[[User], Client], role: str
) -> None:
    (shipment,) = ready(envios)
    page = (
        sign_in(make_user(role, stores=[envios.kwai.store]))
        .get(reverse("sales:order", args=[shipment.order_id]))
        .content.decode()
    )
    address = reverse("expedition:shipment_arrange", args=[shipment.pk])
    assert (address in page) is (role == "operator")
