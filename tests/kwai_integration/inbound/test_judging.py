"""Stored answers judged again under the present table: in slices, forward only, sending nothing."""

from __future__ import annotations

from typing import Any

import pytest

from erp.accounts.models import Store
from erp.attention.models import Condition
from erp.catalog.models import Sku
from erp.outbox.models import PushJob
from erp.sales.models import Order, RefundStatus
from erp.sales.services import orders_status_set
from erp.sales.statuses import OrderStatus
from kwai_integration import tasks
from kwai_integration.conditions import ORDERS_JUDGED_AGAIN
from kwai_integration.inbound import judging
from kwai_integration.inbound.judging import store_judge, stores_to_judge
from kwai_integration.models import KwaiOrder, KwaiOrderAnswer, KwaiOrderState, KwaiSettings
from tests.kwai_integration.codes import CLOSED, PAID, PICKUP, RECEIVED, SHIPPED
from tests.kwai_integration.inbound.conftest import answer_of, answers_replace, detail, line
from tests.kwai_integration.inbound.test_receive import take_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def former(kwai_store: Store, sku: Sku) -> Store:
    """Orders whose answers were stored under another table: paid here, further on the platform."""
    codes = (PAID, PICKUP, SHIPPED, RECEIVED, CLOSED)
    take_in(kwai_store, *(detail(place) for place in range(len(codes))))
    for code, row in zip(codes, KwaiOrder.objects.order_by("pk"), strict=True):
        answers_replace(row, answer_of(row) | {"orderStatus": code})
    Order.objects.update(refund_status=RefundStatus.NONE)
    KwaiSettings.objects.update(judged_up_to=0, auto_send_invoice=True, auto_send_tracking=True)
    return kwai_store


def statuses() -> list[str]:
    return list(Order.objects.order_by("number").values_list("status", flat=True))


def test_orders_move_to_where_the_platform_has_them(former: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "SLICE", 2)
    assert stores_to_judge() == [former.pk]
    assert store_judge(former.pk) is False
    assert statuses() == ["approved", "ready_to_ship", "shipped", "delivered", "cancelled"]
    assert stores_to_judge() == []
    assert not PushJob.objects.exists()
    shipped = KwaiOrder.objects.filter(first_shipped_at__isnull=False).count()
    assert shipped == 2
    assert "4 mudaram de situação. Nada foi enviado" in Condition.objects.get(key=ORDERS_JUDGED_AGAIN).text


def test_it_moves_nothing_backwards_even_where_the_store_allows_it(former: Store) -> None:
    KwaiSettings.objects.update(allow_backwards=True)
    first = Order.objects.order_by("number")[0]
    orders_status_set(wanted={first.pk: OrderStatus.SHIPPED})
    store_judge(former.pk)
    assert statuses()[0] == OrderStatus.SHIPPED


def test_an_interrupted_run_goes_on_where_it_stood(former: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "SLICE", 2)
    monkeypatch.setattr(judging, "BUDGET_SECONDS", 0.0)
    assert store_judge(former.pk) is True
    monkeypatch.setattr(judging, "BUDGET_SECONDS", 20.0)
    rows = list(KwaiOrder.objects.order_by("pk").values_list("pk", flat=True))
    KwaiSettings.objects.update(judged_up_to=rows[1], judged_moved=1)
    store_judge(former.pk)
    assert statuses() == ["approved", "approved", "shipped", "delivered", "cancelled"]
    assert "4 mudaram" in Condition.objects.get().text


def test_the_planner_wakes_a_worker_for_it(former: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[str] = []
    monkeypatch.setattr(tasks, "wake_after_commit", lambda task, **kwargs: woken.append(task))
    tasks.plan()
    assert tasks.judge.name in woken


def test_an_answer_that_is_no_json_any_more_is_left_alone(former: Store) -> None:
    row = KwaiOrder.objects.order_by("pk")[1]
    KwaiOrderAnswer.objects.filter(pk=row.pk).update(text="{")
    store_judge(former.pk)
    assert statuses() == ["approved", "approved", "shipped", "delivered", "cancelled"]


PROBLEMS: dict[str, dict[str, Any]] = {
    "no items": {"orderItemView": []},
    "another currency": {"currency": "USD"},
    "no quantity": {"orderItemView": [line(skuQuantity=None)]},
    "no situation": {"orderStatus": None},
    "too large": {"orderItemView": [line(itemName=f"{place}" * 300) for place in range(9_000)]},
    "too large, and small without its items": {"extra": ["x" * 1_900] * 700},
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_an_order_with_a_problem_stays_one(kwai_store: Store, sku: Sku, name: str) -> None:
    take_in(kwai_store, detail(**PROBLEMS[name]))
    before = KwaiOrder.objects.values().get()
    assert before["state"] == KwaiOrderState.QUARANTINED
    KwaiSettings.objects.update(judged_up_to=0)
    store_judge(kwai_store.pk)
    assert KwaiOrder.objects.values().get() == before


def test_an_order_that_could_not_be_written_stays_so(kwai_store: Store, sku: Sku) -> None:
    take_in(kwai_store, detail())
    KwaiOrder.objects.update(order=None, state="quarantined", problem_code="not_storable", problem="x")
    KwaiSettings.objects.update(judged_up_to=0)
    store_judge(kwai_store.pk)
    assert KwaiOrder.objects.get().problem == "x"


def test_a_problem_that_the_mapping_does_not_find_any_more_is_gone(kwai_store: Store, sku: Sku) -> None:
    take_in(kwai_store, detail(orderItemView=[]))
    row = KwaiOrder.objects.get()
    answers_replace(row, detail())
    KwaiSettings.objects.update(judged_up_to=0)
    store_judge(kwai_store.pk)
    row.refresh_from_db()
    assert (row.state, row.problem) == (KwaiOrderState.STAGED, "")
