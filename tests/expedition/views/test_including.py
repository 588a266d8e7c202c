"""*agrupar*: the orders chosen in a list, one group for each *forma de envio*, and then *concluir*."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from erp.accounts.models import User
from erp.sales.models import Order, ShippingMethod
from expedition.models import GroupStatus, Shipment, ShipmentGroup
from expedition.views import including
from invoices.models import Invoice
from tests.expedition.conftest import OTHER_S10, S10, RecordingChannel

URL = reverse("expedition:include")
MakeOrder = Callable[..., Order]


@pytest.fixture
def client(operator: User, sign_in: Callable[[User], Client], channel: RecordingChannel) -> Client:
    return sign_in(operator)


def ticked(page: str) -> list[int]:
    boxes = re.findall(r'name="orders"\s+value="(\d+)"[^>]*?(checked)?>', page)
    return [int(pk) for pk, is_ticked in boxes if is_ticked]


def test_chosen_orders_are_grouped_by_method_and_concluded(
    client: Client, make_order: MakeOrder, correios: ShippingMethod, jadlog: ShippingMethod
) -> None:
    first, second = make_order(shipping_method=correios), make_order(shipping_method=correios)
    other = make_order(shipping_method=jadlog)
    stranger = make_order(shipping_method=correios)
    answer = client.post(URL, {"ids": [other.pk, first.pk, second.pk]})
    address = f"{URL}?pedidos={other.pk},{first.pk},{second.pk}"
    assert answer["Location"] == address
    page = client.get(address).text
    # The method of most of them, only they, ticked; the others are a click away.
    assert ticked(page) == [first.pk, second.pk]
    assert stranger.external_id not in page
    assert "PAC (2)" in page
    assert "Jadlog Package (1)" in page
    codes = {f"code_{first.pk}": S10, f"code_{second.pk}": OTHER_S10}
    asked = {"pedidos": f"{other.pk},{first.pk},{second.pk}"}
    posted = {"forma": correios.pk, "orders": [first.pk, second.pk]} | codes | asked
    answer = client.post(URL, posted, follow=True)
    group = ShipmentGroup.objects.get()
    assert answer.redirect_chain[-1][0] == f"{group.get_absolute_url()}?pedidos={asked['pedidos']}"
    assert "concluir expedição" in answer.text
    assert "1 ainda espera por um agrupamento" in answer.text
    conclude = re.search(r'id="conclude" method="post" action="([^"]+)"', answer.text)
    assert conclude
    page = client.post(conclude[1]).text
    group.refresh_from_db()
    assert group.status == GroupStatus.CONCLUDED
    assert "1 ainda espera por um agrupamento" in page
    page = client.get(address).text
    assert ticked(page) == [other.pk]
    assert f"já em {group} (2)" in page


def test_orders_without_a_method_take_the_groups(
    client: Client, make_order: MakeOrder, correios: ShippingMethod
) -> None:
    order = make_order()
    page = client.get(URL, {"pedidos": order.pk}).text
    assert "sem forma de envio (1)" in page
    assert "Escolha a forma de envio" in page
    assert ticked(client.get(URL, {"pedidos": order.pk, "forma": correios.pk}).text) == [order.pk]


def test_notes_lead_to_their_orders(
    client: Client,
    make_order: MakeOrder,
    make_invoice: Callable[..., Invoice],
    correios: ShippingMethod,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    orders = [make_order(shipping_method=correios) for _ in range(3)]
    notes = [make_invoice(order) for order in orders]
    posted = {"action": "group", "ids": [note.pk for note in notes]}
    answer = client.post(reverse("expedition:include_invoices"), posted)
    assert answer["Location"] == f"{URL}?pedidos={','.join(str(order.pk) for order in orders)}"
    monkeypatch.setattr(including, "MOST_ROWS", 2)
    page = client.post(reverse("expedition:include_invoices"), posted, follow=True).text
    assert "Aqui estão 2 dos 3 pedidos marcados." in page
    assert ticked(page) == [order.pk for order in orders[:2]]


def test_nobody_groups_what_is_out_of_reach(
    client: Client, make_order: MakeOrder, correios: ShippingMethod, other_company: object
) -> None:
    order = make_order(shipping_method=correios)
    page = client.get(URL, {"pedidos": f"{order.pk},999999,x,{'9' * 30}", "forma": "x"}).text
    assert ticked(page) == [order.pk]
    posted = {"forma": correios.pk, "orders": [order.pk], "pedidos": "999999"}
    assert "vazio" in client.post(URL, posted).text
    assert not Shipment.objects.exists()
