from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from erp import channels
from erp.accounts.models import Company, Store, User
from erp.channels import ChannelAction, RowOutcome
from erp.sales.models import Order, OrderEvent, OrderStatus, ShippingMethod
from expedition.models import Package, Shipment, ShipmentGroup, ShipmentStatus
from expedition.services import (
    expected_delivery_set,
    group_conclude,
    shipment_cancel,
    shipments_carrier_set,
    shipments_deliver,
    shipments_mark_delivered,
    shipments_open,
    tracking_set,
)
from invoices.models import Invoice, InvoiceStatus
from invoices.services import invoice_carrier_set
from tests.expedition.conftest import S10, RecordingChannel, reload

Make = Callable[..., Order]
MakeInvoice = Callable[..., Invoice]
Open = Callable[..., Shipment]
MakeGroup = Callable[..., ShipmentGroup]


def texts(order: Order) -> list[str]:
    return list(OrderEvent.objects.filter(order=order).order_by("pk").values_list("text", flat=True))


class TestOpen:
    def test_opens_one_for_each_order(
        self, make_order: Make, make_invoice: MakeInvoice, operator: User
    ) -> None:
        with_note, without = make_order(), make_order()
        note = make_invoice(with_note)
        results = shipments_open(order_ids=[without.pk, with_note.pk], actor=operator)
        assert [(row.id, row.outcome) for row in results] == [
            (without.pk, RowOutcome.DONE),
            (with_note.pk, RowOutcome.DONE),
        ]
        first, second = Shipment.objects.order_by("number")
        assert (first.order, first.number, first.invoice) == (without, 1, None)
        assert (second.order, second.number, second.invoice) == (with_note, 2, note)
        assert [package.sequence for package in first.packages.all()] == [1]
        assert texts(without) == ["Expedição 1 aberta"]
        assert OrderEvent.objects.get(order=without).actor == operator

    def test_a_second_time_is_refused_with_the_number(self, make_order: Make) -> None:
        order = make_order()
        shipments_open(order_ids=[order.pk])
        (row,) = shipments_open(order_ids=[order.pk])
        assert (row.outcome, row.text) == (RowOutcome.REFUSED, "O pedido já tem a expedição 1.")
        assert Shipment.objects.count() == 1

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"status": OrderStatus.CANCELLED}, "cancelado"),
            ({"hold_reason": "análise de risco"}, "segurar o pedido: análise de risco"),
            ({"refund_open": True}, "reembolso"),
            ({"status": OrderStatus.SHIPPED}, "já foi despachado"),
            ({"status": OrderStatus.DELIVERED}, "já foi despachado"),
        ],
    )
    def test_refused_orders_do_not_stop_the_others(
        self, make_order: Make, fields: dict[str, object], reason: str
    ) -> None:
        bad, good = make_order(**fields), make_order()
        refused, opened = shipments_open(order_ids=[bad.pk, good.pk])
        assert refused.outcome == RowOutcome.REFUSED
        assert reason in refused.text
        assert opened.outcome == RowOutcome.DONE

    def test_a_note_that_fell_freezes(self, make_order: Make, make_invoice: MakeInvoice) -> None:
        order = make_order()
        make_invoice(order, status=InvoiceStatus.CANCELLED, cancelled_at=timezone.now())
        assert "cancelada ou rejeitada" in shipments_open(order_ids=[order.pk])[0].text
        make_invoice(order)
        assert shipments_open(order_ids=[order.pk])[0].outcome == RowOutcome.DONE

    def test_an_unknown_order_is_refused(self, company: Company) -> None:
        assert shipments_open(order_ids=[999])[0].outcome == RowOutcome.REFUSED

    def test_statements_do_not_depend_on_the_orders(self, make_order: Make) -> None:
        def statements(ids: list[int]) -> int:
            with CaptureQueriesContext(
                connection,
            ) as queries:
                shipments_open(order_ids=ids)
            return len(queries)

        shipments_open(order_ids=[make_order().pk])
        one, many = [make_order().pk], [make_order().pk for _ in range(30)]
        assert statements(one) == statements(many)


class TestFollowInvoices:
    def test_an_authorised_note_opens_the_shipment(
        self, make_order: Make, make_invoice: MakeInvoice, jadlog: ShippingMethod, correios: ShippingMethod
    ) -> None:
        order = make_order(shipping_method=correios)
        note = make_invoice(order, shipping_method=jadlog)
        channels.invoice_authorised([note.pk])
        shipment = reload(Shipment.objects.get())
        assert (shipment.order, shipment.invoice) == (order, note)
        assert (shipment.chosen_method, shipment.chosen_carrier) == (jadlog, jadlog.carrier)

    def test_it_joins_the_pending_shipment(self, open_shipment: Open, make_invoice: MakeInvoice) -> None:
        shipment = open_shipment()
        note = make_invoice(shipment.order)
        channels.invoice_authorised([note.pk])
        assert reload(shipment).invoice == note
        assert Shipment.objects.count() == 1
        assert texts(shipment.order)[-1] == "NF-e 1 série 1 vinculada à expedição 1"

    def test_a_new_note_takes_the_place_of_a_cancelled_one(
        self, open_shipment: Open, make_invoice: MakeInvoice
    ) -> None:
        shipment = open_shipment()
        fallen = make_invoice(shipment.order)
        channels.invoice_authorised([fallen.pk])
        Invoice.objects.filter(pk=fallen.pk).update(
            status=InvoiceStatus.CANCELLED, cancelled_at=timezone.now()
        )
        assert "NF-e foi cancelada" in reload(shipment).frozen_reason
        note = make_invoice(shipment.order)
        channels.invoice_authorised([note.pk])
        assert reload(shipment).invoice == note
        assert not reload(shipment).frozen_reason

    def test_a_note_taken_off_the_order_freezes(self, open_shipment: Open, make_invoice: MakeInvoice) -> None:
        shipment = open_shipment()
        note = make_invoice(shipment.order)
        channels.invoice_authorised([note.pk])
        Invoice.objects.filter(pk=note.pk).update(order=None)
        assert "desvinculada" in reload(shipment).frozen_reason

    def test_notes_without_an_order_or_with_a_frozen_one_open_nothing(
        self, make_order: Make, make_invoice: MakeInvoice, company: Company
    ) -> None:
        loose = make_invoice(None, company)
        held = make_invoice(make_order(hold_reason="fraude"))
        channels.invoice_authorised([loose.pk, held.pk])
        assert not Shipment.objects.exists()


class TestCarrier:
    def test_follows_the_order_until_it_is_chosen(
        self, open_shipment: Open, correios: ShippingMethod, jadlog: ShippingMethod
    ) -> None:
        shipment = open_shipment()
        assert shipment.chosen_method is None
        Order.objects.filter(pk=shipment.order_id).update(shipping_method=correios)
        channels.order_terms_changed([shipment.order_id])
        assert reload(shipment).chosen_method == correios
        assert reload(shipment).method_shown == correios
        shipments_carrier_set(shipment_ids=[shipment.pk], shipping_method_id=jadlog.pk)
        assert reload(shipment).chosen_carrier == jadlog.carrier
        assert reload(shipment).method_shown == jadlog
        shipments_carrier_set(shipment_ids=[shipment.pk], shipping_method_id=None)
        assert reload(shipment).method_shown == correios

    def test_the_list_knows_method_and_deadline_of_note_and_order(
        self, make_order: Make, make_invoice: MakeInvoice, correios: ShippingMethod, jadlog: ShippingMethod
    ) -> None:
        deadline = timezone.now()
        order = make_order(shipping_method=correios, ship_by_at=deadline)
        invoice = make_invoice(order)
        channels.invoice_authorised([invoice.pk])
        shipment = Shipment.objects.get(order=order)
        assert (shipment.ship_by_at, shipment.method_shown) == (deadline, correios)
        invoice_carrier_set(invoice_id=invoice.pk, carrier_id=None, shipping_method_id=jadlog.pk, user=None)
        assert reload(shipment).method_shown == reload(shipment).chosen_method == jadlog

    def test_not_inside_a_group_nor_with_a_method_of_others(
        self,
        open_shipment: Open,
        make_group: MakeGroup,
        correios: ShippingMethod,
        jadlog: ShippingMethod,
        other_company: Company,
    ) -> None:
        grouped, free = open_shipment(correios), open_shipment()
        make_group(correios, grouped)
        foreign = ShippingMethod.objects.create(company=other_company, name="X", kind="other")
        (row,) = shipments_carrier_set(shipment_ids=[grouped.pk], shipping_method_id=jadlog.pk)
        assert row.text == "Retire a expedição de PLP 1 antes de mudar a forma de envio."
        (row,) = shipments_carrier_set(shipment_ids=[free.pk], shipping_method_id=foreign.pk)
        assert row.outcome == RowOutcome.REFUSED
        assert reload(free).shipping_method is None


class TestExpectedDelivery:
    def test_before_and_after_the_conclusion(
        self, open_shipment: Open, make_group: MakeGroup, correios: ShippingMethod
    ) -> None:
        chosen = open_shipment(correios, S10)
        day = date(2099, 1, 5)
        assert expected_delivery_set(shipment_ids=[chosen.pk], expected_on=day)[0].outcome == RowOutcome.DONE
        group = make_group(correios, chosen)
        assert not group_conclude(group_id=group.pk).is_refused
        assert reload(chosen).expected_delivery_on == day
        later = date(2099, 2, 5)
        assert (
            expected_delivery_set(shipment_ids=[chosen.pk], expected_on=later)[0].outcome == RowOutcome.DONE
        )
        assert reload(chosen).expected_delivery_on == later

    def test_never_before_the_hand_over(self, open_shipment: Open) -> None:
        shipment = open_shipment()
        (row,) = expected_delivery_set(shipment_ids=[shipment.pk], expected_on=date(2020, 1, 1))
        assert "não pode ser anterior" in row.text
        assert reload(shipment).expected_delivery_on is None


class TestCancel:
    def test_frees_order_group_and_code(
        self, open_shipment: Open, make_group: MakeGroup, correios: ShippingMethod
    ) -> None:
        shipment, other = open_shipment(correios, S10), open_shipment(correios)
        make_group(correios, shipment)
        assert shipment_cancel(shipment_id=shipment.pk).outcome == RowOutcome.DONE
        assert shipment_cancel(shipment_id=shipment.pk).outcome == RowOutcome.ALREADY_DONE
        cancelled = reload(shipment)
        assert (cancelled.status, cancelled.group) == (ShipmentStatus.CANCELLED, None)
        assert tracking_set(codes={other.pk: S10})[0].outcome == RowOutcome.DONE
        assert shipments_open(order_ids=[shipment.order_id])[0].outcome == RowOutcome.DONE

    def test_after_the_conclusion_the_order_steps_back(
        self, open_shipment: Open, make_group: MakeGroup, correios: ShippingMethod
    ) -> None:
        shipment = open_shipment(correios, S10)
        group_conclude(group_id=make_group(correios, shipment).pk)
        assert shipment_cancel(shipment_id=shipment.pk).outcome == RowOutcome.DONE
        shipment = reload(shipment)
        assert shipment.order.status == OrderStatus.PREPARING
        assert shipment.group is not None

    def test_too_late_once_the_marketplace_confirmed(
        self, open_shipment: Open, make_group: MakeGroup, correios: ShippingMethod
    ) -> None:
        shipment = open_shipment(correios, S10)
        group_conclude(group_id=make_group(correios, shipment).pk)
        Order.objects.filter(pk=shipment.order_id).update(status=OrderStatus.SHIPPED)
        assert "já foi despachado" in shipment_cancel(shipment_id=shipment.pk).text
        assert reload(shipment).status == ShipmentStatus.CONCLUDED


class TestDeliver:
    def test_the_marketplace_is_asked_and_others_change_at_once(
        self,
        open_shipment: Open,
        make_group: MakeGroup,
        jadlog: ShippingMethod,
        counter_store: Store,
        channel: RecordingChannel,
        operator: User,
    ) -> None:
        remote, own = open_shipment(jadlog, "JD1"), open_shipment(jadlog, of=counter_store)
        pending = open_shipment(jadlog, of=counter_store)
        group_conclude(group_id=make_group(jadlog, remote, own).pk)
        ids = [pending.pk, own.pk, remote.pk, 999]
        results = shipments_deliver(shipment_ids=ids, actor=operator)
        assert [row.id for row in results] == ids
        assert [row.outcome for row in results] == [
            RowOutcome.REFUSED,
            RowOutcome.DONE,
            RowOutcome.QUEUED,
            RowOutcome.REFUSED,
        ]
        assert channel.commands == [(ChannelAction.CONFIRM_DELIVERY, [remote.pk])]
        assert ("delivered", [own.pk]) in channel.facts
        assert reload(own).order.status == OrderStatus.DELIVERED
        assert reload(remote).status == ShipmentStatus.CONCLUDED
        (again,) = shipments_deliver(shipment_ids=[own.pk])
        assert again.outcome == RowOutcome.ALREADY_DONE

    def test_the_confirmation_is_taken_once(
        self,
        open_shipment: Open,
        make_group: MakeGroup,
        correios: ShippingMethod,
        channel: RecordingChannel,
    ) -> None:
        shipment, other = open_shipment(correios, S10), open_shipment()
        group_conclude(group_id=make_group(correios, shipment).pk)
        at = datetime(2026, 12, 1, 9, tzinfo=UTC)
        assert shipments_mark_delivered(shipment_ids=[shipment.pk], at=at) == {shipment.pk}
        assert shipments_mark_delivered(shipment_ids=[shipment.pk]) == set()
        delivered = reload(shipment)
        assert (delivered.status, delivered.delivered_at) == (ShipmentStatus.DELIVERED, at)
        assert delivered.order.status == OrderStatus.DELIVERED
        assert [text for text in texts(shipment.order) if "entregue" in text.lower()] == [
            "Expedição 1 entregue",
            "Situação: Pronto para envio → Entregue (entregue)",
        ]
        assert channel.facts.count(("delivered", [shipment.pk])) == 1
        assert not Package.objects.get(shipment=shipment).holds_code
        assert tracking_set(codes={other.pk: S10})[0].outcome == RowOutcome.DONE

    def test_a_confirmation_concludes_what_nobody_concluded(
        self, open_shipment: Open, make_group: MakeGroup, correios: ShippingMethod
    ) -> None:
        shipment = open_shipment(correios, S10)
        group = make_group(correios, shipment)
        shipments_mark_delivered(shipment_ids=[shipment.pk])
        assert (reload(shipment).status, reload(shipment).group) == (ShipmentStatus.DELIVERED, None)
        assert group_conclude(group_id=group.pk).problem
