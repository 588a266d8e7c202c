"""Authorised NF-e for tests: complete, signed with a throwaway key, optionally spoiled in one place.

The text is written in canonical form by hand, so that digest and signature do not depend on the code under test.
`content` changes the note before it is signed (a valid document with other data); `document` changes the finished
file (a document somebody touched afterwards).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from xml.sax.saxutils import escape

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, ObjectIdentifier

NFE = "http://www.portalfiscal.inf.br/nfe"
DSIG = "http://www.w3.org/2000/09/xmldsig#"
C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
HOMOLOGATION_NAME = "NF-E EMITIDA EM AMBIENTE DE HOMOLOGACAO - SEM VALOR FISCAL"
BRASILIA = timezone(timedelta(hours=-3))
STATE_NUMBERS = {"SP": "35", "RJ": "33", "MG": "31", "PR": "41", "RS": "43", "SC": "42", "BA": "29"}
COMPANY_TAX_ID = "11222333000181"
BUYER_TAX_ID = "52998224725"

CORRECTION_TERMS = (
    "A Carta de Correcao e disciplinada pelo paragrafo 1o-A do art. 7o do Convenio S/N, de 15 de dezembro de 1970 e "
    "pode ser utilizada para regularizacao de erro ocorrido na emissao de documento fiscal, desde que o erro nao "
    "esteja relacionado com: I - as variaveis que determinam o valor do imposto tais como: base de calculo, "
    "aliquota, diferenca de preco, quantidade, valor da operacao ou da prestacao; II - a correcao de dados "
    "cadastrais que implique mudanca do remetente ou do destinatario; III - a data de emissao ou de saida."
)

Change = Callable[[str], str]


def nfe_xml(
    *,
    company_tax_id: str = COMPANY_TAX_ID,
    company_name: str = "Loja Exemplo Ltda",
    recipient_tax_id: str = BUYER_TAX_ID,
    recipient_name: str = "Maria da Silva",
    total: int = 17000,
    number: int = 123,
    series: int = 1,
    order_reference: str = "",
    item_reference: str = "",
    additional_text: str = "",
    environment: str = "homologation",
    issued_at: datetime = datetime(2026, 11, 20, 10, 30, 0, tzinfo=BRASILIA),
    state_code: str = "SP",
    model: str = "55",
    direction: str = "1",
    purpose: str = "1",
    carrier_tax_id: str = "",
    carrier_name: str = "",
    volumes: int | None = 1,
    gross_weight: int = 850,
    items: int = 1,
    protocol: Mapping[str, str] | None = None,
    content: Change | None = None,
    signed_info: Change | None = None,
    document: Change | None = None,
    certificate_tax_id: str = "",
) -> bytes:
    """An `nfeProc` in UTF-8. `total` in centavos, `gross_weight` in grams; `protocol` overrides `infProt` fields.

    `certificate_tax_id`: who signs, when it is not the issuer.
    """
    key = access_key(
        company_tax_id=company_tax_id,
        state_code=state_code,
        issued_at=issued_at,
        model=model,
        series=series,
        number=number,
    )
    ambient = "2" if environment == "homologation" else "1"
    body = "".join(
        (
            _ide(key, issued_at, series, number, model, ambient, direction, purpose),
            _issuer(company_tax_id, company_name, state_code),
            _recipient(recipient_tax_id, HOMOLOGATION_NAME if ambient == "2" else recipient_name),
            *(_item(index, items, total, item_reference) for index in range(1, items + 1)),
            _totals(total),
            _transport(carrier_tax_id, carrier_name, volumes, gross_weight),
            f"<pag><detPag><tPag>99</tPag><xPag>Marketplace</xPag><vPag>{_reais(total)}</vPag></detPag></pag>",
            f"<infAdic><infCpl>{escape(additional_text)}</infCpl></infAdic>" if additional_text else "",
            f"<compra><xPed>{escape(order_reference)}</xPed></compra>" if order_reference else "",
        )
    )
    note = f'<infNFe Id="NFe{key}" versao="4.00">{body}</infNFe>'
    if content is not None:
        note = content(note)
    canonical = note.replace("<infNFe ", f'<infNFe xmlns="{NFE}" ', 1)
    digest = base64.b64encode(hashlib.sha1(canonical.encode()).digest()).decode()
    answer = {
        "tpAmb": ambient,
        "verAplic": "SP_NFE_PL_010f",
        "chNFe": key,
        "dhRecbto": (issued_at + timedelta(minutes=1)).isoformat(timespec="seconds"),
        "nProt": f"1352{number:011d}",
        "digVal": digest,
        "cStat": "100",
        "xMotivo": "Autorizado o uso da NF-e",
        **(protocol or {}),
    }
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<nfeProc xmlns="{NFE}" versao="4.00"><NFe xmlns="{NFE}">{note}'
        f"{_signature(f'NFe{key}', digest, company_name, certificate_tax_id or company_tax_id, signed_info)}</NFe>"
        f'<protNFe versao="4.00"><infProt>{_fields(answer)}</infProt></protNFe></nfeProc>'
    )
    return (document(text) if document is not None else text).encode()


def event_xml(
    *,
    key: str = "",
    kind: str = "110111",
    sequence: int = 1,
    company_tax_id: str = COMPANY_TAX_ID,
    environment: str = "homologation",
    text: str = "Comprador desistiu da compra",
    registered_at: datetime = datetime(2026, 11, 21, 9, 0, 0, tzinfo=BRASILIA),
    answer: Mapping[str, str] | None = None,
    content: Change | None = None,
    document: Change | None = None,
    certificate_tax_id: str = "",
) -> bytes:
    """A `procEventoNFe` in UTF-8: a cancellation (110111) or correction letter (110110) of `key`.

    `answer` overrides fields of `retEvento`; `content` and `document` change it as in `nfe_xml`.
    """
    key = key or access_key(company_tax_id=company_tax_id)
    part_id = f"ID{kind}{key}{sequence:02d}"
    ambient = "2" if environment == "homologation" else "1"
    cancels = kind == "110111"
    details = {"descEvento": "Cancelamento", "nProt": "135200000000123", "xJust": text}
    if not cancels:
        details = {"descEvento": "Carta de Correcao", "xCorrecao": text, "xCondUso": CORRECTION_TERMS}
    request = {
        "cOrgao": key[:2],
        "tpAmb": ambient,
        "CNPJ": company_tax_id,
        "chNFe": key,
        "dhEvento": registered_at.isoformat(timespec="seconds"),
        "tpEvento": kind,
        "nSeqEvento": str(sequence),
        "verEvento": "1.00",
    }
    part = f'<infEvento Id="{part_id}">{_fields(request)}<detEvento versao="1.00">{_fields(details)}</detEvento></infEvento>'
    if content is not None:
        part = content(part)
    canonical = part.replace("<infEvento ", f'<infEvento xmlns="{NFE}" ', 1)
    digest = base64.b64encode(hashlib.sha1(canonical.encode()).digest()).decode()
    answered = {
        "tpAmb": ambient,
        "verAplic": "SP_EVENTOS_PL_100",
        "cOrgao": key[:2],
        "cStat": "135",
        "xMotivo": "Evento registrado e vinculado a NF-e",
        "chNFe": key,
        "tpEvento": kind,
        "xEvento": "Cancelamento registrado" if cancels else "Carta de Correcao registrada",
        "nSeqEvento": str(sequence),
        "dhRegEvento": registered_at.isoformat(timespec="seconds"),
        "nProt": "135200000000999",
        **(answer or {}),
    }
    sealed = _signature(part_id, digest, "Loja Exemplo Ltda", certificate_tax_id or company_tax_id, None)
    event = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<procEventoNFe xmlns="{NFE}" versao="1.00"><evento versao="1.00">{part}{sealed}</evento>'
        f'<retEvento versao="1.00"><infEvento>{_fields(answered)}</infEvento></retEvento></procEventoNFe>'
    )
    return (document(event) if document is not None else event).encode()


def access_key(
    *,
    company_tax_id: str = COMPANY_TAX_ID,
    state_code: str = "SP",
    issued_at: datetime = datetime(2026, 11, 20, 10, 30, 0, tzinfo=BRASILIA),
    model: str = "55",
    series: int = 1,
    number: int = 123,
) -> str:
    """The key the factory gives such a note; its random part is derived from the number."""
    body = (
        f"{STATE_NUMBERS[state_code]}{issued_at:%y%m}{company_tax_id.zfill(14)}{model}{series:03d}{number:09d}1"
        f"{(number * 7919 + 12345678) % 10**8:08d}"
    )
    return body + check_digit(body)


def check_digit(body: str) -> str:
    """Modulo 11 over 43 characters, letters counting as ASCII minus 48."""
    weights = (2 + index % 8 for index in range(len(body)))
    rest = sum((ord(char) - 48) * weight for char, weight in zip(reversed(body), weights, strict=True)) % 11
    return "0" if rest < 2 else str(11 - rest)


def _ide(
    key: str,
    issued_at: datetime,
    series: int,
    number: int,
    model: str,
    ambient: str,
    direction: str,
    purpose: str,
) -> str:
    return (
        f"<ide><cUF>{key[:2]}</cUF><cNF>{key[35:43]}</cNF><natOp>Venda de mercadoria</natOp><mod>{model}</mod>"
        f"<serie>{series}</serie><nNF>{number}</nNF><dhEmi>{issued_at.isoformat(timespec='seconds')}</dhEmi>"
        f"<tpNF>{direction}</tpNF><idDest>1</idDest><cMunFG>3550308</cMunFG><tpImp>1</tpImp><tpEmis>1</tpEmis>"
        f"<cDV>{key[43]}</cDV><tpAmb>{ambient}</tpAmb><finNFe>{purpose}</finNFe><indFinal>1</indFinal>"
        "<indPres>2</indPres><indIntermed>1</indIntermed><procEmi>0</procEmi><verProc>1.0</verProc></ide>"
    )


def _issuer(tax_id: str, name: str, state_code: str) -> str:
    return (
        f"<emit><CNPJ>{tax_id}</CNPJ><xNome>{escape(name)}</xNome><enderEmit><xLgr>Rua das Flores</xLgr>"
        "<nro>100</nro><xBairro>Centro</xBairro><cMun>3550308</cMun><xMun>Cidade</xMun>"
        f"<UF>{state_code}</UF><CEP>01310100</CEP></enderEmit><IE>111222333444</IE><CRT>1</CRT></emit>"
    )


def _recipient(tax_id: str, name: str) -> str:
    kind = "CPF" if len(tax_id) == 11 else "CNPJ"
    return (
        f"<dest><{kind}>{tax_id}</{kind}><xNome>{escape(name)}</xNome><enderDest><xLgr>Avenida Paulista</xLgr>"
        "<nro>1000</nro><xBairro>Bela Vista</xBairro><cMun>3550308</cMun><xMun>Sao Paulo</xMun><UF>SP</UF>"
        "<CEP>01310100</CEP></enderDest><indIEDest>9</indIEDest></dest>"
    )


def _item(index: int, items: int, total: int, reference: str) -> str:
    """Items share the total evenly; the first takes the rest of the division."""
    price = total // items + (total % items if index == 1 else 0)
    return (
        f'<det nItem="{index}"><prod><cProd>SKU-{index}</cProd><cEAN>SEM GTIN</cEAN><xProd>Camiseta Basica</xProd>'
        f"<NCM>61091000</NCM><CFOP>5102</CFOP><uCom>UN</uCom><qCom>1.0000</qCom><vUnCom>{_reais(price)}</vUnCom>"
        f"<vProd>{_reais(price)}</vProd><cEANTrib>SEM GTIN</cEANTrib><uTrib>UN</uTrib><qTrib>1.0000</qTrib>"
        f"<vUnTrib>{_reais(price)}</vUnTrib><indTot>1</indTot>"
        + (f"<xPed>{escape(reference)}</xPed>" if reference else "")
        + "</prod><imposto><ICMS><ICMSSN102><orig>0</orig><CSOSN>102</CSOSN></ICMSSN102></ICMS>"
        "<PIS><PISOutr><CST>49</CST><vBC>0.00</vBC><pPIS>0.00</pPIS><vPIS>0.00</vPIS></PISOutr></PIS>"
        "<COFINS><COFINSOutr><CST>49</CST><vBC>0.00</vBC><pCOFINS>0.00</pCOFINS><vCOFINS>0.00</vCOFINS>"
        "</COFINSOutr></COFINS></imposto></det>"
    )


def _totals(total: int) -> str:
    zeros = ("vBC", "vICMS", "vICMSDeson", "vFCP", "vBCST", "vST", "vFCPST", "vFCPSTRet")
    others = ("vFrete", "vSeg", "vDesc", "vII", "vIPI", "vIPIDevol", "vPIS", "vCOFINS", "vOutro")
    fields = {
        **dict.fromkeys(zeros, "0.00"),
        "vProd": _reais(total),
        **dict.fromkeys(others, "0.00"),
        "vNF": _reais(total),
    }
    return f"<total><ICMSTot>{_fields(fields)}</ICMSTot></total>"


def _transport(carrier_tax_id: str, carrier_name: str, volumes: int | None, gross_weight: int) -> str:
    carrier = ""
    if carrier_tax_id or carrier_name:
        tax_id = f"<CNPJ>{carrier_tax_id}</CNPJ>" if carrier_tax_id else ""
        carrier = f"<transporta>{tax_id}<xNome>{escape(carrier_name)}</xNome></transporta>"
    parcel = f"<vol><qVol>{volumes}</qVol><pesoB>{gross_weight / 1000:.3f}</pesoB></vol>" if volumes else ""
    return f"<transp><modFrete>0</modFrete>{carrier}{parcel}</transp>"


def _signature(part_id: str, digest: str, name: str, tax_id: str, change: Change | None) -> str:
    private_key, certificate = throwaway_certificate(name, tax_id)
    info = (
        f'<SignedInfo xmlns="{DSIG}"><CanonicalizationMethod Algorithm="{C14N}"></CanonicalizationMethod>'
        f'<SignatureMethod Algorithm="{DSIG}rsa-sha1"></SignatureMethod><Reference URI="#{part_id}"><Transforms>'
        f'<Transform Algorithm="{DSIG}enveloped-signature"></Transform><Transform Algorithm="{C14N}"></Transform>'
        f'</Transforms><DigestMethod Algorithm="{DSIG}sha1"></DigestMethod><DigestValue>{digest}</DigestValue>'
        "</Reference></SignedInfo>"
    )
    if change is not None:
        info = change(info)
    value = base64.b64encode(private_key.sign(info.encode(), padding.PKCS1v15(), SHA1())).decode()
    return (
        f'<Signature xmlns="{DSIG}">{info.replace(f" xmlns={chr(34)}{DSIG}{chr(34)}", "", 1)}'
        f"<SignatureValue>{value}</SignatureValue><KeyInfo><X509Data><X509Certificate>"
        f"{base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()}"
        "</X509Certificate></X509Data></KeyInfo></Signature>"
    )


@lru_cache(maxsize=1)
def throwaway_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@lru_cache(maxsize=32)
def throwaway_certificate(name: str, tax_id: str) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    """Self-signed, with the CNPJ where ICP-Brasil puts it (otherName 2.16.76.1.3.3)."""
    key = throwaway_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name[:40]}:{tax_id}")])
    company = x509.OtherName(
        ObjectIdentifier("2.16.76.1.3.3"), b"\x04" + bytes([len(tax_id)]) + tax_id.encode()
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([company]), critical=False)
        .sign(key, SHA256())
    )
    return key, certificate


def _fields(values: Mapping[str, str]) -> str:
    return "".join(f"<{name}>{escape(value)}</{name}>" for name, value in values.items())


def _reais(centavos: int) -> str:
    return f"{centavos // 100}.{centavos % 100:02d}"
