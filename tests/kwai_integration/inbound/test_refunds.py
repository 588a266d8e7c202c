"""Asked for, paid and ended are three things; a paid refund waits for a person."""

from __future__ import annotations

import pytest

from erp.accounts.models import Store, User
from erp.catalog.models import Sku
from erp.sales.decisions import order_refund_release
from erp.sales.models import Order, OrderEvent, RefundStatus
from kwai_integration.client.codes import KwaiRefundStatus
from kwai_integration.inbound.refunds import REFUNDS
from kwai_integration.models import KwaiSettings
from tests.kwai_integration.codes import RECEIVED
from tests.kwai_integration.inbound.conftest import Kwai, detail
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
