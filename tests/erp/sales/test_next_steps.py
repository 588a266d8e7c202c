"""From *receber* on, each order is offered the step that it is at."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from erp.accounts.models import Store, User
from erp.sales.models import Order, OrderStatus, ShippingMethod
from erp.sales.next_steps import orders_next_steps

pytestmark = pytest.mark.django_db


@pytest.fixture
def method(store: Store) -> ShippingMethod:
    return ShippingMethod.objects.create(company=store.company, name="PAC", kind="correios")


@pytest.fixture
def make(store: Store) -> Callable[..., Order]:
    def order(number: int, status: OrderStatus, **fields: object) -> Order:
        return Order.objects.create(
            company=store.company,
            store=store,
            number=number,
            status=status,
            items_total=1,
            total=1,
            placed_at=timezone.now(),
            **fields,
        )

    return order


def test_each_order_is_offered_the_step_it_is_at(make: Callable[..., Order], method: ShippingMethod) -> None:
    bare = make(1, OrderStatus.APPROVED)
    ready = make(2, OrderStatus.APPROVED, shipping_method=method)
    # Its note may name the way it goes.
    invoiced = make(3, OrderStatus.INVOICED)
    away = make(4, OrderStatus.SHIPPED)
    unpaid = make(5, OrderStatus.OPEN, shipping_method=method)
    steps = orders_next_steps([each.pk for each in (bare, ready, invoiced, away, unpaid)])
    assert [(step.label, step.url_name, list(step.ids)) for step in steps] == [
        ("definir forma de envio (1)", "sales:orders_shipping", [bare.pk]),
        ("gerar nota fiscal (1)", "invoices:issue", [ready.pk]),
        ("agrupar (1)", "expedition:include", [invoiced.pk]),
    ]


def test_orders_that_need_no_method_wait_for_those_that_do(
    make: Callable[..., Order],
    method: ShippingMethod,
    operator: User,
    sign_in: Callable[[User], Client],
) -> None:
    bare, ready = make(1, OrderStatus.APPROVED), make(2, OrderStatus.APPROVED, shipping_method=method)
    step = orders_next_steps([bare.pk, ready.pk])[0]
    client, url = sign_in(operator), reverse(step.url_name)
    asked = {"ids": step.ids_text, "beside": step.beside_text}
    assert f'name="beside" value="{bare.pk},{ready.pk}"' in client.post(url, asked).text
    page = client.post(url, asked | {"shipping_method": method.pk, "carrier": ""}, follow=True).text
    assert "gerar nota fiscal (2)" in page


def test_after_the_method_its_orders_are_offered_their_notes_once_where_one_was(
    make: Callable[..., Order],
    method: ShippingMethod,
    operator: User,
    sign_in: Callable[[User], Client],
) -> None:
    chosen = make(1, OrderStatus.APPROVED)
    client, back = sign_in(operator), f"{reverse('sales:orders')}?tab=approved"
    posted = {"ids": chosen.pk, "shipping_method": method.pk, "carrier": "", "back": back}
    answer = client.post(reverse("sales:orders_shipping"), posted)
    assert answer["Location"] == back
    page = client.get(back).text
    assert "gerar nota fiscal (1)" in page
    assert f'name="ids" value="{chosen.pk}"' in page.split("data-list-form")[0]
    assert "A seguir" not in client.get(back).text
