"""What a list keeps between two answers is given up when something else than a row changes it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from benchmarks.open_list import ASKS_NEWER, stamp_of
from erp.accounts.models import Company, Store, StoreMembership, User
from erp.sales.models import Order, OrderStatus
from erp.stamps import NEWEST

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 25, 15, 0, tzinfo=UTC)


def orders_make(store: Store, count: int, first: int, **values: object) -> None:
    Order.objects.bulk_create(
        Order(
            company=store.company, store=store, number=first + n, external_id=str(first + n), items_total=1, total=1,
            placed_at=NOON, **{"status": OrderStatus.APPROVED, **values},
        )
        for n in range(count)
    )  # fmt: skip


def shown(client: Client, query: str = "") -> str:
    return client.get(reverse("sales:orders") + query).content.decode()


def test_counts_and_open_lists_follow_the_stores_of_a_person(
    operator: User, company: Company, store: Store, sign_in: Callable[[User], Client]
) -> None:
    """The rows of the store that is taken away are none of the newest."""
    second = Store.objects.create(company=company, name="Segunda", channel="kwai")
    own = StoreMembership.objects.create(user=operator, store=second)
    orders_make(second, 3, 1)
    orders_make(store, NEWEST + 5, 100)
    client = sign_in(operator)
    page = shown(client)
    assert f"de {NEWEST + 8}" in page
    asks = {ASKS_NEWER: stamp_of(page)}
    assert client.get(reverse("sales:orders"), headers=asks).status_code == 304
    own.delete()
    assert client.get(reverse("sales:orders"), headers=asks).status_code == 204
    assert f"de {NEWEST + 5}" in shown(client)


def test_what_becomes_late_is_counted_though_nothing_is_written(
    operator: User, store: Store, sign_in: Callable[[User], Client]
) -> None:
    orders_make(store, 2, 1, ship_by_at=NOON + timedelta(minutes=1))
    client = sign_in(operator)
    with time_machine.travel(NOON, tick=False) as clock:
        page = shown(client, "?due=late")
        asks = {ASKS_NEWER: stamp_of(page)}
        address = reverse("sales:orders") + "?due=late"
        assert client.get(address, headers=asks).status_code == 304
        clock.shift(timedelta(minutes=2))
        assert client.get(address, headers=asks).status_code == 204
        assert "de 2" in shown(client, "?due=late")
