from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwai_integration.mapping.orders import MappedOrder, Problem, order_read, summary
from kwai_integration.mapping.warnings import WARNING_TEXTS, Warn, warning_text
from kwai_integration.wire.codes import KwaiRole, situation_table
from tests.kwai_integration.codes import PAID
from tests.kwai_integration.mapping.order_factory import (
    FETCHED_AT,
    PLACED_MS,
    raw_line,
    raw_order,
    raw_receiver,
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False)
    | st.text(st.characters(), max_size=30),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4)
    ),
    max_leaves=20,
)
FIELDS = [
    *raw_order(),
    "holdReason",
    "cancelReason",
    "buyerRemark",
    "carrierCode",
    "trackingNumber",
    "canceledAt",
]


def mapped(**changes) -> MappedOrder:
    result = order_read(raw_order(**changes), FETCHED_AT)
    assert isinstance(result, MappedOrder), result
    return result


def problem(**changes) -> Problem:
    """Why no new order can be made of this answer; one without a number is no answer about an order at all."""
    result = order_read(raw_order(**changes), FETCHED_AT)
    found = result if isinstance(result, Problem) else result.problem
    assert found is not None, result
    return found


def test_a_complete_order_maps_without_warnings():
    order = mapped()
    assert order.warnings == ()
    assert order.external_id == "7000000000000000001"
    assert (order.remote_status, order.role) == (str(PAID), KwaiRole.AWAITING_INVOICE)
    assert (order.freight, order.seller_discount, order.platform_discount) == (1500, 1000, 500)
    assert order.total == order.computed_total == 18000
    assert order.items_total == 18000
    assert order.payments[0].method == "PIX"
    assert summary(order) == "2x Caneca esmaltada; 1x Caneca esmaltada"


def test_line_fields():
    first, second = mapped().lines
    assert (first.item_id, first.sku_id, first.seller_code) == ("8001", "9001", "CAN-AZ")
    assert (first.title, first.specification) == ("Caneca esmaltada", "Azul")
    assert (first.quantity, first.unit_price) == (2, 5000)
    assert second.sku_id == "9002"


def test_times_are_aware_utc_and_exact():
    order = mapped(createTime=1_767_312_000_123)
    assert order.placed_at == datetime(2026, 1, 2, 0, 0, 0, 123000, tzinfo=UTC)
    assert order.ship_by_at == mapped().placed_at + timedelta(days=2)


def test_only_the_published_core_is_required():
    raw = {"orderId": "1", "orderStatus": PAID, "orderItemView": [{"skuQuantity": 1, "skuPrice": 100}]}
    order = order_read(raw, FETCHED_AT)
    assert isinstance(order, MappedOrder)
    assert order.total == 100
    assert order.placed_at is None
    assert {Warn.BUYER_MISSING, Warn.TOTAL_MISSING, Warn.CURRENCY_MISSING, Warn.ITEM_ID_MISSING} <= set(
        order.warnings
    )


@pytest.mark.parametrize("order_id", [9223372036854775807, "9223372036854775807"])
def test_19_digit_ids_stay_exact_text(order_id):
    assert mapped(orderId=order_id).external_id == "9223372036854775807"


@pytest.mark.parametrize("order_id", [None, "", True, 1.5, -1, [1], "a b", "1" * 41, 10**41, "1\x00"])
def test_order_without_usable_id_is_a_problem(order_id):
    assert problem(orderId=order_id).code == "order_id_missing"


@pytest.mark.parametrize("status", [None, "", True, [], {}, 3.5])
def test_order_without_status_is_a_problem(status):
    assert problem(orderStatus=status).code == "status_missing"


@pytest.mark.parametrize(("status", "text"), [(35, "35"), ("35", "35"), ("NOVO", "NOVO")])
def test_unknown_status_is_kept_and_warned(status, text):
    order = mapped(orderStatus=status)
    assert (order.remote_status, order.role) == (text, None)
    assert order.warnings == (Warn.STATUS_UNKNOWN,)


def test_status_as_text_is_the_same_status():
    assert mapped(orderStatus=str(PAID)).role is KwaiRole.AWAITING_INVOICE


def test_roles_can_be_overridden():
    order = order_read(raw_order(orderStatus=35), FETCHED_AT, situation_table({"35": "shipped"}).roles)
    assert isinstance(order, MappedOrder)
    assert order.role is KwaiRole.SHIPPED


@pytest.mark.parametrize("price", ["50.00", "5 000", "-1", 50.0, True, None, -1, [1]])
def test_price_that_is_no_count_of_centavos_is_a_problem(price):
    assert problem(orderItemView=[raw_line(skuPrice=price)]).code == "price_invalid"


@pytest.mark.parametrize("quantity", [0, -1, "0", "2.0", 1.0, True, None, 2**31])
def test_quantity_must_be_a_positive_integer(quantity):
    assert problem(orderItemView=[raw_line(skuQuantity=quantity)]).code == "quantity_invalid"


@pytest.mark.parametrize(
    "changes",
    [
        {"orderItemView": [raw_line(skuPrice=2**63)]},
        {"orderItemView": [raw_line(skuPrice=2**62, skuQuantity=2)]},
        {"orderItemView": [raw_line(skuPrice=2**62), raw_line(skuPrice=2**62)]},
        {"totalAmount": 2**63},
        {"shippingFee": 2**63},
        {"shippingFee": 2**63 - 1},
        {"payments": [{"method": "PIX", "amount": 2**70}]},
    ],
)
def test_amount_beyond_the_column_is_a_problem(changes):
    assert problem(**changes).code == "amount_too_large"


@pytest.mark.parametrize("items", [None, [], {}, "x", 3])
def test_order_without_items_is_a_problem(items):
    assert problem(orderItemView=items).code == "items_missing"


def test_an_item_that_is_no_object_is_a_problem():
    assert problem(orderItemView=[raw_line(), None]).code == "quantity_invalid"


@pytest.mark.parametrize("currency", ["USD", 986, ["BRL"], "R$"])
def test_another_currency_is_a_problem(currency):
    assert problem(currency=currency).code == "currency_unknown"


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"currency": None}, Warn.CURRENCY_MISSING),
        ({"country": "PRT"}, Warn.COUNTRY_UNKNOWN),
        ({"country": None}, Warn.COUNTRY_UNKNOWN),
        ({"totalAmount": 17999}, Warn.TOTAL_DIFFERS),
        ({"totalAmount": None}, Warn.TOTAL_MISSING),
        ({"shippingFee": "15.00"}, Warn.AMOUNT_UNREADABLE),
        ({"productSellerDiscount": -1000}, Warn.AMOUNT_UNREADABLE),
        ({"shippingType": "DRONE"}, Warn.SHIPPING_TYPE_UNKNOWN),
        ({"invoiceStatus": 9}, Warn.INVOICE_STATUS_UNKNOWN),
        ({"orderItemView": [raw_line(skuNumber="X" * 61)]}, Warn.SELLER_CODE_UNUSABLE),
        ({"orderItemView": [raw_line(skuId=None)]}, Warn.ITEM_ID_MISSING),
    ],
)
def test_everything_else_only_warns(changes, warning):
    assert warning in mapped(**changes).warnings


@pytest.mark.parametrize("country", ["BR", "bra", "BRA"])
def test_both_spellings_of_the_country_are_known(country):
    assert mapped(country=country).warnings == ()


def test_a_different_total_is_kept_beside_the_computed_one():
    order = mapped(totalAmount=17000)
    assert (order.total, order.computed_total) == (17000, 18000)


def test_discount_larger_than_the_order_never_gives_a_negative_total():
    order = mapped(productSellerDiscount=50000, totalAmount=None)
    assert (order.total, order.computed_total) == (0, 18000 + 1000 - 50000)


def test_the_same_sku_twice_is_two_lines():
    order = mapped(orderItemView=[raw_line(), raw_line()], totalAmount=20000)
    assert [line.sku_id for line in order.lines] == ["9001", "9001"]


def test_seller_code_may_be_called_number():
    line = raw_line(number="CAN-2")
    del line["skuNumber"]
    assert mapped(orderItemView=[line]).lines[0].seller_code == "CAN-2"


@pytest.mark.parametrize("value", [1_767_312_000, "ontem", True, -5, 2**62, 1.5, 99_999_999_999_999])
def test_times_outside_of_reason_are_left_out_with_a_warning(value):
    order = mapped(createTime=value)
    assert order.placed_at is None
    assert Warn.MOMENT_UNREADABLE in order.warnings


@pytest.mark.parametrize("value", [None, 0, "", " "])
def test_times_not_set_do_not_warn(value):
    order = mapped(paidTime=value)
    assert order.paid_at is None
    assert order.warnings == ()


def test_an_update_time_in_the_future_cannot_outrank_every_later_version():
    ahead = PLACED_MS + 400 * 86_400_000
    order = mapped(updateTime=ahead)
    assert order.remote_updated_at is None
    assert Warn.MOMENT_UNREADABLE in order.warnings


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, ""), ("", ""), ("  ", ""), (False, ""), (0, ""), ([], ""),
        ("análise de fraude", "análise de fraude"),
        ("a\x00b", "ab"), (7, "7"), (True, "motivo não informado"), ({"a": 1}, "motivo não informado"),
    ],
)  # fmt: skip
def test_anything_in_the_hold_reason_holds(value, reason):
    assert mapped(holdReason=value).hold_reason == reason


@pytest.mark.parametrize(
    ("value", "is_open", "warns"),
    [(None, False, False), (0, False, False), (10, True, False), ("10", True, False),
     (60, True, False), (70, False, False), (20, True, True), ("ASKED", True, True)],
)  # fmt: skip
def test_refund_is_open_until_known_to_be_over(value, is_open, warns):
    order = mapped(refundStatus=value)
    assert order.refund_open is is_open
    assert (Warn.REFUND_STATUS_UNKNOWN in order.warnings) is warns


def test_text_is_cleaned_at_the_edge():
    line = raw_line(itemName="Caneca\x00 \ud800azul\n\u202egrande" + "x" * 400)
    order = mapped(orderItemView=[line], buyerRemark="um\r\ndois\x00\udfff")
    assert order.lines[0].title.startswith("Caneca azul grandexx")
    assert len(order.lines[0].title) == 300
    assert order.buyer_note == "um\ndois"


def test_tracking_and_invoice_state_are_read():
    order = mapped(
        shippingType="KWAI_ENVIOS", carrierCode="KE", trackingNumber="AA123456785BR",
        invoiceStatus=3, invoiceRefusalReason="CNPJ divergente", cancelReason="desistiu",
        canceledAt=PLACED_MS,
    )  # fmt: skip
    assert (order.shipping_type, order.carrier_code, order.tracking_code) == (
        "KWAI_ENVIOS",
        "KE",
        "AA123456785BR",
    )
    assert (order.invoice_status, order.invoice_refusal_reason) == ("3", "CNPJ divergente")
    assert order.cancel_reason == "desistiu"
    assert order.cancelled_at == order.placed_at


def test_unknown_fields_are_ignored():
    assert mapped(newField={"a": 1}).warnings == ()


def test_personal_data_stays_out_of_repr():
    assert "Maria" not in repr(mapped())
    assert "52998224725" not in repr(mapped())


def test_every_warning_has_its_text():
    assert set(WARNING_TEXTS) == set(Warn)
    assert warning_text("total_differs") == WARNING_TEXTS[Warn.TOTAL_DIFFERS]
    assert warning_text("from_another_version") == "from_another_version"


@given(JSON)
def test_arbitrary_json_never_raises(raw):
    assert isinstance(order_read(raw, FETCHED_AT), MappedOrder | Problem)


@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4))
def test_arbitrary_fields_never_raise_and_stay_storable(changes):
    result = order_read(raw_order(**changes), FETCHED_AT)
    if isinstance(result, MappedOrder):
        assert 0 <= result.total < 2**63
        texts = (
            result.hold_reason,
            result.carrier_code,
            result.buyer_note,
            result.remote_status,
            result.cancel_reason,
        )
        for text in texts:
            assert "\x00" not in text
            text.encode()


@given(st.dictionaries(st.sampled_from([*raw_order()["receiverAddressInfo"]]), JSON), st.booleans())
def test_arbitrary_receivers_never_stop_an_order(changes, whole):
    receiver = changes if whole else {**raw_order()["receiverAddressInfo"], **changes}
    order = mapped(receiverAddressInfo=receiver)
    assert len(order.address.postal_code) in (0, 8)
    assert len(order.address.state_code) in (0, 2)


@given(st.dictionaries(st.sampled_from([*raw_line(), "number"]), JSON))
def test_arbitrary_lines_never_raise(changes):
    result = order_read(raw_order(orderItemView=[raw_line(**changes)]), FETCHED_AT)
    assert isinstance(result, MappedOrder | Problem)


EVERYTHING = raw_order(
    carrierCode="KE", trackingNumber="AA1", buyerRemark="portaria", cancelReason="desistiu", holdReason="análise",
    invoiceStatus=3, invoiceRefusalReason="CNPJ", refundStatus=60, canceledAt=PLACED_MS,
)  # fmt: skip
# Read by nobody once the order is here, or read whatever stands there.
NOT_READ_OR_ANY = {"orderId", "updateTime", "country", "holdReason", "orderItemView", "receiverAddressInfo"}


@given(st.sampled_from(sorted(set(EVERYTHING) - NOT_READ_OR_ANY)), JSON)
def test_a_value_is_read_or_empty_or_named_as_unread(field, value):
    """A scalar may be the platform's new word; anything else never passes for an empty one."""
    order = mapped(**{**EVERYTHING, field: value})
    if isinstance(value, dict | float | bool) or (isinstance(value, list) and field != "payments"):
        assert order.unread_parts


@given(st.sampled_from(sorted(raw_receiver())), JSON)
def test_a_person_is_never_emptied_without_a_word(field, value):
    order = mapped(receiverAddressInfo=raw_receiver(**{field: value}))
    if isinstance(value, dict | float | bool | list):
        assert order.unread_parts == ("address",)
