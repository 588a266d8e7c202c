"""What may be sent where: asked by the menu, by the command, and on the order as Kwai has it right before the
call. Notes under review make shipping wait; unknown situations send nothing."""

from __future__ import annotations

import re
import time
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from erp import channels
from erp.channels import ChannelAction, RowOutcome
from erp.outbox.models import PushJob
from erp.outbox.request import facts_request
from erp.outbox.statuses import FailureMode, JobState, WaitReason
from erp.sales.models import Order
from erp.sales.statuses import OrderStatus
from expedition.models import Shipment
from kwai_integration.client.writes import Permit, Write, may
from kwai_integration.inbound.reprocess import orders_reprocess
from kwai_integration.models import StatusMapping
from kwai_integration.outbound.kinds import Kind
from kwai_integration.outbound.push_requests import delivery_request, invoice_request, tracking_request
from kwai_integration.wire.codes import SITUATIONS, KwaiInvoiceStatus, KwaiRole
from tests.kwai_integration.codes import NOBODYS, PICKUP, SHIPPED
from tests.kwai_integration.outbound.conftest import Desk, job_of, status_of

pytestmark = pytest.mark.django_db

ACTIONS = {
    ChannelAction.SEND_INVOICE: (Write.UPLOAD_INVOICE, Kind.SEND_INVOICE),
    ChannelAction.SEND_TRACKING: (Write.SHIP_ORDER, Kind.SEND_TRACKING),
    ChannelAction.CONFIRM_DELIVERY: (Write.CONFIRM_DELIVERY, Kind.CONFIRM_DELIVERY),
}
WISHES = {
    ChannelAction.SEND_INVOICE: lambda shipment: invoice_request(shipment.invoice, shipment.order),
    ChannelAction.SEND_TRACKING: tracking_request,
    ChannelAction.CONFIRM_DELIVERY: delivery_request,
}
CALLS = {
    Write.UPLOAD_INVOICE: "uploadInvoice",
    Write.SHIP_ORDER: "shipOrder",
    Write.CONFIRM_DELIVERY: "confirmDelivery",
}
CODES = [*SITUATIONS, str(NOBODYS)]


def role_of(code: str) -> KwaiRole | None:
    return SITUATIONS[code].role if code in SITUATIONS else None


def row_of(action: ChannelAction, shipment: Shipment) -> int:
    return shipment.invoice_id if action is ChannelAction.SEND_INVOICE else shipment.pk  # type: ignore[return-value]


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("code", CODES)
def test_menu_and_command_refuse_what_the_table_forbids(desk: Desk, action: ChannelAction, code: str) -> None:
    (order,) = desk.orders()
    (shipment,) = desk.shipped([order])
    Order.objects.filter(pk=order.pk).update(remote_status=code)
    write, _ = ACTIONS[action]
    permit = may(write, role_of(code), hold=False, refund=False)
    row = row_of(action, shipment)
    greyed = channels.check(action, [row])[row]
    (answer,) = desk.ask(action, row)
    allowed = permit in (Permit.YES, Permit.DONE, Permit.NOT_YET)
    assert (greyed == "", answer.outcome is not RowOutcome.REFUSED) == (allowed, allowed)
    assert PushJob.objects.exists() is allowed
    if permit is Permit.FORBIDDEN:
        assert SITUATIONS[code].label in greyed
        assert answer.text == greyed
    if permit is Permit.UNKNOWN:
        assert str(NOBODYS) in greyed
        assert "Mapeamentos" in greyed


@pytest.mark.parametrize("code", [code for code in CODES if role_of(code) is not KwaiRole.CLOSED])
@pytest.mark.parametrize("action", [ChannelAction.SEND_INVOICE, ChannelAction.SEND_TRACKING])
def test_the_handler_asks_the_order_as_kwai_has_it(desk: Desk, action: ChannelAction, code: str) -> None:
    """The command saw a paid order; Kwai has moved on since."""
    (order,) = desk.orders()
    (shipment,) = desk.shipped([order])
    desk.ask(action, row_of(action, shipment))
    if action is ChannelAction.SEND_TRACKING:
        desk.ask(ChannelAction.SEND_INVOICE, row_of(ChannelAction.SEND_INVOICE, shipment))
        PushJob.objects.filter(kind=Kind.SEND_INVOICE).delete()
    desk.kwai.change(order.external_id, orderStatus=int(code))
    desk.push()
    write, kind = ACTIONS[action]
    sent = [row["call"] for row in desk.remote(order)["writes"] if row["applied"]]
    permit = may(write, role_of(code), hold=False, refund=False)
    job = job_of(kind, order)
    if permit is Permit.YES:
        assert (job.state, len(sent)) == (JobState.DONE, 1)
    elif permit in (Permit.NOT_YET, Permit.UNKNOWN):
        assert (job.state, job.waiting_for, sent) == (JobState.PENDING, WaitReason.CHECK, [])
    else:
        assert (job.state, job.failure_mode, sent) == (JobState.BLOCKED, FailureMode.REJECTED, [])


@pytest.mark.parametrize("action", ACTIONS)
def test_what_waits_for_a_role_goes_once_a_person_gave_it(desk: Desk, action: ChannelAction) -> None:
    """However long that takes: nothing is lost, and nobody has to ask again."""
    (order,) = desk.orders()
    (shipment,) = desk.shipped([order])
    write, kind = ACTIONS[action]
    role = {Write.UPLOAD_INVOICE: KwaiRole.AWAITING_INVOICE, Write.SHIP_ORDER: KwaiRole.TO_ARRANGE}.get(
        write, KwaiRole.SHIPPED
    )
    facts_request(requests=[WISHES[action](shipment)])
    desk.kwai.change(order.external_id, orderStatus=NOBODYS, invoiceStatus=2)
    desk.kwai.poll()
    PushJob.objects.update(requested_at=timezone.now() - timedelta(days=30))
    desk.push()
    job = job_of(kind, order)
    assert (job.state, job.waiting_for) == (JobState.PENDING, WaitReason.CHECK)
    assert f"situação {NOBODYS} do Kwai não é conhecida: diga em Mapeamentos" in job.last_error
    assert desk.push() == 0
    with transaction.atomic():
        StatusMapping.objects.create(
            store=desk.kwai.store, remote_code=str(NOBODYS), status=OrderStatus.APPROVED, role=role
        )
        orders_reprocess(store_id=desk.kwai.store.pk, situations=[str(NOBODYS)], shippings=[], payments=[])
    assert desk.push() == 1
    job.refresh_from_db()
    # The emulator knows no such situation, so it refuses: what matters is that the push was made.
    assert desk.kwai.calls(CALLS[write]) == 1


def test_a_role_given_by_a_person_opens_what_it_permits(desk: Desk) -> None:
    (order,) = desk.orders()
    (shipment,) = desk.shipped([order])
    desk.ask(ChannelAction.SEND_INVOICE, row_of(ChannelAction.SEND_INVOICE, shipment))
    desk.push()
    StatusMapping.objects.create(
        store=desk.kwai.store,
        remote_code=str(NOBODYS),
        status=OrderStatus.APPROVED,
        role=KwaiRole.TO_ARRANGE,
    )
    Order.objects.filter(pk=order.pk).update(remote_status=str(NOBODYS))
    assert channels.check(ChannelAction.SEND_TRACKING, [shipment.pk])[shipment.pk] == ""


def test_a_role_given_by_a_person_never_moves_a_known_code(desk: Desk) -> None:
    (order,) = desk.orders()
    (shipment,) = desk.shipped([order])
    StatusMapping.objects.filter(remote_code=str(SHIPPED)).update(role=KwaiRole.TO_ARRANGE)
    Order.objects.filter(pk=order.pk).update(remote_status=str(SHIPPED))
    assert channels.check(ChannelAction.SEND_TRACKING, [shipment.pk])[shipment.pk] != ""


@pytest.mark.parametrize("review", ["accept", "wait", "refuse_later"])
def test_one_click_sends_note_and_code_whenever_the_review_ends(desk: Desk, review: str) -> None:
    """The article's one click: at once, later, or refused later."""
    desk.kwai.sandbox.control("PUT", "settings", {"invoiceReview": review, "invoiceReviewMs": 1})
    (order,) = desk.orders()
    (shipment,) = desk.shipped([order])
    desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    desk.push()
    if review == "accept":
        assert status_of(order) == OrderStatus.SHIPPED
        return
    if review == "wait":
        job = job_of(Kind.SEND_TRACKING, order)
        assert (job.state, job.waiting_for) == (JobState.PENDING, WaitReason.CHECK)
        assert re.fullmatch(r"aguardando o Kwai aceitar a NF-e, enviada (às \d\d:\d\d|em .+)", job.last_error)
        assert desk.push() == 0
        desk.kwai.sandbox.control("POST", f"orders/{order.external_id}/accept_invoice", {})
        desk.kwai.poll()
        assert desk.push() == 1
        assert status_of(order) == OrderStatus.SHIPPED
        return
    for _ in range(100):
        if desk.remote(order)["order"]["invoiceStatus"] == int(KwaiInvoiceStatus.REFUSED):
            break
        time.sleep(0.05)
    desk.push_later()
    job = job_of(Kind.SEND_TRACKING, order)
    assert (job.state, job.failure_mode) == (JobState.BLOCKED, FailureMode.REJECTED)
    assert "recusou a NF-e" in job.last_error
    assert [row["call"] for row in desk.remote(order)["writes"] if row["applied"]] == ["uploadInvoice"]


@pytest.mark.parametrize("leads_to", [SHIPPED, PICKUP])
@pytest.mark.parametrize("kind", ["timeout", "bad_gateway", "truncated"])
def test_a_code_whose_answer_was_lost_is_found_by_content(desk: Desk, leads_to: int, kind: str) -> None:
    """Whether a ship call leads to one situation or the other is assumed; both must be right."""
    desk.kwai.sandbox.control("PUT", "settings", {"shipLeadsTo": leads_to})
    (order,) = desk.orders()
    (shipment,) = desk.shipped([order])
    desk.fault("shipOrder", kind, "before")
    desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    desk.push()
    desk.push_later()
    assert job_of(Kind.SEND_TRACKING, order).state == JobState.DONE
    assert desk.remote(order)["status"] == leads_to
    shipped = [row for row in desk.remote(order)["writes"] if row["call"] == "shipOrder"]
    assert [row["applied"] for row in shipped] == [True]
    assert desk.doubled() == []


def test_delivery_while_the_carrier_has_not_scanned_names_the_situation(desk: Desk) -> None:
    desk.kwai.sandbox.control("PUT", "settings", {"shipLeadsTo": PICKUP})
    (order,) = desk.orders()
    (shipment,) = desk.shipped([order])
    desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    desk.push()
    desk.kwai.poll()
    (answer,) = desk.ask(ChannelAction.CONFIRM_DELIVERY, shipment.pk)
    assert answer.outcome is RowOutcome.REFUSED
    assert SITUATIONS[str(PICKUP)].label in answer.text
