"""Who carries an order, who may say it, and which ways of shipping fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from erp import channels
from erp.accounts.models import Company, Store, User
from erp.sales.models import Carrier, Order, OrderEvent, ShippedBy, ShippingKind, ShippingMethod
from erp.sales.services import orders_shipping_set
from erp.sales.shippers import method_fits, method_problem, order_shipper_set
from erp.sales.statuses import OrderStatus

pytestmark = pytest.mark.django_db


class Shop(channels.Facts):
    """A marketplace that tells of the orders in `told` who carries them."""

    key, label = "kwai", "Loja"
    logistics = channels.Logistics("Entregas da Loja", "LOJA")

    def __init__(self) -> None:
        self.told: set[int] = set()
        self.heard: list[int] = []

    def shippers_reported(self, order_ids: Sequence[int]) -> set[int]:
        return self.told & set(order_ids)

    def order_shipper_changed(self, order_ids: Sequence[int]) -> None:
        self.heard += order_ids

    def watched(self, user: User) -> list[Any]:
        return []

    def badges(self, order_ids: Sequence[int]) -> dict[int, list[channels.Badge]]:
        return {}

    def panel(self, order_id: int) -> None:
        return None


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Shop:
    made = Shop()
    monkeypatch.setattr(channels, "_channels", {made.key: made})
    monkeypatch.setattr(channels, "_facts", [made])
    return made


@pytest.fixture
def order(store: Store) -> Order:
    return Order.objects.create(
        company=store.company,
        store=store,
        number=1,
        external_id="70001",
        items_total=1,
        total=1,
        placed_at=timezone.now(),
    )


@pytest.fixture
def own(company: Company) -> ShippingMethod:
    return ShippingMethod.objects.create(company=company, name="PAC", kind=ShippingKind.CORREIOS)


@pytest.fixture
def theirs(company: Company) -> ShippingMethod:
    carrier = Carrier.objects.create(company=company, name="Entregas da Loja", code="LOJA")
    return ShippingMethod.objects.create(
        company=company, name="Entregas", kind=ShippingKind.MARKETPLACE, carrier=carrier
    )


@pytest.mark.parametrize("kind", ShippingKind)
@pytest.mark.parametrize("shipped_by", ShippedBy)
def test_the_marketplaces_own_kind_fits_what_it_carries_and_nothing_else(
    shop: Shop, order: Order, company: Company, kind: ShippingKind, shipped_by: ShippedBy
) -> None:
    method = ShippingMethod.objects.create(company=company, name="M", kind=kind)
    order.shipped_by = shipped_by
    order.save()
    fits = (kind is ShippingKind.MARKETPLACE) == (shipped_by is ShippedBy.CHANNEL)
    assert method_fits(kind, shipped_by) is fits
    assert (method_problem(order, method) == "") is fits
    assert method_problem(order, None) == ""
    done = orders_shipping_set(order_ids=[order.pk], shipping_method_id=method.pk, carrier_id=None)
    assert (done.changed, bool(done.problems)) == (int(fits), not fits)


def test_the_kind_is_called_as_its_channel_calls_it(shop: Shop) -> None:
    assert str(ShippingKind.MARKETPLACE.label) == "Entregas da Loja"
    shop.logistics = None
    assert str(ShippingKind.MARKETPLACE.label) == "Envio do e-commerce"


def test_a_person_says_it_and_the_way_of_shipping_follows(
    shop: Shop, order: Order, own: ShippingMethod, theirs: ShippingMethod, operator: User
) -> None:
    orders_shipping_set(order_ids=[order.pk], shipping_method_id=own.pk, carrier_id=None)
    assert order_shipper_set(order_id=order.pk, shipped_by=ShippedBy.CHANNEL, actor=operator) == ""
    order.refresh_from_db()
    assert (order.shipping_method, order.carrier) == (theirs, theirs.carrier)
    assert order_shipper_set(order_id=order.pk, shipped_by=ShippedBy.SELLER, actor=operator) == ""
    order.refresh_from_db()
    assert (order.shipping_method, order.carrier) == (None, None)
    texts = OrderEvent.objects.filter(kind="shipper", actor=operator).order_by("pk")
    assert [event.text for event in texts] == [
        "Quem envia: Entregas da Loja",
        "Quem envia: Transportadora própria",
    ]
    assert shop.heard == [order.pk, order.pk]
    assert order_shipper_set(order_id=order.pk, shipped_by=ShippedBy.SELLER) == ""
    assert len(shop.heard) == 2, "the same again is no news"


@pytest.mark.parametrize(
    ("fields", "told", "reason"),
    [
        ({"external_id": ""}, False, "não veio de um e-commerce"),
        ({"status": OrderStatus.SHIPPED}, False, "já foi despachado"),
        ({}, True, "já informa quem envia"),
    ],
)
def test_where_there_is_nothing_to_choose(
    shop: Shop, order: Order, fields: dict[str, str], told: bool, reason: str
) -> None:
    Order.objects.update(**fields)
    shop.told = {order.pk} if told else set()
    assert reason in order_shipper_set(order_id=order.pk, shipped_by=ShippedBy.SELLER)
    order.refresh_from_db()
    assert order.shipped_by == ShippedBy.UNKNOWN


def test_the_page_asks_and_the_answer_is_kept(
    shop: Shop, order: Order, operator: User, sign_in: Callable[[User], Client]
) -> None:
    client = sign_in(operator)
    page = reverse("sales:order", args=[order.pk])
    text = client.get(page).content.decode()
    assert "não informa quem envia este pedido" in text
    assert "Entregas da Loja" in text
    address = reverse("sales:order_shipper", args=[order.pk])
    assert client.post(address, {"shipped_by": "unknown"}).status_code == 302
    assert client.post(address, {"shipped_by": "seller"}).status_code == 302
    order.refresh_from_db()
    assert order.shipped_by == ShippedBy.SELLER
    text = client.get(page).content.decode()
    assert "não informa quem envia este pedido" not in text
    assert 'value="channel"' in text, "a wrong click can be put right"


def test_who_only_looks_is_not_asked(
    shop: Shop, order: Order, viewer: User, sign_in: Callable[[User], Client]
) -> None:
    client = sign_in(viewer)
    assert 'name="shipped_by"' not in client.get(reverse("sales:order", args=[order.pk])).content.decode()
    assert (
        client.post(reverse("sales:order_shipper", args=[order.pk]), {"shipped_by": "seller"}).status_code
        == 403
    )


def test_a_form_says_why_a_way_of_shipping_does_not_fit(
    shop: Shop, order: Order, theirs: ShippingMethod, operator: User, sign_in: Callable[[User], Client]
) -> None:
    client = sign_in(operator)
    fields = {"shipping_method": theirs.pk, "carrier": "", "payment_method": ""}
    one = client.post(reverse("sales:order_shipping", args=[order.pk]), fields)
    assert "Diga antes, na página do pedido, quem envia." in one.content.decode()
    many = client.post(
        reverse("sales:orders_shipping"), {"ids": [order.pk], **fields}, follow=True
    ).content.decode()
    assert "Sem mudança: 1." in many
