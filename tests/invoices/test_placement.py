"""Where a note goes, for what was found of it: no database."""

from __future__ import annotations

import pytest

from erp.sales.models import Order
from invoices import refusals
from invoices.intake.rules import InvoiceCheck, refuse, warn
from invoices.matching import Match
from invoices.models import Invoice, InvoiceStatus
from invoices.placement import Found, ImportOutcome, placement

ORDER = Order(pk=7)
WARNING = InvoiceCheck("total", "Total", warn("O total difere."))
REFUSAL = InvoiceCheck("buyer", "Comprador", refuse("É outro comprador."))
LINKED = Invoice(pk=1, order=ORDER, status=InvoiceStatus.AUTHORISED)
WAITING = Invoice(pk=2, wanted_order=ORDER, status=InvoiceStatus.PENDING)
LOOSE = Invoice(pk=3, status=InvoiceStatus.AUTHORISED)
OVER = Invoice(pk=4, status=InvoiceStatus.CANCELLED)
CASES = {
    "new, with its order": (Found(wanted=Match(ORDER, "")), ImportOutcome.LINKED),
    "new, without one": (Found(wanted=Match(None, "Sem pedido.")), ImportOutcome.IMPORTED),
    "new, with a warning": (Found(wanted=Match(ORDER, ""), warnings=(WARNING,)), ImportOutcome.HELD),
    "new, without an order, with a warning": (Found(warnings=(WARNING,)), ImportOutcome.HELD),
    "its order refuses": (Found(wanted=Match(ORDER, ""), order_checks=(REFUSAL,)), ImportOutcome.REFUSED),
    "its order is taken": (Found(wanted=Match(ORDER, "Já tem nota.")), ImportOutcome.REFUSED),
    "its key is another file's": (Found(LOOSE, refusals.SAME_KEY), ImportOutcome.REFUSED),
    "known and linked": (Found(LINKED), ImportOutcome.ALREADY),
    "known and waiting": (Found(WAITING), ImportOutcome.ALREADY),
    "known and out of force": (Found(OVER), ImportOutcome.ALREADY),
    "known, its order found now": (Found(LOOSE, wanted=Match(ORDER, "")), ImportOutcome.LINKED),
    "known, still without order": (Found(LOOSE), ImportOutcome.ALREADY),
}


@pytest.mark.parametrize(("found", "outcome"), CASES.values(), ids=CASES.keys())
def test_outcome(found: Found, outcome: ImportOutcome) -> None:
    assert placement(found, named=None).outcome is outcome


def test_a_note_that_waits_is_placed_by_the_order_it_is_sent_for() -> None:
    found = Found(WAITING, wanted=Match(ORDER, ""))
    assert placement(found, named=ORDER).outcome is ImportOutcome.LINKED


def test_a_note_out_of_reach_shows_no_order() -> None:
    placed = placement(Found(LINKED, is_reachable=False), named=None)
    assert (placed.outcome, placed.order) == (ImportOutcome.ALREADY, None)
    assert "outra loja" in placed.texts[0]


def test_refused_by_its_order_it_says_so_first() -> None:
    placed = placement(Found(wanted=Match(ORDER, "Já tem nota."), order_checks=(REFUSAL,)), named=None)
    assert [check.code for check in placed.refused_by] == ["order", "buyer"]
