"""Asked for, paid and ended are three things; a paid refund waits for a person."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import permutations
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from erp.accounts.models import Store, User
from erp.catalog.models import Sku
from erp.sales.decisions import order_refund_release
from erp.sales.models import Order, OrderEvent, RefundStatus
from kwai_integration.client.gateway import LONGEST_WINDOW
from kwai_integration.inbound.receive import kwai_orders_receive
from kwai_integration.inbound.refund_list import refunds_follow, refunds_poll
from kwai_integration.inbound.refunds import REFUNDS, refund_settle
from kwai_integration.models import KwaiOrder, KwaiRefund, KwaiSettings, SyncCursor
from kwai_integration.wire.codes import KwaiRefundStatus
from kwai_integration.wire.types import RefundPage, RemoteRefund
from tests.kwai_integration.codes import RECEIVED
from tests.kwai_integration.inbound.conftest import FETCHED, FIRST_ID, Kwai, detail
from tests.kwai_integration.inbound.test_receive import later, take_in

pytestmark = pytest.mark.django_db

ASKED, PAID_BACK, ENDED = (int(KwaiRefundStatus[name]) for name in ("ASKED", "REFUNDED", "CLOSED"))


def texts() -> str:
    return " ".join(OrderEvent.objects.filter(kind="refund").values_list("text", flat=True))


@pytest.mark.parametrize(
    ("told", "status", "frozen", "words"),
    [
        ([ASKED], RefundStatus.ASKED, True, "pediu reembolso"),
        ([ASKED, PAID_BACK], RefundStatus.PAID, True, "reembolso foi pago"),
        ([PAID_BACK], RefundStatus.PAID, True, "devolvido ao comprador"),
        ([ASKED, ENDED], RefundStatus.CLOSED, False, "encerrado no Kwai sem pagamento"),
        ([33], RefundStatus.UNKNOWN, True, "situação desconhecida"),
        ([ASKED, 0], RefundStatus.NONE, False, "não mostra mais reembolso"),
    ],
)
def test_each_step_of_a_refund_has_its_words(
    kwai_store: Store, sku: Sku, told: list[int], status: RefundStatus, frozen: bool, words: str
) -> None:
    take_in(kwai_store, detail())
    for step, code in enumerate(told, 1):
        take_in(kwai_store, later(steps=step, refundStatus=code), after=60 * step)
    order = Order.objects.get()
    assert (order.refund_status, order.refund_open, bool(order.frozen_reason)) == (status, frozen, frozen)
    assert words in texts()


def test_a_new_order_may_arrive_refunded(kwai_store: Store, sku: Sku) -> None:
    take_in(kwai_store, detail(refundStatus=PAID_BACK))
    order = Order.objects.get()
    assert (order.refund_status, order.refund_open) == (RefundStatus.PAID, True)
    assert "devolvido ao comprador" in texts()


def test_after_delivery_the_words_are_those_of_a_return(kwai_store: Store, sku: Sku) -> None:
    take_in(kwai_store, detail(orderStatus=RECEIVED))
    for step, code in enumerate((ASKED, PAID_BACK, ENDED), 1):
        take_in(kwai_store, later(steps=step, orderStatus=RECEIVED, refundStatus=code), after=60 * step)
    assert texts().count("evolução") == 3


def test_every_code_and_none_of_them_mean_something() -> None:
    assert set(REFUNDS) == {*KwaiRefundStatus, None}


def test_a_person_releases_a_paid_refund_and_the_platform_does_not_undo_it(
    kwai_store: Store, sku: Sku, operator: User
) -> None:
    take_in(kwai_store, detail(refundStatus=PAID_BACK))
    order = Order.objects.get()
    assert order_refund_release(order_id=order.pk, actor=operator)
    take_in(kwai_store, later(refundStatus=PAID_BACK, buyerRemark="oi"), after=60)
    order.refresh_from_db()
    assert (order.frozen_reason, order.refund_released_by) == ("", operator)
    assert OrderEvent.objects.get(kind="refund_released").actor == operator
    assert not order_refund_release(order_id=order.pk, actor=operator)
    take_in(kwai_store, later(steps=2, refundStatus=ASKED), after=120)
    order.refresh_from_db()
    assert (order.refund_open, order.refund_released_at) == (True, None)


@pytest.mark.parametrize("code", [0, ASKED, ENDED])
def test_only_a_paid_refund_can_be_released(kwai_store: Store, sku: Sku, operator: User, code: int) -> None:
    take_in(kwai_store, detail(refundStatus=code))
    assert not order_refund_release(order_id=Order.objects.get().pk, actor=operator)


def refunded(kwai: Kwai, **fields: object) -> Order:
    KwaiSettings.objects.update(auto_receive=True)
    (order_id,) = kwai.orders()
    kwai.poll()
    kwai.change(order_id, **fields)
    kwai.poll()
    return Order.objects.get(external_id=order_id)


def test_the_list_of_refunds_tells_amount_reason_and_date(kwai: Kwai, sku: Sku) -> None:
    order = refunded(kwai, refundStatus=ASKED)
    assert (order.refund_status, order.refund_amount) == (RefundStatus.ASKED, order.total)
    assert order.refund_reason
    assert order.refund_at is not None
    assert kwai.calls("queryRefundList") == 2


def test_a_list_that_cannot_be_read_stops_nothing_and_is_read_again(kwai: Kwai, sku: Sku) -> None:
    kwai.sandbox.control("PUT", "faults", {"path": "queryRefundList", "kind": "server_error", "rate": 1})
    order = refunded(kwai, refundStatus=ASKED)
    assert (order.refund_status, order.refund_amount) == (RefundStatus.ASKED, None)
    assert kwai.cursor.last_error == ""
    assert kwai.cursor.refunds_watermark is None
    kwai.sandbox.control("DELETE", "faults", {})
    kwai.poll()
    order.refresh_from_db()
    assert order.refund_amount == order.total


# --- the list and the details together


def refund(number: int, status: int, minutes: int | None, **fields: Any) -> RemoteRefund:
    """A row of the list; `minutes` after the order was fetched, None for a row without a moment."""
    row = {"amount": 100, "reason": "não serviu", "order_id": str(FIRST_ID), **fields}
    at = None if minutes is None else FETCHED + timedelta(minutes=minutes)
    return RemoteRefund(refund_id=str(number), status=str(status), updated_at=at, **row)


NOW = datetime(2026, 11, 28, tzinfo=FETCHED.tzinfo)


def listed(status: int, minutes: int) -> KwaiRefund:
    return KwaiRefund(status=str(status), reported_at=NOW + timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("details", "rows", "settled"),
    [
        (RefundStatus.NONE, [], RefundStatus.NONE),
        (RefundStatus.NONE, [(ASKED, -5)], RefundStatus.ASKED),
        (RefundStatus.NONE, [(PAID_BACK, -5)], RefundStatus.PAID),
        (RefundStatus.ASKED, [(ENDED, 5)], RefundStatus.CLOSED),
        (RefundStatus.ASKED, [(ENDED, -5)], RefundStatus.ASKED),
        (RefundStatus.ASKED, [(PAID_BACK, -5)], RefundStatus.ASKED),
        (RefundStatus.PAID, [(ASKED, -5)], RefundStatus.PAID),
        (RefundStatus.PAID, [(ASKED, 5)], RefundStatus.ASKED),
        (RefundStatus.PAID, [(ENDED, 5)], RefundStatus.PAID),
        (RefundStatus.CLOSED, [(ASKED, -5)], RefundStatus.CLOSED),
        (RefundStatus.CLOSED, [(PAID_BACK, -5)], RefundStatus.PAID),
        (RefundStatus.NONE, [(PAID_BACK, -9), (ENDED, -5)], RefundStatus.PAID),
        (RefundStatus.NONE, [(PAID_BACK, -9), (ASKED, -5)], RefundStatus.ASKED),
        (RefundStatus.CLOSED, [(33, 5)], RefundStatus.UNKNOWN),
    ],
)
def test_what_holds_when_both_speak(
    details: RefundStatus, rows: list[tuple[int, int]], settled: RefundStatus
) -> None:
    for order in permutations(rows):
        assert refund_settle(details, NOW, [listed(*row) for row in order]) == settled


@pytest.mark.parametrize("together", [True, False])
def test_another_request_that_ended_lifts_no_paid_one(kwai_store: Store, sku: Sku, together: bool) -> None:
    take_in(kwai_store, detail())
    rows = [refund(1, PAID_BACK, 1, amount=700), refund(2, ENDED, 5)]
    for part in [rows] if together else [rows[:1], rows[1:]]:
        refunds_follow(kwai_store.pk, part)
    order = Order.objects.get()
    assert (order.refund_status, order.refund_open, order.refund_amount) == (RefundStatus.PAID, True, 700)


@pytest.mark.parametrize("minutes", [1, None])
def test_silent_details_lift_no_paid_refund(kwai_store: Store, sku: Sku, minutes: int | None) -> None:
    take_in(kwai_store, detail())
    refunds_follow(kwai_store.pk, [refund(1, PAID_BACK, minutes)])
    take_in(kwai_store, later(refundStatus=0, buyerRemark="oi"), after=60)
    assert Order.objects.get().refund_open


def test_a_list_that_lags_undoes_no_release(kwai_store: Store, sku: Sku, operator: User) -> None:
    take_in(kwai_store, detail(refundStatus=PAID_BACK))
    order = Order.objects.get()
    order_refund_release(order_id=order.pk, actor=operator)
    for step, status in enumerate((ASKED, PAID_BACK, PAID_BACK), 1):
        refunds_follow(kwai_store.pk, [refund(1, status, -60 + step)])
        take_in(kwai_store, later(steps=step, refundStatus=PAID_BACK, buyerRemark=str(step)), after=60 * step)
        order.refresh_from_db()
        assert (order.refund_status, order.refund_open) == (RefundStatus.PAID, False)


def test_an_older_row_of_the_same_refund_changes_nothing(kwai_store: Store, sku: Sku) -> None:
    take_in(kwai_store, detail())
    refunds_follow(kwai_store.pk, [refund(1, ENDED, 9)])
    assert refunds_follow(kwai_store.pk, [refund(1, ASKED, 1)]) == 0
    assert Order.objects.get().refund_status == RefundStatus.CLOSED


def test_a_refund_listed_before_its_order_is_received_waits_for_it(kwai: Kwai, sku: Sku) -> None:
    (order_id,) = kwai.orders()
    kwai.change(order_id, refundStatus=ASKED)
    kwai.poll()
    assert not Order.objects.exists()
    kwai_orders_receive(ids=list(KwaiOrder.objects.values_list("pk", flat=True)))
    order = Order.objects.get()
    assert (order.refund_status, order.refund_amount) == (RefundStatus.ASKED, order.total)
    assert order.refund_reason
    assert "pediu reembolso" in texts()


class RefundDesk:
    """Answers the list of refunds as a platform would that gives `size` rows a page."""

    answered_at = None

    def __init__(self, rows: list[RemoteRefund], size: int = 50) -> None:
        self.rows, self.size = rows, size
        self.spans: list[timedelta] = []

    def list_refunds(self, *, time_from: datetime, time_to: datetime, page: int) -> RefundPage:
        self.spans.append(time_to - time_from)
        found = [row for row in self.rows if row.updated_at and time_from <= row.updated_at <= time_to]
        return RefundPage(len(found), tuple(found[(page - 1) * self.size : page * self.size]))


@pytest.mark.parametrize(
    ("others", "size", "days", "since"),
    [(2_000, 50, 1, None), (50, 20, 1, None), (0, 50, 40, 45), (3, 2, 70, 100)],
    ids=["many", "short pages", "after 45 days", "after 100 days"],
)
def test_no_refund_of_the_list_is_skipped(
    kwai_store: Store, sku: Sku, others: int, size: int, days: int, since: int | None
) -> None:
    take_in(kwai_store, detail())
    now = timezone.now()
    mark = now - timedelta(days=since) if since else None
    SyncCursor.objects.create(store=kwai_store, watermark=now, due_at=now, refunds_watermark=mark)
    at = now - timedelta(days=days)
    row = RemoteRefund("1", str(FIRST_ID), "60", 1, "", at)
    crowd = [RemoteRefund("1", f"9{n:018d}", "10", 1, "", at - timedelta(seconds=1)) for n in range(others)]
    desk: Any = RefundDesk([*crowd, row], size)
    refunds_poll(desk, kwai_store.pk)
    assert Order.objects.get().refund_status == RefundStatus.PAID
    assert max(desk.spans) < LONGEST_WINDOW + timedelta(minutes=10)


def test_the_watermark_waits_for_the_last_page(kwai_store: Store, sku: Sku) -> None:
    now = timezone.now()
    mark = now - timedelta(days=45)
    SyncCursor.objects.create(store=kwai_store, watermark=now, due_at=now, refunds_watermark=mark)
    count = iter(range(10_000))
    restless: Any = SimpleNamespace(
        answered_at=None,
        list_refunds=lambda page, **_: RefundPage(
            9, (RemoteRefund(str(next(count)), "1", "10", 1, "", now),) if page == 1 else ()
        ),
    )
    refunds_poll(restless, kwai_store.pk)
    assert SyncCursor.objects.get().refunds_watermark == mark


def test_a_row_from_a_clock_that_was_ahead_gives_way(kwai_store: Store, sku: Sku) -> None:
    take_in(kwai_store, detail())
    refunds_follow(kwai_store.pk, [refund(1, ASKED, None)])
    KwaiRefund.objects.update(reported_at=timezone.now() + timedelta(days=1))
    refunds_follow(kwai_store.pk, [refund(1, ENDED, 9)])
    assert Order.objects.get().refund_status == RefundStatus.CLOSED
