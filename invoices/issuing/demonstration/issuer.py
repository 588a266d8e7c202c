"""An issuer that plays both sides: it signs with a throwaway certificate and invents the authorisation.

The same note always gets the same answer, byte for byte, so an attempt that is repeated after a crash ends
where the first would have.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from django.conf import settings
from django.utils import timezone
from lxml import etree

from erp.brazil.documents import access_key_complete
from invoices import refusals
from invoices.intake import schema
from invoices.intake.parser import parse
from invoices.intake.signature import DSIG
from invoices.issuing.demonstration.cancellation import APPLICATION, cancellation, invented_protocol
from invoices.issuing.demonstration.certificate import Signer, signer_for
from invoices.issuing.demonstration.layout import (
    BRASILIA,
    ICMS_GROUPS,
    NFE,
    NSMAP,
    VERSION,
    add,
    fields,
    invoice_build,
    moment,
    state_number,
)
from invoices.issuing.demonstration.signing import sign
from invoices.issuing.draft import Draft
from invoices.issuing.issuers import Answer, Authorised, BuildRefused, Numbering, SignedInvoice
from invoices.issuing.requirements import Lack, Where

SAID: Final = "Autorizado na demonstracao, sem valor fiscal: nenhuma SEFAZ foi consultada"


class DemonstrationIssuer:
    key = "demonstration"
    label = "Demonstração (notas inventadas, sem valor fiscal)"
    action_label = "gerar NF-e de demonstração"
    answers_at_once = True

    def lacks(self, draft: Draft) -> tuple[Lack, ...]:
        found = []
        if draft.emitter.environment != "homologation":
            text = "A demonstração só gera notas em homologação: mude o ambiente em Empresa."
            found.append(Lack(Where.COMPANY, 0, "fiscal_environment", text))
        for item in draft.items:
            if item.icms_code and item.icms_code not in ICMS_GROUPS:
                text = f"{item.code}: a demonstração não calcula ICMS. Use {', '.join(ICMS_GROUPS)}."
                found.append(Lack(Where.PRODUCT, item.product_id, "icms_code", text))
        return tuple(found)

    def build(self, draft: Draft, numbering: Numbering) -> SignedInvoice:
        key = _access_key(draft, numbering)
        nfe = invoice_build(draft, access_key=key, issued_at=numbering.issued_at)
        sign(nfe, nfe[0], _signer(draft.emitter.name, draft.emitter.tax_id))
        signed = SignedInvoice(key, etree.tostring(nfe, encoding="UTF-8", xml_declaration=False))
        wrong = schema.problems(parse(_with_protocol(signed)))
        if wrong:
            raise BuildRefused(refusals.LAYOUT.of(wrong="; ".join(wrong)))
        return signed

    def send(self, invoice: SignedInvoice) -> Answer:
        return Authorised(_with_protocol(invoice))

    def find(self, invoice: SignedInvoice, receipt: str) -> Answer | None:
        return None  # nobody was asked; sending again gives the same bytes

    def cancel(self, document: bytes, reason: str) -> Answer:
        root = parse(document)
        name, tax_id = (root.findtext(f".//{{{NFE}}}emit/{{{NFE}}}{tag}", "") for tag in ("xNome", "CNPJ"))
        key = root.findtext(f".//{{{NFE}}}chNFe", "")
        return Authorised(cancellation(key, reason, at=timezone.now(), signer=_signer(name, tax_id)))


def _signer(name: str, tax_id: str) -> Signer:
    return signer_for(Path(settings.VAR_DIR) / "certificates", name=name, tax_id=tax_id)


def _access_key(draft: Draft, numbering: Numbering) -> str:
    at = numbering.issued_at.astimezone(BRASILIA)
    body = (
        f"{state_number(draft.emitter.place.state_code)}{at:%y%m}{draft.emitter.tax_id}55"
        f"{numbering.series:03d}{numbering.number:09d}1{_random_code(numbering.number)}"
    )
    return access_key_complete(body)


def _random_code(number: int) -> str:
    """`cNF`: eight digits that SEFAZ refuses when they are the number or all alike."""
    while True:
        code = f"{secrets.randbelow(10**8):08d}"
        if code != f"{number % 10**8:08d}" and len(set(code)) > 1:
            return code


def _with_protocol(invoice: SignedInvoice) -> bytes:
    """`nfeProc` around the signed bytes as they are: writing them anew could change what was signed."""
    root = parse(invoice.content)
    issued_at = datetime.fromisoformat(root.findtext(f".//{{{NFE}}}dhEmi", ""))
    answer = etree.Element(f"{{{NFE}}}protNFe", versao=VERSION, nsmap=NSMAP)
    reported = {
        "tpAmb": "2",
        "verAplic": APPLICATION,
        "chNFe": invoice.access_key,
        "dhRecbto": moment(issued_at + timedelta(seconds=1)),
        "nProt": invented_protocol(invoice.access_key),
        "digVal": root.findtext(f".//{{{DSIG}}}DigestValue", ""),
        "cStat": "100",
        "xMotivo": SAID,
    }
    fields(add(answer, "infProt"), reported)
    opening = f'<?xml version="1.0" encoding="UTF-8"?><nfeProc xmlns="{NFE}" versao="{VERSION}">'.encode()
    return opening + invoice.content + etree.tostring(answer, encoding="UTF-8") + b"</nfeProc>"
