from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date

import pytest
import time_machine
from django.db import connection, connections, transaction
from django.utils import timezone

from erp import channels
from erp.accounts.models import Company, Store, User
from erp.channels import RowOutcome
from erp.sales.models import Order, OrderEvent, OrderStatus, ShippedBy, ShippingKind, ShippingMethod
from expedition.models import GroupKind, GroupStatus, Shipment, ShipmentGroup, ShipmentStatus
from expedition.services import (
    GroupOutcome,
    group_add,
    group_conclude,
    group_create,
    group_discard,
    group_prepare,
    group_remove,
    shipments_open,
)
from invoices.models import Invoice, InvoiceStatus
from tests.expedition.conftest import OTHER_S10, S10, RecordingChannel, reload

Make = Callable[..., Order]
Open = Callable[..., Shipment]
MakeGroup = Callable[..., ShipmentGroup]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (ShippingKind.CORREIOS, GroupKind.POSTING_LIST),
        (ShippingKind.CARRIER, GroupKind.PICKUP),
        (ShippingKind.MARKETPLACE, GroupKind.PICKUP),
        (ShippingKind.OTHER, GroupKind.PICKUP),
    ],
)
def test_the_method_says_what_the_group_is(
    company: Company, open_shipment: Open, make_group: MakeGroup, kind: str, expected: str
) -> None:
    method = ShippingMethod.objects.create(company=company, name="M", kind=kind)
    by = ShippedBy.CHANNEL if kind == ShippingKind.MARKETPLACE else ShippedBy.SELLER
    assert make_group(method, open_shipment(method, shipped_by=by)).kind == expected


def test_create_takes_who_may_enter_and_names_the_rest(
    company: Company,
    open_shipment: Open,
    make_group: MakeGroup,
    correios: ShippingMethod,
    jadlog: ShippingMethod,
    operator: User,
) -> None:
    good, without, other = open_shipment(correios), open_shipment(), open_shipment(jadlog)
    held, grouped = open_shipment(correios), open_shipment(correios)
    Order.objects.filter(pk=held.order_id).update(hold_reason="fraude")
    make_group(correios, grouped)
    ids = [good.pk, without.pk, other.pk, held.pk, grouped.pk, 999]
    outcome = group_create(
        company_id=company.pk, shipping_method_id=correios.pk, shipment_ids=ids, actor=operator
    )
    assert [row.id for row in outcome.results] == ids
    assert [row.outcome for row in outcome.results] == [RowOutcome.DONE] + [RowOutcome.REFUSED] * 5
    assert "Sem forma de envio" in outcome.results[1].text
    assert "Jadlog Package" in outcome.results[2].text
    assert "fraude" in outcome.results[3].text
    assert "PLP 1" in outcome.results[4].text
    assert outcome.group is not None
    assert list(outcome.group.shipments.all()) == [good]
    assert (outcome.group.number, outcome.group.created_by) == (2, operator)
    assert (reload(good).shipping_method, reload(good).carrier) == (correios, correios.carrier)


def test_no_group_without_a_member(company: Company, open_shipment: Open, correios: ShippingMethod) -> None:
    for ids in ([], [open_shipment().pk]):
        outcome = group_create(company_id=company.pk, shipping_method_id=correios.pk, shipment_ids=ids)
        assert outcome.group is None
    assert not ShipmentGroup.objects.exists()


def test_add_and_remove(open_shipment: Open, make_group: MakeGroup, correios: ShippingMethod) -> None:
    first, second = open_shipment(correios, S10), open_shipment(correios, OTHER_S10)
    group = make_group(correios, first)
    assert group_add(group_id=group.pk, shipment_ids=[second.pk]).results[0].outcome == RowOutcome.DONE
    rows = group_remove(group_id=group.pk, shipment_ids=[first.pk])
    assert rows[0].outcome == RowOutcome.DONE
    assert group_remove(group_id=group.pk, shipment_ids=[first.pk])[0].outcome == RowOutcome.REFUSED
    assert list(group.shipments.all()) == [second]
    assert reload(first).shipping_method == correios
    group_conclude(group_id=group.pk)
    assert group_remove(group_id=group.pk, shipment_ids=[second.pk])[0].outcome == RowOutcome.REFUSED
    assert "já foi concluída" in group_add(group_id=group.pk, shipment_ids=[first.pk]).problem


def test_discard_only_what_is_empty(
    open_shipment: Open, make_group: MakeGroup, correios: ShippingMethod
) -> None:
    shipment = open_shipment(correios)
    group = make_group(correios, shipment)
    assert "tem expedições" in group_discard(group_id=group.pk)
    group_remove(group_id=group.pk, shipment_ids=[shipment.pk])
    assert group_discard(group_id=group.pk) == ""
    assert not ShipmentGroup.objects.exists()


class TestPrepare:
    def test_opens_groups_and_codes_in_one_go(
        self, company: Company, make_order: Make, open_shipment: Open, correios: ShippingMethod
    ) -> None:
        fresh, pending = make_order(shipping_method=correios), open_shipment(correios).order
        lacking, wrong = make_order(), make_order(shipping_method=correios)
        frozen = make_order(shipping_method=correios, refund_open=True)
        outcome = group_prepare(
            company_id=company.pk,
            shipping_method_id=correios.pk,
            codes={fresh.pk: S10, pending.pk: "", lacking.pk: OTHER_S10, wrong.pk: "AA1", frozen.pk: ""},
        )
        assert outcome.group is not None
        assert [row.id for row in outcome.results] == [fresh.pk, pending.pk, lacking.pk, wrong.pk, frozen.pk]
        assert [row.outcome for row in outcome.results] == [
            RowOutcome.DONE,
            RowOutcome.DONE,
            RowOutcome.DONE,
            RowOutcome.REFUSED,
            RowOutcome.REFUSED,
        ]
        members = outcome.group.shipments.for_screens().order_by("order__number")
        assert {each.order_id: each.tracking_code for each in members} == {
            fresh.pk: S10,
            pending.pk: "",
            lacking.pk: OTHER_S10,
            wrong.pk: "",
        }
        assert not Shipment.objects.filter(order=frozen).exists()

    def test_into_an_existing_group(
        self,
        company: Company,
        make_order: Make,
        open_shipment: Open,
        make_group: MakeGroup,
        jadlog: ShippingMethod,
    ) -> None:
        group = make_group(jadlog, open_shipment(jadlog))
        order = make_order(shipping_method=jadlog)
        outcome = group_prepare(
            company_id=company.pk, shipping_method_id=jadlog.pk, codes={order.pk: "JD9"}, group_id=group.pk
        )
        assert outcome.group == group
        assert group.shipments.count() == 2


class TestConclude:
    def test_orders_of_a_marketplace_wait_for_it(
        self,
        open_shipment: Open,
        make_group: MakeGroup,
        jadlog: ShippingMethod,
        counter_store: Store,
        channel: RecordingChannel,
        operator: User,
    ) -> None:
        remote, own = open_shipment(jadlog, "JD1"), open_shipment(jadlog, of=counter_store)
        group = make_group(jadlog, remote, own)
        with time_machine.travel("2026-11-19T23:30:00-03:00", tick=False):
            outcome = group_conclude(group_id=group.pk, actor=None)
            now = timezone.now()
        assert not outcome.is_refused
        group.refresh_from_db()
        assert (group.status, group.concluded_at) == (GroupStatus.CONCLUDED, now)
        for shipment in (remote, own):
            concluded = reload(shipment)
            assert (concluded.status, concluded.concluded_at) == (ShipmentStatus.CONCLUDED, now)
            # Three business days from the São Paulo day, over the holiday of the 20th and a week-end.
            assert concluded.expected_delivery_on == date(2026, 11, 25)
        assert reload(remote).order.status == OrderStatus.READY_TO_SHIP
        assert reload(own).order.status == OrderStatus.SHIPPED
        assert channel.facts == [("concluded", [remote.pk, own.pk])]
        event = OrderEvent.objects.get(order=remote.order, kind="shipment_concluded")
        assert event.text == f"Expedição {remote.number} concluída em Coleta 1, código JD1"

    @pytest.mark.parametrize(
        ("break_it", "reason"),
        [
            (lambda s: Order.objects.filter(pk=s.order_id).update(status="cancelled"), "cancelado"),
            (lambda s: Order.objects.filter(pk=s.order_id).update(hold_reason="fraude"), "fraude"),
            (lambda s: Order.objects.filter(pk=s.order_id).update(refund_open=True), "reembolso"),
            (lambda s: s.packages.update(tracking_code=""), "Falta o código de rastreio dos Correios"),
            (lambda s: s.packages.update(tracking_code="AA123456784BR"), "código válido dos Correios"),
            (lambda s: s.packages.create(company=s.company, sequence=2), "cada volume"),
        ],
    )
    def test_one_bad_member_refuses_all_and_is_named(
        self,
        open_shipment: Open,
        make_group: MakeGroup,
        correios: ShippingMethod,
        channel: RecordingChannel,
        break_it: Callable[[Shipment], object],
        reason: str,
    ) -> None:
        good, bad = open_shipment(correios, S10), open_shipment(correios, OTHER_S10)
        group = make_group(correios, good, bad)
        break_it(bad)
        outcome = group_conclude(group_id=group.pk)
        assert [row.id for row in outcome.results] == [bad.pk]
        assert reason in outcome.results[0].text
        assert reload(good).status == ShipmentStatus.PENDING
        assert not channel.facts
        assert group_remove(group_id=group.pk, shipment_ids=[bad.pk])[0].outcome == RowOutcome.DONE
        assert not group_conclude(group_id=group.pk).is_refused
        assert reload(good).status == ShipmentStatus.CONCLUDED

    def test_a_cancelled_note_refuses(
        self,
        open_shipment: Open,
        make_group: MakeGroup,
        correios: ShippingMethod,
        make_invoice: Callable[..., Invoice],
    ) -> None:
        shipment = open_shipment(correios, S10)
        note = make_invoice(shipment.order)
        channels.invoice_authorised([note.pk])
        group = make_group(correios, shipment)
        Invoice.objects.filter(pk=note.pk).update(status=InvoiceStatus.CANCELLED, cancelled_at=timezone.now())
        assert "NF-e foi cancelada" in group_conclude(group_id=group.pk).results[0].text

    def test_a_marketplace_needs_the_code_of_a_carrier_and_a_counter_does_not(
        self, open_shipment: Open, make_group: MakeGroup, jadlog: ShippingMethod, counter_store: Store
    ) -> None:
        remote, own = open_shipment(jadlog), open_shipment(jadlog, of=counter_store)
        outcome = group_conclude(group_id=make_group(jadlog, remote, own).pk)
        assert [row.id for row in outcome.results] == [remote.pk]
        assert "e-commerce exige" in outcome.results[0].text

    def test_not_over_stores_one_may_not_see(
        self,
        open_shipment: Open,
        make_group: MakeGroup,
        jadlog: ShippingMethod,
        counter_store: Store,
        operator: User,
        admin: User,
    ) -> None:
        remote, own = open_shipment(jadlog, "JD1"), open_shipment(jadlog, of=counter_store)
        group = make_group(jadlog, remote, own)
        assert "administrador" in group_conclude(group_id=group.pk, actor=operator).results[0].text
        assert not group_conclude(group_id=group.pk, actor=admin).is_refused

    def test_empty_and_twice(
        self, open_shipment: Open, make_group: MakeGroup, jadlog: ShippingMethod
    ) -> None:
        shipment = open_shipment(jadlog, "JD1")
        group = make_group(jadlog, shipment)
        group_remove(group_id=group.pk, shipment_ids=[shipment.pk])
        assert "vazio" in group_conclude(group_id=group.pk).problem
        group_add(group_id=group.pk, shipment_ids=[shipment.pk])
        group_conclude(group_id=group.pk)
        events = OrderEvent.objects.count()
        again = group_conclude(group_id=group.pk)
        assert [row.outcome for row in again.results] == [RowOutcome.ALREADY_DONE]
        assert OrderEvent.objects.count() == events


def in_threads(*works: Callable[[], object]) -> list[object]:
    """Run all at once, each on its own connection; an error of one is an error of the test."""
    start = threading.Barrier(len(works))
    results: list[object] = [None] * len(works)

    def run(place: int, work: Callable[[], object]) -> None:
        try:
            start.wait(10)
            results[place] = work()
        except Exception as error:
            results[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    failed = [each for each in results if isinstance(each, Exception)]
    assert not failed, failed
    return results


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    """Two people at the same thing; on SQLite writers queue, on PostgreSQL the row locks decide."""

    def test_two_conclude_the_same_group(
        self, open_shipment: Open, make_group: MakeGroup, correios: ShippingMethod, channel: RecordingChannel
    ) -> None:
        shipment = open_shipment(correios, S10)
        group = make_group(correios, shipment)
        outcomes = in_threads(*[lambda: group_conclude(group_id=group.pk)] * 2)
        found = sorted(row.outcome for each in outcomes for row in each.results)  # type: ignore[attr-defined]
        assert found == [RowOutcome.ALREADY_DONE, RowOutcome.DONE]
        assert channel.facts == [("concluded", [shipment.pk])]
        assert OrderEvent.objects.filter(order=shipment.order, kind="shipment_concluded").count() == 1

    def test_one_shipment_into_two_groups(
        self, company: Company, open_shipment: Open, correios: ShippingMethod
    ) -> None:
        shipment = open_shipment(correios, S10)

        def create() -> GroupOutcome:
            return group_create(
                company_id=company.pk, shipping_method_id=correios.pk, shipment_ids=[shipment.pk]
            )

        outcomes = in_threads(create, create)
        assert sorted(each.group is not None for each in outcomes) == [False, True]  # type: ignore[attr-defined]
        assert ShipmentGroup.objects.count() == 1

    def test_two_open_the_same_order(self, make_order: Make) -> None:
        order = make_order()
        outcomes = in_threads(*[lambda: shipments_open(order_ids=[order.pk])] * 2)
        assert sorted(rows[0].outcome for rows in outcomes) == [RowOutcome.DONE, RowOutcome.REFUSED]  # type: ignore[index]
        assert Shipment.objects.count() == 1

    def test_a_hold_that_arrives_during_the_conclusion_is_seen(
        self, open_shipment: Open, make_group: MakeGroup, correios: ShippingMethod
    ) -> None:
        """The hold is committed while the conclusion waits for the order's lock."""
        shipment = open_shipment(correios, S10)
        group = make_group(correios, shipment)
        locked = threading.Event()

        def hold() -> None:
            with transaction.atomic():
                order = Order.objects.filter(pk=shipment.order_id).lock_for_update().get()
                locked.set()
                Order.objects.filter(pk=order.pk).update(hold_reason="fraude")

        def conclude() -> GroupOutcome:
            locked.wait(10)
            return group_conclude(group_id=group.pk)

        outcome = in_threads(hold, conclude)[1]
        assert isinstance(outcome, GroupOutcome)
        assert outcome.is_refused
        assert reload(shipment).status == ShipmentStatus.PENDING

    @pytest.mark.services
    def test_a_linked_note_and_a_conclusion_do_not_lock_each_other_out(
        self,
        open_shipment: Open,
        make_group: MakeGroup,
        correios: ShippingMethod,
        make_invoice: Callable[..., Invoice],
    ) -> None:
        """Linking a note holds the order and goes on to the shipment (ADR 0002)."""
        assert connection.vendor == "postgresql"
        for _ in range(5):
            shipment = open_shipment(correios)
            shipment.packages.update(tracking_code="")
            note = make_invoice(shipment.order)
            group = make_group(correios, shipment)
            held = threading.Event()

            def link(
                shipment: Shipment = shipment, note: Invoice = note, held: threading.Event = held
            ) -> None:
                with transaction.atomic():
                    Order.objects.filter(pk=shipment.order_id).lock_for_update().get()
                    held.set()
                    threading.Event().wait(0.1)
                    channels.invoice_authorised([note.pk])

            def conclude(group: ShipmentGroup = group, held: threading.Event = held) -> GroupOutcome:
                held.wait(10)
                return group_conclude(group_id=group.pk)

            in_threads(link, conclude)
            assert reload(shipment).invoice == note
