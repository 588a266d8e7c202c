"""What the product reads from an `nfeProc`, as frozen values. Source of the paths: national schema PL_010f.

Reading is strict where a wrong value would travel (key, dates, total, parties) and lenient where it only
fills a form (carrier, volumes, weight): a strict field that is missing, repeated or malformed raises
`UnreadableInvoice`, a lenient one becomes empty. Free text is of strangers: cut here, escaped where shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Final

from lxml import etree

from erp.brazil.money import centavos_from_decimal

NFE: Final = "http://www.portalfiscal.inf.br/nfe"
ENVIRONMENTS: Final = {"1": "production", "2": "homologation"}
NAME_LENGTH: Final = 60
TEXT_LENGTH: Final = 5000

_NS: Final = {"n": NFE}
_DIGITS: Final = r"[0-9]+"
_AMOUNT: Final = r"[0-9]{1,13}(\.[0-9]{2})?"
_TAX_ID: Final = r"[0-9]{11}|[0-9A-Z]{12}[0-9]{2}"
_MOMENT: Final = r"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[+-][0-9]{2}:[0-9]{2}"


class UnreadableInvoice(Exception):
    """A field the product needs is missing, repeated or malformed; `field` is its path inside the note."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


@dataclass(frozen=True, slots=True)
class KeyParts:
    """Fields of `ide` that the access key repeats, as text."""

    state_number: str
    model: str
    series: str
    number: str
    emission_type: str
    random_code: str
    check_digit: str


@dataclass(frozen=True, slots=True)
class Party:
    """Issuer or recipient. `tax_id` is a CPF or CNPJ without punctuation, empty for a foreigner."""

    tax_id: str
    name: str
    state_code: str


@dataclass(frozen=True, slots=True)
class Protocol:
    """SEFAZ's answer. `digest` is base64, `authorized_at` aware."""

    access_key: str
    environment: str
    status: str
    reason: str
    number: str
    authorized_at: datetime
    digest: str


@dataclass(frozen=True, slots=True)
class NfeTransport:
    """`transp`: what prefills carrier and volumes. Weight in grams; everything may be absent."""

    freight_mode: str
    carrier_tax_id: str
    carrier_name: str
    volumes: int | None
    gross_weight: int | None


@dataclass(frozen=True, slots=True)
class NfeItem:
    """One `det`. `total` in centavos before discounts."""

    number: int
    code: str
    name: str
    ncm: str
    cfop: str
    quantity: Decimal
    total: int


@dataclass(frozen=True)
class NfeReading:
    """An authorised note as read. `total` (vNF) in centavos; datetimes aware; `issued_at_text` original.

    `access_key` is `infNFe/@Id` without its prefix, unchecked: checking is the validation's work.
    """

    access_key: str
    key_parts: KeyParts
    environment: str
    issued_at: datetime
    issued_at_text: str
    direction: str
    purpose: str
    issuer: Party
    recipient: Party
    total: int
    protocol: Protocol
    transport: NfeTransport
    purchase_orders: tuple[str, ...]
    additional_text: str
    items: tuple[NfeItem, ...]

    @property
    def number(self) -> int:
        return int(self.key_parts.number)

    @property
    def series(self) -> int:
        return int(self.key_parts.series)

    @cached_property
    def reference_words(self) -> frozenset[str]:
        """Whole words of `infCpl`, where emitters write the order's number in free text."""
        return frozenset(re.findall(r"[0-9A-Za-z]+(?:[-_/][0-9A-Za-z]+)*", self.additional_text))


def read(root: etree._Element) -> NfeReading:
    """Read an `nfeProc` whose structure has been checked. Raises `UnreadableInvoice`."""
    nfe = _one(root, "n:NFe/n:infNFe")
    ide = _one(nfe, "n:ide")
    issued_at_text = _field(ide, "n:dhEmi", _MOMENT)
    return NfeReading(
        access_key=nfe.get("Id", "").removeprefix("NFe"),
        key_parts=_key_parts(ide),
        environment=ENVIRONMENTS[_field(ide, "n:tpAmb", "[12]")],
        issued_at=_moment(issued_at_text, "ide/dhEmi"),
        issued_at_text=issued_at_text,
        direction=_field(ide, "n:tpNF", "[0-9]"),
        purpose=_field(ide, "n:finNFe", "[0-9]"),
        issuer=_party(_one(nfe, "n:emit"), "n:enderEmit"),
        recipient=_party(_one(nfe, "n:dest"), "n:enderDest"),
        total=_centavos(_field(nfe, "n:total/n:ICMSTot/n:vNF", _AMOUNT)),
        protocol=_protocol(_one(root, "n:protNFe/n:infProt")),
        transport=_transport(nfe),
        purchase_orders=_purchase_orders(nfe),
        additional_text=_free(nfe, "n:infAdic/n:infCpl", TEXT_LENGTH),
        items=tuple(_item(det) for det in nfe.findall("n:det", _NS)),
    )


@dataclass(frozen=True, slots=True)
class EventReading:
    """A registered event (`procEventoNFe`) as read. `kind` is `tpEvento`, `text` what the issuer wrote.

    What the request and SEFAZ's answer both say stands once here, and in `answered` as the answer says it.
    """

    identifier: str
    access_key: str
    kind: str
    sequence: int
    author_tax_id: str
    environment: str
    text: str
    status: str
    reason: str
    protocol: str
    registered_at: datetime
    answered: tuple[str, str, int, str]

    @property
    def asked(self) -> tuple[str, str, int, str]:
        return self.access_key, self.kind, self.sequence, self.environment


def read_event(root: etree._Element) -> EventReading:
    """Read a `procEventoNFe` whose structure has been checked. Raises `UnreadableInvoice`."""
    asked, answer = _one(root, "n:evento/n:infEvento"), _one(root, "n:retEvento/n:infEvento")
    return EventReading(
        identifier=asked.get("Id", ""),
        access_key=_field(asked, "n:chNFe", ".{1,60}"),
        kind=_field(asked, "n:tpEvento", "[0-9]{6}"),
        sequence=int(_field(asked, "n:nSeqEvento", "[0-9]{1,2}")),
        author_tax_id=_tax_id(asked),
        environment=ENVIRONMENTS[_field(asked, "n:tpAmb", "[12]")],
        text=_free(asked, "n:detEvento/n:xJust", 1000) or _free(asked, "n:detEvento/n:xCorrecao", 1000),
        status=_field(answer, "n:cStat", ".{1,20}"),
        reason=_free(answer, "n:xMotivo", 120),
        protocol=_lenient(answer, "n:nProt", "[0-9]{15}|[0-9]{17}"),
        registered_at=_moment(_field(answer, "n:dhRegEvento", _MOMENT), "infEvento/dhRegEvento"),
        answered=(
            _field(answer, "n:chNFe", ".{1,60}"),
            _field(answer, "n:tpEvento", "[0-9]{6}"),
            int(_field(answer, "n:nSeqEvento", "[0-9]{1,2}")),
            ENVIRONMENTS[_field(answer, "n:tpAmb", "[12]")],
        ),
    )


def _key_parts(ide: etree._Element) -> KeyParts:
    return KeyParts(
        state_number=_field(ide, "n:cUF", "[0-9]{2}"),
        model=_field(ide, "n:mod", "[0-9]{2}"),
        series=_field(ide, "n:serie", "[0-9]{1,3}"),
        number=_field(ide, "n:nNF", "[0-9]{1,9}"),
        emission_type=_field(ide, "n:tpEmis", "[0-9]"),
        random_code=_field(ide, "n:cNF", "[0-9]{8}"),
        check_digit=_field(ide, "n:cDV", "[0-9]"),
    )


def _party(element: etree._Element, address: str) -> Party:
    return Party(
        tax_id=_tax_id(element),
        name=_free(element, "n:xNome", NAME_LENGTH),
        state_code=_lenient(element, f"{address}/n:UF", "[A-Z]{2}"),
    )


def _tax_id(element: etree._Element) -> str:
    kinds = [tag for tag in ("n:CNPJ", "n:CPF", "n:idEstrangeiro") if element.find(tag, _NS) is not None]
    if len(kinds) != 1:
        raise UnreadableInvoice(f"{etree.QName(element).localname}/CNPJ")
    return "" if kinds == ["n:idEstrangeiro"] else _field(element, kinds[0], _TAX_ID)


def _protocol(answer: etree._Element) -> Protocol:
    return Protocol(
        access_key=_field(answer, "n:chNFe", ".{1,60}"),
        environment=ENVIRONMENTS[_field(answer, "n:tpAmb", "[12]")],
        status=_field(answer, "n:cStat", ".{1,20}"),
        reason=_free(answer, "n:xMotivo", 120),
        number=_field(answer, "n:nProt", "[0-9]{15}|[0-9]{17}"),
        authorized_at=_moment(_field(answer, "n:dhRecbto", _MOMENT), "infProt/dhRecbto"),
        digest=_field(answer, "n:digVal", r"[0-9A-Za-z+/=\s]{1,60}"),
    )


def _transport(nfe: etree._Element) -> NfeTransport:
    parcels = nfe.findall("n:transp/n:vol", _NS)
    volumes = [_lenient(parcel, "n:qVol", "[0-9]{1,9}") for parcel in parcels]
    weights = [_lenient(parcel, "n:pesoB", r"[0-9]{1,9}(\.[0-9]{3})?") for parcel in parcels]
    return NfeTransport(
        freight_mode=_lenient(nfe, "n:transp/n:modFrete", "[0-9]"),
        carrier_tax_id=_lenient(nfe, "n:transp/n:transporta/n:CNPJ", _TAX_ID)
        or _lenient(nfe, "n:transp/n:transporta/n:CPF", _TAX_ID),
        carrier_name=_free(nfe, "n:transp/n:transporta/n:xNome", NAME_LENGTH),
        volumes=sum(int(text) for text in volumes if text) or None,
        gross_weight=sum(int(Decimal(text) * 1000) for text in weights if text) or None,
    )


def _purchase_orders(nfe: etree._Element) -> tuple[str, ...]:
    """The order as the emitter named it in `compra` or in the items, each value once, in document order."""
    elements = nfe.findall("n:compra/n:xPed", _NS) + nfe.findall("n:det/n:prod/n:xPed", _NS)
    return tuple(dict.fromkeys(text for element in elements if (text := (element.text or "").strip())))


def _item(det: etree._Element) -> NfeItem:
    product = _one(det, "n:prod")
    return NfeItem(
        number=int(det.get("nItem", "") if re.fullmatch("[0-9]{1,3}", det.get("nItem", "")) else 0),
        code=_free(product, "n:cProd", NAME_LENGTH),
        name=_free(product, "n:xProd", 120),
        ncm=_lenient(product, "n:NCM", "[0-9]{2,8}"),
        cfop=_lenient(product, "n:CFOP", "[0-9]{4}"),
        quantity=_quantity(_field(product, "n:qCom", r"[0-9]{1,11}(\.[0-9]{1,4})?")),
        total=_centavos(_field(product, "n:vProd", _AMOUNT)),
    )


def _one(parent: etree._Element, path: str) -> etree._Element:
    found = parent.findall(path, _NS)
    if len(found) != 1:
        raise UnreadableInvoice(_shown(parent, path))
    return found[0]


def _field(parent: etree._Element, path: str, pattern: str) -> str:
    """Text of the only element at `path`, without children that would hide part of it."""
    element = _one(parent, path)
    text = element.text or ""
    if len(element) or not re.fullmatch(pattern, text):
        raise UnreadableInvoice(_shown(parent, path))
    return text


def _lenient(parent: etree._Element, path: str, pattern: str) -> str:
    try:
        return _field(parent, path, pattern)
    except UnreadableInvoice:
        return ""


def _free(parent: etree._Element, path: str, length: int) -> str:
    return (parent.findtext(path, "", _NS) or "").strip()[:length]


def _moment(text: str, field: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise UnreadableInvoice(field) from None


def _quantity(text: str) -> Decimal:
    """Without trailing zeros, and never with the exponent of `Decimal.normalize`: 100 is not 1E+2."""
    return Decimal(text.rstrip("0").rstrip(".") if "." in text else text)


def _centavos(text: str) -> int:
    return centavos_from_decimal(Decimal(text))


def _shown(parent: etree._Element, path: str) -> str:
    return f"{etree.QName(parent).localname}/{path.replace('n:', '')}"
