"""The pages of groups and shipments, lists of codes and the scanner."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from erp.accounts.models import User
from erp.sales.models import Order, ShippingMethod
from expedition.models import GroupStatus, Shipment, ShipmentGroup, ShipmentStatus
from invoices.models import Invoice
from tests.expedition.conftest import OTHER_S10, S10, RecordingChannel, reload

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


def test_from_including_to_concluding(
    client: Client, make_order: Callable[..., Order], correios: ShippingMethod
) -> None:
    first, second = make_order(shipping_method=correios), make_order(shipping_method=correios)
    make_order(shipping_method=correios, hold_reason="fraude")
    text = text_of(client.get(url("include"), {"forma": correios.pk}))
    assert first.external_id in text
    assert "segurar o pedido: fraude" in text
    answer = client.post(
        url("include"),
        {
            "forma": correios.pk,
            "orders": [first.pk, second.pk],
            f"code_{first.pk}": S10,
            f"code_{second.pk}": "",
        },
    )
    group = ShipmentGroup.objects.get()
    assert answer["Location"] == group.get_absolute_url()
    text = text_of(client.post(url("group_conclude", group.pk)))
    assert "PLP 1 não foi concluída" in text
    assert "Falta o código de rastreio dos Correios" in text
    shipment = Shipment.objects.get(order=second)
    assert client.post(url("group_codes", group.pk), {f"code_{shipment.pk}": OTHER_S10}).status_code == 302
    text = text_of(client.post(url("group_conclude", group.pk)))
    assert "PLP 1 concluída" in text
    assert f'name="row_action" value="send_tracking:{group.pk}"' in text
    group.refresh_from_db()
    assert group.status == GroupStatus.CONCLUDED
    assert text_of(client.get(group.get_absolute_url())).count(OTHER_S10) >= 1


def test_including_nothing_says_so(client: Client, correios: ShippingMethod) -> None:
    text = text_of(client.post(url("include"), {"forma": correios.pk}))
    assert "vazio" in text
    assert not ShipmentGroup.objects.exists()
    assert "Escolha a forma de envio" in text_of(client.get(url("include")))


def test_only_available_orders_enter(
    client: Client, make_order: Callable[..., Order], correios: ShippingMethod, jadlog: ShippingMethod
) -> None:
    other = make_order(shipping_method=jadlog)
    client.post(url("include"), {"forma": correios.pk, "orders": [other.pk, "x", "9" * 30]})
    assert not Shipment.objects.exists()


def test_a_refused_code_stays_in_its_field(
    client: Client, open_shipment: Open, make_group: MakeGroup, correios: ShippingMethod
) -> None:
    shipment = open_shipment(correios, S10)
    group = make_group(correios, shipment)
    text = text_of(client.post(url("group_codes", group.pk), {f"code_{shipment.pk}": "AA123456784BR"}))
    assert 'value="AA123456784BR"' in text
    assert "não é um código válido dos Correios" in text
    assert reload(shipment).tracking_code == S10


def test_remove_date_and_discard(
    client: Client, open_shipment: Open, make_group: MakeGroup, correios: ShippingMethod
) -> None:
    shipment = open_shipment(correios, S10)
    group = make_group(correios, shipment)
    client.post(url("group_expected", group.pk), {"expected_on": "2099-01-05"})
    assert reload(shipment).expected_delivery_on == date(2099, 1, 5)
    assert "não pode ser anterior" in text_of(
        client.post(url("group_expected", group.pk), {"expected_on": "2020-01-05"})
    )
    assert client.post(url("group_expected", group.pk), {"expected_on": "ontem"}).status_code == 302
    client.post(url("group_remove", group.pk), {"shipment": shipment.pk})
    assert reload(shipment).group is None
    assert "excluir agrupamento vazio" in text_of(client.get(group.get_absolute_url()))
    client.post(url("group_discard", group.pk))
    assert not ShipmentGroup.objects.exists()


def test_shipment_page(
    client: Client, open_shipment: Open, correios: ShippingMethod, jadlog: ShippingMethod
) -> None:
    shipment = open_shipment(correios)
    more = text_of(client.post(url("shipment_packages", shipment.pk), {"code": [S10], "add": "1"}))
    assert "2º volume" in more
    assert reload(shipment).tracking_code == ""
    client.post(url("shipment_packages", shipment.pk), {"code": [S10, OTHER_S10, " "]})
    assert [each.tracking_code for each in reload(shipment).packages.all()] == [S10, OTHER_S10]
    refused = text_of(client.post(url("shipment_packages", shipment.pk), {"code": [S10, S10]}))
    assert "dois volumes" in refused
    client.post(url("shipment_carrier", shipment.pk), {"shipping_method": jadlog.pk, "carrier": ""})
    assert reload(shipment).chosen_carrier == jadlog.carrier
    client.post(url("shipment_expected", shipment.pk), {"expected_on": "2099-01-05"})
    assert reload(shipment).expected_delivery_on == date(2099, 1, 5)
    client.post(url("shipment_expected", shipment.pk), {"expected_on": ""})
    assert reload(shipment).expected_delivery_on is None
    client.post(url("shipment_cancel", shipment.pk))
    assert reload(shipment).status == ShipmentStatus.CANCELLED
    assert reverse("sales:order", args=[shipment.order_id]) in text_of(
        client.get(shipment.get_absolute_url())
    )


def test_a_foreign_method_is_no_choice(client: Client, open_shipment: Open, other_company: object) -> None:
    shipment = open_shipment()
    foreign = ShippingMethod.objects.create(company=other_company, name="X", kind="other")
    client.post(url("shipment_carrier", shipment.pk), {"shipping_method": foreign.pk})
    assert reload(shipment).shipping_method is None


def test_import_by_list_and_by_file(client: Client, open_shipment: Open, correios: ShippingMethod) -> None:
    first, second = open_shipment(correios), open_shipment(correios)
    text = text_of(client.post(url("tracking_import"), {"text": f"{first.order.number};{S10}\n77777;X"}))
    assert "gravadas: 1" in text
    assert "recusadas: 1" in text
    assert "Nenhuma expedição encontrada para 77777" in text
    content = f"expedição;código de rastreio\r\n{second.number};{OTHER_S10}\r\n".encode("cp1252")
    client.post(url("tracking_import"), {"file": SimpleUploadedFile("codigos.csv", content)})
    assert [reload(first).tracking_code, reload(second).tracking_code] == [S10, OTHER_S10]
    assert "Cole a lista ou escolha um arquivo" in text_of(client.post(url("tracking_import"), {"text": " "}))
    big = SimpleUploadedFile("codigos.csv", b"x" * (2 * 1024 * 1024 + 1))
    assert "passa de 2 MB" in text_of(client.post(url("tracking_import"), {"file": big}))


def test_hostile_text_is_shown_as_text(client: Client, open_shipment: Open) -> None:
    open_shipment()
    answer = client.post(url("tracking_import"), {"text": "<script>alert(1)</script>;<b>"})
    assert "<script>alert" not in answer.content.decode()


def test_scanning(
    client: Client, open_shipment: Open, make_invoice: Callable[..., Invoice], correios: ShippingMethod
) -> None:
    first, second = open_shipment(correios), open_shipment(correios)
    note = make_invoice(second.order)
    Shipment.objects.filter(pk=second.pk).update(invoice=note)

    def read(reading: str, waiting: Shipment | None = None) -> str:
        asked = {"leitura": reading} | ({"expedicao": waiting.pk} if waiting else {})
        return text_of(client.post(url("scan"), asked))

    assert "1. Leia o DANFE" in text_of(client.get(url("scan")))
    found = read(f"E{first.number}")
    assert "2. Leia o código de rastreio" in found
    assert f'name="expedicao" value="{first.pk}"' in found
    assert "não é um código válido" in read("AA123456784BR", first)
    assert f'name="expedicao" value="{second.pk}"' in read(note.access_key, first)
    recent = read(OTHER_S10, second)
    assert "1. Leia o DANFE" in recent
    assert OTHER_S10 in recent
    assert reload(second).tracking_code == OTHER_S10
    assert "Nenhuma expedição encontrada" in read("424242\x00")
    assert "1. Leia o DANFE" in read("", first)
    Order.objects.filter(pk=first.order_id).update(hold_reason="fraude")
    assert "separe este pacote" in read(f"E{first.number}")


GROUP_POSTS = ("group_codes", "group_conclude", "group_remove", "group_expected", "group_discard")
SHIPMENT_POSTS = ("shipment_packages", "shipment_carrier", "shipment_expected", "shipment_cancel")


def test_who_only_looks_changes_nothing(
    viewer: User,
    sign_in: SignIn,
    open_shipment: Open,
    make_group: MakeGroup,
    correios: ShippingMethod,
    channel: RecordingChannel,
) -> None:
    shipment = open_shipment(correios, S10)
    group = make_group(correios, shipment)
    client = sign_in(viewer)
    for address in (url("list"), group.get_absolute_url(), shipment.get_absolute_url()):
        text = text_of(client.get(address))
        assert "concluir expedição" not in text
        assert "cancelar expedição" not in text
    for name in ("include", "tracking_import", "scan"):
        assert client.get(url(name)).status_code == 403
    assert client.post(url("list"), {"row_action": f"deliver:{group.pk}"}).status_code == 403
    for name in GROUP_POSTS:
        assert client.post(url(name, group.pk)).status_code == 403
    for name in SHIPMENT_POSTS:
        assert client.post(url(name, shipment.pk)).status_code == 403
    assert not channel.commands
    assert reload(shipment).group == group


def test_strangers_are_sent_to_the_login(open_shipment: Open) -> None:
    answer = Client().get(open_shipment().get_absolute_url())
    assert answer.status_code == 302
    assert reverse("login") in answer["Location"]
