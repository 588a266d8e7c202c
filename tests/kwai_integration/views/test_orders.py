"""*Pedidos no e-commerce*: what a row says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from erp.accounts.models import Company, Store, StoreLifecycle, User
from erp.sales.models import Order
from kwai_integration.inbound.staging import kwai_orders_stage
from kwai_integration.models import KwaiOrder
from kwai_integration.setup.stores import store_install
from tests.kwai_integration.codes import PAID, SHIPPED
from tests.kwai_integration.inbound.conftest import FETCHED, detail, kwai_store, sku  # noqa: F401

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("code", "hours", "late"),
    [(str(PAID), -1, True), (str(PAID), 1, False), (str(SHIPPED), -1, False)],
    ids=str,
)
def test_a_paid_order_past_its_limit_says_so(
    company: Company, admin: User, sign_in: Callable[[User], Client], code: str, hours: int, late: bool
) -> None:
    store = store_install(company=company, name="Kwai", user=admin)
    store.lifecycle = StoreLifecycle.ACTIVE
    store.save()
    now = timezone.now()
    KwaiOrder.objects.create(
        store=store,
        external_id="77",
        fetch_started_at=now,
        remote_status=code,
        ship_by_at=now + timedelta(hours=hours),
    )
    page = sign_in(admin).get(reverse("kwai:orders")).text
    assert ("atrasado" in page.split("<tbody")[1]) is late


def test_received_orders_are_offered_their_shipping_method_and_come_back_here(
    kwai_store: Store,
    sku: object,
    operator: User,
    sign_in: Callable[[User], Client],
) -> None:
    staged = kwai_orders_stage(store=kwai_store, details=[detail(1), detail(2)], fetch_started_at=FETCHED).ids
    address = f"{reverse('kwai:orders')}?tab=staged"
    page = sign_in(operator).post(address, {"action": "receive", "ids": [str(pk) for pk in staged]}).text
    orders = ",".join(map(str, Order.objects.order_by("number").values_list("pk", flat=True)))
    offer = page.split('class="next-steps')[1].split("</form>")[0]
    assert f'action="{reverse("sales:orders_shipping")}"' in offer
    assert f'name="ids" value="{orders}"' in offer
    assert f'name="back" value="{address}"' in offer
    assert "definir forma de envio (2)" in offer
