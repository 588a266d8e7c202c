"""What only a person decides: releasing a refunded order, and what became of a closed order's parcel."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from erp.accounts.models import User
from erp.sales.models import Order, OrderEvent, RefundStatus
from erp.sales.statuses import OrderStatus
from tests.kwai_integration.inbound.conftest import detail, kwai_store, sku
from tests.kwai_integration.inbound.test_receive import take_in

__all__ = ["kwai_store", "sku"]
SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db


@pytest.fixture
def order(kwai_store, sku) -> Order:
    take_in(kwai_store, detail())
    return Order.objects.get()


def test_the_page_says_why_and_offers_the_decision(order: Order, admin: User, sign_in: SignIn) -> None:
    Order.objects.update(
        refund_status=RefundStatus.PAID, refund_open=True, refund_amount=11_000, refund_reason="Desistiu"
    )
    client = sign_in(admin)
    page = client.get(reverse("sales:order", args=[order.pk])).content.decode()
    assert "O comprador foi reembolsado" in page
    assert "liberar mesmo assim" in page
    assert "R$\xa0110,00" in page or "R$ 110,00" in page
    assert "Desistiu" in page
    assert client.post(reverse("sales:order_release", args=[order.pk])).status_code == 302
    address = reverse("sales:order_release", args=[order.pk])
    assert address not in client.get(reverse("sales:order", args=[order.pk])).content.decode()
    assert Order.objects.get().frozen_reason == ""


@pytest.mark.parametrize("refund", [RefundStatus.ASKED, RefundStatus.UNKNOWN])
def test_a_refund_that_runs_offers_no_release(
    order: Order, admin: User, sign_in: SignIn, refund: RefundStatus
) -> None:
    Order.objects.update(refund_status=refund, refund_open=True)
    client = sign_in(admin)
    page = client.get(reverse("sales:order", args=[order.pk])).content.decode()
    assert "liberar mesmo assim" not in page
    client.post(reverse("sales:order_release", args=[order.pk]))
    assert Order.objects.get().refund_open


@pytest.mark.parametrize(
    ("came_back", "status", "words"),
    [("1", OrderStatus.CANCELLED, "voltou"), ("0", OrderStatus.DELIVERED, "entregue")],
)
def test_a_person_says_what_became_of_the_parcel(
    order: Order, admin: User, sign_in: SignIn, came_back: str, status: OrderStatus, words: str
) -> None:
    Order.objects.update(closed_at=timezone.now(), handover_unclear=True, status=OrderStatus.READY_TO_SHIP)
    client = sign_in(admin)
    page = client.get(reverse("sales:order", args=[order.pk])).content.decode()
    assert "o pacote voltou" in page
    assert "foi entregue" in page
    address = reverse("sales:order_handover", args=[order.pk])
    for _ in range(2):
        client.post(address, {"came_back": came_back})
    found = Order.objects.get()
    assert (found.status, found.handover_unclear) == (status, False)
    event = OrderEvent.objects.get(kind="handover")
    assert words in event.text
    assert event.actor == admin


GONE = [OrderStatus.SHIPPED, OrderStatus.UNDELIVERED, OrderStatus.DELIVERED]
STOPS = {
    "asked": {"refund_status": RefundStatus.ASKED, "refund_open": True},
    "unknown": {"refund_status": RefundStatus.UNKNOWN, "refund_open": True},
    "paid": {"refund_status": RefundStatus.PAID, "refund_open": True},
    "closed": {"closed_at": timezone.now()},
}


@pytest.mark.parametrize("status", [status for status in OrderStatus if status != OrderStatus.CANCELLED])
@pytest.mark.parametrize("stop", STOPS)
def test_nobody_is_told_to_keep_a_parcel_that_has_left(
    order: Order, admin: User, sign_in: SignIn, stop: str, status: OrderStatus
) -> None:
    Order.objects.update(status=status, **STOPS[stop])
    page = sign_in(admin).get(reverse("sales:order", args=[order.pk])).content.decode()
    assert Order.objects.get().frozen_reason in page
    assert ("Não envie" in page) is (status not in GONE)
    assert ("liberar mesmo assim" in page) is (stop == "paid" and status not in GONE)


def test_a_viewer_decides_nothing(order: Order, viewer: User, sign_in: SignIn) -> None:
    Order.objects.update(refund_status=RefundStatus.PAID, refund_open=True)
    client = sign_in(viewer)
    address = reverse("sales:order_release", args=[order.pk])
    assert address not in client.get(reverse("sales:order", args=[order.pk])).content.decode()
    assert client.post(reverse("sales:order_release", args=[order.pk])).status_code == 403
    assert Order.objects.get().refund_open
