"""*Pedidos de venda* under hostile hands: ids of others, ids that are none, forms nobody was shown."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from erp.accounts.models import Company, Store, User
from erp.sales.models import Carrier, Order, PaymentMethod, ShippingMethod

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


def order_of(store: Store) -> Order:
    return Order.objects.create(
        company=store.company, store=store, number=1, items_total=1, total=1, placed_at=timezone.now()
    )


@pytest.fixture
def order(store: Store) -> Order:
    return order_of(store)


@pytest.fixture
def foreign_order(other_company: Company) -> Order:
    return order_of(Store.objects.create(company=other_company, name="Alheia", channel="kwai"))


@pytest.fixture
def client(operator: User, sign_in: SignIn) -> Client:
    return sign_in(operator)


@pytest.fixture
def method(company: Company) -> ShippingMethod:
    return ShippingMethod.objects.create(company=company, name="PAC", kind="correios")


def test_an_action_that_asks_for_more_first_goes_there_with_its_rows(client: Client, order: Order) -> None:
    answer = client.post(reverse("sales:orders"), {"action": "shipping", "ids": [str(order.pk)]}, follow=True)
    assert answer.redirect_chain == [(reverse("sales:orders_shipping"), 307)]
    assert answer.context["ids"] == str(order.pk)


def test_a_method_reaches_orders_of_the_user_only(
    client: Client, order: Order, foreign_order: Order, method: ShippingMethod
) -> None:
    ids = [str(order.pk), str(foreign_order.pk), "9" * 19, "-1", "²", "1\x00", "9" * 30]
    answer = client.post(
        reverse("sales:orders_shipping"), {"ids": ids, "shipping_method": method.pk, "carrier": ""}
    )
    assert answer.status_code == 302
    order.refresh_from_db()
    foreign_order.refresh_from_db()
    assert (order.shipping_method, foreign_order.shipping_method) == (method, None)


@pytest.mark.parametrize("name", ["sales:orders_shipping", "sales:order_shipping"])
def test_master_data_of_another_company_cannot_be_chosen(
    client: Client, order: Order, foreign_order: Order, name: str
) -> None:
    carrier = Carrier.objects.create(company=foreign_order.company, name="Alheia", code="ALHEIA")
    method = ShippingMethod.objects.create(company=foreign_order.company, name="Alheia", kind="other")
    for fields in ({"shipping_method": method.pk}, {"shipping_method": "", "carrier": carrier.pk}):
        url = reverse(name, args=[order.pk] if name == "sales:order_shipping" else [])
        answer = client.post(url, {"ids": [str(order.pk)], "carrier": "", "payment_method": "", **fields})
        assert answer.status_code == 200
        assert answer.context["form"].errors
    order.refresh_from_db()
    assert (order.shipping_method, order.carrier) == (None, None)


@pytest.fixture
def payment(company: Company) -> PaymentMethod:
    return PaymentMethod.objects.create(company=company, name="Boleto")


def saved(client: Client, order: Order, **fields: object) -> HttpResponse:
    answer = client.post(reverse("sales:order_shipping", args=[order.pk]), {"carrier": "", **fields})
    order.refresh_from_db()
    return answer


def test_a_payment_method_is_a_line_of_the_timeline_once(
    client: Client, operator: User, order: Order, method: ShippingMethod, payment: PaymentMethod
) -> None:
    for _ in range(2):
        answer = saved(client, order, shipping_method=method.pk, payment_method=payment.pk)
        assert answer.status_code == 302
    assert (order.shipping_method, order.payment_method) == (method, payment)
    assert sorted(order.events.values_list("kind", "text", "actor")) == [
        ("payment", "Forma de recebimento: Boleto", operator.pk),
        ("shipping", "Forma de envio ou transportadora alterada", operator.pk),
    ]
    saved(client, order, shipping_method=method.pk, payment_method="")
    assert order.payment_method is None
    assert order.events.latest("pk").text == "Forma de recebimento retirada"


def test_a_payment_method_is_not_saved_beside_a_method_that_does_not_fit(
    client: Client, company: Company, order: Order, payment: PaymentMethod
) -> None:
    marketplace = ShippingMethod.objects.create(company=company, name="Deles", kind="marketplace")
    answer = saved(client, order, shipping_method=marketplace.pk, payment_method=payment.pk)
    assert "shipping_method" in answer.context["form"].errors
    assert (order.shipping_method, order.payment_method, order.events.count()) == (None, None, 0)


@pytest.mark.parametrize("number", ["9" * 19, "9" * 30, "0", "1\x00", "²"])
def test_any_number_may_be_searched(client: Client, order: Order, number: str) -> None:
    assert client.get(reverse("sales:orders"), {"q": number, "page": number}).status_code == 200
    assert client.get(reverse("web:search"), {"q": number}).status_code == 200


@pytest.mark.parametrize("part", ["comprador", "endereco", "outra"])
def test_a_change_of_a_part_that_is_missing_is_not_found(client: Client, order: Order, part: str) -> None:
    answer = client.post(reverse("sales:order_proposal", args=[order.pk, part]), {"decision": "accept"})
    assert answer.status_code == 404
