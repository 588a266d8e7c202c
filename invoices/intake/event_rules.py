"""Rules about a registered event (`procEventoNFe`): cancellation and correction letter, verified like a note.

Source: national event schemas 1.00 and the answers of SEFAZ that register an event (135, 136, 155). The
events' XSD is not asked: the published one still refuses a CNPJ with letters.
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import Final

from lxml import etree

from erp.brazil.documents import AccessKey, DocumentInvalid
from invoices.intake import signature
from invoices.intake.document_rules import MODEL, OTHER_CERTIFICATE, ROOT_LENGTH
from invoices.intake.files import FIELDS_RULE, MARKUP_RULE, PARSING_RULES, FileCase, environment_finding
from invoices.intake.reading import NFE, EventReading, read_event
from invoices.intake.rules import Finding, Rule, refuse

CANCELLATION: Final = "110111"
CORRECTION: Final = "110110"
REGISTERED: Final = {CANCELLATION: ("135", "136", "155"), CORRECTION: ("135", "136")}
OTHER_KINDS: Final = {
    "110140": "emissão prévia (EPEC)",
    "110112": "cancelamento por substituição",
    "210200": "confirmação do destinatário",
    "210210": "ciência do destinatário",
    "210220": "desconhecimento pelo destinatário",
    "210240": "operação não realizada",
}


class EventCase(FileCase):
    """A file that should hold one registered event."""

    @property
    def signed(self) -> etree._Element:
        return self._part(f"{{{NFE}}}evento/{{{NFE}}}infEvento")

    @property
    def signature(self) -> etree._Element:
        return self._part(f"{{{NFE}}}evento/{{{signature.DSIG}}}Signature")

    @cached_property
    def reading(self) -> EventReading:
        return read_event(self.root)

    def _part(self, path: str) -> etree._Element:
        found = self.root.find(path)
        if found is None:
            raise signature.SignatureRefused("o evento não está assinado")
        return found


def _event(case: EventCase) -> Finding | None:
    names = Counter(etree.QName(each).localname for each in case.root.iter(etree.Element))
    once = all(names[name] == count for name, count in {"evento": 1, "retEvento": 1, "infEvento": 2}.items())
    parts = [[child.tag for child in part] for part in case.root]
    information, sealed = f"{{{NFE}}}infEvento", f"{{{signature.DSIG}}}Signature"
    if (
        once
        and [part.tag for part in case.root] == [f"{{{NFE}}}evento", f"{{{NFE}}}retEvento"]
        and parts[0] in ([information], [information, sealed])
        and parts[1] in ([information], [information, sealed])
    ):
        return None
    return refuse("O arquivo não tem um só evento com o registro da SEFAZ. Envie o procEventoNFe original.")


def _kind(case: EventCase) -> Finding | None:
    kind = case.reading.kind
    if kind in REGISTERED:
        return None
    name = OTHER_KINDS.get(kind, f"tipo {kind}")
    return refuse(f"O evento é de {name}, que nada muda na venda. Não é preciso enviá-lo.")


def _key(case: EventCase) -> Finding | None:
    event = case.reading
    try:
        key = AccessKey.parse(event.access_key)
    except DocumentInvalid:
        return refuse("A chave de acesso do evento é inválida. Peça o XML original ao emissor.")
    names = {f"ID{event.kind}{event.access_key}{event.sequence:0{digits}d}" for digits in (2, 3)}
    if event.asked != event.answered or event.identifier not in names:
        return refuse("O pedido e o registro da SEFAZ são de eventos diferentes. Peça o XML original.")
    if key.model != MODEL:
        return refuse("O evento não é de uma NF-e (modelo 55). Confira o arquivo.")
    return None


def _registered(case: EventCase) -> Finding | None:
    event = case.reading
    if event.status in REGISTERED[event.kind]:
        return None
    return refuse(
        f"A SEFAZ não registrou o evento ({event.status}: {event.reason}). A nota continua como estava."
    )


def _environment(case: EventCase) -> Finding | None:
    return environment_finding({case.reading.environment}, case.company, "O evento")


def _digest(case: EventCase) -> Finding | None:
    try:
        signature.check_digests(case.signed, case.signature, None)
    except signature.SignatureRefused as refused:
        return refuse(f"O XML do evento foi alterado depois de assinado: {refused}. Peça o arquivo original.")
    return None


def _signature(case: EventCase) -> Finding | None:
    """A cancellation stops a sale, so another company's certificate refuses here."""
    issuer = case.reading.access_key[6:20]
    try:
        signature.check_shape(case.signed, case.signature)
        certificate = signature.certificate_of(case.signature)
        signature.check_value(case.signature, certificate)
    except signature.SignatureRefused as refused:
        return refuse(f"A assinatura do evento não confere: {refused}. Peça o arquivo original ao emissor.")
    owner = signature.owner_tax_id(certificate)
    if owner[:ROOT_LENGTH] == issuer[:ROOT_LENGTH]:
        return None
    return refuse(OTHER_CERTIFICATE.format(owner=owner or "sem CNPJ", issuer=issuer))


def _issuer(case: EventCase) -> Finding | None:
    event = case.reading
    tax_id = event.access_key[6:20]
    if tax_id in case.company.tax_ids and event.author_tax_id[:ROOT_LENGTH] == tax_id[:ROOT_LENGTH]:
        return None
    return refuse(
        f"O evento é de uma nota do emitente {tax_id}, que não é a empresa nem uma filial cadastrada. "
        "Confira o arquivo ou cadastre a filial."
    )


EVENT_RULES: Final[tuple[Rule[EventCase], ...]] = (
    *PARSING_RULES,
    MARKUP_RULE,
    Rule("event", "Um evento e um registro", _event, stops=True),
    FIELDS_RULE,
    Rule("kind", "Cancelamento ou carta de correção", _kind, stops=True),
    Rule("key", "Chave de acesso", _key, stops=True),
    Rule("registered", "Registrado pela SEFAZ", _registered),
    Rule("environment", "Ambiente da empresa", _environment),
    Rule("digest", "Conteúdo igual ao assinado", _digest),
    Rule("signature", "Assinatura do emitente", _signature),
    Rule("issuer", "Emitente é a empresa", _issuer),
)
