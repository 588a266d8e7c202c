"""The cancellation of a demonstration note (`procEventoNFe` 1.00, event 110111), registered by nobody."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from lxml import etree

from invoices.issuing.demonstration.certificate import Signer
from invoices.issuing.demonstration.layout import NFE, NSMAP, add, fields, moment, text
from invoices.issuing.demonstration.signing import sign

APPLICATION: Final = "DEMONSTRACAO"
CANCELLATION: Final = "110111"
VERSION: Final = "1.00"


def invented_protocol(access_key: str) -> str:
    """Fifteen digits that no authority gives: there is no state 99. The number of the note follows."""
    return f"999999{access_key[25:34]}"


def cancellation(access_key: str, reason: str, *, at: datetime, signer: Signer) -> bytes:
    """`reason` has 15 to 255 characters, as the layout asks."""
    root = etree.Element(f"{{{NFE}}}procEventoNFe", nsmap=NSMAP, versao=VERSION)
    event = add(root, "evento", versao=VERSION)
    asked = add(event, "infEvento", Id=f"ID{CANCELLATION}{access_key}01")
    state = access_key[:2]
    fields(asked, {"cOrgao": state, "tpAmb": "2", "CNPJ": access_key[6:20], "chNFe": access_key})
    fields(asked, {"dhEvento": moment(at), "tpEvento": CANCELLATION, "nSeqEvento": "1", "verEvento": VERSION})
    detail = {
        "descEvento": "Cancelamento",
        "nProt": invented_protocol(access_key),
        "xJust": text(reason, 255),
    }
    fields(add(asked, "detEvento", versao=VERSION), detail)
    sign(event, asked, signer)
    reported = {
        "tpAmb": "2",
        "verAplic": APPLICATION,
        "cOrgao": state,
        "cStat": "135",
        "xMotivo": "Evento registrado na demonstracao, sem valor fiscal",
        "chNFe": access_key,
        "tpEvento": CANCELLATION,
        "xEvento": "Cancelamento registrado",
        "nSeqEvento": "1",
        "dhRegEvento": moment(at),
        "nProt": f"999998{access_key[25:34]}",
    }
    fields(add(add(root, "retEvento", versao=VERSION), "infEvento"), reported)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)
