from __future__ import annotations

from erp.channels import RowOutcome, RowResult, row_refused
from erp.refusals import Refusal
from erp.web.results import results_named


def test_refused_rows_come_first_and_rows_are_named() -> None:
    rows = [
        RowResult(1, RowOutcome.DONE),
        row_refused(2, Refusal("test.reason", "falta a NF-e", "")),
        RowResult(3, RowOutcome.DONE),
    ]
    results = results_named("enviar", rows, {1: ("pedido 10", "/1/"), 2: ("pedido 20", "/2/")})
    assert [row.label for row in results.rows] == ["pedido 20", "pedido 10", "nº 3"]
    assert results.rows[0].url == "/2/"
    assert results.counts == [(RowOutcome.DONE, "2 feitos"), (RowOutcome.REFUSED, "1 recusado")]


def test_a_label_the_command_chose_stays() -> None:
    row = RowResult(1, RowOutcome.DONE, label="expedição 7")
    assert results_named("x", [row], {1: ("outra", "/")}).rows[0].label == "expedição 7"
