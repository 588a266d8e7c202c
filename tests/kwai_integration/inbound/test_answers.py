"""The platform's answers in their own table: moved there in slices, read from both places, emptied when old."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from erp.accounts.models import Store, User
from erp.catalog.models import Sku
from erp.sales.models import Order
from erp.sales.statuses import OrderStatus
from kwai_integration import tasks
from kwai_integration.inbound import moving, reprocess
from kwai_integration.inbound.moving import answers_move, answers_to_move
from kwai_integration.inbound.orders.rules import KnownRules
from kwai_integration.inbound.payload import answers_read
from kwai_integration.inbound.plan import orders_to_receive, store_receive
from kwai_integration.inbound.receive import kwai_orders_receive
from kwai_integration.inbound.reprocess import orders_reprocess, reprocess_left, store_reprocess
from kwai_integration.inbound.retention import answers_expire
from kwai_integration.inbound.staging import kwai_orders_stage
from kwai_integration.models import (
    FETCH_NEEDED,
    AnswerMove,
    KwaiOrder,
    KwaiOrderAnswer,
    KwaiOrderState,
    KwaiSettings,
    ReprocessRequest,
    StatusMapping,
)
from tests.kwai_integration.codes import CLOSED, PAID, RECEIVED, SHIPPED
from tests.kwai_integration.inbound.conftest import FETCHED, Kwai, answer_of, detail
from tests.kwai_integration.inbound.test_receive import later, take_in

pytestmark = pytest.mark.django_db

LONG_AGO = timedelta(days=181)


def former_version(*, raw: bool = False) -> None:
    """Put every answer where it lay before it had a table, as text or as bytes."""
    for row in KwaiOrder.objects.all():
        kept = answers_read([row.pk])[row.pk]
        former = {"payload": "", "payload_bytes": kept.text.encode()} if raw else {"payload": kept.text}
        KwaiOrder.objects.filter(pk=row.pk).update(**former)
    KwaiOrderAnswer.objects.all().delete()
    AnswerMove.objects.create()


def all_answers() -> list[Any]:
    return [answer_of(row) for row in KwaiOrder.objects.order_by("pk")]


def mapping_save(store: Store, code: int, status: OrderStatus) -> None:
    StatusMapping.objects.update_or_create(store=store, remote_code=str(code), defaults={"status": status})
    orders_reprocess(store_id=store.pk, situations=[str(code)], shippings=[], payments=[])
    while store_reprocess(store.pk):
        pass


# --- the two places


@pytest.mark.parametrize("raw", [False, True])
def test_answers_of_the_former_version_show_and_are_reprocessed(
    kwai_store: Store, sku: Sku, admin: User, sign_in: Callable[[User], Client], raw: bool
) -> None:
    take_in(kwai_store, detail())
    former_version(raw=raw)
    row = KwaiOrder.objects.get()
    assert answer_of(row) == detail()
    assert "Avenida Paulista" in sign_in(admin).get(reverse("kwai:order", args=[row.pk])).text
    mapping_save(kwai_store, PAID, OrderStatus.PREPARING)
    assert store_receive(kwai_store.pk) == 1
    assert Order.objects.get().status == OrderStatus.PREPARING


def test_answers_move_in_slices_until_none_is_left(
    kwai_store: Store, sku: Sku, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "SLICE", 2)
    take_in(kwai_store, *(detail(number) for number in range(5)))
    before = all_answers()
    former_version()
    written = list(KwaiOrder.objects.order_by("pk").values_list("updated_at", flat=True))
    counts = []
    while answers_to_move():
        counts.append(answers_move())
        assert all_answers() == before
    assert counts == [2, 2, 1, 0]
    assert KwaiOrderAnswer.objects.count() == 5
    assert set(KwaiOrder.objects.values_list("payload", "payload_bytes")) == {("", None)}
    assert list(KwaiOrder.objects.order_by("pk").values_list("updated_at", flat=True)) == written
    woken: list[str] = []
    monkeypatch.setattr(tasks, "wake_after_commit", lambda task, **kwargs: woken.append(task))
    tasks.plan()
    assert tasks.answers_move.name not in woken
    AnswerMove.objects.create()
    tasks.plan()
    assert tasks.answers_move.name in woken


@pytest.mark.parametrize(
    "statement", ['UPDATE "kwai_integration_kwaiorder"', 'UPDATE "kwai_integration_answermove"']
)
def test_a_slice_that_breaks_loses_and_doubles_nothing(kwai_store: Store, sku: Sku, statement: str) -> None:
    take_in(kwai_store, *(detail(number) for number in range(3)))
    before = all_answers()
    former_version()

    def break_at(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(statement):
            raise DatabaseError("killed")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(break_at), pytest.raises(DatabaseError, match="killed"):
        answers_move()
    assert KwaiOrderAnswer.objects.count() == 0
    assert all_answers() == before
    assert answers_move() == 3
    assert all_answers() == before


def test_an_answer_that_came_before_the_move_is_the_one_that_stays(kwai_store: Store, sku: Sku) -> None:
    take_in(kwai_store, detail())
    former_version()
    news = later(orderStatus=SHIPPED)
    take_in(kwai_store, news, after=60)
    assert all_answers() == [news]
    assert answers_move() == 0
    assert all_answers() == [news]
    assert KwaiOrder.objects.get().payload == ""


def test_what_a_process_of_the_former_version_still_stores_is_the_newest(kwai_store: Store, sku: Sku) -> None:
    """While the ERP is being upgraded, or when the walk has ended already."""
    take_in(kwai_store, detail())
    news = later(orderStatus=SHIPPED)
    KwaiOrder.objects.update(payload=json.dumps(news))
    assert all_answers() == [news]
    AnswerMove.objects.create()
    answers_move()
    assert (all_answers(), KwaiOrder.objects.get().payload) == ([news], "")


# --- emptied


def ended(status: OrderStatus = OrderStatus.DELIVERED, **fields: Any) -> None:
    """Every order ended long ago, and nothing was heard of it since."""
    then = timezone.now() - LONG_AGO
    Order.objects.update(status=status, updated_at=then, **fields)
    KwaiOrderAnswer.objects.update(stored_at=then)


ENDED: dict[str, dict[str, Any]] = {
    "delivered": {"status": OrderStatus.DELIVERED},
    "cancelled": {"status": OrderStatus.CANCELLED},
    "closed": {"status": OrderStatus.SHIPPED, "closed_at": FETCHED},
}
NOT_ENDED: dict[str, dict[str, Any]] = {
    "on its way": {"status": OrderStatus.SHIPPED},
    "came back": {"status": OrderStatus.UNDELIVERED},
    "closed, nobody knows": {"status": OrderStatus.SHIPPED, "closed_at": FETCHED, "handover_unclear": True},
    "refunded": {"status": OrderStatus.DELIVERED, "refund_open": True},
}


@pytest.mark.parametrize("name", [*ENDED, *NOT_ENDED])
def test_the_answer_is_emptied_once_its_order_has_ended(kwai_store: Store, sku: Sku, name: str) -> None:
    take_in(kwai_store, detail())
    ended(**({**ENDED, **NOT_ENDED}[name]))
    assert answers_expire() == (1 if name in ENDED else 0)
    assert KwaiOrderAnswer.objects.exists() is (name in NOT_ENDED)


def test_what_changed_lately_has_not_ended_long_ago(kwai_store: Store, sku: Sku, settings: Any) -> None:
    take_in(kwai_store, detail())
    ended()
    Order.objects.update(updated_at=timezone.now())
    assert answers_expire() == 0
    ended()
    KwaiOrderAnswer.objects.update(stored_at=timezone.now())
    assert answers_expire() == 0
    ended()
    KwaiOrder.objects.update(received_digest="")
    assert answers_expire() == 0, "it is to be received once more"
    KwaiOrder.objects.update(received_digest=KwaiOrder.objects.get().digest)
    settings.KWAI_ANSWER_DAYS = 0
    assert answers_expire() == 0
    settings.KWAI_ANSWER_DAYS = 182
    assert answers_expire() == 0
    settings.KWAI_ANSWER_DAYS = 180
    tasks.expire()
    assert not KwaiOrderAnswer.objects.exists()


def test_an_emptied_answer_does_not_stand_up_again(kwai_store: Store, sku: Sku) -> None:
    take_in(kwai_store, detail())
    former_version()
    take_in(kwai_store, later(orderStatus=RECEIVED), after=60)
    ended()
    assert answers_expire() == 1
    while answers_move():
        pass
    assert answers_read([KwaiOrder.objects.get().pk]) == {}


@pytest.mark.parametrize(("code", "count"), [(RECEIVED, 1), (CLOSED, 1), (SHIPPED, 0), (987, 0)])
def test_an_order_that_was_never_received_ends_by_its_situation(
    kwai_store: Store, code: int, count: int
) -> None:
    kwai_orders_stage(store=kwai_store, details=[detail(orderStatus=code)], fetch_started_at=FETCHED)
    KwaiOrderAnswer.objects.update(stored_at=timezone.now() - LONG_AGO)
    assert answers_expire() == count


def test_without_its_answer_an_order_is_marked_and_stays_as_it_is(
    kwai_store: Store, sku: Sku, admin: User, sign_in: Callable[[User], Client]
) -> None:
    take_in(kwai_store, detail(), detail(1))
    row = KwaiOrder.objects.order_by("pk")[0]
    KwaiOrderAnswer.objects.filter(pk=row.pk).delete()
    mapping_save(kwai_store, PAID, OrderStatus.PREPARING)
    assert store_receive(kwai_store.pk) == 2
    assert not orders_to_receive().exists()
    assert list(Order.objects.order_by("number").values_list("status", flat=True)) == [
        "approved",
        "preparing",
    ]
    row.refresh_from_db()
    assert (row.state, row.received_digest) == (KwaiOrderState.RECEIVED, FETCH_NEEDED)
    page = sign_in(admin).get(reverse("kwai:order", args=[row.pk])).text
    assert "apagada 180 dias depois que o pedido termina" in page
    assert "Um código deste pedido foi mapeado de novo" in page
    assert "Um código deste pedido foi mapeado de novo" in sign_in(admin).get(reverse("kwai:orders")).text
    assert reverse("kwai:order_fetch", args=[row.pk]) in page


def test_fetching_takes_the_place_of_reprocessing(
    kwai: Kwai, sku: Sku, admin: User, sign_in: Callable[[User], Client]
) -> None:
    KwaiSettings.objects.update(auto_receive=True)
    kwai.orders()
    kwai.poll()
    row = KwaiOrder.objects.get()
    KwaiOrderAnswer.objects.all().delete()
    mapping_save(kwai.store, int(row.remote_status), OrderStatus.PREPARING)
    store_receive(kwai.store.pk)
    client = sign_in(admin)
    fetched = client.post(reverse("kwai:order_fetch", args=[row.pk]), follow=True).text
    assert "Situação alterada: Aprovado → Preparando envio." in fetched
    assert "Buscar no Kwai" not in fetched
    row.refresh_from_db()
    assert row.received_digest == row.digest
    assert answer_of(row)["orderId"] == int(row.external_id)


def test_one_that_was_never_received_is_fetched_before_it_is(
    kwai: Kwai, sku: Sku, admin: User, sign_in: Callable[[User], Client]
) -> None:
    kwai.orders()
    kwai.poll()
    KwaiOrderAnswer.objects.all().delete()
    row = KwaiOrder.objects.get()
    (result,) = kwai_orders_receive(ids=[row.pk])
    assert result.code == "kwai_order.answer_emptied"
    row.refresh_from_db()
    assert (row.state, row.order) == (KwaiOrderState.QUARANTINED, None)
    sign_in(admin).post(reverse("kwai:order_fetch", args=[row.pk]))
    row.refresh_from_db()
    assert (row.state, row.problem) == (KwaiOrderState.STAGED, "")
    (result,) = kwai_orders_receive(ids=[row.pk])
    assert result.code == ""


# --- reprocessing


def test_the_walk_goes_on_where_it_was_killed(
    kwai_store: Store, sku: Sku, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reprocess, "SLICE", 2)
    monkeypatch.setattr(reprocess, "BUDGET_SECONDS", 0.0)
    take_in(kwai_store, *(detail(number) for number in range(5)), detail(9, orderStatus=SHIPPED))
    assert orders_reprocess(store_id=kwai_store.pk, situations=[str(PAID)], shippings=[], payments=[]) == 5
    assert KwaiOrder.objects.filter(received_digest="").count() == 0, "the click marks nothing"
    monkeypatch.setattr(reprocess, "BUDGET_SECONDS", 0.001)

    def break_at(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith('UPDATE "kwai_integration_reprocessrequest"'):
            raise DatabaseError("killed")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(break_at), pytest.raises(DatabaseError, match="killed"):
        store_reprocess(kwai_store.pk)
    assert (KwaiOrder.objects.filter(received_digest="").count(), reprocess_left(kwai_store.pk)) == (0, 5)
    assert reprocess.stores_to_reprocess() == [kwai_store.pk]
    while store_reprocess(kwai_store.pk):
        assert reprocess_left(kwai_store.pk) == 5
    assert KwaiOrder.objects.filter(received_digest="").count() == 5
    assert not ReprocessRequest.objects.exists()
    store_receive(kwai_store.pk)
    assert reprocess_left(kwai_store.pk) == 0


def test_the_planner_wakes_a_worker_for_the_walk(kwai_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    orders_reprocess(store_id=kwai_store.pk, situations=["33"], shippings=[], payments=[])
    woken: list[str] = []
    monkeypatch.setattr(tasks, "wake_after_commit", lambda task, **kwargs: woken.append(task))
    tasks.plan()
    assert tasks.store_reprocess.name in woken
    tasks.store_reprocess(store_id=kwai_store.pk)
    assert not ReprocessRequest.objects.exists()


# --- rules of a poll


def test_rules_that_did_not_change_cost_one_statement(kwai_store: Store) -> None:
    rules = KnownRules()
    first = rules.read({kwai_store.pk})
    with CaptureQueriesContext(connection) as asked:
        assert rules.read({kwai_store.pk}) is first
    assert len(asked) == 1


CHANGES: dict[str, Callable[[Store], object]] = {
    "a mapping": lambda store: StatusMapping.objects.filter(remote_code=str(PAID)).update(status="open"),
    "a mapping that went": lambda store: StatusMapping.objects.filter(remote_code=str(PAID)).delete(),
    "a new role": lambda store: StatusMapping.objects.create(
        store=store, remote_code="987", status="open", role="shipped"
    ),
    "an option": lambda store: KwaiSettings.objects.update(format_names=True),
    "the filter": lambda store: KwaiSettings.objects.update(import_roles=[]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_rules_that_changed_between_two_pages_are_read_again(kwai_store: Store, name: str) -> None:
    rules = KnownRules()
    first = rules.read({kwai_store.pk})
    CHANGES[name](kwai_store)
    second = rules.read({kwai_store.pk})
    assert second is not first
    assert second == rules.read({kwai_store.pk})


def test_a_mapping_saved_between_two_pages_of_a_poll_counts_for_the_second(
    kwai_store: Store, sku: Sku
) -> None:
    rules = KnownRules()

    def page(number: int) -> Order:
        staged = kwai_orders_stage(
            store=kwai_store, details=[detail(number)], fetch_started_at=FETCHED, known_rules=rules
        )
        kwai_orders_receive(ids=staged.ids, read=staged.read, known_rules=rules)
        return Order.objects.latest("pk")

    assert page(0).status == OrderStatus.APPROVED
    StatusMapping.objects.filter(remote_code=str(PAID)).update(status=OrderStatus.PREPARING)
    assert page(1).status == OrderStatus.PREPARING


def test_the_answer_table_holds_what_came(kwai_store: Store) -> None:
    kwai_orders_stage(store=kwai_store, details=[detail()], fetch_started_at=FETCHED)
    row = KwaiOrderAnswer.objects.get()
    assert (json.loads(row.text), row.raw, row.truncated) == (detail(), None, False)
    assert abs(row.stored_at - timezone.now()) < timedelta(minutes=1)
    assert KwaiOrder.objects.get().payload == ""
