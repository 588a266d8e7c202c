from __future__ import annotations

from collections.abc import Callable
from html import unescape

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from erp.accounts.models import Store, User
from erp.attention.board import Board
from erp.channels import ChannelAction
from erp.sales.models import ShippingMethod
from expedition.models import Shipment, ShipmentGroup
from expedition.services import group_conclude
from invoices.models import Invoice
from tests.cells import cells
from tests.expedition.conftest import OTHER_S10, S10, RecordingChannel

Open = Callable[..., Shipment]
MakeGroup = Callable[..., ShipmentGroup]
SignIn = Callable[[User], Client]
LABELS = (
    "enviar código de rastreio para o e-commerce",
    "enviar chave de acesso para o e-commerce",
    "marcar pedidos como entregue",
)
URL = "/expedicao/"
BY_ORDERS = {"agrupamentos": "pedidos"}


def page(client: Client, **query: str) -> str:
    answer = client.get(URL, query)
    assert answer.status_code == 200
    return unescape(answer.content.decode())


@pytest.mark.parametrize("query", [{}, BY_ORDERS])
def test_labels_of_the_article(
    open_shipment: Open,
    make_group: MakeGroup,
    correios: ShippingMethod,
    channel: RecordingChannel,
    operator: User,
    sign_in: SignIn,
    query: dict[str, str],
) -> None:
    make_group(correios, open_shipment(correios, S10))
    text = page(sign_in(operator), **query)
    for label in (
        *LABELS,
        "Agrupamentos",
        "visão por agrupamentos",
        "visão por pedidos",
        "Forma de envio",
        "todas <",
        "pendentes <",
        "concluídas <",
        "incluir expedição",
        "mais ações",
    ):
        assert label in text, label


def test_the_filter_chooses_the_view(
    open_shipment: Open, make_group: MakeGroup, correios: ShippingMethod, operator: User, sign_in: SignIn
) -> None:
    shipment = open_shipment(correios, S10)
    make_group(correios, shipment)
    client = sign_in(operator)
    assert "PLP 1" in page(client)
    assert S10 not in page(client)
    by_orders = page(client, **BY_ORDERS)
    assert S10 in cells(by_orders, "Rastreio")[0]
    assert shipment.order.external_id in cells(by_orders, "Pedido")[0]


def test_method_filter_and_tabs(
    open_shipment: Open,
    make_group: MakeGroup,
    correios: ShippingMethod,
    jadlog: ShippingMethod,
    operator: User,
    sign_in: SignIn,
) -> None:
    posted, collected = open_shipment(correios, S10), open_shipment(jadlog, "JD1")
    group_conclude(group_id=make_group(correios, posted).pk)
    client = sign_in(operator)
    for query, shown, hidden in (
        ({"forma": "correios"}, S10, "JD1"),
        ({"forma": str(jadlog.pk)}, "JD1", S10),
        ({"tab": "concluidas"}, S10, "JD1"),
        ({"tab": "pendentes"}, "JD1", S10),
    ):
        text = page(client, **BY_ORDERS, **query)
        assert (shown in text, hidden in text) == (True, False), query
    assert "PLP 1" not in page(client, forma="carrier")
    assert collected.group is None


def test_search(
    open_shipment: Open,
    make_group: MakeGroup,
    make_invoice: Callable[..., Invoice],
    correios: ShippingMethod,
    operator: User,
    sign_in: SignIn,
) -> None:
    wanted, other = open_shipment(correios, S10), open_shipment(correios, OTHER_S10)
    note = make_invoice(wanted.order)
    Shipment.objects.filter(pk=wanted.pk).update(invoice=note)
    make_group(correios, wanted)
    client = sign_in(operator)
    keys = (
        str(wanted.number),
        str(wanted.order.number),
        wanted.order.external_id,
        S10.lower(),
        note.access_key,
    )
    for key in keys:
        text = page(client, q=key, **BY_ORDERS)
        assert (wanted.order.external_id in text, other.order.external_id in text) == (True, False), key
        assert "PLP 1" in page(client, q=key)
    assert "Nada encontrado" in page(client, q="\x00\ud7ff", **BY_ORDERS)


@pytest.mark.parametrize("query", [{}, BY_ORDERS])
def test_queries_do_not_depend_on_the_rows(
    open_shipment: Open,
    make_group: MakeGroup,
    correios: ShippingMethod,
    jadlog: ShippingMethod,
    channel: RecordingChannel,
    operator: User,
    sign_in: SignIn,
    query: dict[str, str],
) -> None:
    client = sign_in(operator)
    make_group(jadlog, open_shipment(jadlog, "JD0"))
    page(client, **query)

    def statements() -> int:
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            page(client, **query)
        return len(queries)

    one = statements()
    for number in range(1, 50):
        make_group(jadlog, open_shipment(jadlog, f"JD{number}"))
    assert statements() == one


def test_row_and_bulk_commands_answer_per_shipment(
    open_shipment: Open,
    make_group: MakeGroup,
    jadlog: ShippingMethod,
    channel: RecordingChannel,
    operator: User,
    sign_in: SignIn,
) -> None:
    first, second, third = (open_shipment(jadlog, f"JD{n}") for n in range(3))
    group = make_group(jadlog, first, second)
    group_conclude(group_id=group.pk)
    channel.reasons[second.pk] = "Reembolso aberto."
    client = sign_in(operator)
    text = unescape(client.post(URL, {"row_action": f"send_tracking:{group.pk}"}).content.decode())
    assert channel.commands == [(ChannelAction.SEND_TRACKING, [first.pk, second.pk])]
    assert "Reembolso aberto." in text
    assert f"Expedição {first.number} · pedido {first.order.number}" in text
    channel.commands.clear()
    client.post(f"{URL}?agrupamentos=pedidos", {"action": "send_tracking", "ids": [first.pk, third.pk]})
    # What is not concluded is for the channel to refuse: the reason is worded in one place.
    assert channel.commands == [(ChannelAction.SEND_TRACKING, [first.pk, third.pk])]


def test_nothing_happens_on_get(
    open_shipment: Open,
    make_group: MakeGroup,
    jadlog: ShippingMethod,
    channel: RecordingChannel,
    operator: User,
    sign_in: SignIn,
) -> None:
    group = make_group(jadlog, open_shipment(jadlog, "JD1"))
    client = sign_in(operator)
    client.get(URL, {"row_action": f"deliver:{group.pk}", "action": "deliver", "ids": group.pk})
    assert not channel.commands
    for name in ("group_codes", "group_conclude", "group_remove", "group_expected", "group_discard"):
        assert client.get(reverse(f"expedition:{name}", args=[group.pk])).status_code == 405
    group.refresh_from_db()
    assert group.is_open


def test_rows_of_other_stores_are_out_of_reach(
    open_shipment: Open,
    make_group: MakeGroup,
    jadlog: ShippingMethod,
    counter_store: Store,
    channel: RecordingChannel,
    operator: User,
    sign_in: SignIn,
) -> None:
    foreign = open_shipment(jadlog, "JD7", of=counter_store)
    group = make_group(jadlog, foreign)
    client = sign_in(operator)
    assert "JD7" not in page(client, **BY_ORDERS)
    assert f"Coleta {group.number}" not in page(client)
    answer = client.post(f"{URL}?agrupamentos=pedidos", {"row_action": f"deliver:{foreign.pk}"})
    assert "não está mais ao seu alcance" in answer.content.decode()
    assert client.get(foreign.get_absolute_url()).status_code == 404
    assert client.get(group.get_absolute_url()).status_code == 404


def test_home_and_search_know_the_shipments(
    open_shipment: Open, correios: ShippingMethod, counter_store: Store, operator: User, sign_in: SignIn
) -> None:
    shipment = open_shipment(correios, S10)
    foreign = open_shipment(correios, OTHER_S10, of=counter_store)
    client = sign_in(operator)
    (card,) = [item for item in Board(operator).cards if item.key == "expedition.shipments_pending"]
    assert (card.figure, card.sentence) == ("1", "pedido espera na expedição")
    hits = unescape(client.get(reverse("web:search"), {"q": S10}).content.decode())
    assert shipment.get_absolute_url() in hits
    assert (
        foreign.get_absolute_url() not in client.get(reverse("web:search"), {"q": OTHER_S10}).content.decode()
    )
