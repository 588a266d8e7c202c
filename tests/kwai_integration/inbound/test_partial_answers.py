"""What is needed to create is not needed to follow: an answer is taken over as far as it can be read."""

from __future__ import annotations

from typing import Any

import pytest

from erp.accounts.models import Store, User
from erp.catalog.models import Sku
from erp.sales.models import OPEN_LINES, UNREAD_LABELS, DeliveryAddress, Order, OrderEvent
from erp.sales.ownership import ADDRESS_FIELDS, BUYER_FIELDS
from erp.sales.statuses import OrderStatus
from erp.stock.models import StockItem
from kwai_integration.inbound.judging import store_judge
from kwai_integration.inbound.linking import listing_link
from kwai_integration.inbound.orders.follow import FOLLOWED, REFUND_FIELDS
from kwai_integration.inbound.orders.lines import LINE_FIELDS
from kwai_integration.inbound.orders.remarks import OPEN_LINES_OVER, UNREAD_EVENT
from kwai_integration.inbound.orders.rules import AMOUNTS, EMPTIED, LINKS
from kwai_integration.inbound.plan import orders_to_receive
from kwai_integration.inbound.staging import STAGED_FIELDS
from kwai_integration.mapping.orders import PARTS
from kwai_integration.mapping.warnings import UNREAD_TEXTS
from kwai_integration.models import KwaiOrder, KwaiOrderState, KwaiSettings, Listing
from tests.kwai_integration.codes import SHIPPED
from tests.kwai_integration.inbound.conftest import detail, line, sku_make
from tests.kwai_integration.inbound.test_receive import later, take_in

pytestmark = pytest.mark.django_db

# What cannot be read, with the part of the order it leaves open.
BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "no items": ({"orderItemView": []}, "lines"),
    "null items": ({"orderItemView": None}, "lines"),
    "null quantity": ({"orderItemView": [line(skuQuantity=None)]}, "lines"),
    "null price": ({"orderItemView": [line(skuPrice=None)]}, "lines"),
    "price in reais": ({"orderItemView": [line(skuPrice="50.00")]}, "lines"),
    "an item that is none": ({"orderItemView": [line(), 7]}, "lines"),
    "total in reais": ({"totalAmount": "110.00"}, "amounts"),
    "freight negative": ({"shippingFee": -5}, "amounts"),
    "total beyond the column": ({"totalAmount": 2**70}, "amounts"),
    "another currency": ({"currency": "USD"}, "amounts"),
    "deadline in seconds": ({"shipByTime": 1_795_000}, "deadlines"),
    "receiver as text": ({"receiverAddressInfo": "Rua 1"}, "address"),
    "situation missing": ({"orderStatus": None}, "situation"),
    "situation as list": ({"orderStatus": [30]}, "situation"),
    "note state as list": ({"invoiceStatus": [1]}, "invoice"),
    "shipping as object": ({"shippingType": {"a": 1}}, "shipping"),
    "reason of the refused note as list": ({"invoiceRefusalReason": [1]}, "invoice"),
    "name of an item as object": ({"orderItemView": [line(itemName={"pt": "Caneca"})]}, "lines"),
    "id of an item as object": ({"orderItemView": [line(itemId={"a": 1})]}, "lines"),
    "carrier as list": ({"carrierCode": ["JT"]}, "tracking"),
    "number as object": ({"trackingNumber": {"a": 1}}, "tracking"),
    "refund as object": ({"refundStatus": {"a": 1}}, "refund"),
    "payments as object": ({"payments": {"method": "PIX"}}, "payments"),
    "way of payment as list": ({"payments": [{"method": ["PIX"], "amount": 11_000}]}, "payments"),
    "reason of the cancellation as object": ({"cancelReason": {"a": 1}}, "texts"),
}
# Values that hold nothing a text column could keep.
NO_TEXT: dict[str, Any] = {
    "object": {"a": 1},
    "empty object": {},
    "list": ["Rua 1"],
    "empty list": [],
    "yes": True,
    "no": False,
    "fraction": 52998224725.0,
    "beyond any id": 10**41,
    "nul only": "\x00",
    "half a character": "\ud800",
}
FULL: dict[str, Any] = {
    "buyerRemark": "deixe na portaria",
    "carrierCode": "JT",
    "trackingNumber": "JD000000001",
    "payments": [{"method": "PIX", "amount": 11_000}],
    "invoiceStatus": 3,
    "invoiceRefusalReason": "CNPJ divergente",
    "refundStatus": 10,
    "holdReason": "análise",
    "cancelReason": "desistiu",
}
NEVER_NEEDED = ("tracking", "refund", "payments", "texts", "invoice", "shipping")
# Not followed by an order that is here: what versions and orders are told apart by, and the country.
NOT_FOLLOWED = {"orderId", "updateTime", "country"}


@pytest.mark.parametrize("name", BROKEN)
def test_the_rest_of_the_answer_is_followed(kwai_store: Store, sku: Sku, name: str) -> None:
    changes, part = BROKEN[name]
    take_in(kwai_store, detail())
    before = Order.objects.get()
    news: dict[str, Any] = {
        "holdReason": "análise",
        "orderStatus": SHIPPED,
        "buyerRemark": "deixe na portaria",
    }
    take_in(kwai_store, later(**{**news, **changes}), after=60)
    order = Order.objects.get()
    assert (order.hold_reason, order.buyer_note) == ("análise", "deixe na portaria")
    if part != "situation":
        assert order.status == OrderStatus.SHIPPED
    assert (order.items_total, order.freight_total, order.total) == (10_000, 1_000, 11_000)
    assert (order.ship_by_at, order.lines.count()) == (before.ship_by_at, 1)
    assert DeliveryAddress.objects.get().street == "Avenida Paulista"
    assert part in order.unread_parts
    row = KwaiOrder.objects.get()
    assert (row.state, f"unread:{part}" in row.warnings) == (KwaiOrderState.RECEIVED, True)


@pytest.mark.parametrize("name", BROKEN)
def test_what_could_not_be_read_is_said_and_keeps_paper_back(kwai_store: Store, sku: Sku, name: str) -> None:
    take_in(kwai_store, detail())
    assert Order.objects.get().printout_problem == ""
    take_in(kwai_store, later(**BROKEN[name][0]), after=60)
    take_in(kwai_store, later(steps=2, buyerRemark="oi", **BROKEN[name][0]), after=120)
    order = Order.objects.get()
    assert "não foi lida por inteiro" in order.printout_problem
    assert OrderEvent.objects.filter(kind=UNREAD_EVENT).count() == 1
    take_in(kwai_store, later(steps=3), after=180)
    order = Order.objects.get()
    assert (order.printout_problem, order.unread_parts) == ("", [])
    assert OrderEvent.objects.filter(kind=UNREAD_EVENT).count() == 2


def stored() -> dict[str, Any]:
    """Everything the ERP keeps of the only order, but for when it looked."""
    order, row = Order.objects.get(), KwaiOrder.objects.get()
    return {
        "order": {name: getattr(order, name) for name in KEPT_OF_ORDER},
        "lines": list(order.lines.values("pk", "sku_id", "external_item_id", *LINE_FIELDS)),
        "buyer": [getattr(order.buyer, name) for name in BUYER_FIELDS],
        "address": [getattr(order.address, name) for name in ADDRESS_FIELDS],
        "row": {name: getattr(row, name) for name in STAGED_FIELDS if name not in NOT_OF_THE_ORDER},
    }


KEPT_OF_ORDER = [*FOLLOWED, *AMOUNTS, *REFUND_FIELDS, "status", "shipped_by", "payment_method_id"]
NOT_OF_THE_ORDER = {
    "warnings", "digest", "remote_updated_at", "fetch_started_at",
}  # fmt: skip
# Nobody is told any more, which is no reason to forget who it was; nobody has paid.
LEGITIMATE = {
    ("receiverAddressInfo", "empty object"),
    ("receiverAddressInfo", "object"),
    ("payments", "empty list"),
}
# Whatever stands there holds the order.
ANY_HOLD = {"holdReason"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (field, value)
        for field in sorted({*detail(), *FULL} - NOT_FOLLOWED - ANY_HOLD)
        for value in NO_TEXT
        if (field, value) not in LEGITIMATE
    ],
)
def test_a_field_that_holds_nothing_readable_changes_nothing(
    kwai_store: Store, sku: Sku, field: str, value: str
) -> None:
    take_in(kwai_store, detail(**FULL))
    before = stored()
    take_in(kwai_store, later(**{**FULL, field: NO_TEXT[value]}), after=60)
    order = Order.objects.get()
    assert stored() == before
    assert order.unread_parts
    assert order.unread_problem


@pytest.mark.parametrize("value", NO_TEXT)
@pytest.mark.parametrize("field", detail()["receiverAddressInfo"])
def test_no_field_of_a_person_is_erased_by_what_cannot_be_read(
    kwai_store: Store, sku: Sku, field: str, value: str
) -> None:
    take_in(kwai_store, detail())
    before = stored()
    receiver = {**detail()["receiverAddressInfo"], field: NO_TEXT[value]}
    take_in(kwai_store, later(receiverAddressInfo=receiver), after=60)
    assert (stored(), Order.objects.get().unread_parts) == (before, ["address"])


@pytest.mark.parametrize("value", NO_TEXT)
@pytest.mark.parametrize("field", [name for name in line() if name != "skuNumber"])
def test_no_field_of_a_line_is_erased_by_what_cannot_be_read(
    kwai_store: Store, sku: Sku, field: str, value: str
) -> None:
    take_in(kwai_store, detail())
    before = stored()
    take_in(kwai_store, later(orderItemView=[line(**{field: NO_TEXT[value]})]), after=60)
    assert (stored(), Order.objects.get().unread_parts) == (before, ["lines"])


def test_a_line_without_readable_name_is_followed_in_quantity(kwai_store: Store, sku: Sku) -> None:
    take_in(kwai_store, detail())
    take_in(
        kwai_store, later(orderItemView=[line(itemName=[1], skuQuantity=3)], totalAmount=16_000), after=60
    )
    kept = Order.objects.get().lines.get()
    assert (kept.title, kept.quantity) == ("Produto SKU-1", 3)


@pytest.mark.parametrize("missing", [None, ""])
def test_a_line_without_its_id_stays_the_same_line(kwai_store: Store, sku: Sku, missing: str | None) -> None:
    take_in(kwai_store, detail())
    before = Order.objects.get().lines.get().pk
    take_in(kwai_store, later(orderItemView=[line(itemId=missing)]), after=60)
    assert Order.objects.get().lines.get().pk == before


@pytest.mark.parametrize("missing", [None, "", "  "])
def test_a_text_taken_away_is_news(kwai_store: Store, sku: Sku, missing: str | None) -> None:
    take_in(kwai_store, detail(**FULL))
    take_in(kwai_store, later(**{**FULL, "buyerRemark": missing, "trackingNumber": missing}), after=60)
    order = Order.objects.get()
    assert (order.buyer_note, order.unread_parts) == ("", [])
    assert KwaiOrder.objects.get().remote_tracking_code == ""


@pytest.mark.parametrize("name", [name for name, (_, part) in BROKEN.items() if part in NEVER_NEEDED])
def test_what_is_not_needed_makes_a_new_order_all_the_same(kwai_store: Store, sku: Sku, name: str) -> None:
    take_in(kwai_store, detail(**BROKEN[name][0]))
    assert Order.objects.get().unread_parts == [BROKEN[name][1]]


def test_every_part_has_its_words() -> None:
    assert set(PARTS) == set(UNREAD_TEXTS) == set(UNREAD_LABELS)


def test_every_part_is_broken_by_some_input() -> None:
    assert {part for _, part in BROKEN.values()} == set(PARTS)


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, (_, part) in BROKEN.items()
        if part in ("lines", "situation") and not name.endswith("of an item as object")
    ],
)
def test_the_same_answer_makes_no_new_order(kwai_store: Store, sku: Sku, name: str) -> None:
    take_in(kwai_store, detail(**BROKEN[name][0]))
    assert not Order.objects.exists()
    assert KwaiOrder.objects.get().state == KwaiOrderState.QUARANTINED


def test_a_quantity_of_zero_is_a_line_taken_away(kwai_store: Store, sku: Sku) -> None:
    sku_make(kwai_store.company, "SKU-2")
    take_in(kwai_store, detail(orderItemView=[line(), line("SKU-2")], totalAmount=21_000))
    assert Order.objects.get().lines.count() == 2
    fewer = [line(skuQuantity=0), line("SKU-2")]
    take_in(kwai_store, later(orderItemView=fewer, totalAmount=11_000), after=60)
    order = Order.objects.get()
    assert [row.sku.code for row in order.lines.all()] == ["SKU-2"]
    assert (order.items_total, order.total, order.unread_parts) == (10_000, 11_000, [])
    assert StockItem.objects.get(sku=sku).reserved == 0


@pytest.mark.parametrize("value", ["2", "0002"])
def test_digits_in_text_are_a_number(kwai_store: Store, sku: Sku, value: str) -> None:
    take_in(kwai_store, detail(orderItemView=[line(skuQuantity=value, skuPrice="5000")], totalAmount="11000"))
    order = Order.objects.get()
    assert (order.lines.get().quantity, order.total, order.unread_parts) == (2, 11_000, [])


def test_an_answer_too_large_to_keep_is_followed_in_its_small_fields(kwai_store: Store, sku: Sku) -> None:
    take_in(kwai_store, detail())
    huge = [line(itemName=f"{place}" * 300) for place in range(9_000)]
    take_in(kwai_store, later(orderStatus=SHIPPED, orderItemView=huge), after=60)
    order = Order.objects.get()
    assert (order.status, order.lines.count()) == (OrderStatus.SHIPPED, 1)
    assert order.unread_parts == ["lines"]
    row = KwaiOrder.objects.get()
    assert (row.answer.truncated, row.state) == (True, KwaiOrderState.RECEIVED)


FLOODS: dict[str, dict[str, Any]] = {
    "many fields": {f"extra{place}": "x" * 1_900 for place in range(700)},
    "one field of many": {"extra": {f"e{place}": "x" * 1_900 for place in range(700)}},
    "many names": {f"{place:0>1900}": place for place in range(700)},
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_of_unknown_fields_hides_none_of_the_known(kwai_store: Store, sku: Sku, name: str) -> None:
    take_in(kwai_store, detail())
    take_in(kwai_store, later(orderStatus=SHIPPED, holdReason="análise", **FLOODS[name]), after=60)
    order, row = Order.objects.get(), KwaiOrder.objects.get()
    assert (order.status, order.hold_reason, order.unread_parts) == (OrderStatus.SHIPPED, "análise", [])
    assert (row.answer.truncated, row.state) == (True, KwaiOrderState.RECEIVED)


@pytest.mark.parametrize("field", sorted({*detail(), *FULL} - NOT_FOLLOWED))
def test_a_field_too_large_to_keep_is_no_field_withdrawn(kwai_store: Store, sku: Sku, field: str) -> None:
    take_in(kwai_store, detail(**FULL))
    before = stored()
    huge = {f"e{place}": "x" * 1_900 for place in range(700)}
    take_in(kwai_store, later(**{**FULL, field: huge}), after=60)
    order = Order.objects.get()
    if field == "holdReason":
        assert order.hold_reason == "motivo não informado"
    else:
        assert (stored(), bool(order.unread_parts)) == (before, True)


def unlinked(store: Store, **changes: Any) -> Order:
    """A known order whose second answer brings an item that no SKU stands for."""
    take_in(store, detail())
    lines = [line(), line("NOPE-9")]
    take_in(store, later(orderItemView=lines, totalAmount=31_000, shippingFee=11_000, **changes), after=60)
    return Order.objects.get()


def test_an_item_without_link_holds_paper_back_and_no_amount(kwai_store: Store, sku: Sku) -> None:
    order = unlinked(kwai_store)
    assert (order.items_total, order.freight_total, order.total) == (20_000, 11_000, 31_000)
    assert (order.lines.count(), order.unread_parts) == (1, [LINKS])
    assert order.printout_problem == OPEN_LINES[LINKS]
    said = OrderEvent.objects.filter(kind=UNREAD_EVENT).values_list("text", flat=True)
    assert list(said) == [OPEN_LINES[LINKS]]


def test_a_link_gives_the_paper_back(kwai_store: Store, sku: Sku, operator: User) -> None:
    unlinked(kwai_store)
    made = sku_make(kwai_store.company, "SKU-9")
    listing_link(listing_id=Listing.objects.get(sku=None).pk, actor=operator, sku_id=made.pk)
    order = Order.objects.get()
    assert (order.lines.count(), order.unread_parts, order.printout_problem) == (2, [], "")
    assert OrderEvent.objects.filter(kind=UNREAD_EVENT).latest("pk").text == OPEN_LINES_OVER[LINKS]


@pytest.mark.parametrize("items", [None, [line(skuQuantity=None)], {"a": 1}])
def test_an_unreadable_answer_ends_no_waiting_for_a_link(
    kwai_store: Store, sku: Sku, operator: User, items: Any
) -> None:
    unlinked(kwai_store)
    take_in(kwai_store, later(steps=2, orderItemView=items, totalAmount=31_000), after=120)
    row = KwaiOrder.objects.get()
    assert (row.state, row.waiting_for.count()) == (KwaiOrderState.UNLINKED, 1)
    assert Order.objects.get().unread_parts == ["lines", LINKS]
    made = sku_make(kwai_store.company, "SKU-9")
    listing_link(listing_id=Listing.objects.get(sku=None).pk, actor=operator, sku_id=made.pk)
    row.refresh_from_db()
    assert (row.state, Order.objects.get().unread_parts) == (KwaiOrderState.RECEIVED, ["lines"])
    assert not orders_to_receive().exists()


def test_judging_again_keeps_the_waiting_for_a_link(kwai_store: Store, sku: Sku) -> None:
    unlinked(kwai_store)
    KwaiSettings.objects.update(judged_up_to=0)
    store_judge(kwai_store.pk)
    assert Order.objects.get().unread_parts == [LINKS]
    assert KwaiOrder.objects.get().state == KwaiOrderState.UNLINKED
    assert OrderEvent.objects.filter(kind=UNREAD_EVENT).count() == 1


def test_an_order_without_any_item_left_says_so(kwai_store: Store, sku: Sku) -> None:
    take_in(kwai_store, detail())
    take_in(kwai_store, later(orderItemView=[line(skuQuantity=0)], totalAmount=1_000), after=60)
    order = Order.objects.get()
    assert (order.lines.count(), order.items_total, order.total) == (0, 0, 1_000)
    assert StockItem.objects.get(sku=sku).reserved == 0
    assert (order.unread_parts, order.printout_problem) == ([EMPTIED], OPEN_LINES[EMPTIED])
    assert OrderEvent.objects.filter(kind=UNREAD_EVENT).get().text == OPEN_LINES[EMPTIED]
    take_in(kwai_store, later(steps=2), after=120)
    order = Order.objects.get()
    assert (order.lines.count(), order.printout_problem) == (1, "")
    assert OrderEvent.objects.filter(kind=UNREAD_EVENT).latest("pk").text == OPEN_LINES_OVER[EMPTIED]
    assert StockItem.objects.get(sku=sku).reserved == 2
