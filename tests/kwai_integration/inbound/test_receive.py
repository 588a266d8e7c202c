"""Staged orders become sales orders; what belongs to whom stays so."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from erp.accounts.models import AuditEntry, Company, Store, User
from erp.catalog.models import Sku
from erp.channels import RowOutcome
from erp.sales.models import Buyer, DeliveryAddress, Order, OrderEvent, OrderLine, ShippingMethod
from erp.sales.ownership import address_edit, buyer_edit
from erp.sales.services import orders_status_set
from erp.sales.statuses import OrderStatus
from kwai_integration.inbound.orders.rules import KnownRules
from kwai_integration.inbound.receive import kwai_orders_receive
from kwai_integration.inbound.staging import kwai_orders_stage
from kwai_integration.models import (
    KwaiOrder,
    KwaiOrderState,
    KwaiSettings,
    Listing,
    ShippingMapping,
    StatusMapping,
)
from tests.erp.stock.conftest import at_once
from tests.kwai_integration.codes import CLOSED, PAID, RECEIVED, SHIPPED, UNPAID
from tests.kwai_integration.inbound.conftest import FETCHED, FIRST_ID, UPDATED_MS, detail, line, sku_make

pytestmark = pytest.mark.django_db


def take_in(store: Store, *details: Any, after: int = 0) -> list[RowOutcome]:
    """Stage and receive one page."""
    result = kwai_orders_stage(
        store=store, details=details, fetch_started_at=FETCHED + timedelta(seconds=after)
    )
    return [row.outcome for row in kwai_orders_receive(ids=result.ids)]


def later(number: int = 0, *, steps: int = 1, **overrides: Any) -> dict[str, Any]:
    """The same order after the platform changed it."""
    return detail(number, updateTime=UPDATED_MS + steps, **overrides)


def kinds(order: Order) -> list[str]:
    return list(OrderEvent.objects.filter(order=order).order_by("pk").values_list("kind", flat=True))


def writes(store: Store, details: list[Any], after: int) -> list[str]:
    result = kwai_orders_stage(
        store=store, details=details, fetch_started_at=FETCHED + timedelta(seconds=after)
    )
    # A page in the middle of a poll.
    rules = KnownRules()
    rules.read({store.pk})
    with CaptureQueriesContext(connection) as queries:
        kwai_orders_receive(ids=result.ids, known_rules=rules)
    return [query["sql"][:40] for query in queries if "SAVEPOINT" not in query["sql"]]


def test_creates_the_order_with_everything_it_holds(kwai_store: Store, sku: Sku) -> None:
    assert take_in(kwai_store, detail()) == [RowOutcome.DONE]
    order = Order.objects.get()
    assert (order.number, order.external_id, order.status) == (1, str(FIRST_ID), OrderStatus.APPROVED)
    assert (order.items_total, order.freight_total, order.total) == (10_000, 1_000, 11_000)
    assert not order.total_differs
    row = order.lines.get()
    assert (row.sku, row.quantity, row.unit_price) == (sku, 2, 5_000)
    assert (row.external_item_id, row.external_sku_id) == ("2900000000000000001", "3900000000000000001")
    assert (order.buyer.name, order.buyer.tax_id, order.buyer.tax_id_kind) == (
        "Ana Souza",
        "52998224725",
        "cpf",
    )
    assert (order.address.city, order.address.postal_code, order.address.problem) == (
        "São Paulo",
        "01310100",
        "",
    )
    assert kinds(order) == ["received"]
    kwai_order = KwaiOrder.objects.get()
    assert (kwai_order.order, kwai_order.state) == (order, KwaiOrderState.RECEIVED)


def test_reimporting_the_same_answer_changes_nothing(kwai_store: Store, sku: Sku) -> None:
    take_in(kwai_store, detail())
    before = [
        list(model.objects.order_by("pk").values())
        for model in (Order, OrderLine, Buyer, KwaiOrder, OrderEvent)
    ]
    assert take_in(kwai_store, detail(), after=60) == [RowOutcome.ALREADY_DONE]
    after = [
        list(model.objects.order_by("pk").values())
        for model in (Order, OrderLine, Buyer, KwaiOrder, OrderEvent)
    ]
    assert after == before


def test_an_answer_with_only_unknown_news_touches_no_order(kwai_store: Store, sku: Sku) -> None:
    take_in(kwai_store, detail())
    before, order = Order.objects.values().get(), Order.objects.get()
    assert take_in(kwai_store, later(campoNovo={"a": [1]}), after=60) == [RowOutcome.DONE]
    assert Order.objects.values().get() == before
    assert kinds(order) == ["received"]


@pytest.mark.parametrize("kind", ["fresh", "changed", "equal", "unlinked"])
def test_a_page_costs_the_same_for_one_order_and_for_fifty(kwai_store: Store, sku: Sku, kind: str) -> None:
    items = [line("NOVO-7" if kind == "unlinked" else "SKU-1")] * 2
    # The first order of a shop also creates its counter and its listing.
    take_in(kwai_store, detail(99, orderItemView=items))
    costs = []
    for first, count in ((100, 1), (200, 50)):
        page = [detail(first + index, orderItemView=items) for index in range(count)]
        if kind in ("changed", "equal"):
            take_in(kwai_store, *page)
        if kind == "changed":
            news = {
                "updateTime": UPDATED_MS + 1,
                "orderStatus": SHIPPED,
                "orderItemView": [line(skuQuantity=3)],
            }
            page = [{**order, **news} for order in page]
        costs.append(writes(kwai_store, page, after=5))
    assert costs[0] == costs[1]
    # Lines, situation and stock of an order that changes in every way at once.
    assert len(costs[0]) <= (46 if kind == "changed" else 27)


def test_an_unseen_pair_links_itself_by_seller_code(kwai_store: Store, sku: Sku) -> None:
    take_in(kwai_store, detail())
    listing = Listing.objects.get()
    assert (listing.sku, listing.seller_code, listing.linked_by) == (sku, "SKU-1", None)


def test_a_seller_code_of_another_company_links_nothing(kwai_store: Store, other_company: Company) -> None:
    sku_make(other_company, "SKU-1")
    assert take_in(kwai_store, detail()) == [RowOutcome.REFUSED]
    row = KwaiOrder.objects.get()
    assert (row.state, row.order) == (KwaiOrderState.UNLINKED, None)
    assert row.waiting_for.get().seller_code == "SKU-1"
    assert not Order.objects.exists()


def test_an_unlinked_order_does_not_hold_up_the_other_49(kwai_store: Store, sku: Sku) -> None:
    page = [detail(index) for index in range(50)]
    page[5]["orderItemView"].append(line("OUTRO-2"))
    take_in(kwai_store, *page)
    assert Order.objects.count() == 49
    assert KwaiOrder.objects.get(state=KwaiOrderState.UNLINKED).external_id == str(FIRST_ID + 5)
    assert sorted(Order.objects.values_list("number", flat=True)) == list(range(1, 50))


def test_the_same_sku_twice_is_two_lines(kwai_store: Store, sku: Sku) -> None:
    take_in(kwai_store, detail(orderItemView=[line(), line(skuQuantity=1)], totalAmount=16_000))
    assert list(Order.objects.get().lines.values_list("quantity", flat=True)) == [2, 1]


def test_lines_without_ids_are_told_apart_by_code(kwai_store: Store, sku: Sku, company: Company) -> None:
    second = sku_make(company, "SKU-2")
    items = [line("SKU-1", itemId=None, skuId=None), line("SKU-2", itemId=None, skuId=None)]
    take_in(kwai_store, detail(orderItemView=items))
    assert [row.sku for row in Order.objects.get().lines.all()] == [sku, second]


def test_two_codes_on_one_unseen_listing_are_for_a_person_to_decide(
    kwai_store: Store, sku: Sku, company: Company
) -> None:
    sku_make(company, "SKU-2")
    renamed = line("SKU-1", skuNumber="SKU-2")
    take_in(kwai_store, detail(), detail(1, orderItemView=[renamed]))
    assert Listing.objects.get().sku is None
    assert not Order.objects.exists()


@pytest.mark.parametrize("buyer", [None, {}, "Ana", []])
def test_a_null_buyer_blocks_label_and_note_but_not_the_order(
    kwai_store: Store, sku: Sku, buyer: Any
) -> None:
    take_in(kwai_store, detail(receiverAddressInfo=buyer))
    order = Order.objects.get()
    assert (order.buyer.name, order.address.city) == ("", "")
    assert order.address.problem.startswith("Endereço incompleto")
    assert "buyer_missing" in KwaiOrder.objects.get().warnings


def test_hidden_data_never_replaces_what_was_known(kwai_store: Store, sku: Sku) -> None:
    take_in(kwai_store, detail())
    masked = {"name": "A***", "cpf": "***", "city": "São Paulo", "street": "***"}
    take_in(kwai_store, later(receiverAddressInfo=masked), after=60)
    take_in(kwai_store, later(steps=2, receiverAddressInfo=None), after=120)
    order = Order.objects.get()
    assert (order.buyer.name, order.address.street) == ("Ana Souza", "Avenida Paulista")


def test_a_masked_address_is_followed_when_it_opens(kwai_store: Store, sku: Sku) -> None:
    masked = {"name": "***", "cpf": "***", "zipCode": "***", "city": "São Paulo", "street": "***"}
    take_in(kwai_store, detail(orderStatus=UNPAID, receiverAddressInfo=masked))
    assert Order.objects.get().address.problem
    take_in(kwai_store, later(), after=60)
    order = Order.objects.get()
    assert (order.buyer.name, order.address.street, order.address.problem) == (
        "Ana Souza",
        "Avenida Paulista",
        "",
    )
    assert order.status == OrderStatus.APPROVED


def test_an_edited_buyer_gets_a_proposal_only_for_news(kwai_store: Store, sku: Sku, admin: User) -> None:
    take_in(kwai_store, detail())
    order = Order.objects.get()
    buyer_edit(order=order, fields={"name": "Ana de Souza"}, actor=admin)
    take_in(kwai_store, later(holdReason="análise"), after=60)
    assert Buyer.objects.get().proposal is None
    news = {**detail()["receiverAddressInfo"], "name": "Ana Maria Souza"}
    take_in(kwai_store, later(steps=2, receiverAddressInfo=news), after=120)
    buyer = Buyer.objects.get()
    assert (buyer.name, buyer.proposal["name"]) == ("Ana de Souza", "Ana Maria Souza")


def test_an_edited_address_that_the_platform_now_agrees_with_needs_no_decision(
    kwai_store: Store, sku: Sku, admin: User
) -> None:
    take_in(kwai_store, detail())
    order = Order.objects.get()
    stated = {
        name: getattr(order.address, name)
        for name in ("recipient", "postal_code", "state_code", "city", "district", "street", "complement")
    }
    address_edit(order=order, fields={**stated, "number": "1001"}, actor=admin)
    news = {**detail()["receiverAddressInfo"], "number": "1001"}
    take_in(kwai_store, later(receiverAddressInfo=news), after=60)
    assert DeliveryAddress.objects.get().proposal is None


def test_lines_follow_and_keep_their_rows(kwai_store: Store, sku: Sku, company: Company) -> None:
    sku_make(company, "SKU-2")
    sku_make(company, "SKU-3")
    take_in(kwai_store, detail(orderItemView=[line(), line("SKU-2")], totalAmount=21_000))
    kept = OrderLine.objects.get(sku=sku)
    items = [line("SKU-3", skuQuantity=1), line(skuQuantity=5)]
    take_in(kwai_store, later(orderItemView=items, totalAmount=31_000), after=60)
    order = Order.objects.get()
    kept.refresh_from_db()
    assert kept.quantity == 5
    assert set(order.lines.values_list("sku__code", flat=True)) == {"SKU-1", "SKU-3"}
    assert (order.items_total, order.total) == (30_000, 31_000)
    assert "itens" in OrderEvent.objects.get(kind="platform_change").text


def test_a_line_keeps_the_sku_it_was_linked_to(kwai_store: Store, sku: Sku, company: Company) -> None:
    take_in(kwai_store, detail())
    Listing.objects.update(sku=sku_make(company, "SKU-9"))
    take_in(kwai_store, later(orderItemView=[line(skuQuantity=4)]), after=60)
    assert OrderLine.objects.get().sku == sku


def test_lines_of_an_invoiced_order_stay_and_it_is_said_once(kwai_store: Store, sku: Sku) -> None:
    take_in(kwai_store, detail())
    order = Order.objects.get()
    invoice_make(order)
    changed = {"orderItemView": [line(skuQuantity=9)], "totalAmount": 46_000}
    take_in(kwai_store, later(**changed), after=60)
    take_in(kwai_store, later(steps=2, holdReason="análise", **changed), after=120)
    order.refresh_from_db()
    assert (order.lines.get().quantity, order.total) == (2, 11_000)
    assert order.hold_reason == "análise"
    assert kinds(order).count("lines_kept") == 1


def invoice_make(order: Order) -> None:
    from invoices.models import Invoice

    now = timezone.now()
    Invoice.objects.create(
        company=order.company,
        store=order.store,
        order=order,
        access_key="3" * 44,
        number=1,
        series=1,
        environment="homologation",
        issued_at=now,
        authorized_at=now,
        authorization_protocol="1" * 15,
        issuer_tax_id=order.company.tax_id,
        total=order.total,
    )


def test_an_unknown_status_is_never_guessed(kwai_store: Store, sku: Sku) -> None:
    take_in(kwai_store, detail(orderStatus=77))
    order = Order.objects.get()
    assert (order.status, order.remote_status) == (OrderStatus.OPEN, "77")
    assert "não está mapeada" in OrderEvent.objects.get().text
    assert "status_unknown" in KwaiOrder.objects.get().warnings


def test_a_known_order_keeps_its_situation_at_an_unknown_status(kwai_store: Store, sku: Sku) -> None:
    take_in(kwai_store, detail())
    take_in(kwai_store, later(orderStatus=77), after=60)
    order = Order.objects.get()
    assert (order.status, order.remote_status) == (OrderStatus.APPROVED, "77")
    assert "unmapped" in kinds(order)


def test_the_stores_own_mapping_decides(kwai_store: Store, sku: Sku) -> None:
    StatusMapping.objects.filter(store=kwai_store, remote_code=str(PAID)).update(status=OrderStatus.PREPARING)
    StatusMapping.objects.create(store=kwai_store, remote_code="77", status=OrderStatus.UNDELIVERED)
    take_in(kwai_store, detail(), detail(1, orderStatus=77))
    assert list(Order.objects.order_by("number").values_list("status", flat=True)) == [
        "preparing",
        "undelivered",
    ]


@pytest.mark.parametrize(("allowed", "status"), [(False, "shipped"), (True, "approved")])
def test_going_back_needs_the_stores_leave(kwai_store: Store, sku: Sku, allowed: bool, status: str) -> None:
    KwaiSettings.objects.update(allow_backwards=allowed)
    take_in(kwai_store, detail(orderStatus=SHIPPED))
    take_in(kwai_store, later(orderStatus=PAID), after=60)
    assert Order.objects.get().status == status


def test_our_own_progress_is_not_undone(kwai_store: Store, sku: Sku) -> None:
    take_in(kwai_store, detail())
    order = Order.objects.get()
    orders_status_set(wanted={order.pk: OrderStatus.READY_TO_SHIP})
    take_in(kwai_store, later(holdReason="análise"), after=60)
    order.refresh_from_db()
    assert (order.status, order.hold_reason) == (OrderStatus.READY_TO_SHIP, "análise")
    assert "hold" in kinds(order)


def test_cancellation_hold_refund_and_deadline_are_columns(kwai_store: Store, sku: Sku) -> None:
    take_in(kwai_store, detail())
    take_in(
        kwai_store,
        later(orderStatus=CLOSED, canceledAt=UPDATED_MS + 77, refundStatus=10, shipByTime=UPDATED_MS),
        after=60,
    )
    order = Order.objects.get()
    assert (order.status, order.refund_open) == (OrderStatus.CANCELLED, True)
    assert order.cancelled_at is not None
    assert int(order.cancelled_at.timestamp() * 1000) == UPDATED_MS + 77
    assert order.ship_by_at is not None
    assert int(order.ship_by_at.timestamp() * 1000) == UPDATED_MS


def test_an_order_cancelled_before_it_was_received_comes_in_cancelled(kwai_store: Store, sku: Sku) -> None:
    take_in(kwai_store, detail(orderStatus=CLOSED))
    order = Order.objects.get()
    assert order.status == OrderStatus.CANCELLED
    assert order.cancelled_at is not None


def test_a_foreign_tracking_number_is_noted_once(kwai_store: Store, sku: Sku) -> None:
    take_in(kwai_store, detail())
    take_in(kwai_store, later(orderStatus=SHIPPED, trackingNumber="AA1BR"), after=60)
    take_in(kwai_store, later(steps=2, orderStatus=RECEIVED, trackingNumber="AA1BR"), after=120)
    event = OrderEvent.objects.get(kind="shipped_elsewhere")
    assert event.text == "Despachado fora do ERP com AA1BR."


def test_kwai_envios_takes_the_mapped_method(kwai_store: Store, sku: Sku, company: Company) -> None:
    from erp.sales.defaults import company_defaults_create

    company_defaults_create(company)
    method = ShippingMethod.objects.get(company=company, kind="marketplace")
    ShippingMapping.objects.create(store=kwai_store, remote_code="KWAI_ENVIOS", shipping_method=method)
    take_in(kwai_store, detail(shippingType="KWAI_ENVIOS"), detail(1))
    ours, sellers = Order.objects.order_by("number")
    assert ours.shipping_method is not None
    assert (ours.shipping_method.kind, ours.carrier_id) == ("marketplace", ours.shipping_method.carrier_id)
    assert sellers.shipping_method is None


def test_a_differing_total_is_a_badge(kwai_store: Store, sku: Sku) -> None:
    take_in(kwai_store, detail(totalAmount=9_999))
    assert Order.objects.get().total_differs
    assert "total_differs" in KwaiOrder.objects.get().warnings


def test_only_published_fields_are_needed(kwai_store: Store, sku: Sku) -> None:
    bare = {
        "orderId": FIRST_ID,
        "orderStatus": PAID,
        "orderItemView": [{"skuNumber": "SKU-1", "skuQuantity": 1, "skuPrice": 100}],
    }
    take_in(kwai_store, bare)
    order = Order.objects.get()
    assert (order.total, order.placed_at) == (100, FETCHED)


def test_quarantined_and_unknown_ids_are_answered_per_row(kwai_store: Store, sku: Sku) -> None:
    result = kwai_orders_stage(
        store=kwai_store, details=[detail(), detail(1, orderItemView=[])], fetch_started_at=FETCHED
    )
    answers = kwai_orders_receive(ids=[*result.ids, 999_999])
    assert [row.outcome for row in answers] == [RowOutcome.DONE, RowOutcome.REFUSED, RowOutcome.REFUSED]
    assert answers[1].text.startswith("Com problema: O pedido veio sem itens")


def test_hostile_text_reaches_no_order(kwai_store: Store, sku: Sku) -> None:
    hostile = detail(buyerRemark="a\x00b\ud800c", cancelReason="\x00")
    hostile["receiverAddressInfo"]["street"] = "Rua \x00\udfff Um"
    hostile["orderItemView"][0]["itemName"] = "Caneca \ud800 \x00"
    assert take_in(kwai_store, hostile, detail(1)) == [RowOutcome.DONE, RowOutcome.DONE]
    order = Order.objects.get(external_id=str(FIRST_ID))
    stored = json.dumps([order.buyer_note, order.address.street, order.lines.get().title])
    assert "\\u0000" not in stored
    assert "\\ud" not in stored


@pytest.mark.services
def test_an_order_the_columns_cannot_hold_is_alone_in_quarantine(kwai_store: Store, sku: Sku) -> None:
    """More lines than a position column counts: PostgreSQL refuses what no rule foresaw, SQLite would not."""
    page = [detail(index) for index in range(10)]
    page[4]["orderItemView"] = [line(skuQuantity=1, skuPrice=1, itemName="", skuName="")] * 33_000
    page[4]["totalAmount"] = 34_000
    result = kwai_orders_stage(store=kwai_store, details=page, fetch_started_at=FETCHED)
    kwai_orders_receive(ids=result.ids)
    assert Order.objects.count() == 9
    bad = KwaiOrder.objects.get(state=KwaiOrderState.QUARANTINED)
    assert bad.external_id == str(FIRST_ID + 4)


@pytest.mark.django_db(transaction=True)
def test_two_receivers_at_once_create_one_order(kwai_store: Store, sku: Sku) -> None:
    details = [detail(index) for index in range(20)]
    ids = kwai_orders_stage(store=kwai_store, details=details, fetch_started_at=FETCHED).ids
    start, outcomes = threading.Barrier(2), []

    def receive(wanted: list[int]) -> None:
        start.wait(10)
        try:
            outcomes.extend(kwai_orders_receive(ids=wanted))
        finally:
            connection.close()

    threads = [threading.Thread(target=receive, args=(order,)) for order in (list(ids), list(ids)[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert Order.objects.count() == 20
    found = [row.outcome for row in outcomes]
    assert (found.count(RowOutcome.DONE), found.count(RowOutcome.ALREADY_DONE)) == (20, 20)
    assert sorted(Order.objects.values_list("number", flat=True)) == list(range(1, 21))
    assert not AuditEntry.objects.exists()


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_pages_that_meet_new_listings_in_opposite_order(kwai_store: Store, sku: Sku) -> None:
    """Poll and push bring first sights of the same items at once: neither waits for the other for ever."""
    for turn in range(0, 8, 2):
        lines = [line(f"NOVO-{1_000 * turn + number}") for number in range(300)]
        pages = [
            kwai_orders_stage(
                store=kwai_store, details=[detail(turn + side, orderItemView=own)], fetch_started_at=FETCHED
            ).ids
            for side, own in enumerate((lines, lines[::-1]))
        ]
        assert at_once(*(lambda ids=ids: len(kwai_orders_receive(ids=ids)) for ids in pages)) == [1, 1]
    assert Listing.objects.count() == 1_200
