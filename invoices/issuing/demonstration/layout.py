"""The tree of an NF-e 4.00 (schema package PL_010f) for a sale to a final consumer, without signature.

It computes no tax: only the ICMS codes of `ICMS_GROUPS` are written, with PIS and COFINS at zero.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from lxml import etree

from erp.brazil.documents import STATES
from erp.brazil.fiscal import gtin_is_valid
from invoices.issuing.draft import Draft, DraftItem, DraftPlace, Emitter, Recipient, shares

NFE: Final = "http://www.portalfiscal.inf.br/nfe"
NSMAP: Final[Any] = {None: NFE}  # lxml takes None, its stubs do not
VERSION: Final = "4.00"
HOMOLOGATION_NAME: Final = "NF-E EMITIDA EM AMBIENTE DE HOMOLOGACAO - SEM VALOR FISCAL"
BRASILIA: Final = timezone(timedelta(hours=-3))
NO_GTIN: Final = "SEM GTIN"

ICMS_GROUPS: Final[Mapping[str, tuple[str, str]]] = {
    **dict.fromkeys(("102", "103", "300", "400"), ("ICMSSN102", "CSOSN")),
    "500": ("ICMSSN500", "CSOSN"),
    **dict.fromkeys(("40", "41", "50"), ("ICMS40", "CST")),
    "60": ("ICMS60", "CST"),
}
"""Code -> (group, tag of the code): those that need no rate and no base."""

_ZERO_TOTALS: Final = ("vBC", "vICMS", "vICMSDeson", "vFCP", "vBCST", "vST", "vFCPST", "vFCPSTRet")


def invoice_build(draft: Draft, *, access_key: str, issued_at: datetime) -> etree._Element:
    """The `NFe` element with its `infNFe`; every other part of the key is read back from `access_key`."""
    root = etree.Element(f"{{{NFE}}}NFe", nsmap=NSMAP)
    nfe = add(root, "infNFe", Id=f"NFe{access_key}", versao=VERSION)
    _ide(nfe, draft, access_key, issued_at)
    _emit(nfe, draft.emitter)
    _dest(nfe, draft.recipient)
    weights = [item.total for item in draft.items]
    freights, discounts = shares(draft.freight, weights), shares(draft.discount, weights)
    for place, item in enumerate(draft.items):
        _det(nfe, place + 1, item, freights[place], discounts[place])
    _total(nfe, draft)
    _transp(nfe, draft)
    paid = add(add(nfe, "pag"), "detPag")
    fields(
        paid, {"tPag": "99", "xPag": "Marketplace" if draft.store else "Outros", "vPag": reais(draft.total)}
    )
    if draft.store:
        seller = {"CNPJ": draft.emitter.intermediary_tax_id, "idCadIntTran": text(draft.store, 60)}
        fields(add(nfe, "infIntermed"), seller)
    add(add(nfe, "infAdic"), "infCpl", _remark(draft))
    if draft.external_id:
        add(add(nfe, "compra"), "xPed", text(draft.external_id, 60))
    return root


def text(value: str, longest: int) -> str:
    """What the schema takes of a stranger's text: Latin-1 without control characters, single spaces."""
    plain = unicodedata.normalize("NFC", value).replace("’", "'").replace("–", "-")
    kept = "".join(char if " " <= char <= "ÿ" and not "\x7f" <= char <= "\xa0" else " " for char in plain)
    return re.sub(" +", " ", kept).strip()[:longest].strip()


def reais(centavos: int) -> str:
    return f"{centavos // 100}.{centavos % 100:02d}"


def moment(at: datetime) -> str:
    """With Brasília's offset, without fractions: the schema takes neither `Z` nor milliseconds."""
    return at.astimezone(BRASILIA).isoformat(timespec="seconds")


def _ide(nfe: etree._Element, draft: Draft, key: str, issued_at: datetime) -> None:
    values = {
        "cUF": key[0:2],
        "cNF": key[35:43],
        "natOp": "Venda de mercadoria",
        "mod": key[20:22],
        "serie": str(int(key[22:25])),
        "nNF": str(int(key[25:34])),
        "dhEmi": moment(issued_at),
        "tpNF": "1",
        "idDest": "2" if draft.interstate else "1",
        "cMunFG": draft.emitter.place.city_code,
        "tpImp": "1",
        "tpEmis": key[34],
        "cDV": key[43],
        "tpAmb": "2",
        "finNFe": "1",
        "indFinal": "1",
        "indPres": "2",
        "indIntermed": "1" if draft.store else "0",
        "procEmi": "0",
        "verProc": "demonstracao",
    }
    fields(add(nfe, "ide"), values)


def _emit(nfe: etree._Element, emitter: Emitter) -> None:
    element = add(nfe, "emit")
    fields(element, {"CNPJ": emitter.tax_id, "xNome": text(emitter.name, 60)})
    _optional(element, "xFant", text(emitter.trade_name, 60))
    _place(add(element, "enderEmit"), emitter.place)
    fields(element, {"IE": emitter.state_registration, "CRT": emitter.tax_regime})


def _dest(nfe: etree._Element, recipient: Recipient) -> None:
    element = add(nfe, "dest")
    kind = "CPF" if len(recipient.tax_id) == 11 else "CNPJ"
    # The name SEFAZ demands in homologation, so that nobody can take the note for a real one.
    fields(element, {kind: recipient.tax_id, "xNome": HOMOLOGATION_NAME})
    _place(add(element, "enderDest"), recipient.place)
    add(element, "indIEDest", "9")


def _place(element: etree._Element, place: DraftPlace) -> None:
    fields(element, {"xLgr": text(place.street, 60), "nro": text(place.number, 60)})
    _optional(element, "xCpl", text(place.complement, 60))
    values = {
        "xBairro": text(place.district, 60),
        "cMun": place.city_code,
        "xMun": text(place.city, 60),
        "UF": place.state_code,
        "CEP": place.postal_code,
        "cPais": "1058",
        "xPais": "BRASIL",
    }
    fields(element, values)


def _det(nfe: etree._Element, place: int, item: DraftItem, freight: int, discount: int) -> None:
    element = add(nfe, "det", nItem=str(place))
    product = add(element, "prod")
    gtin = item.gtin if gtin_is_valid(item.gtin) else NO_GTIN
    unit, quantity = text(item.unit, 6), f"{item.quantity}.0000"
    fields(product, {"cProd": text(item.code, 60), "cEAN": gtin, "xProd": text(item.title, 120)})
    add(product, "NCM", item.ncm)
    _optional(product, "CEST", item.cest)
    priced = {"qCom": quantity, "vUnCom": reais(item.unit_price), "vProd": reais(item.total)}
    fields(product, {"CFOP": item.cfop, "uCom": unit, **priced})
    taxed = {"uTrib": unit, "qTrib": quantity, "vUnTrib": reais(item.unit_price)}
    fields(product, {"cEANTrib": gtin, **taxed})
    _optional(product, "vFrete", reais(freight) if freight else "")
    _optional(product, "vDesc", reais(discount) if discount else "")
    add(product, "indTot", "1")
    _taxes(add(element, "imposto"), item)


def _taxes(element: etree._Element, item: DraftItem) -> None:
    group, tag = ICMS_GROUPS[item.icms_code]
    fields(add(add(element, "ICMS"), group), {"orig": item.origin, tag: item.icms_code})
    for name in ("PIS", "COFINS"):
        zeros = {"CST": "49", "vBC": "0.00", f"p{name}": "0.00", f"v{name}": "0.00"}
        fields(add(add(element, name), f"{name}Outr"), zeros)


def _total(nfe: etree._Element, draft: Draft) -> None:
    values = {
        **dict.fromkeys(_ZERO_TOTALS, "0.00"),
        "vProd": reais(draft.items_total),
        "vFrete": reais(draft.freight),
        "vSeg": "0.00",
        "vDesc": reais(draft.discount),
        **dict.fromkeys(("vII", "vIPI", "vIPIDevol", "vPIS", "vCOFINS", "vOutro"), "0.00"),
        "vNF": reais(draft.total),
    }
    fields(add(add(nfe, "total"), "ICMSTot"), values)


def _transp(nfe: etree._Element, draft: Draft) -> None:
    element = add(nfe, "transp")
    add(element, "modFrete", "2" if draft.by_platform else "0")
    if draft.carrier_name:
        carrier = add(element, "transporta")
        _optional(carrier, "CNPJ", draft.carrier_tax_id)
        add(carrier, "xNome", text(draft.carrier_name, 60))
    add(add(element, "vol"), "qVol", "1")


def _remark(draft: Draft) -> str:
    named = f"Pedido {draft.channel} {draft.external_id}. " if draft.external_id else ""
    return text(f"{named}Pedido de venda {draft.number}. NOTA DE DEMONSTRACAO SEM VALOR FISCAL.", 5000)


def state_number(state_code: str) -> str:
    """`cUF`: the IBGE's number of the state."""
    return str(STATES[state_code][0])


def add(parent: etree._Element, tag: str, value: str | None = None, **attributes: str) -> etree._Element:
    """A new last child in the namespace of the NF-e."""
    element = etree.SubElement(parent, f"{{{NFE}}}{tag}", attributes)
    element.text = value
    return element


def fields(parent: etree._Element, values: Mapping[str, str]) -> None:
    """New last children with a text each."""
    for tag, value in values.items():
        add(parent, tag, value)


def _optional(parent: etree._Element, tag: str, value: str) -> None:
    if value:
        add(parent, tag, value)
