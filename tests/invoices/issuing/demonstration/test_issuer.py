"""Notes of the demonstration: valid by the national schema, signed, and taken in by the real validation."""

from __future__ import annotations

import stat
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from lxml import etree

from erp.accounts.models import Company
from erp.brazil.documents import AccessKey
from erp.catalog.models import Sku
from erp.sales.models import Carrier, Order, ShippingKind, ShippingMethod
from invoices.intake.reading import NfeReading
from invoices.intake.validation import judge
from invoices.issuing.demonstration.certificate import signer_for
from invoices.issuing.demonstration.issuer import DemonstrationIssuer
from invoices.issuing.drafts import drafts_read
from invoices.issuing.issuers import Authorised, BuildRefused, Numbering
from invoices.linking import company_facts

NS = {"n": "http://www.portalfiscal.inf.br/nfe"}
# 22:30 of 30 November in Brasília is already December in UTC.
ISSUED_AT = datetime(2026, 12, 1, 1, 30, 15, 250_000, tzinfo=UTC)


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    """The official one for an authorised note, PL_010f."""
    return etree.XMLSchema(file=str(files("nfelib") / "nfe/schemas/v4_0/procNFe_v4.00.xsd"))


def made(issuer: DemonstrationIssuer, order: Order, number: int = 7) -> bytes:
    note = issuer.build(drafts_read([order.pk])[order.pk], Numbering(1, number, ISSUED_AT))
    answer = issuer.send(note)
    assert isinstance(answer, Authorised)
    return answer.document


def read(issuer: DemonstrationIssuer, order: Order, company: Company) -> NfeReading:
    verdict = judge(made(issuer, order), company=company_facts(company))
    assert verdict.refusals == ()
    assert verdict.reading is not None
    return verdict.reading


def complain(schema: etree.XMLSchema, document: bytes) -> list[str]:
    schema.validate(etree.fromstring(document))
    return [entry.message for entry in schema.error_log]


def test_a_note_is_valid_and_passes_the_validation(
    demonstration: DemonstrationIssuer,
    ready_order: Callable[..., Order],
    company: Company,
    schema: etree.XMLSchema,
) -> None:
    order = ready_order()
    assert complain(schema, made(demonstration, order)) == []
    reading = read(demonstration, order, company)
    assert reading.total == order.total
    assert reading.purchase_orders == (order.external_id,)
    assert f"Pedido Kwai {order.external_id}. " in reading.additional_text
    assert reading.environment == "homologation"
    assert reading.recipient.name.startswith("NF-E EMITIDA EM AMBIENTE DE HOMOLOGACAO")
    assert "nenhuma SEFAZ" in reading.protocol.reason
    assert reading.protocol.number == "999999000000007"


def test_the_key_tells_the_month_of_brasilia(
    demonstration: DemonstrationIssuer, ready_order: Callable[..., Order], company: Company
) -> None:
    key = AccessKey.parse(read(demonstration, ready_order(), company).access_key)
    assert (key.state_code, key.year, key.month, key.issuer_tax_id) == ("SP", 2026, 11, company.tax_id)
    assert (key.model, key.series, key.number) == ("55", 1, 7)


@pytest.mark.parametrize(
    "odd",
    [
        {"street": "Rua “das Flores” 🌷 – fundos", "complement": "Ap. 4\n", "number": "S/N"},
        {"street": "R" * 200, "complement": "c" * 120, "district": "  Centro  "},
        {"city": "Rio de Janeiro", "state_code": "RJ", "postal_code": "22021001"},
    ],
)
def test_odd_addresses_still_make_a_valid_note(
    odd: dict[str, str],
    demonstration: DemonstrationIssuer,
    ready_order: Callable[..., Order],
    schema: etree.XMLSchema,
) -> None:
    assert complain(schema, made(demonstration, ready_order(address=odd))) == []


@pytest.mark.parametrize("code", ["102", "103", "300", "400", "500"])
def test_every_code_it_offers_is_valid(
    code: str,
    demonstration: DemonstrationIssuer,
    ready_order: Callable[..., Order],
    company: Company,
    schema: etree.XMLSchema,
) -> None:
    Company.objects.filter(pk=company.pk).update(default_icms_code=code)
    assert complain(schema, made(demonstration, ready_order())) == []


@pytest.mark.parametrize("code", ["40", "41", "50", "60"])
def test_also_of_the_normal_regime(
    code: str,
    demonstration: DemonstrationIssuer,
    ready_order: Callable[..., Order],
    company: Company,
    schema: etree.XMLSchema,
) -> None:
    Company.objects.filter(pk=company.pk).update(tax_regime="3", default_icms_code=code)
    assert complain(schema, made(demonstration, ready_order())) == []


def test_freight_and_discounts_are_divided_among_the_lines(
    demonstration: DemonstrationIssuer,
    ready_order: Callable[..., Order],
    company: Company,
    schema: etree.XMLSchema,
) -> None:
    order = ready_order(freight_total=1001, seller_discount=333)
    order.lines.create(position=2, sku=order.lines.get().sku, title="Outra", quantity=1, unit_price=1)
    Order.objects.filter(pk=order.pk).update(items_total=9981, total=10649)
    document = made(demonstration, order)
    assert complain(schema, document) == []
    lines = etree.fromstring(document).iterfind(".//n:prod", NS)
    parts = [(line.findtext("n:vFrete", "", NS), line.findtext("n:vDesc", "", NS)) for line in lines]
    assert parts == [("10.01", "3.33"), ("", "")]
    order.refresh_from_db()
    assert read(demonstration, order, company).total == 10649


def test_a_sale_to_another_state_and_by_the_platforms_logistics(
    demonstration: DemonstrationIssuer,
    ready_order: Callable[..., Order],
    company: Company,
    schema: etree.XMLSchema,
) -> None:
    carrier = Carrier.objects.create(
        company=company, name="Kwai Envios", code="KWAI", tax_id="12345678000195"
    )
    method = ShippingMethod.objects.create(company=company, name="Kwai", kind=ShippingKind.MARKETPLACE)
    place = {"city": "Curitiba", "state_code": "PR", "postal_code": "80020310"}
    order = ready_order(address=place, shipping_method=method, carrier=carrier)
    document = made(demonstration, order)
    assert complain(schema, document) == []
    root = etree.fromstring(document)
    found = [
        root.findtext(f".//n:{tag}", "", NS)
        for tag in ("idDest", "CFOP", "modFrete", "idCadIntTran", "cMunFG")
    ]
    assert found == ["2", "6108", "2", "Kwai Shop", "3550308"]
    assert root.findtext(".//n:enderDest/n:cMun", "", NS) == "4106902"


def test_equal_bytes_get_an_equal_answer(
    demonstration: DemonstrationIssuer, ready_order: Callable[..., Order]
) -> None:
    order = ready_order()
    note = demonstration.build(drafts_read([order.pk])[order.pk], Numbering(1, 7, ISSUED_AT))
    assert demonstration.send(note) == demonstration.send(note)


def test_the_signed_bytes_are_kept_as_they_are(
    demonstration: DemonstrationIssuer, ready_order: Callable[..., Order]
) -> None:
    order = ready_order()
    note = demonstration.build(drafts_read([order.pk])[order.pk], Numbering(1, 7, ISSUED_AT))
    answer = demonstration.send(note)
    assert isinstance(answer, Authorised)
    assert note.content in answer.document


def test_what_the_schema_refuses_is_said_by_field_and_never_sent(
    demonstration: DemonstrationIssuer, ready_order: Callable[..., Order], sku: Sku
) -> None:
    Sku.objects.filter(pk=sku.pk).update(cest="12")
    draft = drafts_read([ready_order().pk])
    with pytest.raises(BuildRefused, match="CEST: formato inválido"):
        demonstration.build(*draft.values(), Numbering(1, 7, ISSUED_AT))


def test_an_order_number_of_any_characters_makes_a_note(
    demonstration: DemonstrationIssuer, ready_order: Callable[..., Order], company: Company
) -> None:
    assert read(demonstration, ready_order(external_id="9\x0b\U0001f600"), company).additional_text


def test_what_it_cannot_do_is_said(
    demonstration: DemonstrationIssuer, ready_order: Callable[..., Order], company: Company
) -> None:
    Company.objects.filter(pk=company.pk).update(default_icms_code="101", fiscal_environment="production")
    order = ready_order()
    texts = [lack.text for lack in demonstration.lacks(drafts_read([order.pk])[order.pk])]
    assert "só gera notas em homologação" in texts[0]
    assert "não calcula ICMS" in texts[1]


def test_a_cancellation_is_valid_and_passes_the_validation(
    demonstration: DemonstrationIssuer, ready_order: Callable[..., Order], company: Company
) -> None:
    answer = demonstration.cancel(
        made(demonstration, ready_order()), "Comprador desistiu da compra – só isso"
    )
    assert isinstance(answer, Authorised)
    path = files("nfelib") / "nfe_evento_cancel/schemas/v1_0/procEventoCancNFe_v1.00.xsd"
    assert complain(etree.XMLSchema(file=str(path)), answer.document) == []
    verdict = judge(answer.document, company=company_facts(company))
    assert verdict.refusals == ()
    assert verdict.event is not None


def test_the_certificate_is_the_companys_made_once_and_private(tmp_path: Path) -> None:
    first = signer_for(tmp_path, name="Loja", tax_id="11222333000181")
    again = signer_for(tmp_path, name="Loja", tax_id="11222333000181")
    assert first.certificate == again.certificate
    (name,) = first.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == "Loja:11222333000181"
    others = first.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [other.type_id.dotted_string for other in others] == ["2.16.76.1.3.3"]
    (path,) = tmp_path.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_processes_agree_on_one_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second has looked before the first wrote: what lies there wins."""
    first = signer_for(tmp_path, name="Loja", tax_id="11222333000181")
    real: Any = Path.exists
    monkeypatch.setattr(Path, "exists", lambda self: self.suffix != ".pem" and real(self))
    assert signer_for(tmp_path, name="Loja", tax_id="11222333000181").certificate == first.certificate
