"""Every rule of the validation: one note that fails only it, and the note that passes them all."""

from __future__ import annotations

import base64
import re
from datetime import datetime, timedelta, timezone

import pytest
from lxml import etree

from invoices.intake.document_rules import DOCUMENT_RULES
from invoices.intake.files import CompanyFacts
from invoices.intake.order_rules import ORDER_RULES, OrderFacts
from invoices.intake.rules import CheckSeverity
from invoices.intake.validation import InvoiceVerdict, judge, match
from tests.invoices.factory import (
    BUYER_TAX_ID,
    COMPANY_TAX_ID,
    DSIG,
    NFE,
    access_key,
    check_digit,
    nfe_xml,
)

COMPANY = CompanyFacts(tax_ids=frozenset({COMPANY_TAX_ID}), environment="homologation")
PRODUCTION = CompanyFacts(tax_ids=frozenset({COMPANY_TAX_ID}), environment="production")


def verdict(content: bytes, company: CompanyFacts = COMPANY) -> InvoiceVerdict:
    return judge(content, company=company)


def refused_by(content: bytes, company: CompanyFacts = COMPANY) -> list[str]:
    return [check.code for check in verdict(content, company).checks if check.refuses]


def refusal(content: bytes, company: CompanyFacts = COMPANY) -> str:
    (text,) = verdict(content, company).refusals
    return text


def replace(old: str, new: str):
    def change(text: str) -> str:
        assert old in text, old
        return text.replace(old, new, 1)

    return change


def wrapped(text: str, name: str) -> str:
    return re.sub(r"^(<\?xml[^>]*>).*$", rf'\1<{name} xmlns="{NFE}"></{name}>', text, flags=re.DOTALL)


def only_note(text: str) -> str:
    return text[text.index("<NFe ") : text.index("</NFe>") + len("</NFe>")]


def test_a_valid_note_passes_every_rule() -> None:
    result = verdict(nfe_xml())
    assert result.accepted
    assert [check.code for check in result.checks] == [rule.code for rule in DOCUMENT_RULES]
    assert result.refusals == result.warnings == ()


def test_production_note_passes_for_a_company_in_production() -> None:
    assert verdict(nfe_xml(environment="production"), PRODUCTION).accepted


def test_alphanumeric_issuer_passes() -> None:
    issuer = "12ABC34501DE35"
    company = CompanyFacts(tax_ids=frozenset({issuer}), environment="homologation")
    assert verdict(nfe_xml(company_tax_id=issuer), company).accepted


def test_a_branch_of_the_company_passes() -> None:
    branch = "11222333000262"
    company = CompanyFacts(tax_ids=frozenset({COMPANY_TAX_ID, branch}), environment="homologation")
    assert verdict(nfe_xml(company_tax_id=branch), company).accepted


def test_key_month_is_the_issuers_own_not_utc() -> None:
    last_minutes = datetime(2026, 11, 30, 23, 50, tzinfo=timezone(timedelta(hours=-3)))
    assert verdict(nfe_xml(issued_at=last_minutes)).accepted


def test_authorisation_out_of_term_passes() -> None:
    assert verdict(nfe_xml(protocol={"cStat": "150"})).accepted


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1"])
def test_reencoded_file_keeps_digest(encoding: str) -> None:
    text = nfe_xml(additional_text="Referência").decode().replace("UTF-8", encoding.upper())
    assert verdict(text.encode(encoding)).accepted


def test_byte_order_mark_is_accepted() -> None:
    assert verdict(b"\xef\xbb\xbf" + nfe_xml()).accepted


def one_rule_failures() -> list[tuple[str, bytes]]:
    def change_key(text: str) -> str:
        key = access_key()
        return text.replace(key, access_key(number=124))

    def flip_signature(text: str) -> str:
        value = re.search("<SignatureValue>(.+?)</SignatureValue>", text)
        assert value
        raw = bytearray(base64.b64decode(value[1]))
        raw[10] ^= 1
        return text.replace(value[1], base64.b64encode(raw).decode())

    note = nfe_xml()
    return [
        ("size", b""),
        ("size", b" " * 10),
        ("size", note + b" " * (2 * 1024 * 1024)),
        ("size", b"PK\x03\x04" + note),
        ("size", b"%PDF-1.7"),
        ("size", b"chave;numero\n1;2"),
        ("size", b"\n" + note),
        ("size", b"<a>" + b"<b/>" * 250_000 + b"</a>"),
        ("size", b"<a " + b" ".join(b'b%d=""' % n for n in range(30_000)) + b"/>"),
        ("xml", note[:3000]),
        ("xml", note.replace(b"Camiseta", b"Camis\xe9ta")),
        ("xml", note.replace(b'encoding="UTF-8"', b'encoding="KLINGON"')),
        ("xml", note.replace(b'encoding="UTF-8"', b'encoding="IBM037"')),
        ("xml", b"<a>" * 300 + b"</a>" * 300),
        ("xml", b"<a>&nbsp;</a>"),
        ("doctype", note.replace(b"<nfeProc", b"<!DOCTYPE nfeProc><nfeProc")),
        ("doctype", b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>'),
        ("doctype", b'<!DOCTYPE a SYSTEM "http://example.com/a.dtd"><a/>'),
        ("doctype", '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a><a/>'.encode("utf-16")),
        ("root", nfe_xml(document=only_note)),
        ("root", nfe_xml(document=lambda text: wrapped(text, "resNFe"))),
        ("root", b"<nfeProc/>"),
        ("root", b"<html/>"),
        ("markup", nfe_xml(document=replace("<vNF>170", "<vNF>1<!-- x -->70"))),
        ("markup", nfe_xml(document=replace("<cStat>", "<?php x ?><cStat>"))),
        ("single", nfe_xml(document=replace("</nfeProc>", "<retEvento></retEvento></nfeProc>"))),
        ("single", nfe_xml(document=replace("</NFe>", "<infNFe></infNFe></NFe>"))),
        ("single", nfe_xml(document=replace("</nfeProc>", "<x></x></nfeProc>"))),
        ("single", nfe_xml(document=replace("</NFe>", "<NFe></NFe></NFe>"))),
        ("single", nfe_xml(document=lambda text: re.sub("<protNFe.*</protNFe>", "", text))),
        ("single", nfe_xml(document=lambda text: re.sub("(<protNFe.*</protNFe>)", r"\1\1", text))),
        ("single", nfe_xml(document=lambda text: re.sub("(<Signature.*</Signature>)", r"\1\1", text))),
        (
            "single",
            nfe_xml(document=lambda text: re.sub("(<NFe .*</NFe>)(<prot.*</protNFe>)", r"\2\1", text)),
        ),
        (
            "version",
            nfe_xml(
                document=replace(
                    '<nfeProc xmlns="' + NFE + '" versao="4.00"', f'<nfeProc xmlns="{NFE}" versao="3.10"'
                )
            ),
        ),
        ("version", nfe_xml(content=replace('versao="4.00"', 'versao="3.10"'))),
        ("version", nfe_xml(document=replace('<protNFe versao="4.00"', "<protNFe"))),
        ("model", nfe_xml(model="65")),
        ("model", nfe_xml(model="57")),
        ("fields", nfe_xml(content=replace("<vNF>170.00</vNF>", ""))),
        ("fields", nfe_xml(content=replace("<vNF>170.00</vNF>", "<vNF>170.00</vNF><vNF>1.00</vNF>"))),
        ("fields", nfe_xml(content=replace("<vNF>170.00</vNF>", "<vNF>1<x></x>70.00</vNF>"))),
        ("fields", nfe_xml(content=replace("<vNF>170.00</vNF>", "<vNF>1e99</vNF>"))),
        ("fields", nfe_xml(content=replace("<vNF>170.00</vNF>", "<vNF>-170.00</vNF>"))),
        (
            "fields",
            nfe_xml(content=replace("<dhEmi>2026-11-20T10:30:00-03:00", "<dhEmi>2026-11-20T10:30:00")),
        ),
        ("fields", nfe_xml(content=replace("<dhEmi>2026-11-20", "<dhEmi>2026-11-31"))),
        ("fields", nfe_xml(content=replace("<nNF>123</nNF>", "<nNF>١٢٣</nNF>"))),
        ("fields", nfe_xml(content=lambda text: re.sub("<dest>.*</dest>", "", text))),
        ("fields", nfe_xml(protocol={"digVal": ""})),
        ("key", nfe_xml(document=lambda text: text.replace(access_key(), access_key()[:-1] + "9"))),
        ("key", nfe_xml(protocol={"chNFe": access_key(number=124)})),
        ("key", nfe_xml(document=replace('Id="NFe', 'Id="NFE'))),
        ("status", nfe_xml(protocol={"cStat": "101"})),
        ("status", nfe_xml(protocol={"cStat": "302"})),
        ("status", nfe_xml(protocol={"cStat": "OK"})),
        ("status", nfe_xml(protocol={"cStat": "204", "xMotivo": "Duplicidade de NF-e"})),
        ("environment", nfe_xml(environment="production")),
        ("environment", nfe_xml(protocol={"tpAmb": "1"})),
        ("digest", nfe_xml(document=replace("<vNF>170.00", "<vNF>171.00"))),
        ("digest", nfe_xml(document=replace("<det ", " <det "))),
        ("digest", nfe_xml(protocol={"digVal": base64.b64encode(b"x" * 20).decode()})),
        ("signature", nfe_xml(document=flip_signature)),
        (
            "signature",
            nfe_xml(
                signed_info=replace(f"{DSIG}rsa-sha1", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256")
            ),
        ),
        ("signature", nfe_xml(signed_info=replace('URI="#NFe', 'URI="#nfe'))),
        (
            "signature",
            nfe_xml(
                document=lambda text: re.sub(
                    "<X509Certificate>.*</X509Certificate>", "<X509Certificate>AAAA</X509Certificate>", text
                )
            ),
        ),
        ("issuer", nfe_xml(company_tax_id="11444777000161")),
        ("purpose", nfe_xml(direction="0")),
        ("purpose", nfe_xml(purpose="4")),
    ]


@pytest.mark.parametrize(
    ("rule", "content"),
    [pytest.param(*failure, id=f"{failure[0]}-{index}") for index, failure in enumerate(one_rule_failures())],
)
def test_a_note_that_fails_only_one_rule(rule: str, content: bytes) -> None:
    codes = refused_by(content)
    # A changed key or signed byte is also a changed digest: those two rules see the same fact.
    allowed = {"key": {"digest", "signature"}}.get(rule, set())
    assert rule in codes
    assert set(codes) - {rule} <= allowed
    assert not verdict(content).accepted


@pytest.mark.parametrize(
    ("part", "start", "other"),
    [
        ("UF", 0, "33"),
        ("ano e mês", 2, "2610"),
        ("CNPJ do emitente", 6, "11444777000161"),
        ("série", 22, "002"),
        ("número", 25, "000000124"),
        ("tipo de emissão", 34, "7"),
        ("código numérico", 35, "00000001"),
    ],
)
def test_each_slice_of_the_key_must_equal_the_note(part: str, start: int, other: str) -> None:
    key = access_key()
    body = key[:start] + other + key[start + len(other) : 43]
    forged = body + check_digit(body)
    note = nfe_xml(content=replace(f'Id="NFe{key}"', f'Id="NFe{forged}"'), protocol={"chNFe": forged})
    (text,) = [
        check.finding.message for check in verdict(note).checks if check.code == "key" and check.finding
    ]
    assert part in text


def test_lower_case_key_is_refused() -> None:
    issuer = "12ABC34501DE35"
    key = access_key(company_tax_id=issuer)
    note = nfe_xml(company_tax_id=issuer, document=lambda text: text.replace(key, key.lower()))
    assert "key" in refused_by(note)


def test_missing_signature_is_said() -> None:
    note = nfe_xml(document=lambda text: re.sub("<Signature.*</Signature>", "", text))
    assert refused_by(note) == ["digest", "signature"]
    assert "não está assinada" in verdict(note).refusals[1]


def test_signature_over_another_reference_count_is_refused() -> None:
    twice = lambda info: re.sub("(<Reference.*</Reference>)", r"\1\1", info)  # noqa: E731
    assert "signature" in refused_by(nfe_xml(signed_info=twice))


def test_reindented_note_says_to_ask_for_the_original() -> None:
    tree = etree.fromstring(nfe_xml())
    etree.indent(tree)
    assert "reindentado" in verdict(etree.tostring(tree)).refusals[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (nfe_xml(document=only_note), "sem protocolo"),
        (nfe_xml(document=lambda text: wrapped(text, "enviNFe")), "lote"),
        (nfe_xml(document=lambda text: wrapped(text, "procEventoNFe")), "evento"),
        (nfe_xml(model="65"), "NFC-e"),
        (nfe_xml(protocol={"cStat": "101"}), "cancelada"),
        (nfe_xml(protocol={"cStat": "110"}), "denegado"),
        (nfe_xml(environment="production"), "produção"),
        (nfe_xml(document=replace("</nfeProc>", "<retEvento></retEvento></nfeProc>")), "cancelada"),
    ],
    ids=["NFe", "enviNFe", "evento", "NFC-e", "cancelada", "denegada", "produção", "retEvento"],
)
def test_refusals_say_what_the_file_is(content: bytes, words: str) -> None:
    assert words in refusal(content)


def test_homologation_recipient_in_a_production_note_is_refused() -> None:
    note = nfe_xml(
        environment="production", recipient_name="NF-E EMITIDA EM AMBIENTE DE HOMOLOGACAO - SEM VALOR FISCAL"
    )
    assert refused_by(note, PRODUCTION) == ["environment"]


# The note beside its order


def order_checks(**facts: object) -> dict[str, CheckSeverity | None]:
    reading = verdict(nfe_xml(total=17000)).reading
    assert reading is not None
    order = OrderFacts(**{"label": "9007", "buyer_tax_id": BUYER_TAX_ID, "total": 17000, **facts})  # type: ignore[arg-type]
    return {
        check.code: check.finding.severity if check.finding else None for check in match(reading, order=order)
    }


@pytest.mark.parametrize("known", [BUYER_TAX_ID, "", "***982247**"])
def test_recipient_that_agrees_with_what_is_known_of_the_buyer(known: str) -> None:
    assert order_checks(buyer_tax_id=known) == dict.fromkeys((rule.code for rule in ORDER_RULES), None)


@pytest.mark.parametrize("known", ["11144477735", "***111222**", "11222333000181"])
def test_recipient_who_is_somebody_else_is_refused(known: str) -> None:
    assert order_checks(buyer_tax_id=known)["recipient"] is CheckSeverity.REFUSE


@pytest.mark.parametrize(
    ("total", "severity"),
    [(17001, None), (16999, None), (17002, CheckSeverity.WARN), (0, CheckSeverity.WARN)],
)
def test_another_total_warns(total: int, severity: CheckSeverity | None) -> None:
    assert order_checks(total=total)["total"] is severity


# Hostile bytes

HOSTILE = {
    "entity bomb": b'<!DOCTYPE a [<!ENTITY a "xxxxxxxxxx">'
    + b"".join(
        b'<!ENTITY a%d "&a%s;&a%s;">' % (n, b"%d" % (n - 1) if n else b"", b"%d" % (n - 1) if n else b"")
        for n in range(20)
    )
    + b"]><a>&a19;</a>",
    "empty elements": b"<a>" + b"<b/>" * 520_000 + b"</a>",
    "attributes": b"<a " + b" ".join(b'b%d=""' % n for n in range(19_000)) + b"/>",
    "namespaces": b"<a " + b" ".join(b'xmlns:b%d="u%d"' % (n, n) for n in range(19_000)) + b"><b/></a>",
    "text": b"<a>" + b"x" * 2_000_000 + b"</a>",
    "deep": b"<a>" * 90_000,
    "at the tag cap": b"<a>" + b"<b/>" * 199_000 + b"</a>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bytes_are_refused(name: str) -> None:
    assert not verdict(HOSTILE[name]).accepted


NAMESPACES_INSIDE = "".join(f' xmlns:b{n}="urn:{n}"' for n in range(2_000))


def test_many_namespaces_around_a_note_are_refused_before_the_canonical_form() -> None:
    note = nfe_xml(document=replace('<NFe xmlns="', f'<NFe{NAMESPACES_INSIDE} xmlns="'), items=50)
    assert "digest" in refused_by(note)
