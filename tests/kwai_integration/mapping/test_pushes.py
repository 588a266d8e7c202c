"""Typed values of a push message, whatever stands in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwai_integration.mapping.pushes import push_read
from kwai_integration.wire.names import DEFAULT_NAMES

MESSAGE = {
    "eventId": "e-1",
    "event": "order_paid",
    "bizId": "2600000000000000001",
    "merchantId": 700000000000000001,
    "appKey": "ks1",
    "createTime": 1_795_000_000_000,
    "info": '{"orderId":"2600000000000000001"}',
    "test": False,
}


def test_a_message_as_the_contract_writes_it() -> None:
    message = push_read(MESSAGE, DEFAULT_NAMES)
    assert message is not None
    assert (message.event_id, message.event) == ("e-1", "order_paid")
    assert message.subject == "2600000000000000001"
    assert (message.merchant_id, message.app_key) == ("700000000000000001", "ks1")
    assert message.sent_at == datetime.fromtimestamp(1_795_000_000, UTC)
    assert not message.is_heartbeat


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ('{"orderId": 26}', "26"),
        ({"orderId": "26"}, "26"),
        ("no json", "R1"),
        ("[]", "R1"),
        (json.dumps({"orderId": {}}), "R1"),
        ("[" * 100_000, "R1"),
        (None, "R1"),
    ],
)
def test_a_refund_leads_to_its_order(info: Any, expected: str) -> None:
    message = push_read(MESSAGE | {"event": "refund_updated", "bizId": "R1", "info": info}, DEFAULT_NAMES)
    assert message is not None
    assert message.subject == expected


def test_other_events_never_follow_their_info() -> None:
    message = push_read(MESSAGE | {"info": '{"orderId":"99"}'}, DEFAULT_NAMES)
    assert message is not None
    assert message.subject == "2600000000000000001"


@pytest.mark.parametrize("value", [1, "true", None, [], {}])
def test_only_a_plain_true_is_a_heartbeat(value: Any) -> None:
    message = push_read({"test": value}, DEFAULT_NAMES)
    assert message is not None
    assert not message.is_heartbeat


ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=60),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(MESSAGE, ANY_JSON)))
def test_odd_values_are_read_as_none(value: dict[str, Any]) -> None:
    message = push_read(value, DEFAULT_NAMES)
    assert message is not None
    for text in (message.event_id, message.subject, message.merchant_id, message.event):
        assert len(text) <= 40
        assert "\x00" not in text


@pytest.mark.parametrize("value", [None, [], "x", 3])
def test_what_is_no_object_is_no_message(value: object) -> None:
    assert push_read(value, DEFAULT_NAMES) is None
