"""Every invariant the services rely on is a named constraint; each is violated here."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from erp.accounts.models import Company, User
from erp.sales.models import ShippingMethod
from expedition.models import Package, Shipment, ShipmentGroup
from expedition.services import shipment_cancel

from .conftest import S10

Open = Callable[..., Shipment]


def violate(name: str, write: Callable[[], object]) -> None:
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        write()
    text = str(caught.value)
    assert name in text or "UNIQUE constraint failed" in text


def test_one_active_shipment_per_order(open_shipment: Open) -> None:
    first = open_shipment()

    def again(number: int) -> Shipment:
        return Shipment.objects.create(
            company=first.company, store=first.store, order=first.order, number=number
        )

    violate("shipment_one_active_per_order", lambda: again(900))
    shipment_cancel(shipment_id=first.pk)
    assert again(901).pk


def test_shipment_numbers_are_unique(open_shipment: Open) -> None:
    first, second = open_shipment(), open_shipment()
    violate(
        "shipment_unique_number",
        lambda: Shipment.objects.filter(pk=second.pk).update(number=first.number),
    )


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("shipment_known_status", {"status": "lost", "concluded_at": timezone.now()}),
        ("shipment_concluded_has_time", {"status": "concluded"}),
        ("shipment_delivered_has_time", {"status": "delivered", "concluded_at": timezone.now()}),
    ],
)
def test_shipment_states(open_shipment: Open, name: str, fields: dict[str, object]) -> None:
    shipment = open_shipment()
    violate(name, lambda: Shipment.objects.filter(pk=shipment.pk).update(**fields))


def test_a_grouped_shipment_has_a_method(
    open_shipment: Open, make_group: Callable[..., ShipmentGroup], correios: ShippingMethod
) -> None:
    shipment = open_shipment(correios)
    make_group(correios, shipment)
    violate(
        "shipment_grouped_has_method",
        lambda: Shipment.objects.filter(pk=shipment.pk).update(shipping_method=None),
    )


def test_group_constraints(
    open_shipment: Open, make_group: Callable[..., ShipmentGroup], correios: ShippingMethod
) -> None:
    group = make_group(correios, open_shipment(correios))
    other = make_group(correios, open_shipment(correios))
    rows = ShipmentGroup.objects.filter(pk=group.pk)
    violate("group_unique_number", lambda: rows.update(number=other.number))
    violate("group_known_kind", lambda: rows.update(kind="pigeon"))
    violate("group_concluded_has_time", lambda: rows.update(status="concluded"))
    violate("group_concluded_has_time", lambda: rows.update(concluded_at=timezone.now()))


def test_package_constraints(open_shipment: Open) -> None:
    first, second = open_shipment(code=S10), open_shipment()
    rows = Package.objects.filter(shipment=second)
    violate("package_code_used_once", lambda: rows.update(tracking_code=S10))
    violate("package_sequence_positive", lambda: rows.update(sequence=0))
    violate(
        "package_unique_sequence",
        lambda: Package.objects.create(shipment=first, company=first.company, sequence=1),
    )
    Package.objects.filter(shipment=first).update(holds_code=False)
    assert rows.update(tracking_code=S10) == 1


def test_groups_are_seen_through_their_shipments(
    open_shipment: Open,
    make_group: Callable[..., ShipmentGroup],
    correios: ShippingMethod,
    counter_store: object,
    operator: User,
    admin: User,
    other_company: Company,
) -> None:
    own = make_group(correios, open_shipment(correios))
    foreign = make_group(correios, open_shipment(correios, of=counter_store))
    empty = ShipmentGroup.objects.create(
        company=own.company, number=99, kind="pickup", shipping_method=correios
    )
    visible = ShipmentGroup.objects.visible_to
    assert set(visible(operator)) == {own, empty}
    assert set(visible(admin)) == {own, foreign, empty}
    stranger = User.objects.create_user("stranger", company=other_company, role="admin")
    assert not visible(stranger).exists()
