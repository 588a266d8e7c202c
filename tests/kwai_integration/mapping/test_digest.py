from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwai_integration.mapping.digest import STORED_LIMIT, order_digest, raw_clean, raw_load
from tests.kwai_integration.codes import SHIPPED
from tests.kwai_integration.mapping.order_factory import raw_order

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=15,
)


def test_field_order_does_not_change_the_digest():
    raw = raw_order()
    assert order_digest(raw) == order_digest(dict(reversed(raw.items())))


@pytest.mark.parametrize(
    "change", [{"orderStatus": SHIPPED}, {"newField": 1}, {"orderId": "7000000000000000001"}]
)
def test_any_change_changes_the_digest(change):
    assert order_digest(raw_order()) != order_digest(raw_order(**change))


def test_digest_survives_a_round_trip():
    raw = raw_order()
    assert order_digest(json.loads(json.dumps(raw))) == order_digest(raw)


def test_clean_answers_are_kept_as_readable_text():
    text, stored, truncated = raw_clean({"name": "São João 😀"})
    assert (stored, truncated) == (None, False)
    assert "São João 😀" in text


@pytest.mark.parametrize("value", ["a\x00b", "a\ud800b", "\udfff"])
def test_what_postgresql_refuses_is_kept_as_bytes(value):
    raw = raw_order(buyerRemark=value)
    text, stored, truncated = raw_clean(raw)
    assert text is None
    assert truncated is False
    assert raw_load("", stored) == raw
    assert order_digest(raw_load("", stored)) == order_digest(raw)


def test_the_limit_is_one_megabyte_of_utf_8():
    fits = {"x": "é" * (STORED_LIMIT // 2 - 5)}
    text, _, truncated = raw_clean(fits)
    assert len(text.encode()) <= STORED_LIMIT
    assert truncated is False
    text, stored, truncated = raw_clean({"x": "é" * STORED_LIMIT})
    assert (text, len(stored), truncated) == (None, STORED_LIMIT, True)


@given(JSON)
def test_everything_is_stored_and_comes_back(raw):
    text, stored, truncated = raw_clean(raw)
    assert truncated is False
    assert (text is None) != (stored is None)
    if text is not None:
        assert "\x00" not in text
        text.encode()
    assert raw_load(text or "", stored) == raw
    assert len(order_digest(raw)) == 64
