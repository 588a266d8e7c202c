"""Numbers that the marketplace assigns, written by the expedição for what it carries."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from erp.channels import RowOutcome, ShippingCode
from erp.sales.models import Order, OrderEvent, ShippedBy, ShippingMethod
from expedition.models import FormerCode, Package, Shipment, ShipmentStatus
from expedition.services import (
    packages_set,
    shipment_cancel,
    shipments_channel_codes_drop,
    shipments_channel_codes_set,
    shipments_open,
    tracking_set,
)
from tests.expedition.conftest import RecordingChannel, reload

pytestmark = pytest.mark.django_db
Open = Callable[..., Shipment]


def code(number: str, carrier: str = "TOTAL", name: str = "Total Express") -> ShippingCode:
    return ShippingCode(carrier, name, number)


@pytest.fixture
def carried(open_shipment: Open, kwai_envios: ShippingMethod, channel: RecordingChannel) -> Shipment:
    return open_shipment(kwai_envios, shipped_by=ShippedBy.CHANNEL)


def test_number_and_carrier_are_taken_and_stay(carried: Shipment) -> None:
    assert shipments_channel_codes_set(codes={carried.order_id: code("KE1BR")}) == {carried.pk}
    after = reload(carried)
    assert (after.channel_number, after.tracking_code, after.carrier_name) == (
        "KE1BR",
        "KE1BR",
        "Total Express",
    )
    assert shipments_channel_codes_set(codes={carried.order_id: ShippingCode("", "", "KE1BR")}) == set()
    assert reload(carried).carrier_name == "Total Express", "a carrier that is left out is no news"
    assert OrderEvent.objects.filter(order=carried.order, text__contains="KE1BR").count() == 1


@pytest.mark.parametrize("shipped_by", [ShippedBy.SELLER, ShippedBy.UNKNOWN])
def test_what_the_marketplace_does_not_carry_is_left_alone(
    open_shipment: Open, jadlog: ShippingMethod, channel: RecordingChannel, shipped_by: ShippedBy
) -> None:
    shipment = open_shipment(jadlog, "MEU1", shipped_by=shipped_by)
    assert shipments_channel_codes_set(codes={shipment.order_id: code("KE1BR")}) == set()
    assert reload(shipment).tracking_code == "MEU1"


@pytest.mark.parametrize("shipped_by", [ShippedBy.SELLER, ShippedBy.UNKNOWN])
@pytest.mark.parametrize("status", ShipmentStatus)
def test_a_number_goes_when_the_marketplace_carries_the_order_no_more(
    carried: Shipment, status: ShipmentStatus, shipped_by: ShippedBy
) -> None:
    """What has arrived or was cancelled keeps the number it travelled under."""
    shipments_channel_codes_set(codes={carried.order_id: code("KE1BR")})
    now = carried.created_at
    Shipment.objects.update(status=status, concluded_at=now, delivered_at=now)
    assert shipments_channel_codes_drop(order_ids=[carried.order_id]) == set(), "still theirs"
    Order.objects.update(shipped_by=shipped_by)
    goes = status in (ShipmentStatus.PENDING, ShipmentStatus.CONCLUDED)
    assert shipments_channel_codes_drop(order_ids=[carried.order_id]) == ({carried.pk} if goes else set())
    after = reload(carried)
    kept = "" if goes else "KE1BR"
    assert (after.channel_number, after.tracking_code) == (kept, kept)
    assert bool(after.channel_carrier_name) is not goes
    told = OrderEvent.objects.filter(order=carried.order, text__contains="não vai mais pelo Kwai Envios")
    assert [event.text for event in told if "KE1BR" in event.text] == [event.text for event in told]
    assert told.count() == goes


def test_a_dropped_number_names_the_code_that_was_typed_before(
    open_shipment: Open, jadlog: ShippingMethod, channel: RecordingChannel
) -> None:
    shipment = open_shipment(jadlog, "MEU1")
    Order.objects.update(shipped_by=ShippedBy.CHANNEL)
    shipments_channel_codes_set(codes={shipment.order_id: code("KE1BR")})
    Order.objects.update(shipped_by=ShippedBy.SELLER)
    shipments_channel_codes_drop(order_ids=[shipment.order_id])
    after = reload(shipment)
    assert (after.tracking_code, after.former_code, after.former_code_text) == ("", "", "")
    assert OrderEvent.objects.filter(text__contains="O código digitado antes era MEU1").exists()


def test_a_typed_code_and_further_volumes_give_way(
    open_shipment: Open, jadlog: ShippingMethod, channel: RecordingChannel
) -> None:
    shipment = open_shipment(jadlog)
    packages_set(shipment_id=shipment.pk, tracking_codes=["MEU1", "MEU2"])
    Order.objects.update(shipped_by=ShippedBy.CHANNEL)
    shipments_channel_codes_set(codes={shipment.order_id: code("KE1BR")})
    after = reload(shipment)
    assert [package.tracking_code for package in after.packages.all()] == ["KE1BR"]
    assert (after.former_code, after.former_code_is) == ("MEU1", FormerCode.REPLACED)
    assert after.former_code_text == "O número do Kwai Envios tomou o lugar do código digitado antes, MEU1."


def test_a_reissued_number_is_followed_until_the_parcel_arrives(carried: Shipment) -> None:
    shipments_channel_codes_set(codes={carried.order_id: code("KE1BR")})
    for status, expected in ((ShipmentStatus.CONCLUDED, "KE2BR"), (ShipmentStatus.DELIVERED, "KE2BR")):
        now = carried.created_at
        Shipment.objects.update(status=status, concluded_at=now, delivered_at=now)
        number = "KE2BR" if status is ShipmentStatus.CONCLUDED else "KE3BR"
        shipments_channel_codes_set(codes={carried.order_id: code(number)})
        assert reload(carried).tracking_code == expected
    assert reload(carried).former_code_text == "O Kwai reemitiu o número para KE2BR; antes era KE1BR."


@pytest.mark.parametrize("taken_by", ["typed elsewhere", "the same batch"])
def test_a_number_somebody_else_holds_is_shown_all_the_same(
    open_shipment: Open, kwai_envios: ShippingMethod, jadlog: ShippingMethod, carried: Shipment, taken_by: str
) -> None:
    """Two orders may travel under one number, and a typing error must not keep Kwai's answer out."""
    codes = {carried.order_id: code("KE1BR")}
    if taken_by == "typed elsewhere":
        open_shipment(jadlog, "KE1BR")
    else:
        other = open_shipment(kwai_envios, shipped_by=ShippedBy.CHANNEL)
        codes[other.order_id] = code("KE1BR")
    assert len(shipments_channel_codes_set(codes=codes)) == len(codes)
    held = Package.objects.filter(tracking_code="KE1BR").values_list("holds_code", flat=True)
    assert sorted(held) == [False, True]


@pytest.mark.parametrize("number", ["KE1BR", "ÇÃO-1", "包裹1", "KE\u00a01", "É" * 60, "🚚1"])
def test_any_number_that_appears_twice_finds_its_holder(
    open_shipment: Open, kwai_envios: ShippingMethod, channel: RecordingChannel, number: str
) -> None:
    for _ in range(3):
        shipment = open_shipment(kwai_envios, shipped_by=ShippedBy.CHANNEL)
        assert shipments_channel_codes_set(codes={shipment.order_id: code(number)}) == {shipment.pk}
    assert Package.objects.filter(holds_code=True).count() == 1
    assert Package.objects.exclude(tracking_code="").count() == 3


@pytest.mark.parametrize("typed", ["A\x00B", "A\ud800B", "\x00"])
def test_a_typed_code_that_no_column_holds_is_refused(
    open_shipment: Open, jadlog: ShippingMethod, typed: str
) -> None:
    (row,) = tracking_set(codes={open_shipment(jadlog).pk: typed})
    assert row.outcome == RowOutcome.REFUSED


def test_an_order_opened_late_takes_the_number_it_has(
    make_order: Callable[..., Order], channel: RecordingChannel
) -> None:
    order = make_order(shipped_by=ShippedBy.CHANNEL)
    channel.codes[order.pk] = code("KE1BR")
    shipments_open(order_ids=[order.pk])
    assert Shipment.objects.get(order=order).channel_number == "KE1BR"


def test_a_cancelled_shipment_frees_the_number_for_the_next(
    carried: Shipment, channel: RecordingChannel
) -> None:
    shipments_channel_codes_set(codes={carried.order_id: code("KE1BR")})
    channel.codes[carried.order_id] = code("KE1BR")
    shipment_cancel(shipment_id=carried.pk)
    shipments_open(order_ids=[carried.order_id])
    again = Shipment.objects.active().get(order=carried.order_id)
    assert (again.channel_number, again.packages.get().holds_code) == ("KE1BR", True)


def test_statements_do_not_grow(
    open_shipment: Open, kwai_envios: ShippingMethod, channel: RecordingChannel
) -> None:
    counts = []
    for size in (2, 12):
        rows = [open_shipment(kwai_envios, shipped_by=ShippedBy.CHANNEL) for _ in range(size)]
        codes = {each.order_id: code(f"KE{each.pk}BR") for each in rows}
        with CaptureQueriesContext(connection) as queries:
            shipments_channel_codes_set(codes=codes)
        counts.append(len(queries))
        with CaptureQueriesContext(connection) as queries:
            shipments_channel_codes_set(codes=codes)
        assert len(queries) == 2, "nothing new costs one look"
    assert counts[0] == counts[1]


def test_a_former_code_says_how_it_ended(carried: Shipment) -> None:
    with pytest.raises(IntegrityError, match="shipment_former_code_is_known"):
        Shipment.objects.update(former_code="X", former_code_is="")


class TestCorrecting:
    """A code typed after the dispatch: the marketplace keeps the first one."""

    @pytest.fixture
    def away(self, open_shipment: Open, jadlog: ShippingMethod, channel: RecordingChannel) -> Shipment:
        shipment = open_shipment(jadlog, "PRIMEIRO", shipped_by=ShippedBy.SELLER)
        Shipment.objects.update(status=ShipmentStatus.CONCLUDED, concluded_at=shipment.created_at)
        Order.objects.update(status="shipped")
        return reload(shipment)

    def test_both_are_kept_and_said(self, away: Shipment) -> None:
        (row,) = tracking_set(codes={away.pk: "SEGUNDO"})
        assert "só aqui" in row.text
        after = reload(away)
        assert (after.tracking_code, after.former_code, after.former_code_is) == (
            "SEGUNDO",
            "PRIMEIRO",
            "sent",
        )
        assert after.former_code_text == (
            "O Kwai continua com PRIMEIRO: depois do despacho não aceita outro código."
        )
        tracking_set(codes={away.pk: "TERCEIRO"})
        assert reload(away).former_code == "PRIMEIRO"
        tracking_set(codes={away.pk: "PRIMEIRO"})
        assert reload(away).former_code == ""

    def test_the_marketplace_knows_better_what_it_holds(
        self, away: Shipment, channel: RecordingChannel
    ) -> None:
        """Dispatched outside the ERP: adopting that code leaves nothing to say."""
        channel.codes[away.order_id] = code("DE-FORA")
        packages_set(shipment_id=away.pk, tracking_codes=["OUTRO"])
        assert reload(away).former_code == "DE-FORA"
        tracking_set(codes={away.pk: "DE-FORA"})
        assert reload(away).former_code == ""

    def test_before_the_dispatch_a_correction_is_one(
        self, open_shipment: Open, jadlog: ShippingMethod, channel: RecordingChannel
    ) -> None:
        shipment = open_shipment(jadlog, "PRIMEIRO")
        tracking_set(codes={shipment.pk: "SEGUNDO"})
        assert reload(shipment).former_code == ""
