"""Every order says whose the next step is."""

from __future__ import annotations

from itertools import product

import pytest
from django.urls import reverse
from django.utils import timezone

from erp.channels import ChannelAction, Owner
from erp.outbox.models import PushJob
from erp.outbox.statuses import JobState
from erp.sales.models import Order, OrderEvent, RefundStatus, ShippedBy
from invoices.models import Invoice, InvoiceStatus
from kwai_integration.models import KwaiOrder, StatusMapping
from kwai_integration.outbound.badges import LINES_KEPT
from kwai_integration.outbound.next_step import FROZEN, HELD, REFUND_ASKED, next_step
from kwai_integration.situations import situations
from kwai_integration.wire.codes import PAID_ROLES, SITUATIONS, KwaiInvoiceStatus, KwaiRole
from tests.kwai_integration.codes import NOBODYS
from tests.kwai_integration.outbound.conftest import Desk


@pytest.mark.parametrize(
    ("role", "shipper", "note"),
    list(product([*KwaiRole, None], ShippedBy, [*KwaiInvoiceStatus, "", "9"])),
)
def test_every_case_names_an_owner_and_a_step(role, shipper, note):
    order = Order(remote_status=str(NOBODYS), shipped_by=shipper)
    said = next_step(order, role, note)
    assert said.owner in Owner
    assert said.text.endswith(".")
    assert (str(NOBODYS) in said.text) is (role is None)


@pytest.mark.parametrize("role", KwaiRole)
def test_what_freezes_comes_first_while_something_could_still_be_done(role):
    held = Order(hold_reason="análise", shipped_by=ShippedBy.SELLER)
    assert (next_step(held, role, "0") == HELD) is (role in PAID_ROLES)
    unclear = Order(closed_at=timezone.now(), handover_unclear=True)
    assert next_step(unclear, KwaiRole.CLOSED, "2") == FROZEN
    refunded = Order(status="approved", refund_open=True, refund_status=RefundStatus.PAID)
    assert next_step(refunded, KwaiRole.TO_ARRANGE, "2") == FROZEN


@pytest.mark.django_db
@pytest.mark.parametrize("code", [*SITUATIONS, str(NOBODYS)])
def test_the_page_of_an_order_says_whose_turn_it_is(desk: Desk, admin, sign_in, code):
    (order,) = desk.orders()
    desk.kwai.change(order.external_id, orderStatus=int(code))
    desk.kwai.poll()
    page = sign_in(admin).get(reverse("sales:order", args=[order.pk])).content.decode()
    ended = situations().role(code) in (KwaiRole.DELIVERED, KwaiRole.COMPLETED, KwaiRole.CLOSED)
    assert ("Agora é " in page) is not ended
    if code == str(NOBODYS):
        assert page.count("mapeamentos/#situation") >= 2


def primary(client, order):
    """The words of the page's blue button, or None."""
    found = client.get(reverse("sales:order", args=[order.pk])).context["primary"]
    return found and found.button


@pytest.mark.django_db
def test_the_button_is_the_operators_next_step(desk: Desk, admin, sign_in):
    (order,) = desk.orders()
    client = sign_in(admin)
    assert primary(client, order) == "Gerar nota fiscal"
    note = desk.invoice(order)
    assert primary(client, order) == "Enviar nota fiscal"
    desk.ask(ChannelAction.SEND_INVOICE, note.pk)
    PushJob.objects.update(last_error="o Kwai pediu calma")
    assert primary(client, order) is None
    page = client.get(reverse("sales:order", args=[order.pk])).content.decode()
    assert "Agora é o ERP" in page
    assert ": o Kwai pediu calma</div>" in page
    PushJob.objects.update(state=JobState.BLOCKED, failure_mode="rejected", last_error="CFOP errado")
    assert primary(client, order) == "Resolver envio parado"
    page = client.get(reverse("sales:order", args=[order.pk])).content.decode()
    assert "NF-e não enviada: CFOP errado</div>" in page


@pytest.mark.django_db
def test_a_refused_note_is_corrected_and_a_new_push_of_it_awaited(desk: Desk, admin, sign_in):
    (order,) = desk.orders()
    client, note = sign_in(admin), desk.invoice(order)
    KwaiOrder.objects.update(invoice_status=KwaiInvoiceStatus.REFUSED)
    assert primary(client, order) == "Corrigir nota fiscal"
    desk.ask(ChannelAction.SEND_INVOICE, note.pk)
    assert primary(client, order) is None
    PushJob.objects.update(state=JobState.DONE, finished_at=timezone.now())
    assert primary(client, order) == "Corrigir nota fiscal"


@pytest.mark.django_db
def test_no_second_note_for_an_order_whose_note_is_elsewhere(desk: Desk, admin, sign_in):
    (order,) = desk.orders()
    (code,) = situations().codes([KwaiRole.TO_ARRANGE])
    KwaiOrder.objects.update(remote_status=code)
    Order.objects.update(remote_status=code, shipped_by=ShippedBy.SELLER)
    client = sign_in(admin)
    assert primary(client, order) == "Enviar XML da nota"
    desk.invoice(order)
    assert primary(client, order) == "Abrir expedição"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "fields",
    [
        {"status": "cancelled"},
        {"closed_at": timezone.now()},
        {"refund_open": True, "refund_status": "asked"},
        {"refund_open": True, "refund_status": "paid"},
        {"hold_reason": "análise"},
    ],
)
def test_a_frozen_order_has_no_button(desk: Desk, admin, sign_in, fields):
    (order,) = desk.orders()
    Order.objects.update(**fields)
    assert primary(sign_in(admin), order) is None


@pytest.mark.django_db
def test_a_code_is_called_by_what_a_person_said_it_means(desk: Desk, admin, sign_in):
    (order,) = desk.orders()
    desk.kwai.change(order.external_id, orderStatus=NOBODYS)
    desk.kwai.poll()
    client = sign_in(admin)
    pages = [reverse("sales:order", args=[order.pk]), reverse("kwai:orders")]
    assert all(f"Não mapeada ({NOBODYS})" in client.get(page).content.decode() for page in pages)
    notice = f"situação {NOBODYS} do Kwai"
    assert notice in client.get(reverse("web:home")).content.decode()
    StatusMapping.objects.update_or_create(
        store=order.store, remote_code=str(NOBODYS), defaults={"status": "approved", "role": "to_arrange"}
    )
    for page in [*pages, reverse("kwai:order", args=[order.kwai_order.pk])]:
        content = client.get(page).content.decode()
        assert "Não mapeada" not in content.split("Linha do tempo")[0] + content.split("Kwai Shop</h2>")[-1]
        assert f"({NOBODYS})" in content
    assert notice not in client.get(reverse("web:home")).content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(("status", "shows"), [("invoiced", True), ("shipped", False), ("cancelled", False)])
def test_lines_that_were_not_taken_over_are_said_until_the_parcel_leaves(
    desk: Desk, admin, sign_in, status, shows
):
    (order,) = desk.orders()
    OrderEvent.objects.create(order=order, kind=LINES_KEPT, text="Os daqui foram mantidos.")
    Order.objects.update(status=status)
    page = sign_in(admin).get(reverse("sales:order", args=[order.pk]))
    assert bool(page.context["channel_panel"].warnings) is shows
    assert page.content.decode().count("Os daqui foram mantidos.") == 1 + shows


def test_a_hold_and_a_refund_that_is_asked_for_are_kwais_turn():
    held = Order(hold_reason="análise", shipped_by=ShippedBy.SELLER)
    assert next_step(held, KwaiRole.TO_ARRANGE, "2") == HELD
    asked = Order(status="approved", refund_open=True, refund_status=RefundStatus.ASKED)
    assert next_step(asked, KwaiRole.TO_ARRANGE, "2") == REFUND_ASKED


@pytest.mark.django_db
def test_what_kwai_says_of_a_replaced_note_is_not_said_of_the_new_one(desk: Desk, admin, sign_in):
    (order,) = desk.orders()
    client, note = sign_in(admin), desk.invoice(order)
    desk.ask(ChannelAction.SEND_INVOICE, note.pk)
    PushJob.objects.update(state=JobState.DONE, finished_at=timezone.now())
    KwaiOrder.objects.update(invoice_status=KwaiInvoiceStatus.REFUSED)
    assert primary(client, order) == "Corrigir nota fiscal"
    Invoice.objects.filter(pk=note.pk).update(status=InvoiceStatus.CANCELLED, cancelled_at=timezone.now())
    newer = desk.invoice(order)
    assert primary(client, order) == "Enviar nota fiscal"
    desk.ask(ChannelAction.SEND_INVOICE, newer.pk)
    assert primary(client, order) is None
