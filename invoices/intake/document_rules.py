"""Rules about the file alone, for one company, cheap ones first. Source: the national schema PL_010f.

A new rule is one function and one line in `DOCUMENT_RULES`.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import cached_property
from typing import Final

from cryptography import x509
from lxml import etree

from erp.brazil.documents import AccessKey, DocumentInvalid
from invoices.intake import schema, signature
from invoices.intake.files import FIELDS_RULE, MARKUP_RULE, PARSING_RULES, FileCase, environment_finding
from invoices.intake.reading import NFE, NfeReading, read
from invoices.intake.rules import Finding, Rule, refuse, warn

VERSION: Final = "4.00"
MODEL: Final = "55"
AUTHORISED: Final = ("100", "150")
CANCELLED: Final = ("101", "151", "155")
DENIED: Final = ("110", "205", "301", "302", "303")
SERIES_SIGNED_BY_SEFAZ: Final = range(890, 900)
CNPJ_LENGTH: Final = 14
ROOT_LENGTH: Final = 8
OTHER_CERTIFICATE: Final = (
    "O arquivo foi assinado com o certificado de outra empresa ({owner}), não do emitente ({issuer}). "
    "Confira com quem emitiu a nota antes de seguir."
)
CLOCK_TOLERANCE: Final = timedelta(minutes=10)
HOMOLOGATION_RECIPIENT: Final = "NF-E EMITIDA EM AMBIENTE DE HOMOLOGACAO"

_PREFIXED: Final = etree.XPath("boolean(//*[contains(name(), ':')])")

ROOT_REFUSALS: Final = {
    "NFe": "O XML é da nota sem protocolo da SEFAZ. Envie o arquivo da nota autorizada (nfeProc).",
    "enviNFe": "O XML é o lote de envio à SEFAZ. Envie o arquivo da nota autorizada (nfeProc).",
    "retEnviNFe": "O XML é a resposta do lote da SEFAZ. Envie o arquivo da nota autorizada (nfeProc).",
    "retConsReciNFe": "O XML é só uma consulta à SEFAZ. Envie o arquivo da nota autorizada (nfeProc).",
    "retConsSitNFe": "O XML é só uma consulta à SEFAZ. Envie o arquivo da nota autorizada (nfeProc).",
    "resNFe": "O XML é só o resumo da nota. Baixe o XML completo e envie-o.",
    "inutNFe": "O XML é de inutilização de numeração, não de uma nota.",
    "procInutNFe": "O XML é de inutilização de numeração, não de uma nota.",
    "evento": "O XML é do pedido de um evento, sem o registro da SEFAZ. Envie o procEventoNFe.",
    "envEvento": "O XML é do pedido de um evento, sem o registro da SEFAZ. Envie o procEventoNFe.",
    "retEnvEvento": "O XML é só a resposta da SEFAZ a um evento. Envie o procEventoNFe.",
    "cteProc": "O XML é de um CT-e (transporte). Envie a NF-e da venda.",
    "CTe": "O XML é de um CT-e (transporte). Envie a NF-e da venda.",
    "mdfeProc": "O XML é de um MDF-e (manifesto). Envie a NF-e da venda.",
    "CompNfse": "O XML é de uma NFS-e (serviço). Envie a NF-e da venda.",
    "NFSe": "O XML é de uma NFS-e (serviço). Envie a NF-e da venda.",
}


class DocumentCase(FileCase):
    """A file that should hold one authorised note; read at most once, on first use."""

    @property
    def nfe(self) -> etree._Element:
        return _only(self.root, f"{{{NFE}}}NFe/{{{NFE}}}infNFe")

    @property
    def signature(self) -> etree._Element:
        return _only(self.root, f"{{{NFE}}}NFe/{{{signature.DSIG}}}Signature")

    @cached_property
    def certificate(self) -> x509.Certificate:
        return signature.certificate_of(self.signature)

    @cached_property
    def reading(self) -> NfeReading:
        return read(self.root)


def _only(parent: etree._Element, path: str) -> etree._Element:
    found = parent.find(path)
    if found is None:
        raise signature.SignatureRefused("a nota não está assinada")
    return found


def _root(case: DocumentCase) -> Finding | None:
    name = etree.QName(case.root)
    if name.localname == "nfeProc" and name.namespace == NFE:
        return None
    other = "O XML não é de uma NF-e autorizada. Envie o arquivo da nota autorizada (nfeProc)."
    return refuse(ROOT_REFUSALS.get(name.localname, other))


def _single(case: DocumentCase) -> Finding | None:
    names = Counter(etree.QName(child).localname for child in case.root)
    if names["retEvento"] or names["procEventoNFe"]:
        return refuse("O arquivo traz um evento junto da nota: ela pode estar cancelada. Confira no emissor.")
    if not _has_one_invoice(case.root):
        return refuse("O arquivo não tem uma só nota com um só protocolo. Envie um XML original por nota.")
    return None


def _has_one_invoice(root: etree._Element) -> bool:
    names = ("nfeProc", "NFe", "infNFe", "protNFe", "infProt")
    if any(sum(1 for _ in root.iter(f"{{*}}{name}")) != 1 for name in names):
        return False
    if [child.tag for child in root] != [f"{{{NFE}}}NFe", f"{{{NFE}}}protNFe"]:
        return False
    return _children_are_known(root[0], "infNFe") and _children_are_known(root[1], "infProt")


def _children_are_known(parent: etree._Element, required: str) -> bool:
    """The signed element first and once, then at most one `infNFeSupl` and one `Signature`."""
    names = [child.tag for child in parent]
    rest = Counter(names[1:])
    known = {f"{{{NFE}}}infNFeSupl", f"{{{signature.DSIG}}}Signature"}
    return names[:1] == [f"{{{NFE}}}{required}"] and set(rest) <= known and all(n == 1 for n in rest.values())


def _version(case: DocumentCase) -> Finding | None:
    parts = [case.root, *case.root, case.nfe]
    found = {part.get("versao", "") for part in parts if etree.QName(part).localname != "NFe"}
    if found == {VERSION}:
        return None
    shown = ", ".join(sorted(text[:8] or "sem versão" for text in found))
    return refuse(f"A nota usa o leiaute {shown}; só o 4.00 é aceito hoje. Confira a nota no emissor.")


def _model(case: DocumentCase) -> Finding | None:
    model = case.nfe.findtext(f"{{{NFE}}}ide/{{{NFE}}}mod", "")
    if model == MODEL:
        return None
    if model == "65":
        return refuse("É uma NFC-e (modelo 65), que não serve para marketplace. Emita uma NF-e (modelo 55).")
    return refuse(f"O modelo da nota é {model[:8] or 'vazio'}. Só a NF-e, modelo 55, é aceita.")


def _key(case: DocumentCase) -> Finding | None:
    nfe = case.reading
    if not case.nfe.get("Id", "").startswith("NFe"):
        return refuse("A identificação da nota não começa por NFe. Peça o XML original ao emissor.")
    if nfe.access_key != nfe.protocol.access_key:
        return refuse("A chave da nota e a do protocolo são diferentes. Peça o XML original ao emissor.")
    try:
        key = AccessKey.parse(nfe.access_key)
    except DocumentInvalid:
        return refuse("A chave de acesso é inválida (formato ou dígito verificador). Confira no emissor.")
    wrong = _slices_that_differ(key, nfe)
    if wrong:
        return refuse(f"A chave de acesso não combina com a nota: {', '.join(wrong)}. Peça o XML original.")
    return None


def _slices_that_differ(key: AccessKey, nfe: NfeReading) -> list[str]:
    text, parts = str(key), nfe.key_parts
    expected = {
        "UF": (text[0:2], parts.state_number),
        "ano e mês": (text[2:6], nfe.issued_at_text[2:4] + nfe.issued_at_text[5:7]),
        "CNPJ do emitente": (text[6:20], nfe.issuer.tax_id.zfill(14)),
        "modelo": (text[20:22], parts.model),
        "série": (text[22:25], parts.series.zfill(3)),
        "número": (text[25:34], parts.number.zfill(9)),
        "tipo de emissão": (text[34:35], parts.emission_type),
        "código numérico": (text[35:43], parts.random_code),
        "dígito verificador": (text[43:44], parts.check_digit),
    }
    return [name for name, (in_key, in_nfe) in expected.items() if in_key != in_nfe]


def _status(case: DocumentCase) -> Finding | None:
    status, reason = case.reading.protocol.status, case.reading.protocol.reason
    if status in AUTHORISED:
        return None
    if status in CANCELLED:
        return refuse("A nota está cancelada na SEFAZ. Emita outra nota para o pedido.")
    if status in DENIED:
        return refuse("O uso da nota foi denegado pela SEFAZ. Resolva com o contador e emita outra nota.")
    return refuse(f"A SEFAZ não autorizou a nota ({status}: {reason}). Corrija no emissor e emita de novo.")


def _environment(case: DocumentCase) -> Finding | None:
    nfe = case.reading
    test_recipient = nfe.recipient.name.upper().startswith(HOMOLOGATION_RECIPIENT)
    found = {nfe.environment, nfe.protocol.environment} | ({"homologation"} if test_recipient else set())
    return environment_finding(found, case.company, "A nota")


def _digest(case: DocumentCase) -> Finding | None:
    try:
        signature.check_digests(case.nfe, case.signature, case.reading.protocol.digest)
    except signature.SignatureRefused as refused:
        return refuse(
            f"O XML foi alterado depois de assinado: {refused}. Se foi reindentado ou editado, peça "
            "o arquivo original."
        )
    return None


def _signature(case: DocumentCase) -> Finding | None:
    try:
        signature.check_shape(case.nfe, case.signature)
        signature.check_value(case.signature, case.certificate)
    except signature.SignatureRefused as refused:
        return refuse(f"A assinatura da nota não confere: {refused}. Peça o arquivo original ao emissor.")
    return None


def _certificate(case: DocumentCase) -> Finding | None:
    issuer = case.reading.issuer.tax_id
    # SEFAZ itself signs the notes of these series (nota avulsa); a person's certificate has no CNPJ.
    if case.reading.series in SERIES_SIGNED_BY_SEFAZ or len(issuer) != CNPJ_LENGTH:
        return None
    try:
        owner = signature.owner_tax_id(case.certificate)
    except signature.SignatureRefused:
        return None  # the rule before has said so
    if owner[:ROOT_LENGTH] == issuer[:ROOT_LENGTH]:
        return None
    finding = refuse if case.company.refuse_other_certificate else warn
    return finding(OTHER_CERTIFICATE.format(owner=owner or "sem CNPJ", issuer=issuer))


def _issuer(case: DocumentCase) -> Finding | None:
    tax_id = case.reading.issuer.tax_id
    if tax_id in case.company.tax_ids:
        return None
    return refuse(
        f"O emitente da nota ({tax_id or 'sem CNPJ'}) não é a empresa nem uma filial cadastrada. Confira o "
        "arquivo ou cadastre a filial."
    )


def _purpose(case: DocumentCase) -> Finding | None:
    if case.reading.direction != "1":
        return refuse("É uma nota de entrada. Para o pedido, envie a nota de saída da venda.")
    if case.reading.purpose != "1":
        return refuse("A nota não é de venda (é complementar, de ajuste ou de devolução). Envie a da venda.")
    return None


def _encoding(case: DocumentCase) -> Finding | None:
    encoding = (case.root.getroottree().docinfo.encoding or "UTF-8").upper()
    if encoding == "UTF-8" and not _PREFIXED(case.root):
        return None
    return warn(
        "O XML não está em UTF-8 ou usa prefixos nos nomes, o que a SEFAZ não admite: pode ter sido "
        "regravado. Peça o arquivo original; se for este mesmo, siga."
    )


def _future(case: DocumentCase) -> Finding | None:
    now, issued = case.company.now, case.reading.issued_at
    if now is None or issued <= now + CLOCK_TOLERANCE:
        return None
    return warn("A emissão da nota está no futuro. Confira a data no emissor e o relógio deste servidor.")


def _schema(case: DocumentCase) -> Finding | None:
    found = schema.problems(case.root)
    if not found:
        return None
    return warn(
        f"O XML foge do leiaute nacional {schema.PACKAGE}, o que é normal em notas de versões anteriores: "
        f"{'; '.join(found)}. Confira no emissor; se a SEFAZ autorizou a nota assim, siga."
    )


DOCUMENT_RULES: Final[tuple[Rule[DocumentCase], ...]] = (
    *PARSING_RULES,
    Rule("root", "Nota com protocolo (nfeProc)", _root, stops=True),
    MARKUP_RULE,
    Rule("single", "Uma nota e um protocolo", _single, stops=True),
    Rule("encoding", "UTF-8, sem prefixos", _encoding),
    Rule("version", "Leiaute 4.00", _version, stops=True),
    Rule("model", "Modelo 55", _model, stops=True),
    FIELDS_RULE,
    Rule("key", "Chave de acesso", _key),
    Rule("status", "Autorizada pela SEFAZ", _status),
    Rule("environment", "Ambiente da empresa", _environment),
    Rule("digest", "Conteúdo igual ao assinado", _digest),
    Rule("signature", "Assinatura", _signature),
    Rule("certificate", "Certificado do emitente", _certificate),
    Rule("issuer", "Emitente é a empresa", _issuer),
    Rule("purpose", "Venda normal", _purpose),
    Rule("future", "Data de emissão", _future),
    Rule("schema", "Leiaute nacional (XSD)", _schema),
)
