"""The first push of each kind, from the page a person sees to what is read back from the emulator."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from erp.accounts.models import User
from erp.channels import ChannelAction
from erp.clock import after
from erp.outbox import clearance, refusals
from erp.outbox.models import FirstPush, PushJob
from erp.outbox.request import facts_request
from erp.outbox.statuses import FirstStage, JobState
from erp.sales.models import Order
from expedition.models import Shipment
from invoices.models import Invoice
from kwai_integration.models import KwaiSettings
from kwai_integration.outbound import first
from kwai_integration.outbound.arranging import arrange_request
from kwai_integration.outbound.handlers import invoice
from kwai_integration.outbound.kinds import Kind
from kwai_integration.outbound.push_requests import delivery_request, invoice_request, tracking_request
from tests.kwai_integration.codes import PAID as AWAITING_INVOICE
from tests.kwai_integration.codes import SHIPPED, TO_ARRANGE
from tests.kwai_integration.outbound.conftest import Desk, job_of

pytestmark = pytest.mark.django_db

SignIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def _on(settings: Any) -> None:
    settings.KWAI_CONFIRM_FIRST_PUSH = True


def asked(desk: Desk) -> tuple[Order, Shipment]:
    (order,) = desk.orders()
    (shipment,) = desk.shipped([order], ["JD000000001"])
    desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    return order, shipment


def press(client: Client, job: PushJob, do: str) -> Any:
    return client.post(reverse("kwai:job_first", args=[job.pk]), {"do": do}, follow=True)


def page(client: Client, job: PushJob) -> str:
    return client.get(reverse("kwai:job", args=[job.pk])).content.decode()


def worked(desk: Desk) -> None:
    desk.push_later()
    clearance.checks_run()


def expect_later(shipment: Shipment) -> None:
    Shipment.objects.update(expected_delivery_on=timezone.localdate() + timedelta(days=30))


def arranged_otherwise(shipment: Shipment) -> None:
    KwaiSettings.objects.update(arrange_handover="DROP_OFF")


CHANGES = [
    (Kind.SEND_INVOICE, lambda shipment: Invoice.objects.update(series=9)),
    (Kind.ARRANGE_SHIPMENT, arranged_otherwise),
    (Kind.SEND_TRACKING, expect_later),
    (Kind.CONFIRM_DELIVERY, lambda shipment: Shipment.objects.update(delivered_at=timezone.now())),
]
FACTS = {
    Kind.SEND_INVOICE: lambda shipment: invoice_request(shipment.invoice, shipment.order),
    Kind.ARRANGE_SHIPMENT: arrange_request,
    Kind.SEND_TRACKING: tracking_request,
    Kind.CONFIRM_DELIVERY: delivery_request,
}
TAKES = {Kind.SEND_INVOICE: AWAITING_INVOICE, Kind.CONFIRM_DELIVERY: SHIPPED}


def ready_for(desk: Desk, kind: Kind) -> tuple[Shipment, PushJob]:
    """A push of `kind` that Kwai would take, alone in the queue."""
    shipping_type = "KWAI_ENVIOS" if kind is Kind.ARRANGE_SHIPMENT else "SELLER"
    (order,) = desk.orders(shippingType=shipping_type)
    if kind is Kind.ARRANGE_SHIPMENT:
        desk.invoice(order)
        shipment = Shipment.objects.for_screens().get(order=order)
    else:
        (shipment,) = desk.shipped([order], ["JD000000001"])
    desk.kwai.change(order.external_id, orderStatus=TAKES.get(kind, TO_ARRANGE), invoiceStatus=0)
    facts_request(requests=[FACTS[kind](shipment)])
    return shipment, job_of(kind, order)


@pytest.mark.parametrize("when", ["page", "release"])
@pytest.mark.parametrize(("kind", "change"), CHANGES)
def test_only_what_was_seen_leaves(
    desk: Desk, operator: User, sign_in: SignIn, kind: Kind, change: Any, when: str
) -> None:
    client = sign_in(operator)
    shipment, job = ready_for(desk, kind)
    seen = re.findall(r'name="seen" value="(\w+)"', page(client, job))
    url = reverse("kwai:job_first", args=[job.pk])
    if when == "page":
        change(shipment)
    client.post(url, {"do": "send", "seen": seen})
    if when == "release":
        change(shipment)
    worked(desk)
    job.refresh_from_db()
    assert desk.kwai.sandbox.control("GET", "ledger")["rows"] == []
    assert job.state == JobState.PENDING
    assert FirstPush.objects.get(kind=kind).stage is FirstStage.WAITING
    if when == "release":
        assert refusals.CHANGED in page(client, job)


@pytest.mark.parametrize("kind", list(Kind))
def test_what_was_seen_leaves_however_late(desk: Desk, operator: User, sign_in: SignIn, kind: Kind) -> None:
    """Nothing of a preview is told by the clock."""
    client = sign_in(operator)
    _, job = ready_for(desk, kind)
    (seen,) = re.findall(r'name="seen" value="(\w+)"', page(client, job))
    PushJob.objects.filter(pk=job.pk).update(not_before=after(timedelta(seconds=-1)))
    time.sleep(1.1)
    client.post(reverse("kwai:job_first", args=[job.pk]), {"do": "send", "seen": seen})
    worked(desk)
    job.refresh_from_db()
    assert job.state == JobState.DONE, job.last_error


def test_every_kind_is_followed() -> None:
    assert set(first.PLANS) == set(Kind)


def test_a_new_store_sends_each_kind_once_a_person_saw_it(
    desk: Desk, operator: User, sign_in: SignIn
) -> None:
    client = sign_in(operator)
    order, shipment = asked(desk)
    assert desk.push() == 0
    for kind, words in [
        (Kind.SEND_INVOICE, "confirmado"),
        (Kind.SEND_TRACKING, "JD000000001"),
        (Kind.CONFIRM_DELIVERY, "confirmado"),
    ]:
        if kind is Kind.CONFIRM_DELIVERY:
            desk.ask(ChannelAction.CONFIRM_DELIVERY, shipment.pk)
        worked(desk)
        job = job_of(kind, order)
        assert job.state == JobState.PENDING
        assert "espera a sua conferência" in page(client, job)
        press(client, job, "send")
        worked(desk)
        job.refresh_from_db()
        assert job.state == JobState.DONE
        row = FirstPush.objects.get(kind=kind)
        assert (row.stage, row.released_by) == (FirstStage.CLEARED, operator), row.compared
        assert words in page(client, job)
    later, _ = asked_again(desk)
    worked(desk)
    assert job_of(Kind.SEND_TRACKING, later).state == JobState.DONE


def asked_again(desk: Desk) -> tuple[Order, Shipment]:
    (order,) = desk.orders()
    (shipment,) = desk.shipped([order], ["JD000000002"])
    desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    return order, shipment


def test_the_page_shows_what_will_be_sent(desk: Desk, operator: User, sign_in: SignIn) -> None:
    order, shipment = asked(desk)
    note = shipment.invoice
    assert note is not None
    shown = page(sign_in(operator), job_of(Kind.SEND_INVOICE, order))
    for words in (
        "POST /rest/open/api/trade/merchant/uploadInvoice",
        order.external_id,
        note.access_key,
        str(note.total),
        "R$",
        "arquivo XML da NF-e",
    ):
        assert words in shown
    assert "JD000000001" in page(sign_in(operator), job_of(Kind.SEND_TRACKING, order))


def test_who_may_not_send_sees_no_personal_data_and_no_button(
    desk: Desk, operator: User, viewer: User, sign_in: SignIn
) -> None:
    order, _ = asked(desk)
    job = job_of(Kind.SEND_TRACKING, order)
    shown = page(sign_in(viewer), job)
    assert "JD000000001" not in shown
    assert "•••" in shown
    assert 'value="withhold"' not in shown
    assert sign_in(viewer).post(reverse("kwai:job_first", args=[job.pk]), {"do": "send"}).status_code == 403
    assert 'value="withhold"' in page(sign_in(operator), job)


def test_another_companys_push_cannot_be_let_go(desk: Desk, other_company: Any, sign_in: SignIn) -> None:
    order, _ = asked(desk)
    stranger = User.objects.create_user(username="x", company=other_company, role="admin")
    job = job_of(Kind.SEND_INVOICE, order)
    url = reverse("kwai:job_first", args=[job.pk])
    assert sign_in(stranger).post(url, {"do": "send"}).status_code == 404
    assert FirstPush.objects.filter(job__isnull=False).count() == 0


def test_the_names_and_paths_in_force_are_what_is_shown(
    desk: Desk, operator: User, sign_in: SignIn, settings: Any
) -> None:
    order, _ = asked(desk)
    settings.KWAI_FIELDS = {"invoice_upload.access_key": "chaveNFe"}
    settings.KWAI_PATHS = {"upload_invoice": "/rest/open/api/nota"}
    shown = page(sign_in(operator), job_of(Kind.SEND_INVOICE, order))
    assert "chaveNFe" in shown
    assert "POST /rest/open/api/nota" in shown


def test_a_notice_above_every_page_leads_there(
    desk: Desk, operator: User, viewer: User, sign_in: SignIn
) -> None:
    order, _ = asked(desk)
    link = reverse("kwai:job", args=[job_of(Kind.SEND_INVOICE, order).pk])
    home = sign_in(operator).get(reverse("web:home")).content.decode()
    assert "primeiro envio de Dados da NF-e espera a sua conferência" in home
    assert link in home
    assert "primeiro envio" not in sign_in(viewer).get(reverse("web:home")).content.decode()


def test_the_list_says_why_each_waits(desk: Desk, operator: User, sign_in: SignIn) -> None:
    orders = desk.orders(2)
    for order in orders:
        desk.ask(ChannelAction.SEND_INVOICE, desk.invoice(order).pk)
    shown = sign_in(operator).get(reverse("kwai:jobs")).content.decode()
    assert "Espera a sua conferência: é o primeiro envio deste tipo nesta loja." in shown
    assert "Espera o primeiro envio deste tipo nesta loja (espera a sua conferência)." in shown


def test_not_sending_cancels_and_the_next_asks(desk: Desk, operator: User, sign_in: SignIn) -> None:
    client = sign_in(operator)
    first_order, second_order = desk.orders(2)
    for order in (first_order, second_order):
        desk.ask(ChannelAction.SEND_INVOICE, desk.invoice(order).pk)
    press(client, job_of(Kind.SEND_INVOICE, first_order), "withhold")
    assert job_of(Kind.SEND_INVOICE, first_order).state == JobState.CANCELLED
    worked(desk)
    assert desk.remote(first_order)["invoice"] is None
    home = client.get(reverse("web:home")).content.decode()
    assert reverse("kwai:job", args=[job_of(Kind.SEND_INVOICE, second_order).pk]) in home


def test_what_the_platform_took_under_another_name_is_told(
    desk: Desk, operator: User, sign_in: SignIn
) -> None:
    """A platform that drops the code silently: the push is done, reading back says nothing is there."""
    client = sign_in(operator)
    order, _ = asked(desk)
    press(client, job_of(Kind.SEND_INVOICE, order), "send")
    worked(desk)
    job = job_of(Kind.SEND_TRACKING, order)
    press(client, job, "send")
    desk.push_later()
    desk.kwai.sandbox.control("PATCH", f"orders/{order.external_id}", {"trackingNumber": ""})
    for _ in range(len(clearance.LOOKS) + 1):
        clearance.checks_run()
        FirstPush.objects.update(check_at=after(timedelta(seconds=-1)))
    shown = page(client, job)
    assert "diferente" in shown
    assert "nada" in shown
    press(client, job, "clear")
    row = FirstPush.objects.get(kind=Kind.SEND_TRACKING)
    assert (row.stage, row.cleared_by) == (FirstStage.CLEARED, operator)


def test_a_refused_first_note_is_said(desk: Desk, operator: User, sign_in: SignIn) -> None:
    client = sign_in(operator)
    order, _ = asked(desk)
    job = job_of(Kind.SEND_INVOICE, order)
    desk.kwai.sandbox.control("PUT", "settings", {"invoiceReview": "refuse"})
    press(client, job, "send")
    worked(desk)
    assert FirstPush.objects.get(kind=Kind.SEND_INVOICE).stage is FirstStage.BLOCKED
    home = client.get(reverse("web:home")).content.decode()
    assert "primeiro envio de Dados da NF-e está parado" in home


def test_a_note_that_is_gone_cannot_be_shown_or_sent(desk: Desk, operator: User, sign_in: SignIn) -> None:
    order, shipment = asked(desk)
    assert shipment.invoice is not None
    job = job_of(Kind.SEND_INVOICE, order)
    type(shipment.invoice).objects.filter(pk=shipment.invoice.pk).update(
        status="cancelled", cancelled_at=timezone.now()
    )
    shown = page(sign_in(operator), job)
    assert invoice.WITHDRAWN in shown


def test_a_store_that_has_pushed_before_is_not_asked(desk: Desk, settings: Any) -> None:
    settings.KWAI_CONFIRM_FIRST_PUSH = False
    order, _ = asked(desk)
    worked(desk)
    assert job_of(Kind.SEND_TRACKING, order).state == JobState.DONE


def test_the_demonstration_is_not_followed() -> None:
    code = "from erp.settings import kwai; print(kwai.KWAI_CONFIRM_FIRST_PUSH)"
    for demo, expected in (("1", "False"), ("0", "True")):
        found = subprocess.run(
            [sys.executable, "-c", code],
            env={"ERP_DEMO": demo, "ERP_READ_ENV": "0", "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        )
        assert found.stdout.strip() == expected


def test_pages_cost_the_same_for_many(desk: Desk, operator: User, sign_in: SignIn) -> None:
    client = sign_in(operator)
    costs = []
    for count in (1, 6):
        for order in desk.orders(count):
            desk.ask(ChannelAction.SEND_INVOICE, desk.invoice(order).pk)
        client.get(reverse("kwai:jobs"))
        with CaptureQueriesContext(connection) as statements:
            client.get(reverse("kwai:jobs"))
        costs.append(len(statements))
    assert costs[0] == costs[1]


def test_the_first_arranged_shipment_is_followed(desk: Desk, operator: User, sign_in: SignIn) -> None:
    client = sign_in(operator)
    (order,) = desk.orders(shippingType="KWAI_ENVIOS")
    desk.ask(ChannelAction.SEND_INVOICE, desk.invoice(order).pk)
    press(client, job_of(Kind.SEND_INVOICE, order), "send")
    worked(desk)
    desk.ask(ChannelAction.ARRANGE_SHIPMENT, Shipment.objects.get(order=order).pk)
    worked(desk)
    job = job_of(Kind.ARRANGE_SHIPMENT, order)
    assert job.state == JobState.PENDING
    assert "POST /rest/open/api/logistics/arrangeShipment" in page(client, job)
    press(client, job, "send")
    worked(desk)
    row = FirstPush.objects.get(kind=Kind.ARRANGE_SHIPMENT)
    assert row.stage is FirstStage.CLEARED, row.compared
    assert [one["is_equal"] for one in row.compared] == [True, True]
