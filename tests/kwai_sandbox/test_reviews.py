"""What the platform says later about an invoice it received."""

from __future__ import annotations

from typing import Any

import pytest

from kwai_sandbox.server import running
from kwai_sandbox.statuses import Status
from tests.kwai_sandbox.conftest import MERCHANT, Caller, invoice
from tests.kwai_sandbox.test_pushes import wait_for

UPLOAD = "trade/merchant/uploadInvoice"


def reviewing(seller: Caller, review: str, **changes: Any) -> None:
    seller.sandbox.control("PUT", "settings", {"invoiceReview": review} | changes)


@pytest.mark.parametrize(
    ("review", "status", "reason"), [("soon", 2, ""), ("refuse_later", 3, "CNPJ errado.")]
)
def test_a_note_is_received_first_and_decided_later(
    seller: Caller, review: str, status: int, reason: str
) -> None:
    reviewing(seller, review, invoiceReviewMs=600_000, invoiceRefusalReason="CNPJ errado.")
    order_id = seller.order()
    seller.post(UPLOAD, invoice(order_id))
    before = seller.detail(order_id)
    assert before["invoiceStatus"] == 1
    seller.sandbox.sandbox.state.run("UPDATE reviews SET due_at = 0")
    wait_for(lambda: seller.detail(order_id)["invoiceStatus"] == status)
    after = seller.detail(order_id)
    assert after["invoiceRefusalReason"] == reason
    assert after["updateTime"] > before["updateTime"]
    led_to = Status.AWAITING_INVOICE if reason else Status.TO_ARRANGE
    assert (before["orderStatus"], after["orderStatus"]) == (Status.AWAITING_INVOICE, led_to)


def test_another_note_makes_the_planned_decision_void(seller: Caller) -> None:
    reviewing(seller, "refuse_later", invoiceReviewMs=600_000)
    order_id = seller.order()
    seller.post(UPLOAD, invoice(order_id))
    reviewing(seller, "wait")
    seller.post(UPLOAD, invoice(order_id, 2))
    assert seller.sandbox.sandbox.state.count("SELECT count(*) FROM reviews") == 0


def test_a_decision_by_hand_is_not_overruled(seller: Caller) -> None:
    reviewing(seller, "refuse_later", invoiceReviewMs=600_000)
    order_id = seller.order()
    seller.post(UPLOAD, invoice(order_id))
    seller.sandbox.control("PATCH", f"orders/{order_id}", {"invoiceStatus": 2})
    seller.sandbox.sandbox.state.run("UPDATE reviews SET due_at = 0")
    seller.sandbox.sandbox.reviews.decide_due()
    assert seller.detail(order_id)["invoiceStatus"] == 2


def test_a_planned_decision_survives_a_restart(tmp_path: Any) -> None:
    path = tmp_path / "state"
    with running(seed=1, state=path) as sandbox:
        seller = Caller(sandbox, MERCHANT).connect()
        reviewing(seller, "soon", invoiceReviewMs=600_000)
        order_id = seller.order()
        seller.post(UPLOAD, invoice(order_id))
        sandbox.sandbox.state.run("UPDATE reviews SET due_at = due_at - 600000")
        sandbox.sandbox.reviews.stop()
    with running(state=path) as sandbox:
        wait_for(lambda: sandbox.control("GET", f"orders/{order_id}")["order"]["invoiceStatus"] == 2)
