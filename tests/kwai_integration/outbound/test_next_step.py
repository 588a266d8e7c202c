"""Every order says whose the next step is."""

from __future__ import annotations

from itertools import product

import pytest
from django.urls import reverse
from django.utils import timezone

from erp.sales.models import Order, RefundStatus, ShippedBy
from kwai_integration.client.codes import PAID_ROLES, SITUATIONS, KwaiInvoiceStatus, KwaiRole
from kwai_integration.outbound.next_step import FROZEN, next_step
from tests.kwai_integration.codes import NOBODYS
from tests.kwai_integration.outbound.conftest import Desk

OWNERS = ("Seu: ", "Do Kwai: ", "Do transportador: ", "Do comprador: ", "Nenhum: ")


@pytest.mark.parametrize(
    ("role", "shipper", "note"),
    list(product([*KwaiRole, None], ShippedBy, [*KwaiInvoiceStatus, "", "9"])),
)
def test_every_case_names_an_owner_and_a_step(role, shipper, note):
    order = Order(remote_status=str(NOBODYS), shipped_by=shipper)
    said = next_step(order, role, note)
    assert said.startswith(OWNERS)
    assert said.endswith(".")
    assert (str(NOBODYS) in said) is (role is None)


@pytest.mark.parametrize("role", KwaiRole)
def test_what_freezes_comes_first_while_something_could_still_be_done(role):
    held = Order(hold_reason="análise", shipped_by=ShippedBy.SELLER)
    assert (next_step(held, role, "0") == FROZEN) is (role in PAID_ROLES)
    unclear = Order(closed_at=timezone.now(), handover_unclear=True)
    assert next_step(unclear, KwaiRole.CLOSED, "2") == FROZEN
    refunded = Order(refund_open=True, refund_status=RefundStatus.PAID)
    assert next_step(refunded, KwaiRole.TO_ARRANGE, "2") == FROZEN


@pytest.mark.django_db
@pytest.mark.parametrize("code", [*SITUATIONS, str(NOBODYS)])
def test_the_page_of_an_order_shows_it(desk: Desk, admin, sign_in, code):
    (order,) = desk.orders()
    desk.kwai.change(order.external_id, orderStatus=int(code))
    desk.kwai.poll()
    page = sign_in(admin).get(reverse("sales:order", args=[order.pk])).content.decode()
    assert "Próximo passo" in page
    assert any(owner in page for owner in OWNERS)
