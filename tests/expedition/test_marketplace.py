from __future__ import annotations

from collections.abc import Callable

from erp.accounts.models import Store, User
from erp.channels import NO_CHANNEL, Badge, ChannelAction, RowOutcome
from erp.sales.models import ShippingMethod
from expedition import marketplace, refusals
from expedition.models import Shipment, ShipmentGroup
from expedition.services import group_conclude
from invoices.models import Invoice
from tests.expedition.conftest import RecordingChannel, reload

Open = Callable[..., Shipment]
MakeGroup = Callable[..., ShipmentGroup]


def test_greyed_and_refused_for_the_same_reason(
    open_shipment: Open,
    jadlog: ShippingMethod,
    counter_store: Store,
    channel: RecordingChannel,
    operator: User,
) -> None:
    pending, own = open_shipment(jadlog, "JD1"), open_shipment(jadlog, of=counter_store)
    for name, expected in (
        (marketplace.SEND_TRACKING, ["", NO_CHANNEL]),
        (marketplace.SEND_INVOICE, [refusals.NO_INVOICE, NO_CHANNEL]),
        (marketplace.DELIVER, ["", refusals.NOT_CONCLUDED]),
    ):
        reasons = marketplace.reasons(name, [pending, own])
        assert [reasons[pending.pk], reasons[own.pk]] == expected
        rows = marketplace.run(name, [pending, own], operator)
        assert [row.text for row in rows if row.outcome == RowOutcome.REFUSED] == [
            text for text in expected if text
        ]
    assert [(action, ids) for action, ids in channel.commands if ids] == [
        (ChannelAction.SEND_TRACKING, [pending.pk]),
        (ChannelAction.CONFIRM_DELIVERY, [pending.pk]),
    ]


def test_the_invoice_command_takes_invoices_and_answers_for_shipments(
    open_shipment: Open,
    make_invoice: Callable[..., Invoice],
    jadlog: ShippingMethod,
    channel: RecordingChannel,
    operator: User,
) -> None:
    open_shipment()
    shipment = open_shipment(jadlog, "JD1")
    note = make_invoice(shipment.order)
    Shipment.objects.filter(pk=shipment.pk).update(invoice=note)
    assert note.pk != shipment.pk
    (row,) = marketplace.run(marketplace.SEND_INVOICE, [reload(shipment)], operator)
    assert channel.commands == [(ChannelAction.SEND_INVOICE, [note.pk])]
    assert (row.id, row.outcome) == (shipment.pk, RowOutcome.QUEUED)
    assert row.label == f"{shipment} · pedido {shipment.order.number}"
    assert row.url == shipment.get_absolute_url()
    channel.reasons[note.pk] = "A plataforma recusou."
    assert marketplace.reasons(marketplace.SEND_INVOICE, [reload(shipment)]) == {
        shipment.pk: "A plataforma recusou."
    }


def test_a_group_may_when_one_member_may(
    open_shipment: Open,
    make_group: MakeGroup,
    jadlog: ShippingMethod,
    channel: RecordingChannel,
    operator: User,
) -> None:
    first, second = open_shipment(jadlog, "JD1"), open_shipment(jadlog, "JD2")
    group_conclude(group_id=make_group(jadlog, first, second).pk)
    members = {7: [reload(first), reload(second)]}
    channel.reasons[first.pk] = "Já despachado."
    assert marketplace.group_reasons(marketplace.SEND_TRACKING, members, [7, 8]) == {
        7: "",
        8: refusals.GROUP_EMPTY,
    }
    rows = marketplace.run(marketplace.SEND_TRACKING, members[7], operator)
    assert [(row.id, row.outcome) for row in rows] == [
        (first.pk, RowOutcome.REFUSED),
        (second.pk, RowOutcome.QUEUED),
    ]
    channel.reasons[second.pk] = "Sem NF-e."
    assert marketplace.group_reasons(marketplace.SEND_TRACKING, members, [7]) == {7: "Já despachado."}


def test_markers_of_a_group_count_its_members() -> None:
    counted = {Badge("rastreio enviado", "green", "send"): 2, Badge("aguardando Kwai", "yellow"): 1}
    assert [badge.label for badge in marketplace.group_badges(counted, 2)] == [
        "rastreio enviado",
        "aguardando Kwai 1/2",
    ]
