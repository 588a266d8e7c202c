"""Labels on paper: the group's order, the DANFE beside each, and what cannot be printed."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pypdfium2
import pytest

from erp.accounts.models import Company, User
from erp.channels import LabelFile, LabelKind, LabelNotReady, LabelRefused, ShippingCode
from erp.sales.models import Order, OrderEvent, ShippedBy, ShippingMethod
from expedition.models import LabelState, Shipment, ShippingLabel
from expedition.printing import LabelsRefused, label_problem, labels_print
from expedition.services import shipments_channel_codes_set
from expedition.services.labels import label_fetch, labels_due
from invoices.imports import invoices_import
from invoices.models import Invoice
from tests.expedition.conftest import RecordingChannel, reload
from tests.invoices.factory import nfe_xml

pytestmark = pytest.mark.django_db(transaction=True)
Open = Callable[..., Shipment]
# A DANFE is an A4 page, a label 10 x 15 cm: the width tells them apart.
LABEL_WIDTH = 283


def label_pdf(width: int = LABEL_WIDTH) -> bytes:
    document = pypdfium2.PdfDocument.new()
    document.new_page(width, 425)
    written = BytesIO()
    document.save(written)
    return written.getvalue()


def widths(content: bytes) -> list[int]:
    return [round(page.get_width()) for page in pypdfium2.PdfDocument(content)]


@pytest.fixture
def parcels(open_shipment: Open, kwai_envios: ShippingMethod, channel: RecordingChannel) -> list[Shipment]:
    """Two parcels with their labels, 283 and 284 points wide."""
    made = []
    for place in range(2):
        shipment = open_shipment(kwai_envios, shipped_by=ShippedBy.CHANNEL)
        shipments_channel_codes_set(codes={shipment.order_id: ShippingCode("", "", f"KE{place}BR")})
        channel.file = LabelFile(label_pdf(LABEL_WIDTH + place), LabelKind.PDF)
        assert all(label_fetch(pk) for pk in labels_due())
        made.append(shipment)
    return [reload(each) for each in made]


def refusals(shipments: list[Shipment], *, with_danfe: bool = False) -> dict[int, str]:
    with pytest.raises(LabelsRefused) as caught:
        labels_print(shipments=shipments, with_danfe=with_danfe, actor=None)
    return {row.id: row.text for row in caught.value.results}


def test_labels_come_in_the_order_of_their_group_and_are_recorded(
    parcels: list[Shipment], operator: User
) -> None:
    printed = labels_print(shipments=parcels[::-1], with_danfe=False, actor=operator)
    assert widths(printed.content) == [LABEL_WIDTH, LABEL_WIDTH + 1]
    assert printed.file_name == "etiquetas.pdf"
    assert not ShippingLabel.objects.filter(printed_at__isnull=True).exists()
    assert OrderEvent.objects.filter(kind="label_printed", actor=operator).count() == 2
    first = ShippingLabel.objects.order_by("pk")[0].printed_at
    labels_print(shipments=parcels, with_danfe=False, actor=operator)
    assert ShippingLabel.objects.order_by("pk")[0].printed_at == first


def test_one_label_is_handed_out_byte_for_byte(parcels: list[Shipment]) -> None:
    one = labels_print(shipments=parcels[:1], with_danfe=False, actor=None)
    assert widths(one.content) == [LABEL_WIDTH]


def test_the_danfe_follows_its_label(
    parcels: list[Shipment], company: Company, admin: User, make_invoice: Callable[..., Invoice]
) -> None:
    files = [(f"{number}.xml", nfe_xml(number=number)) for number in (1, 2)]
    invoices_import(company=company, files=files, user=admin)
    for shipment, note in zip(parcels, Invoice.objects.order_by("number"), strict=True):
        Invoice.objects.filter(pk=note.pk).update(order=shipment.order, store=shipment.store)
        Shipment.objects.filter(pk=shipment.pk).update(invoice=note)
    again = [reload(each) for each in parcels]
    printed = labels_print(shipments=again, with_danfe=True, actor=admin)
    assert [width in (LABEL_WIDTH, LABEL_WIDTH + 1) for width in widths(printed.content)] == [
        True,
        False,
        True,
        False,
    ]
    assert not Invoice.objects.filter(danfe_printed_at__isnull=True).exists()


def test_without_a_note_there_is_no_danfe(parcels: list[Shipment]) -> None:
    assert all("Falta a NF-e" in text for text in refusals(parcels, with_danfe=True).values())


def test_zpl_is_put_together_as_it_came(parcels: list[Shipment], channel: RecordingChannel) -> None:
    for place, shipment in enumerate(parcels):
        ShippingLabel.objects.filter(shipment=shipment).update(state=LabelState.WANTED)
        channel.file = LabelFile(b"^XA^FD%d^FS^XZ\n" % place, LabelKind.ZPL)
        assert all(label_fetch(pk) for pk in labels_due())
    again = [reload(each) for each in parcels]
    printed = labels_print(shipments=again, with_danfe=False, actor=None)
    assert (printed.content, printed.file_name) == (b"^XA^FD0^FS^XZ\n^XA^FD1^FS^XZ\n", "etiquetas.zpl")


def test_two_formats_are_not_mixed(parcels: list[Shipment], channel: RecordingChannel) -> None:
    ShippingLabel.objects.filter(shipment=parcels[0]).update(state=LabelState.WANTED)
    channel.file = LabelFile(b"^XA^XZ", LabelKind.ZPL)
    assert all(label_fetch(pk) for pk in labels_due())
    assert all("PDF e em ZPL" in text for text in refusals([reload(each) for each in parcels]).values())


def test_one_that_cannot_be_printed_stops_all_and_is_named(parcels: list[Shipment]) -> None:
    Order.objects.filter(pk=parcels[0].order_id).update(hold_reason="fraude")
    found = refusals([reload(each) for each in parcels])
    assert "fraude" in found[parcels[0].pk]
    assert "outra etiqueta" in found[parcels[1].pk]
    assert not OrderEvent.objects.filter(kind="label_printed").exists()


@pytest.mark.parametrize("content", [b"%PDF-1.4 nothing more", b"%PDF-"])
def test_a_label_that_no_reader_opens_is_named(
    parcels: list[Shipment], channel: RecordingChannel, content: bytes
) -> None:
    ShippingLabel.objects.filter(shipment=parcels[1]).update(state=LabelState.WANTED)
    channel.file = LabelFile(content, LabelKind.PDF)
    assert all(label_fetch(pk) for pk in labels_due())
    assert "danificado" in refusals([reload(each) for each in parcels])[parcels[1].pk]


def test_a_file_that_is_gone_is_named(parcels: list[Shipment], labels_dir: Any) -> None:
    (labels_dir / parcels[0].label.file_name).unlink()
    assert "danificado ou sumiu" in refusals(parcels)[parcels[0].pk]


def test_it_is_printed_again_after_the_dispatch(parcels: list[Shipment]) -> None:
    Order.objects.update(status="shipped")
    assert labels_print(shipments=[reload(each) for each in parcels], with_danfe=False, actor=None).content


CASES: dict[str, tuple[dict[str, Any], str]] = {
    "held": ({"hold_reason": "fraude"}, "fraude"),
    "refund": ({"refund_open": True}, "reembolso"),
    "cancelled": ({"status": "cancelled"}, "cancelado"),
    "closed": ({"closed_at": "2026-11-20T00:00Z"}, "encerrou"),
    "half read": ({"unread_parts": ["address"]}, "não foi lida por inteiro"),
}


@pytest.mark.parametrize("case", CASES)
def test_an_order_that_stands_still_is_not_put_on_paper(parcels: list[Shipment], case: str) -> None:
    fields, reason = CASES[case]
    Order.objects.filter(pk=parcels[0].order_id).update(**fields)
    assert reason in label_problem(reload(parcels[0]))


@pytest.mark.parametrize(
    ("shipped_by", "reason"),
    [
        (ShippedBy.SELLER, "transportadora própria"),
        (ShippedBy.UNKNOWN, "página do pedido"),
        (ShippedBy.CHANNEL, "Use programar envio"),
    ],
)
def test_without_a_number_it_says_why(
    open_shipment: Open, channel: RecordingChannel, shipped_by: ShippedBy, reason: str
) -> None:
    assert reason in label_problem(open_shipment(shipped_by=shipped_by))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            LabelNotReady("Sistema ocupado."),
            "sendo buscada no Kwai Envios. Última resposta: Sistema ocupado.",
        ),
        (LabelRefused("Já coletado."), "não foi obtida: Já coletado. Use buscar etiqueta de novo"),
    ],
)
def test_a_label_that_is_not_here_says_what_it_waits_for(
    open_shipment: Open,
    kwai_envios: ShippingMethod,
    channel: RecordingChannel,
    answer: Exception,
    reason: str,
) -> None:
    shipment = open_shipment(kwai_envios, shipped_by=ShippedBy.CHANNEL)
    shipments_channel_codes_set(codes={shipment.order_id: ShippingCode("", "", "KE1BR")})
    assert "sendo buscada no Kwai Envios. Tente em instantes." in label_problem(reload(shipment))
    channel.file = answer
    label_fetch(labels_due()[0])
    assert reason in label_problem(reload(shipment))
