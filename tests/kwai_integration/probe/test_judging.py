"""What each kind of answer says about the contract."""

from __future__ import annotations

from typing import Any

import pytest

from kwai_integration.probe.judging import (
    HIDDEN_NAME,
    ContractRow,
    ContractVerdict,
    SeenInAnswers,
    inside_keep,
    judged,
    shape_problem,
    unknown_codes,
    unknown_fields,
)
from kwai_integration.wire.codes import SITUATIONS
from kwai_integration.wire.names import Shape, field_rows
from tests.kwai_integration.client.fakes import config
from tests.kwai_integration.codes import PAID
from tests.kwai_integration.mapping.order_factory import raw_line, raw_order

CONFIG = config()


def seen(*orders: dict[str, Any], **sections: list[dict[str, Any]]) -> SeenInAnswers:
    found = SeenInAnswers()
    for raw in orders:
        found.keep("order", raw)
    for section, rows in sections.items():
        for raw in rows:
            found.keep(section, raw)
    inside_keep(found, CONFIG)
    return found


def row(name: str, found: SeenInAnswers) -> ContractRow:
    return next(row for row in judged(found, CONFIG) if row.name == name)


def test_every_row_of_the_contract_has_a_verdict() -> None:
    rows = judged(seen(), CONFIG)
    names = {row.name for row in rows}
    assert {row.name for row in field_rows()} | set(CONFIG.endpoints) | set(SITUATIONS) <= names
    assert {row.verdict for row in rows} == {ContractVerdict.UNSEEN}


@pytest.mark.parametrize(
    ("shape", "value", "words"),
    [
        (Shape.ID, 7000000000000000001, ""),
        (Shape.ID, "7000000000000000001", ""),
        (Shape.ID, 12345678901234567890, "19 algarismos"),
        (Shape.ID, "BR-17", "19 algarismos"),
        (Shape.MONEY, 17000, ""),
        (Shape.MONEY, "17000", "algarismos em texto"),
        (Shape.MONEY, 170.0, "número com vírgula"),
        (Shape.MONEY, "170.00", "texto em vez de inteiro"),
        (Shape.MOMENT, 1_795_000_000_000, ""),
        (Shape.MOMENT, 0, ""),
        (Shape.MOMENT, 1_795_000_000, "segundos em vez de milissegundos"),
        (Shape.MOMENT, "2026-11-23", "não é uma data"),
        (Shape.CODE, "KWAI_ENVIOS", ""),
        (Shape.CODE, [1], "lista"),
        (Shape.TEXT, {"a": 1}, "objeto"),
        (Shape.LIST, {"a": 1}, "objeto em vez de lista"),
        (Shape.OBJECT, [], "lista em vez de objeto"),
        (Shape.FLAG, 1, "número inteiro"),
        *[(shape, None, "") for shape in Shape],
    ],
)
def test_shapes(shape: Shape, value: Any, words: str) -> None:
    problem = shape_problem(shape, value)
    assert words in problem
    assert bool(problem) == bool(words)


def test_a_field_is_confirmed_different_or_not_seen() -> None:
    found = seen(raw_order(), raw_order(paidTime=1_795_000_000, shipByTime=None))
    assert row("order.created_at", found).verdict is ContractVerdict.CONFIRMED
    paid = row("order.paid_at", found)
    assert (paid.verdict, paid.detail) == (
        ContractVerdict.DIFFERENT,
        "segundos em vez de milissegundos em 1 de 2",
    )
    assert row("order.ship_by_at", found).detail == "em 1 de 2"
    assert row("order.hold_reason", found).verdict is ContractVerdict.UNSEEN
    assert row("line.price", found).verdict is ContractVerdict.CONFIRMED
    assert row("receiver.tax_id", found).verdict is ContractVerdict.CONFIRMED
    assert row("datas", found).verdict is ContractVerdict.DIFFERENT


def test_totals() -> None:
    assert row("total", seen(raw_order())).verdict is ContractVerdict.CONFIRMED
    other = row("total", seen(raw_order(), raw_order(orderId=9, totalAmount=18001)))
    assert (other.verdict, other.detail) == (
        ContractVerdict.DIFFERENT,
        "1 de 2 pedidos batem; diferem 9 por 1 centavos",
    )
    unreadable = seen(raw_order(orderItemView=[raw_line(skuPrice=None)]))
    assert row("total", unreadable).verdict is ContractVerdict.UNSEEN


def test_unknown_fields_are_named_without_their_values() -> None:
    found = seen(raw_order(buyerNick="Maria", orderItemView=[raw_line(color={"name": "Azul"})]))
    assert unknown_fields(found, CONFIG) == [
        {"object": "order", "field": "buyerNick", "type": "texto"},
        {"object": "line", "field": "color", "type": "objeto"},
    ]


def test_unknown_codes_are_counted() -> None:
    found = seen(
        raw_order(orderStatus=77, shippingType="CORREIOS"),
        raw_order(orderStatus=PAID, refundStatus=15, invoiceStatus=9),
        refund=[{"status": 15}],
        item=[{"activeStatus": 8}],
    )
    assert [(one["field"], one["code"], one["count"]) for one in unknown_codes(found, CONFIG)] == [
        ("orderStatus", "77", "1"),
        ("shippingType", "CORREIOS", "1"),
        ("invoiceStatus", "9", "1"),
        ("refundStatus", "15", "2"),
        ("activeStatus", "8", "1"),
    ]
    assert row("77", found).verdict is ContractVerdict.DIFFERENT
    assert row(str(PAID), found).verdict is ContractVerdict.CONFIRMED


def test_a_call_that_failed_is_different_and_a_write_is_not_asked() -> None:
    found = seen()
    found.failures["list_refunds"] = "O Kwai não encontrou este registro."
    found.frames["list_orders"] = [{}]
    found.results[200] += 1
    assert row("list_refunds", found).verdict is ContractVerdict.DIFFERENT
    assert row("list_orders", found).verdict is ContractVerdict.CONFIRMED
    assert row("upload_invoice", found).detail == "a sondagem só lê"
    assert row("result", found).verdict is ContractVerdict.CONFIRMED
    found.results[449] += 1
    assert row("449", found).verdict is ContractVerdict.DIFFERENT


@pytest.mark.parametrize("name", ["529.982.247-25", "52998224725", "Maria da Silva"])
def test_an_unknown_field_called_like_a_person_is_not_named(name: str) -> None:
    found = seen({name: 1})
    assert [row["field"] for row in unknown_fields(found, CONFIG)] == [HIDDEN_NAME]
