"""Pages where the marketplace carries the parcel: no field for a code, *programar envio* and labels instead."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from erp.accounts.models import User
from erp.channels import ChannelAction, LabelFile, LabelKind, ShippingCode
from erp.sales.models import Order, ShippedBy, ShippingMethod
from expedition.models import LabelState, Shipment, ShipmentGroup, ShipmentStatus, ShippingLabel
from expedition.services import shipments_channel_codes_set
from expedition.services.labels import label_fetch, labels_due
from tests.expedition.conftest import RecordingChannel, reload

pytestmark = pytest.mark.django_db(transaction=True)
Open = Callable[..., Shipment]
MakeGroup = Callable[..., ShipmentGroup]
SignIn = Callable[[User], Client]


def text_of(answer: HttpResponse) -> str:
    assert answer.status_code == 200, answer.status_code
    return unescape(answer.content.decode())


@pytest.fixture
def client(operator: User, sign_in: SignIn, channel: RecordingChannel) -> Client:
    return sign_in(operator)


def url(name: str, *args: int) -> str:
    return reverse(f"expedition:{name}", args=args)


@pytest.fixture
def waiting(open_shipment: Open, kwai_envios: ShippingMethod, channel: RecordingChannel) -> Shipment:
    return open_shipment(kwai_envios, shipped_by=ShippedBy.CHANNEL)


@pytest.fixture
def labelled(open_shipment: Open, kwai_envios: ShippingMethod, channel: RecordingChannel) -> Shipment:
    shipment = open_shipment(kwai_envios, shipped_by=ShippedBy.CHANNEL)
    shipments_channel_codes_set(codes={shipment.order_id: ShippingCode("TOTAL", "Total Express", "KE9BR")})
    channel.file = LabelFile(b"%PDF-1.4", LabelKind.PDF)
    assert all(label_fetch(pk) for pk in labels_due())
    return reload(shipment)


def test_a_group_asks_for_no_code_and_names_the_rows_without_a_number(
    client: Client,
    channel: RecordingChannel,
    waiting: Shipment,
    labelled: Shipment,
    make_group: MakeGroup,
    kwai_envios: ShippingMethod,
) -> None:
    group = make_group(kwai_envios, waiting, labelled)
    text = text_of(client.get(group.get_absolute_url()))
    assert f'name="code_{waiting.pk}"' not in text
    assert "salvar códigos" not in text
    assert "KE9BR" in text
    assert "Total Express" in text
    button = rf'formaction="{url("group_arrange", group.pk)}"\s+name="shipment"\s+value="{waiting.pk}"'
    assert re.search(button, text)
    assert "programar envio (1)" in text
    text = text_of(client.post(url("group_conclude", group.pk)))
    assert "Falta o número do Kwai Envios. Use programar envio." in text
    text = text_of(client.post(url("group_arrange", group.pk)))
    assert channel.commands == [(ChannelAction.ARRANGE_SHIPMENT, [waiting.pk])]
    assert "Na fila." in text


def test_a_row_that_cannot_be_arranged_is_greyed_with_the_reason(
    client: Client,
    channel: RecordingChannel,
    waiting: Shipment,
    make_group: MakeGroup,
    kwai_envios: ShippingMethod,
) -> None:
    group = make_group(kwai_envios, waiting)
    channel.reasons[waiting.pk] = "O Kwai recusou a NF-e."
    text = text_of(client.get(group.get_absolute_url()))
    assert re.search(rf'aria-label="Programar o envio da expedição {waiting.number}"\s+disabled', text)
    assert "O Kwai recusou a NF-e." in text
    assert "O Kwai recusou a NF-e." in text_of(client.post(url("group_arrange", group.pk)))


def test_the_group_prints_its_labels_or_says_which_row_lacks_one(
    client: Client, waiting: Shipment, labelled: Shipment, make_group: MakeGroup, kwai_envios: ShippingMethod
) -> None:
    group = make_group(kwai_envios, waiting, labelled)
    refused = text_of(client.post(url("group_labels", group.pk)))
    assert "Falta o número do Kwai Envios" in refused
    client.post(url("group_remove", group.pk), {"shipment": waiting.pk})
    answer = client.post(url("group_labels", group.pk))
    assert (answer["Content-Type"], answer.content) == ("application/pdf", b"%PDF-1.4")
    assert answer["Cache-Control"] == "private, no-store"


def test_the_page_of_a_shipment_shows_number_label_and_no_field(
    client: Client, labelled: Shipment, waiting: Shipment
) -> None:
    text = text_of(client.get(labelled.get_absolute_url()))
    assert 'name="code"' not in text
    assert "KE9BR" in text
    assert "O Kwai Envios cuida do rastreio" in text
    assert client.post(url("shipment_label", labelled.pk)).content == b"%PDF-1.4"
    text = text_of(client.get(waiting.get_absolute_url()))
    assert url("shipment_arrange", waiting.pk) in text
    assert client.post(url("shipment_arrange", waiting.pk)).status_code == 302


def test_a_label_is_fetched_again_by_hand(client: Client, labelled: Shipment) -> None:
    ShippingLabel.objects.update(
        state=LabelState.FAILED, error="Já coletado.", file_name="", sha256="", kind=""
    )
    text = text_of(client.get(labelled.get_absolute_url()))
    assert "Já coletado." in text
    assert "buscar etiqueta de novo" in text
    assert client.post(url("shipment_label", labelled.pk), {"again": "1"}).status_code == 302
    assert ShippingLabel.objects.get().state == LabelState.WANTED


@pytest.mark.parametrize("view", [{}, {"agrupamentos": "pedidos"}])
def test_both_lists_arrange_and_print(
    client: Client,
    channel: RecordingChannel,
    labelled: Shipment,
    make_group: MakeGroup,
    kwai_envios: ShippingMethod,
    view: dict[str, str],
) -> None:
    group = make_group(kwai_envios, labelled)
    pk = labelled.pk if view else group.pk
    text = text_of(client.get("/expedicao/", view))
    for label in ("programar envio", "imprimir etiquetas", "imprimir etiquetas com DANFE"):
        assert label in text
    address = f"/expedicao/?{'&'.join(f'{name}={value}' for name, value in view.items())}"
    assert client.post(address, {"row_action": f"labels:{pk}"}).content == b"%PDF-1.4"
    assert "Falta a NF-e" in text_of(client.post(address, {"row_action": f"labels_danfe:{pk}"}))
    text_of(client.post(address, {"row_action": f"arrange:{pk}"}))
    assert channel.commands == [(ChannelAction.ARRANGE_SHIPMENT, [labelled.pk])]


def test_a_scanned_parcel_needs_no_code(client: Client, labelled: Shipment) -> None:
    text = text_of(client.post(url("scan"), {"leitura": f"E{labelled.number}"}))
    assert "o número vem de lá" in text
    assert "2. Leia o código de rastreio" not in text


def test_including_says_where_the_number_comes_from(
    client: Client, make_order: Callable[..., Order], kwai_envios: ShippingMethod, jadlog: ShippingMethod
) -> None:
    carried = make_order(shipping_method=kwai_envios, shipped_by=ShippedBy.CHANNEL)
    odd = make_order(shipping_method=kwai_envios, shipped_by=ShippedBy.SELLER)
    text = text_of(client.get(url("include"), {"forma": kwai_envios.pk}))
    assert "o Kwai Envios dá o número" in text
    assert f'name="code_{carried.pk}"' not in text
    assert "é só para pedidos que vão pelo Kwai Envios; este não vai." in text
    nowhere = make_order(shipped_by=ShippedBy.CHANNEL)
    text = text_of(client.get(url("include"), {"forma": jadlog.pk, "sem": "1"}))
    assert nowhere.external_id not in text
    assert odd.external_id not in text


def test_a_correction_after_the_dispatch_is_warned_of_beside_the_field(
    client: Client,
    open_shipment: Open,
    jadlog: ShippingMethod,
    make_group: MakeGroup,
    channel: RecordingChannel,
) -> None:
    shipment = open_shipment(jadlog, "PRIMEIRO", shipped_by=ShippedBy.SELLER)
    group = make_group(jadlog, shipment)
    Shipment.objects.update(status=ShipmentStatus.CONCLUDED, concluded_at=shipment.created_at)
    for address in (group.get_absolute_url(), shipment.get_absolute_url()):
        assert "não aceita outro código" not in text_of(client.get(address))
    Order.objects.update(status="shipped")
    channel.codes[shipment.order_id] = ShippingCode("JADLOG", "", "PRIMEIRO")
    for address in (group.get_absolute_url(), shipment.get_absolute_url()):
        text = text_of(client.get(address))
        assert "o Kwai continua com PRIMEIRO e não aceita outro código" in text
        assert "aria-describedby" in text
    client.post(url("shipment_packages", shipment.pk), {"code": ["SEGUNDO"]})
    for address in (group.get_absolute_url(), shipment.get_absolute_url()):
        assert "O Kwai continua com PRIMEIRO: depois do despacho" in text_of(client.get(address))
