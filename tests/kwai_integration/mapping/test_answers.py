from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwai_integration.mapping import answers
from kwai_integration.wire.names import DEFAULT_NAMES

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=10),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3)
    ),
    max_leaves=10,
)
NAMES = [
    "total",
    "orderList",
    "totalCount",
    "itemList",
    "refundList",
    "itemId",
    "skus",
    "orderInfoDetailList",
    "merchantId",
]
READERS = [
    answers.order_page_read,
    answers.order_details_read,
    answers.item_page_read,
    answers.refund_page_read,
    answers.sku_list_read,
    lambda data, names: answers.token_pair_read(data, names, NOW, is_first=True),
]


@pytest.mark.parametrize(
    ("reader", "total", "rows"),
    [
        (answers.order_page_read, "total", "orderList"),
        (answers.item_page_read, "totalCount", "itemList"),
        (answers.refund_page_read, "total", "refundList"),
    ],
)
@pytest.mark.parametrize("zero", [0, "0"])
def test_an_empty_page_may_be_null_or_missing(reader, total, rows, zero):
    assert reader({total: zero, rows: None}, DEFAULT_NAMES).total == 0
    assert reader({total: zero}, DEFAULT_NAMES).total == 0
    with pytest.raises(answers.Unreadable):
        reader({total: 1}, DEFAULT_NAMES)


def test_unusable_ids_leave_a_gap_that_the_total_shows():
    page = answers.order_page_read(
        {"total": 3, "orderList": [{"orderId": 1}, {"orderId": None}, 7]}, DEFAULT_NAMES
    )
    assert (page.total, page.order_ids) == (3, ("1",))


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "x",
        {"orderList": []},
        {"total": -1, "orderList": []},
        {"total": 1},
        {"total": 1, "orderList": "x"},
    ],
)
def test_a_page_without_its_frame_is_unreadable(data):
    with pytest.raises(answers.Unreadable):
        answers.order_page_read(data, DEFAULT_NAMES)


def test_over_long_seller_codes_are_dropped_not_cut():
    assert answers.seller_code("A" * 60) == "A" * 60
    assert answers.seller_code("A" * 61) == ""
    assert answers.seller_code(7891234567890) == "7891234567890"


def test_sku_takes_the_item_id_of_its_frame():
    (sku,) = answers.sku_list_read({"itemId": 8, "skus": [{"skuId": 9}]}, DEFAULT_NAMES)
    assert (sku.item_id, sku.price, sku.stock) == ("8", None, None)


@pytest.mark.parametrize("reader", READERS)
@given(data=JSON | st.dictionaries(st.sampled_from(NAMES), JSON))
def test_arbitrary_json_is_read_or_called_unreadable(reader, data):
    with contextlib.suppress(answers.Unreadable):
        reader(data, DEFAULT_NAMES)
