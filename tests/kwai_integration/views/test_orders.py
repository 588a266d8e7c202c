"""*Pedidos no e-commerce*: what a row says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from erp.accounts.models import Company, StoreLifecycle, User
from kwai_integration.models import KwaiOrder
from kwai_integration.setup.stores import store_install
from tests.kwai_integration.codes import PAID, SHIPPED

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
