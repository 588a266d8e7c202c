from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from erp.accounts.models import Store, User
from erp.channels import RowOutcome
from erp.sales.models import Order, ShippingMethod
from expedition.models import Shipment
from expedition.services import tracking_import
from expedition.tracking_lists import TrackingListError
from invoices.models import Invoice
from tests.expedition.conftest import OTHER_S10, S10, THIRD_S10, reload

Open = Callable[..., Shipment]


def outcomes(text: str, shipments: object = None) -> list[RowOutcome]:
    lines = tracking_import(source=text, shipments=Shipment.objects.all() if shipments is None else shipments)
    return [line.result.outcome for line in lines]


def test_every_name_of_an_order_finds_its_shipment(
    open_shipment: Open, correios: ShippingMethod, make_invoice: Callable[..., Invoice]
) -> None:
    shipments = [open_shipment(correios) for _ in range(4)]
    note = make_invoice(shipments[3].order)
    Shipment.objects.filter(pk=shipments[3].pk).update(invoice=note)
    keys = [
        f"{shipments[0].number}",
        f"{shipments[1].order.number:09d}",
        shipments[2].order.external_id,
        note.access_key,
    ]
    codes = [S10, OTHER_S10, THIRD_S10, "QB000000014BR"]
    text = "\n".join(f"{key};{code}" for key, code in zip(keys, codes, strict=True))
    assert outcomes(text) == [RowOutcome.DONE] * 4
    assert [reload(each).tracking_code for each in shipments] == codes


def test_one_answer_per_line(open_shipment: Open, correios: ShippingMethod) -> None:
    first, second = open_shipment(correios), open_shipment(correios)
    text = "\n".join(
        [
            "pedido;código de rastreio",
            f"{first.order.number};{S10}",
            f"{second.order.number};AA123456784BR",
            f"999999;{OTHER_S10}",
            f"{first.order.number};{S10}",
            f"{first.order.number};{OTHER_S10}",
            ";XX",
        ]
    )
    lines = tracking_import(source=text, shipments=Shipment.objects.all())
    assert [(line.line.number, line.result.outcome) for line in lines] == [
        (2, RowOutcome.DONE),
        (3, RowOutcome.REFUSED),
        (4, RowOutcome.REFUSED),
        (5, RowOutcome.ALREADY_DONE),
        (6, RowOutcome.REFUSED),
        (7, RowOutcome.REFUSED),
    ]
    assert "linha 2" in lines[4].result.text
    assert reload(first).tracking_code == S10
    assert reload(second).tracking_code == ""


def test_a_number_of_two_things_is_refused_until_it_says_which(
    open_shipment: Open, correios: ShippingMethod
) -> None:
    by_number, by_order = open_shipment(correios), open_shipment(correios)
    Order.objects.filter(pk=by_order.order_id).update(number=by_number.number)
    n = by_number.number
    (line,) = tracking_import(source=f"{n};{S10}", shipments=Shipment.objects.all())
    assert f"P{n}" in line.result.text
    assert outcomes(f"P{n};{S10}\nE{n};{OTHER_S10}") == [RowOutcome.DONE, RowOutcome.DONE]
    assert (reload(by_order).tracking_code, reload(by_number).tracking_code) == (S10, OTHER_S10)


def test_only_what_the_user_reaches_is_found(
    open_shipment: Open, jadlog: ShippingMethod, counter_store: Store, operator: User
) -> None:
    foreign = open_shipment(jadlog, of=counter_store)
    reach = Shipment.objects.visible_to(operator)
    assert outcomes(f"{foreign.order.number};JD1", reach) == [RowOutcome.REFUSED]
    assert reload(foreign).tracking_code == ""


def test_a_list_that_is_none(company: object) -> None:
    with pytest.raises(TrackingListError):
        tracking_import(source="", shipments=Shipment.objects.all())


def test_statements_do_not_depend_on_the_lines(open_shipment: Open, jadlog: ShippingMethod) -> None:
    def statements(shipments: list[Shipment]) -> int:
        text = "\n".join(f"{each.order.number};JD{each.pk}" for each in shipments)
        with CaptureQueriesContext(connection) as queries:
            assert set(outcomes(text)) == {RowOutcome.DONE}
        return len(queries)

    assert statements([open_shipment(jadlog)]) == statements([open_shipment(jadlog) for _ in range(20)])
