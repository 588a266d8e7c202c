"""The guided tour of the demonstration: ticks follow what really happened."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from erp.accounts.models import Company, Store, User
from erp.channels import ChannelAction
from erp.outbox.models import PushJob
from erp.outbox.statuses import JobState
from erp.sales.services import orders_status_set
from erp.sales.statuses import OrderStatus
from expedition.models import ShipmentStatus, ShippingLabel
from kwai_integration.models import KwaiAccount
from kwai_integration.outbound.kinds import Kind
from kwai_integration.setup.stores import store_install
from tests.kwai_integration.outbound.conftest import Desk, desk, kwai, kwai_store, sku, wakes  # noqa: F401

SignIn = Callable[[User], Client]
TOUR = "/passeio/"


@pytest.fixture
def demo(settings: Any) -> None:
    settings.ERP_DEMO = True


def ticks(client: Client) -> tuple[int, str]:
    """How many steps are done, and the next one."""
    page = client.get(TOUR).content.decode()
    upcoming = re.search(
        r'aria-current="step".*?<(?:a|span)[^>]*>([^<]+)</(?:a|span)>\s*</li>', page, re.DOTALL
    )
    return page.count('class="is-done"'), upcoming.group(1) if upcoming else ""


@pytest.mark.django_db
def test_outside_the_demonstration_there_is_no_tour(admin: User, sign_in: SignIn) -> None:
    client = sign_in(admin)
    home = client.get("/").content.decode()
    assert "Passeio" not in home
    assert "_sandbox" not in home
    assert client.get(TOUR).status_code == 404
    assert client.post(reverse("kwai:tour_fold"), {"folded": "1"}).status_code == 404


@pytest.mark.django_db
def test_it_begins_with_installing(demo: None, company: Company, admin: User, sign_in: SignIn) -> None:
    client = sign_in(admin)
    assert ticks(client) == (0, "Instalar a integração")
    assert reverse("kwai:store_add") in client.get("/").content.decode()
    store = store_install(company=company, name="Kwai", user=admin)
    assert ticks(client) == (1, "Conectar a loja")
    assert reverse("kwai:store", args=[store.pk]) in client.get("/").content.decode()


@pytest.mark.django_db
def test_every_step_is_ticked_when_it_happens(desk: Desk, demo: None, admin: User, sign_in: SignIn) -> None:
    client = sign_in(admin)
    KwaiAccount.objects.update(connected_at=timezone.now() + timedelta(hours=1))
    (early,) = desk.orders()
    assert ticks(client) == (4, "Criar um pedido no Kwai simulado")
    KwaiAccount.objects.update(connected_at=timezone.now() - timedelta(seconds=1))
    (order,) = desk.orders()
    assert ticks(client) == (5, "Gerar a nota fiscal")
    desk.invoice(order)
    assert ticks(client) == (6, "Escolher a forma de envio")
    assert reverse("sales:order_shipping", args=[order.pk]) in client.get("/").content.decode()
    order.shipping_method = desk.method
    order.save()
    assert ticks(client) == (7, "Concluir a expedição")
    shipment = order.shipments.get()
    desk.conclude([shipment], ["JD000000001"])
    assert ticks(client) == (8, "Enviar o rastreio ao Kwai")
    desk.fault("uploadInvoice", "bad_gateway", "before")
    desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    desk.push()
    assert ticks(client) == (9, "Enviar o rastreio ao Kwai")
    desk.push_later()
    assert ticks(client) == (11, "Marcar como entregue")
    desk.ask(ChannelAction.CONFIRM_DELIVERY, shipment.pk)
    desk.push_later()
    assert ticks(client) == (12, "Programar um envio do Kwai Envios")
    (carried,) = desk.orders(shippingType="KWAI_ENVIOS")
    PushJob.objects.create(
        store=desk.kwai.store,
        kind=Kind.ARRANGE_SHIPMENT,
        subject=carried.external_id,
        idempotency_key="arranged",
        state=JobState.DONE,
        finished_at=timezone.now(),
    )
    assert ticks(client) == (13, "Imprimir a etiqueta do Kwai")
    desk.invoice(carried)
    parcel = carried.shipments.get()
    ShippingLabel.objects.update_or_create(
        shipment=parcel, defaults={"number": "KW1", "printed_at": timezone.now()}
    )
    assert ticks(client) == (14, "Entregar à coleta")
    parcel.concluded_at, parcel.status = timezone.now(), ShipmentStatus.CONCLUDED
    parcel.save()
    orders_status_set(wanted={carried.pk: OrderStatus.SHIPPED})
    assert ticks(client) == (15, "")
    assert "deu a volta inteira" in client.get(TOUR).content.decode()
    assert desk.doubled() == []
    assert early.pk != order.pk


@pytest.mark.django_db
def test_a_full_shop_costs_no_more(desk: Desk, demo: None, admin: User, sign_in: SignIn) -> None:
    client = sign_in(admin)

    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(TOUR).status_code == 200
        return len(captured)

    KwaiAccount.objects.update(connected_at=timezone.now())
    desk.shipped(desk.orders(1))
    few = statements()
    desk.shipped(desk.orders(20))
    assert statements() == few


@pytest.mark.django_db
def test_nothing_is_sent_while_the_card_looks_the_same(
    demo: None, company: Company, admin: User, sign_in: SignIn
) -> None:
    client = sign_in(admin)
    page = client.get(TOUR).content.decode()
    asked = re.search(r'hx-get="([^"]+)"', page)
    assert asked is not None
    assert client.get(asked.group(1)).status_code == 204
    store_install(company=company, name="Kwai", user=admin)
    assert client.get(asked.group(1)).status_code == 200


@pytest.mark.django_db
def test_it_folds_away_and_comes_back(demo: None, admin: User, sign_in: SignIn) -> None:
    client = sign_in(admin)
    assert client.post(reverse("kwai:tour_fold"), {"folded": "1"}).status_code == 302
    assert "tour-steps" not in client.get("/").content.decode()
    client.post(reverse("kwai:tour_fold"), {"folded": "0"})
    assert "tour-steps" in client.get("/").content.decode()


@pytest.mark.django_db
def test_it_leads_nobody_where_the_role_may_not_go(
    demo: None, viewer: User, other_company: Company, admin: User, sign_in: SignIn
) -> None:
    page = sign_in(viewer).get("/").content.decode()
    assert reverse("kwai:store_add") not in page
    assert "Peça a quem administra" in page


@pytest.mark.django_db
def test_another_companys_shop_ticks_nothing(
    desk: Desk, demo: None, other_company: Company, sign_in: SignIn
) -> None:
    KwaiAccount.objects.update(connected_at=timezone.now() - timedelta(days=1))
    desk.orders()
    stranger = User.objects.create_user(
        username="outro", password="x" * 12, company=other_company, role="admin"
    )
    assert ticks(sign_in(stranger)) == (0, "Instalar a integração")
    assert Store.objects.count() == 1
