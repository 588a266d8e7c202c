from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import IntegrityError

from erp.accounts.models import Company, Store
from erp.channels import RowOutcome
from erp.sales.models import Order, OrderEvent, OrderStatus, ShippingMethod
from expedition.models import Package, Shipment, ShipmentGroup
from expedition.services import group_conclude, packages_set, shipments_open, tracking_set
from expedition.services import tracking as module
from tests.expedition.conftest import OTHER_S10, S10, THIRD_S10, reload

Open = Callable[..., Shipment]
MakeGroup = Callable[..., ShipmentGroup]


def one(shipment: Shipment, code: str) -> tuple[RowOutcome, str]:
    (row,) = tracking_set(codes={shipment.pk: code})
    return row.outcome, row.text


@pytest.mark.parametrize("typed", [S10, " aa 123 456 785 br ", "AA123.456.785-BR", "aa123456785br\r"])
def test_correios_codes_are_stored_canonical(
    open_shipment: Open, correios: ShippingMethod, typed: str
) -> None:
    shipment = open_shipment(correios)
    assert one(shipment, typed)[0] == RowOutcome.DONE
    assert reload(shipment).tracking_code == S10
    assert OrderEvent.objects.filter(order=shipment.order, text__contains=S10).count() == 1


@pytest.mark.parametrize(
    "typed", ["AA123456784BR", "AB100000020BR", "AA12345678BR", "12123456785BR", "JD12345"]
)
def test_what_is_no_s10_is_refused_for_correios(
    open_shipment: Open, correios: ShippingMethod, typed: str
) -> None:
    shipment = open_shipment(correios)
    outcome, text = one(shipment, typed)
    assert outcome == RowOutcome.REFUSED
    assert "não é um código válido dos Correios" in text
    assert reload(shipment).tracking_code == ""


@pytest.mark.parametrize("typed", ["JD12345", "888123456789012", "AWB 577-1", "aBc-9/x"])
def test_carriers_have_codes_of_every_kind(open_shipment: Open, jadlog: ShippingMethod, typed: str) -> None:
    shipment = open_shipment(jadlog)
    assert one(shipment, typed)[0] == RowOutcome.DONE
    assert reload(shipment).tracking_code == typed


@pytest.mark.parametrize("typed", ["x" * 61, "código", "A\x00B", "A\u200bB", "\ud800"])
def test_what_no_label_prints_is_refused(open_shipment: Open, jadlog: ShippingMethod, typed: str) -> None:
    assert "caracteres" in one(open_shipment(jadlog), typed)[1]


def test_a_code_in_use_is_refused_with_the_number(
    open_shipment: Open, correios: ShippingMethod, other_company: Company
) -> None:
    first, second = open_shipment(correios, S10), open_shipment(correios)
    assert one(second, S10.lower()) == (
        RowOutcome.REFUSED,
        f"O código {S10} já está na expedição {first.number}. Confira a etiqueta.",
    )
    store = Store.objects.create(company=other_company, name="X", channel="kwai")
    order = Order.objects.create(
        company=other_company, store=store, number=1, items_total=1, total=1,
        status=OrderStatus.INVOICED, placed_at=first.created_at,
    )  # fmt: skip
    shipments_open(order_ids=[order.pk])
    assert one(Shipment.objects.get(order=order), S10)[0] == RowOutcome.DONE


def test_the_same_coderaced_in_one_batch(open_shipment: Open, correios: ShippingMethod) -> None:
    first, second = open_shipment(correios), open_shipment(correios)
    rows = tracking_set(codes={first.pk: S10, second.pk: S10})
    assert [row.outcome for row in rows] == [RowOutcome.DONE, RowOutcome.REFUSED]
    assert f"expedição {first.number}" in rows[1].text


def test_the_same_code_again_changes_nothing(open_shipment: Open, correios: ShippingMethod) -> None:
    shipment = open_shipment(correios, S10)
    before = OrderEvent.objects.count()
    assert one(shipment, S10)[0] == RowOutcome.ALREADY_DONE
    assert OrderEvent.objects.count() == before


def test_a_code_can_be_taken_away_while_pending(open_shipment: Open, correios: ShippingMethod) -> None:
    shipment = open_shipment(correios, S10)
    assert one(shipment, "")[0] == RowOutcome.DONE
    assert reload(shipment).tracking_code == ""


@pytest.mark.parametrize(
    "change", [{"status": "cancelled"}, {"hold_reason": "fraude"}, {"refund_open": True}]
)
def test_a_frozen_order_takes_no_code(
    open_shipment: Open, correios: ShippingMethod, change: dict[str, object]
) -> None:
    shipment = open_shipment(correios)
    Order.objects.filter(pk=shipment.order_id).update(**change)
    outcome, text = one(shipment, S10)
    assert outcome == RowOutcome.REFUSED
    assert text == reload(shipment).frozen_reason


def test_a_concluded_code_is_corrected_but_not_taken_away(
    open_shipment: Open, make_group: MakeGroup, correios: ShippingMethod
) -> None:
    shipment = open_shipment(correios, S10)
    group_conclude(group_id=make_group(correios, shipment).pk)
    assert "Envie o novo código ao e-commerce" in one(shipment, OTHER_S10)[1]
    assert "corrija o código" in one(shipment, "")[1]
    assert reload(shipment).tracking_code == OTHER_S10


def test_unknown_shipments_are_refused(company: Company) -> None:
    assert tracking_set(codes={999: S10})[0].outcome == RowOutcome.REFUSED


def test_a_code_taken_between_look_and_write_is_named(
    open_shipment: Open, correios: ShippingMethod, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look sees nothing, as when somebody commits right after it."""
    holder, late = open_shipment(correios, S10), open_shipment(correios)
    looks: list[int] = []
    look = module.holders_of

    def blind_once(*args: object) -> object:
        looks.append(1)
        return {} if len(looks) == 1 else look(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "holders_of", blind_once)
    outcome, text = one(late, S10)
    assert len(looks) == 2
    assert outcome == RowOutcome.REFUSED
    assert f"expedição {holder.number}" in text


def test_a_write_that_failsraced_is_an_error(db: None) -> None:
    def fail() -> None:
        raise IntegrityError

    with pytest.raises(IntegrityError):
        module.raced(fail)


class TestPackages:
    def test_the_first_code_is_the_one_told(self, open_shipment: Open, correios: ShippingMethod) -> None:
        shipment = open_shipment(correios, S10)
        row = packages_set(shipment_id=shipment.pk, tracking_codes=[OTHER_S10, S10])
        assert row.outcome == RowOutcome.DONE
        assert [p.tracking_code for p in reload(shipment).packages.all()] == [OTHER_S10, S10]
        assert reload(shipment).tracking_code == OTHER_S10

    def test_nothing_is_half_done(self, open_shipment: Open, correios: ShippingMethod) -> None:
        holder, shipment = open_shipment(correios, S10), open_shipment(correios, OTHER_S10)
        row = packages_set(shipment_id=shipment.pk, tracking_codes=[THIRD_S10, S10])
        assert f"expedição {holder.number}" in row.text
        assert "dois volumes" in packages_set(shipment_id=shipment.pk, tracking_codes=[S10, S10]).text
        assert [p.tracking_code for p in reload(shipment).packages.all()] == [OTHER_S10]

    def test_a_row_code_may_not_repeat_another_package(
        self, open_shipment: Open, correios: ShippingMethod
    ) -> None:
        shipment = open_shipment(correios)
        packages_set(shipment_id=shipment.pk, tracking_codes=["", S10])
        assert "outro volume" in one(shipment, S10)[1]

    def test_there_is_always_a_first_one(self, open_shipment: Open, correios: ShippingMethod) -> None:
        shipment = open_shipment(correios, S10)
        packages_set(shipment_id=shipment.pk, tracking_codes=[])
        assert list(Package.objects.values_list("sequence", "tracking_code")) == [(1, "")]

    def test_too_many(self, open_shipment: Open) -> None:
        assert "no máximo 99" in packages_set(shipment_id=open_shipment().pk, tracking_codes=[""] * 100).text
