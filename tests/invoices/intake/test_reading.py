"""What is read from a note, on notes of the factory."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from invoices.intake.parser import parse
from invoices.intake.reading import NfeReading, UnreadableInvoice, read
from tests.invoices.factory import BUYER_TAX_ID, COMPANY_TAX_ID, access_key, nfe_xml


def reading(**options: object) -> NfeReading:
    return read(parse(nfe_xml(**options)))  # type: ignore[arg-type]


def test_identity_parties_and_protocol() -> None:
    note = reading(number=987654321, series=7, total=123456)
    assert note.access_key == access_key(number=987654321, series=7)
    assert (note.number, note.series, note.environment, note.total) == (987654321, 7, "homologation", 123456)
    assert note.issuer.tax_id == COMPANY_TAX_ID
    assert note.recipient.tax_id == BUYER_TAX_ID
    assert (note.protocol.status, note.protocol.number) == ("100", "1352" + "00" + "987654321")


def test_moments_are_aware_and_keep_the_original_text() -> None:
    note = reading()
    assert note.issued_at == datetime(2026, 11, 20, 13, 30, tzinfo=UTC)
    assert note.issued_at_text == "2026-11-20T10:30:00-03:00"
    assert note.protocol.authorized_at == datetime(2026, 11, 20, 13, 31, tzinfo=UTC)


def test_transport_sums_volumes_in_grams() -> None:
    second = "<vol><qVol>2</qVol><pesoB>1.250</pesoB></vol></transp>"
    note = reading(
        carrier_tax_id="11444777000161",
        carrier_name="Rápido & Cia",
        content=lambda text: text.replace("</transp>", second),
    )
    assert (note.transport.carrier_tax_id, note.transport.carrier_name) == ("11444777000161", "Rápido & Cia")
    assert (note.transport.volumes, note.transport.gross_weight) == (3, 2100)


def test_transport_that_makes_no_sense_is_empty_not_an_error() -> None:
    note = reading(
        content=lambda text: text.replace("<pesoB>0.850<", "<pesoB>muito<").replace("<qVol>1<", "<qVol>1e9<")
    )
    assert (note.transport.volumes, note.transport.gross_weight) == (None, None)


def test_order_references_in_document_order_without_repetition() -> None:
    note = reading(order_reference="9007199254740993123", item_reference="PED-1", items=3)
    assert note.purchase_orders == ("9007199254740993123", "PED-1")


def test_words_of_the_additional_text() -> None:
    note = reading(additional_text="Ref. pedido: 9007199254740993123; loja KW-77.")
    assert {"9007199254740993123", "KW-77"} <= note.reference_words
    assert "9007199254740993" not in note.reference_words


def test_items() -> None:
    note = reading(items=3, total=10001)
    assert [item.total for item in note.items] == [3335, 3333, 3333]
    assert note.items[0].quantity == Decimal("1.0000")
    assert (note.items[2].number, note.items[2].code, note.items[2].cfop) == (3, "SKU-3", "5102")


def test_foreign_recipient_has_no_tax_id() -> None:
    swap = f"<CPF>{BUYER_TAX_ID}</CPF>"
    note = reading(content=lambda text: text.replace(swap, "<idEstrangeiro>AB123456</idEstrangeiro>"))
    assert note.recipient.tax_id == ""


def test_long_names_are_cut() -> None:
    assert len(reading(company_name="X" * 5000).issuer.name) == 60


@pytest.mark.parametrize("tag", ["nNF", "serie", "dhEmi", "vNF", "tpAmb", "cUF", "finNFe", "qCom"])
def test_a_required_field_that_is_empty_is_named(tag: str) -> None:
    with pytest.raises(UnreadableInvoice) as error:
        reading(content=lambda text: text.replace(f"<{tag}>", f"<{tag}><x></x>"))
    assert tag in error.value.field
