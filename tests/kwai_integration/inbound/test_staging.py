"""Staging keeps every answer, and costs the same for one order as for fifty."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from erp.accounts.models import Store
from kwai_integration.inbound.staging import StepResult, kwai_orders_stage
from kwai_integration.models import KwaiOrder, KwaiOrderState
from tests.kwai_integration.codes import PAID, SHIPPED
from tests.kwai_integration.inbound.conftest import FETCHED, FIRST_ID, UPDATED_MS, answer_of, detail, line

pytestmark = pytest.mark.django_db


def stage(store: Store, *details: Any, after: float = 0) -> StepResult:
    return kwai_orders_stage(
        store=store, details=details, fetch_started_at=FETCHED + timedelta(seconds=after)
    )


def statements(store: Store, details: list[Any], after: float = 0) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        stage(store, *details, after=after)
    return [query["sql"][:40] for query in queries if "SAVEPOINT" not in query["sql"]]


def test_keeps_the_answer_and_what_lists_show(kwai_store: Store) -> None:
    result = stage(kwai_store, detail())
    row = KwaiOrder.objects.get()
    assert result.created == result.pending == (row.pk,)
    assert row.external_id == str(FIRST_ID)
    assert (row.state, row.remote_status, row.total, row.buyer_name) == (
        "staged",
        str(PAID),
        11_000,
        "Ana Souza",
    )
    assert answer_of(row) == detail()


def test_an_equal_answer_changes_nothing(kwai_store: Store) -> None:
    stage(kwai_store, detail())
    before = KwaiOrder.objects.values().get()
    result = stage(kwai_store, dict(reversed(detail().items())), after=60)
    assert result.unchanged == (before["id"],)
    assert KwaiOrder.objects.values().get() == before


def test_the_older_update_time_never_wins(kwai_store: Store) -> None:
    stage(kwai_store, detail(orderStatus=SHIPPED, updateTime=UPDATED_MS + 5_000))
    result = stage(kwai_store, detail(orderStatus=PAID), after=60)
    assert len(result.older) == 1
    assert KwaiOrder.objects.get().remote_status == str(SHIPPED)


@pytest.mark.parametrize(("after", "status"), [(60, str(SHIPPED)), (-60, str(PAID))])
def test_without_update_times_the_later_fetch_wins(kwai_store: Store, after: float, status: str) -> None:
    stage(kwai_store, detail(updateTime=None))
    stage(kwai_store, detail(updateTime=None, orderStatus=SHIPPED), after=after)
    assert KwaiOrder.objects.get().remote_status == status


def test_an_update_time_far_in_the_future_does_not_win_for_ever(kwai_store: Store) -> None:
    stage(kwai_store, detail(updateTime=UPDATED_MS + 10**11))
    stage(kwai_store, detail(orderStatus=SHIPPED), after=60)
    assert KwaiOrder.objects.get().remote_status == str(SHIPPED)


@pytest.mark.parametrize("kind", ["fresh", "equal", "changed", "odd"])
def test_a_page_costs_the_same_whatever_is_in_it(kwai_store: Store, kind: str) -> None:
    costs = []
    for first, count in ((100, 1), (200, 50)):
        page = [detail(first + index) for index in range(count)]
        if kind in ("equal", "changed"):
            stage(kwai_store, *page)
        if kind == "changed":
            page = [{**order, "updateTime": UPDATED_MS + 1, "orderStatus": SHIPPED} for order in page]
        if kind == "odd":
            page = [
                {**order, "orderItemView": []} if index % 2 else order for index, order in enumerate(page)
            ]
        costs.append(statements(kwai_store, page, after=5))
    assert costs[0] == costs[1]
    assert len(costs[0]) <= 6


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        ({"orderItemView": [line(skuPrice="50,00")]}, "price_invalid"),
        ({"orderItemView": [line(skuQuantity=0)]}, "quantity_invalid"),
        ({"orderItemView": [line(skuQuantity=-3)]}, "quantity_invalid"),
        ({"orderItemView": [line(skuPrice=2**63)]}, "amount_too_large"),
        ({"totalAmount": 2**63}, "amount_too_large"),
        ({"currency": "USD"}, "currency_unknown"),
        ({"orderItemView": None}, "items_missing"),
        ({"orderStatus": None}, "status_missing"),
    ],
)
def test_one_unusable_order_is_quarantined_and_the_other_49_import(
    kwai_store: Store, broken: dict[str, Any], code: str
) -> None:
    page = [detail(index) for index in range(50)]
    page[17].update(broken)
    result = stage(kwai_store, *page)
    bad = KwaiOrder.objects.get(state=KwaiOrderState.QUARANTINED)
    assert result.quarantined == (bad.pk,)
    assert (bad.external_id, bad.problem_code) == (str(FIRST_ID + 17), code)
    assert bad.problem
    assert answer_of(bad) == page[17]
    assert KwaiOrder.objects.filter(state=KwaiOrderState.STAGED).count() == 49


@pytest.mark.parametrize("answer", [None, 7, "pedido", [], {}, {"orderId": None}, {"orderId": True}])
def test_an_answer_without_a_number_is_kept_once(kwai_store: Store, answer: Any) -> None:
    for _ in range(2):
        stage(kwai_store, detail(), answer)
    bad = KwaiOrder.objects.get(state=KwaiOrderState.QUARANTINED)
    assert bad.problem_code == "order_id_missing"
    assert answer_of(bad) == answer


@pytest.mark.parametrize("hostile", ["Ana\x00Souza", "Ana \ud800 Souza", "Ana \\u0000"])
def test_text_no_database_takes_is_cleaned_and_the_raw_kept_as_bytes(kwai_store: Store, hostile: str) -> None:
    answer = detail(buyerRemark=hostile)
    answer["receiverAddressInfo"]["name"] = hostile
    answer["orderItemView"][0]["itemName"] = hostile
    answer[f"campo {hostile}"] = hostile
    stage(kwai_store, answer, detail(1))
    row = KwaiOrder.objects.get(external_id=str(FIRST_ID))
    assert row.state == KwaiOrderState.STAGED
    assert "\x00" not in row.buyer_name
    assert row.answer.text == ""
    assert answer_of(row) == answer


def test_an_answer_over_1_mb_is_cut_flagged_and_still_readable(kwai_store: Store) -> None:
    stage(kwai_store, detail(novoCampo="x" * 3_000_000))
    row = KwaiOrder.objects.get()
    assert (row.state, row.answer.truncated) == (KwaiOrderState.STAGED, True)
    assert answer_of(row)["orderId"] == FIRST_ID
    assert len(row.answer.text) < 10_000


def test_an_answer_that_cannot_be_shortened_is_quarantined(kwai_store: Store) -> None:
    stage(kwai_store, detail(novoCampo=list(range(400_000))), detail(1))
    bad = KwaiOrder.objects.get(external_id=str(FIRST_ID))
    assert (bad.problem_code, bad.answer.truncated) == ("payload_too_large", True)
    assert len(bytes(bad.answer.raw or b"")) <= 1024 * 1024
    assert KwaiOrder.objects.filter(state=KwaiOrderState.STAGED).count() == 1


def test_an_order_that_stands_twice_in_a_page_is_stored_once(kwai_store: Store) -> None:
    newer = detail(orderStatus=SHIPPED, updateTime=UPDATED_MS + 1)
    stage(kwai_store, newer, detail(), detail(1), detail(1))
    assert KwaiOrder.objects.count() == 2
    assert KwaiOrder.objects.get(external_id=str(FIRST_ID)).remote_status == str(SHIPPED)


def test_a_healed_order_leaves_quarantine(kwai_store: Store) -> None:
    stage(kwai_store, detail(orderItemView=[]))
    stage(kwai_store, detail(updateTime=UPDATED_MS + 1), after=60)
    row = KwaiOrder.objects.get()
    assert (row.state, row.problem_code, row.problem) == (KwaiOrderState.STAGED, "", "")


def test_the_same_number_in_two_stores_is_two_orders(kwai_store: Store) -> None:
    other = Store.objects.create(company=kwai_store.company, name="Segunda", channel="kwai")
    stage(kwai_store, detail())
    stage(other, detail())
    assert KwaiOrder.objects.count() == 2
