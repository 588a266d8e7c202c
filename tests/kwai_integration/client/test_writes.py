"""The allow-list over every write, role, hold and refund, against the contract's rows written out by hand."""

from __future__ import annotations

from itertools import product

import pytest

from kwai_integration.client.writes import Permit, Write, is_arrived_by_content, may
from kwai_integration.wire.codes import KwaiRole

# Contract 3.2, one letter a role in their order: y permitted, d counts as done, w waits for the note, - refused.
#        unpaid, invoice, arrange, pickup, packed, shipped, delivered, completed, closed
ROWS = {
    Write.UPLOAD_INVOICE: "-yyyy----",
    Write.ARRANGE_SHIPMENT: "-wyddddd-",
    Write.SHIP_ORDER: "-wyyy----",
    Write.CONFIRM_DELIVERY: "-----ydd-",
    Write.CANCEL_ORDER: "yyy-----d",
}
LETTERS = {"y": Permit.YES, "d": Permit.DONE, "w": Permit.NOT_YET, "-": Permit.FORBIDDEN}


def expected(write: Write, role: KwaiRole | None, hold: bool, refund: bool) -> Permit:
    if role is None:
        return Permit.UNKNOWN
    plain = LETTERS[ROWS[write][list(KwaiRole).index(role)]]
    if plain is Permit.DONE or write is Write.CANCEL_ORDER:
        return plain
    return Permit.HELD if hold else Permit.REFUND if refund else plain


@pytest.mark.parametrize(
    ("write", "role", "hold", "refund"),
    list(product(Write, [*KwaiRole, None], [False, True], [False, True])),
)
def test_every_cell_of_the_table(write, role, hold, refund):
    assert may(write, role, hold=hold, refund=refund) is expected(write, role, hold, refund)


def test_nothing_is_permitted_while_held_or_refunded_but_cancelling():
    permitted = {
        write
        for write, role, hold, refund in product(Write, KwaiRole, [False, True], [False, True])
        if (hold or refund) and may(write, role, hold=hold, refund=refund) in (Permit.YES, Permit.NOT_YET)
    }
    assert permitted == {Write.CANCEL_ORDER}


@pytest.mark.parametrize("role", [*KwaiRole, None])
def test_our_number_counts_as_sent_from_awaiting_pickup_on(role):
    later = role in list(KwaiRole)[3:8]
    assert is_arrived_by_content(role, same_number=True) is later
    assert is_arrived_by_content(role, same_number=False) is False
