"""Closed orders: cancelled, unless the parcel is known to have left (contract 3.1)."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from erp.accounts.models import Store, User
from erp.catalog.models import Sku
from erp.channels import RowOutcome
from erp.outbox.models import PushJob
from erp.outbox.statuses import FailureMode, JobState
from erp.sales.decisions import order_handover_settle
from erp.sales.models import Order, OrderEvent, ShippingKind, ShippingMethod
from erp.sales.statuses import OrderStatus
from erp.stock.models import StockItem
from expedition.models import GroupKind, GroupStatus, Package, Shipment, ShipmentGroup, ShipmentStatus
from expedition.services import shipment_cancel
from kwai_integration.inbound.closing import CLOSED_EVENT
from kwai_integration.inbound.orders.rules import rules_read
from kwai_integration.inbound.orders.situations import situations_set
from kwai_integration.models import KwaiOrder, KwaiSettings, StatusMapping
from kwai_integration.outbound.kinds import Kind
from kwai_integration.wire.codes import ARRIVED_ROLES, PAID_ROLES, SHIPPED_ROLES, SITUATIONS, KwaiRole
from tests.kwai_integration.codes import CLOSED, PAID, PICKUP, RECEIVED, SHIPPED
from tests.kwai_integration.inbound.conftest import detail, line
from tests.kwai_integration.inbound.test_receive import later, take_in

pytestmark = pytest.mark.django_db
NUMBERS = {row.role: int(row.code) for row in SITUATIONS.values()}


def reserved() -> int:
    return StockItem.objects.get().reserved


def available() -> int:
    item = StockItem.objects.get()
    return item.on_hand - item.reserved


def hand_over(order: Order, *, concluded: bool) -> Shipment:
    method = ShippingMethod.objects.create(company=order.company, name="PAC", kind=ShippingKind.CORREIOS)
    at = timezone.now() if concluded else None
    group = ShipmentGroup.objects.create(
        company=order.company,
        number=1,
        kind=GroupKind.POSTING_LIST,
        shipping_method=method,
        status=GroupStatus.CONCLUDED if concluded else GroupStatus.OPEN,
        concluded_at=at,
    )
    shipment = Shipment.objects.create(
        company=order.company,
        store=order.store,
        order=order,
        number=1,
        group=group,
        shipping_method=method,
        status=ShipmentStatus.CONCLUDED if concluded else ShipmentStatus.PENDING,
        concluded_at=at,
    )
    Package.objects.create(company=order.company, shipment=shipment)
    return shipment


@pytest.mark.parametrize("role", [KwaiRole.AWAITING_PAYMENT, *PAID_ROLES])
def test_a_closed_order_that_never_left_is_cancelled_and_frees_its_stock(
    kwai_store: Store, sku: Sku, role: KwaiRole
) -> None:
    take_in(kwai_store, detail(orderStatus=NUMBERS[role]))
    assert available() == 9_998
    take_in(kwai_store, later(orderStatus=CLOSED), after=60)
    order = Order.objects.get()
    assert (order.status, available()) == (OrderStatus.CANCELLED, 10_000)
    assert order.frozen_reason


@pytest.mark.parametrize("items", [[], None, [{}], "x"], ids=["empty", "null", "unreadable", "text"])
def test_a_closed_answer_without_readable_items_cancels_all_the_same(
    kwai_store: Store, sku: Sku, items: object
) -> None:
    take_in(kwai_store, detail())
    take_in(kwai_store, later(orderStatus=CLOSED, orderItemView=items), after=60)
    order = Order.objects.get()
    assert (order.status, reserved(), order.lines.count()) == (OrderStatus.CANCELLED, 0, 1)


@pytest.mark.parametrize("role", SHIPPED_ROLES)
@pytest.mark.parametrize("closes_after", [1, 2])
def test_an_order_known_to_have_been_shipped_keeps_its_situation(
    kwai_store: Store, sku: Sku, role: KwaiRole, closes_after: int
) -> None:
    take_in(kwai_store, detail())
    take_in(kwai_store, later(orderStatus=NUMBERS[role]), after=60)
    before, stock = Order.objects.get().status, StockItem.objects.get().on_hand
    for step in range(closes_after):
        take_in(kwai_store, later(steps=2 + step, orderStatus=CLOSED), after=120 + step)
    order = Order.objects.get()
    assert (order.status, StockItem.objects.get().on_hand) == (before, stock)
    assert order.closed_at is not None
    assert order.frozen_reason
    assert OrderEvent.objects.filter(kind=CLOSED_EVENT).count() == 1


@pytest.mark.parametrize("kind", [Kind.SEND_TRACKING, Kind.CONFIRM_DELIVERY])
def test_a_confirmed_push_counts_as_shipped(kwai_store: Store, sku: Sku, kind: Kind) -> None:
    take_in(kwai_store, detail())
    order = Order.objects.get()
    PushJob.objects.create(
        store=kwai_store,
        kind=kind,
        subject=order.external_id,
        idempotency_key="x",
        state=JobState.DONE,
        finished_at=timezone.now(),
    )
    take_in(kwai_store, later(orderStatus=CLOSED), after=60)
    assert Order.objects.get().status == OrderStatus.APPROVED
    assert reserved() == 2


@pytest.mark.parametrize(("concluded", "asks"), [(True, True), (False, False)])
def test_a_parcel_handed_over_alone_asks_a_person(
    kwai_store: Store, sku: Sku, concluded: bool, asks: bool
) -> None:
    take_in(kwai_store, detail(orderStatus=PICKUP))
    hand_over(Order.objects.get(), concluded=concluded)
    take_in(kwai_store, later(orderStatus=CLOSED), after=60)
    order = Order.objects.get()
    assert order.handover_unclear is asks
    assert (order.status == OrderStatus.CANCELLED) is not asks
    assert (available() == 9_998) is asks
    take_in(kwai_store, later(steps=2, orderStatus=CLOSED, buyerRemark="oi"), after=120)
    assert Order.objects.get().handover_unclear is asks


@pytest.mark.parametrize("heard", ["sincronizar", "poll"])
@pytest.mark.parametrize("how", ["asked", "behind"])
def test_cancelling_the_shipment_does_not_decide_for_the_person(
    kwai_store: Store, sku: Sku, how: str, heard: str
) -> None:
    """Also where the shipment was cancelled before the order was known to be closed."""
    take_in(kwai_store, detail(orderStatus=PICKUP))
    shipment = hand_over(Order.objects.get(), concluded=True)
    take_in(kwai_store, later(orderStatus=CLOSED), after=60)
    before = Order.objects.get().status
    if how == "asked":
        row = shipment_cancel(shipment_id=shipment.pk)
        assert row.outcome is RowOutcome.REFUSED
        assert "voltou ou foi entregue" in row.text
    else:
        Shipment.objects.update(status=ShipmentStatus.CANCELLED)
    if heard == "sincronizar":
        situations_apply_again(kwai_store)
    else:
        take_in(kwai_store, later(steps=2, orderStatus=CLOSED, buyerRemark="oi"), after=120)
    order = Order.objects.get()
    assert (order.status, order.handover_unclear, available()) == (before, True, 9_998)


def situations_apply_again(store: Store) -> None:
    """What *sincronizar situação* does with the answer."""
    with transaction.atomic():
        situations_set([(Order.objects.get().pk, store.pk, str(CLOSED))], rules_read({store.pk}), None)


@pytest.mark.parametrize("state", [JobState.PENDING, JobState.BLOCKED])
@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(("came_back", "words"), [(True, "voltou"), (False, "entregue")])
def test_what_a_person_says_ends_the_pushes_of_a_closed_order(
    kwai_store: Store, sku: Sku, admin: User, state: JobState, kind: Kind, came_back: bool, words: str
) -> None:
    take_in(kwai_store, detail(orderStatus=PICKUP))
    order = Order.objects.get()
    hand_over(order, concluded=True)
    take_in(kwai_store, later(orderStatus=CLOSED), after=60)
    job = PushJob.objects.create(
        store=kwai_store,
        kind=kind,
        subject=order.external_id,
        idempotency_key=f"{kwai_store.pk}:{kind}:{order.external_id}:x",
        state=state,
        failure_mode=FailureMode.REJECTED if state == JobState.BLOCKED else "",
        last_error="Diga na página do pedido o que houve com o pacote.",
    )
    assert order_handover_settle(order_id=order.pk, came_back=came_back, actor=admin)
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED
    assert words in job.last_error


@pytest.mark.parametrize("status", [OrderStatus.CANCELLED, OrderStatus.OPEN])
def test_an_order_first_met_closed_never_reserves(kwai_store: Store, sku: Sku, status: OrderStatus) -> None:
    StatusMapping.objects.filter(remote_code=str(CLOSED)).update(status=status)
    take_in(kwai_store, detail(orderStatus=CLOSED))
    assert Order.objects.get().status == status
    assert not StockItem.objects.filter(reserved__gt=0).exists()
    assert Order.objects.get().frozen_reason


def test_what_the_platform_opens_again_moves_on(kwai_store: Store, sku: Sku) -> None:
    KwaiSettings.objects.update(allow_backwards=True)
    take_in(kwai_store, detail(orderStatus=SHIPPED))
    take_in(kwai_store, later(orderStatus=CLOSED), after=60)
    take_in(kwai_store, later(steps=2, orderStatus=RECEIVED), after=120)
    order = Order.objects.get()
    assert (order.closed_at, order.status, order.frozen_reason) == (None, OrderStatus.DELIVERED, "")


@pytest.mark.parametrize("role", [*PAID_ROLES, *SHIPPED_ROLES])
def test_the_first_answer_that_says_shipped_is_kept(kwai_store: Store, sku: Sku, role: KwaiRole) -> None:
    take_in(kwai_store, detail(orderStatus=NUMBERS[role]))
    first = KwaiOrder.objects.get().first_shipped_at
    assert (first is not None) is (role in SHIPPED_ROLES)
    if role in ARRIVED_ROLES:
        take_in(kwai_store, later(orderStatus=SHIPPED), after=60)
        assert KwaiOrder.objects.get().first_shipped_at == first


def test_pages_of_closed_orders_cost_the_same(kwai_store: Store, sku: Sku) -> None:
    costs = []
    for begin, size in ((0, 2), (10, 20)):
        take_in(kwai_store, *(detail(begin + place) for place in range(size)))
        page = [later(begin + place, orderStatus=CLOSED) for place in range(size)]
        with CaptureQueriesContext(connection) as queries:
            take_in(kwai_store, *page, after=60)
        costs.append(len(queries))
    assert costs[0] == costs[1]


# --- whatever a store makes of the situation


def stock() -> tuple[int, int]:
    """On hand and reserved; 10,000 units stand there at first and an order wants two."""
    item = StockItem.objects.get()
    return item.on_hand, item.reserved


def map_closed(status: OrderStatus | None) -> None:
    mapping = StatusMapping.objects.filter(remote_code=str(CLOSED))
    if status is None:
        mapping.delete()
    else:
        mapping.update(status=status)


MAPPINGS = pytest.mark.parametrize("mapping", [None, *OrderStatus])


@MAPPINGS
def test_what_closed_gives_back_does_not_hang_on_the_mapping(
    kwai_store: Store, sku: Sku, mapping: OrderStatus | None
) -> None:
    map_closed(mapping)
    take_in(kwai_store, detail())
    assert stock() == (10000, 2)
    take_in(kwai_store, later(orderStatus=CLOSED), after=60)
    assert (bool(Order.objects.get().closed_at), stock()) == (True, (10000, 0))


@MAPPINGS
def test_an_order_first_met_closed_never_wants_goods(
    kwai_store: Store, sku: Sku, mapping: OrderStatus | None
) -> None:
    KwaiSettings.objects.update(allow_backwards=True)
    map_closed(mapping)
    take_in(kwai_store, detail(orderStatus=CLOSED))
    lines = [line(skuQuantity=3)]
    take_in(kwai_store, later(orderStatus=CLOSED, orderItemView=lines, totalAmount=16000), after=60)
    assert stock() == (10000, 0)
    map_closed(OrderStatus.OPEN)
    take_in(kwai_store, later(steps=2, orderStatus=CLOSED, buyerRemark="oi"), after=120)
    assert stock() == (10000, 0)


@pytest.mark.parametrize("mapping", [None, OrderStatus.OPEN])
@pytest.mark.parametrize("is_new", [True, False])
def test_a_reopened_order_wants_its_goods_again(
    kwai_store: Store, sku: Sku, mapping: OrderStatus | None, is_new: bool
) -> None:
    map_closed(mapping)
    if not is_new:
        take_in(kwai_store, detail())
    take_in(kwai_store, later(orderStatus=CLOSED), after=60)
    take_in(kwai_store, later(steps=2, orderStatus=PAID), after=120)
    order = Order.objects.get()
    assert (order.closed_at, order.frozen_reason, stock()) == (None, "", (10000, 2))


@pytest.mark.parametrize("together", [True, False])
def test_an_answer_that_lost_still_tells_that_the_parcel_left(
    kwai_store: Store, sku: Sku, together: bool
) -> None:
    take_in(kwai_store, detail())
    shipped, closed = later(steps=1, orderStatus=SHIPPED), later(steps=2, orderStatus=CLOSED)
    if together:
        take_in(kwai_store, shipped, closed, after=120)
    else:
        take_in(kwai_store, closed, after=120)
        take_in(kwai_store, shipped, after=60)
    order = Order.objects.get()
    assert KwaiOrder.objects.get().first_shipped_at is not None
    if together:
        assert (order.status == OrderStatus.CANCELLED, reserved()) == (False, 2)
    else:
        assert (order.status, reserved()) == (OrderStatus.CANCELLED, 0)
        assert "acerte o saldo" in OrderEvent.objects.filter(kind=CLOSED_EVENT).latest("pk").text


@pytest.mark.parametrize("exit_at", [OrderStatus.INVOICED, OrderStatus.READY_TO_SHIP, OrderStatus.SHIPPED])
@pytest.mark.parametrize("mapped", [OrderStatus.OPEN, OrderStatus.INVOICED, OrderStatus.DELIVERED])
@pytest.mark.parametrize("backwards", [False, True])
def test_closed_again_and_again_counts_once(
    kwai_store: Store, sku: Sku, exit_at: OrderStatus, mapped: OrderStatus, backwards: bool
) -> None:
    Store.objects.update(stock_exit_at=exit_at)
    kwai_store.refresh_from_db()
    KwaiSettings.objects.update(allow_backwards=backwards)
    StatusMapping.objects.filter(remote_code=str(PAID)).update(status=mapped)
    take_in(kwai_store, detail(orderStatus=PAID))
    for step, remark in enumerate(("a", "b"), 1):
        closed = later(steps=step, orderStatus=CLOSED, buyerRemark=remark)
        take_in(kwai_store, closed, after=60 * step)
        assert (Order.objects.get().status, stock()) == (OrderStatus.CANCELLED, (10000, 0))
    if backwards:
        take_in(kwai_store, later(steps=3, orderStatus=PAID), after=180)
        assert stock() == ((9998, 0) if mapped.rank >= exit_at.rank else (10000, 2))
        take_in(kwai_store, later(steps=4, orderStatus=CLOSED), after=240)
        assert stock() == (10000, 0)
