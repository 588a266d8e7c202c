"""One case per rule of the validation that fails that rule and no other, and nothing of the validation without a case."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from invoices.intake.document_rules import DOCUMENT_RULES
from invoices.intake.event_rules import EVENT_RULES
from invoices.intake.files import CompanyFacts
from invoices.intake.order_rules import ORDER_RULES, OrderFacts
from invoices.intake.parser import MAX_BYTES
from invoices.intake.rules import CheckSeverity, InvoiceCheck
from invoices.intake.validation import InvoiceVerdict, judge, match
from tests.invoices.factory import (
    BUYER_TAX_ID,
    COMPANY_TAX_ID,
    DSIG,
    access_key,
    check_digit,
    event_xml,
    nfe_xml,
)

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
COMPANY = CompanyFacts(frozenset({COMPANY_TAX_ID}), "homologation", NOW)
OTHER_COMPANY = "11444777000161"

REFUSE, WARN = CheckSeverity.REFUSE, CheckSeverity.WARN


def change(old: str, new: str) -> Callable[[str], str]:
    def changed(text: str) -> str:
        assert old in text, old
        return text.replace(old, new, 1)

    return changed


def with_key(key: str, **fields: object) -> bytes:
    """A note signed and authorised under `key`, whatever its own fields say."""
    own = access_key()
    return nfe_xml(
        content=change(f"NFe{own}", f"NFe{key}"),
        signed_info=change(f"#NFe{own}", f"#NFe{key}"),
        protocol={"chNFe": key},
        **fields,  # type: ignore[arg-type]
    )


def key_of_another_number() -> str:
    body = access_key()[:25] + "000000124" + access_key()[34:43]
    return body + check_digit(body)


def flip_signature(text: str) -> str:
    value = re.search("<SignatureValue>(.+?)</SignatureValue>", text)
    assert value
    raw = bytearray(base64.b64decode(value[1]))
    raw[10] ^= 1
    return text.replace(value[1], base64.b64encode(raw).decode())


DOCUMENTS: dict[str, tuple[CheckSeverity, bytes]] = {
    "size": (REFUSE, b"<" + b" " * MAX_BYTES),
    "xml": (REFUSE, nfe_xml()[:3000]),
    "doctype": (REFUSE, nfe_xml(document=change("<nfeProc", "<!DOCTYPE nfeProc><nfeProc"))),
    "root": (REFUSE, nfe_xml(document=lambda text: text.replace("nfeProc", "cteProc"))),
    "markup": (REFUSE, nfe_xml(document=change("<vNF>170", "<vNF>1<!-- x -->70"))),
    "single": (REFUSE, nfe_xml(document=change("</nfeProc>", "<retEvento></retEvento></nfeProc>"))),
    "encoding": (WARN, nfe_xml(document=change("UTF-8", "ISO-8859-1"))),
    "version": (REFUSE, nfe_xml(content=change('versao="4.00"', 'versao="3.10"'))),
    "model": (REFUSE, nfe_xml(model="65")),
    "fields": (REFUSE, nfe_xml(content=change("<vNF>170.00</vNF>", ""))),
    "key": (REFUSE, with_key(key_of_another_number())),
    "status": (REFUSE, nfe_xml(protocol={"cStat": "302"})),
    "environment": (REFUSE, nfe_xml(environment="production")),
    "digest": (REFUSE, nfe_xml(document=change("<vNF>170.00", "<vNF>171.00"))),
    "signature": (REFUSE, nfe_xml(document=flip_signature)),
    "certificate": (WARN, nfe_xml(certificate_tax_id=OTHER_COMPANY)),
    "issuer": (REFUSE, nfe_xml(company_tax_id=OTHER_COMPANY)),
    "purpose": (REFUSE, nfe_xml(direction="0")),
    "future": (WARN, nfe_xml(issued_at=NOW + timedelta(minutes=11))),
    "schema": (WARN, nfe_xml(content=change("<natOp>", "<natOpp></natOpp><natOp>"))),
}

CORRECTION = event_xml(kind="110110", text="O peso bruto correto e 0,900 kg")
EVENTS: dict[str, tuple[CheckSeverity, bytes]] = {
    "size": (REFUSE, DOCUMENTS["size"][1]),
    "xml": (REFUSE, DOCUMENTS["xml"][1]),
    "doctype": (REFUSE, event_xml(document=change("<procEventoNFe", "<!DOCTYPE x><procEventoNFe"))),
    "markup": (REFUSE, event_xml(document=change("<xJust>", "<xJust><!-- x -->"))),
    "event": (REFUSE, event_xml(document=lambda text: re.sub("(<evento .*</evento>)", r"\1\1", text))),
    "fields": (REFUSE, event_xml(answer={"cStat": ""})),
    "kind": (REFUSE, event_xml(kind="110140")),
    "key": (REFUSE, event_xml(answer={"chNFe": access_key(number=124)})),
    "registered": (REFUSE, event_xml(answer={"cStat": "573", "xMotivo": "Duplicidade de evento"})),
    "environment": (REFUSE, event_xml(environment="production")),
    "digest": (REFUSE, event_xml(document=change("<xJust>Comprador", "<xJust>Vendedor "))),
    "signature": (REFUSE, event_xml(document=flip_signature)),
    "issuer": (REFUSE, event_xml(company_tax_id=OTHER_COMPANY)),
}

ORDER = OrderFacts("9007", BUYER_TAX_ID, 17000, placed_at=datetime(2026, 11, 20, tzinfo=UTC))
ORDERS: dict[str, tuple[CheckSeverity, OrderFacts]] = {
    "cancellation": (REFUSE, replace(ORDER, cancelled=True)),
    "linked": (REFUSE, replace(ORDER, linked_to="77 (9008)")),
    "recipient": (REFUSE, replace(ORDER, buyer_tax_id="11144477735")),
    "total": (WARN, replace(ORDER, total=17002)),
    "date": (WARN, replace(ORDER, placed_at=datetime(2026, 11, 22, tzinfo=UTC))),
}


def verdict(content: bytes, company: CompanyFacts = COMPANY) -> InvoiceVerdict:
    return judge(content, company=company)


def found(checks: tuple[InvoiceCheck, ...]) -> dict[str, CheckSeverity]:
    return {check.code: check.finding.severity for check in checks if check.finding}


def beside(order: OrderFacts) -> tuple[InvoiceCheck, ...]:
    reading = verdict(nfe_xml()).reading
    assert reading is not None
    return match(reading, order=order)


def test_what_is_right_passes_every_rule() -> None:
    for content, rules in (
        (nfe_xml(), DOCUMENT_RULES),
        (event_xml(), EVENT_RULES),
        (CORRECTION, EVENT_RULES),
    ):
        checks = verdict(content).checks
        assert found(checks) == {}
        assert [check.code for check in checks] == [rule.code for rule in rules]
    assert found(beside(ORDER)) == {}


@pytest.mark.parametrize("code", DOCUMENTS)
def test_one_note_per_rule_fails_that_rule_alone(code: str) -> None:
    severity, content = DOCUMENTS[code]
    assert found(verdict(content).checks) == {code: severity}


@pytest.mark.parametrize("code", EVENTS)
def test_one_event_per_rule_fails_that_rule_alone(code: str) -> None:
    severity, content = EVENTS[code]
    assert found(verdict(content).checks) == {code: severity}


@pytest.mark.parametrize("code", ORDERS)
def test_one_order_per_rule_fails_that_rule_alone(code: str) -> None:
    severity, order = ORDERS[code]
    assert found(beside(order)) == {code: severity}


def test_no_rule_without_its_case_and_no_case_without_its_rule() -> None:
    """A rule that is removed turns its case red; one that is added needs a case. The order is the validation's too."""
    assert [rule.code for rule in DOCUMENT_RULES] == list(DOCUMENTS)
    assert [rule.code for rule in EVENT_RULES] == list(EVENTS)
    assert [rule.code for rule in ORDER_RULES] == list(ORDERS)


def test_every_refusal_says_what_to_do() -> None:
    texts = [verdict(content).checks for _, content in (*DOCUMENTS.values(), *EVENTS.values())]
    texts += [beside(order) for _, order in ORDERS.values()]
    for check in (check for checks in texts for check in checks if check.finding):
        assert check.finding is not None
        assert check.finding.message.count(". ") >= 1, check.code
        assert check.finding.message.endswith("."), check.code


# Finer points of single rules


def test_another_companys_certificate_refuses_where_that_is_configured() -> None:
    strict = replace(COMPANY, refuse_other_certificate=True)
    assert found(verdict(DOCUMENTS["certificate"][1], strict).checks) == {"certificate": REFUSE}


def test_the_headquarters_may_sign_for_a_branch() -> None:
    branch = "11222333000262"
    company = replace(COMPANY, tax_ids=frozenset({COMPANY_TAX_ID, branch}))
    note = nfe_xml(company_tax_id=branch, certificate_tax_id=COMPANY_TAX_ID)
    assert found(verdict(note, company).checks) == {}


def test_sefaz_signs_the_notes_of_its_own_series() -> None:
    assert found(verdict(nfe_xml(series=890, certificate_tax_id="46377222000129")).checks) == {}


def test_an_alphanumeric_company_all_the_way() -> None:
    issuer = "12ABC34501DE35"
    company = replace(COMPANY, tax_ids=frozenset({issuer}))
    assert found(verdict(nfe_xml(company_tax_id=issuer), company).checks) == {}
    assert found(verdict(event_xml(company_tax_id=issuer), company).checks) == {}
    assert found(verdict(nfe_xml(recipient_tax_id=issuer)).checks) == {}


def test_the_clock_may_be_ten_minutes_late() -> None:
    assert found(verdict(nfe_xml(issued_at=NOW + timedelta(minutes=9))).checks) == {}
    without_clock = replace(COMPANY, now=None)
    assert found(verdict(DOCUMENTS["future"][1], without_clock).checks) == {}


def test_the_schema_names_fields_and_never_their_values() -> None:
    note = nfe_xml(
        content=change("<xNome>NF-E EMITIDA EM AMBIENTE DE HOMOLOGACAO - SEM VALOR FISCAL", "<xNome>M")
    )
    (text,) = verdict(note).warnings
    assert "xNome: texto curto demais" in text


def test_a_cancellation_out_of_term_counts_and_a_correction_of_such_status_does_not() -> None:
    assert found(verdict(event_xml(answer={"cStat": "155"})).checks) == {}
    assert found(verdict(event_xml(kind="110110", answer={"cStat": "155"})).checks) == {"registered": REFUSE}


def test_another_company_cannot_cancel() -> None:
    assert found(verdict(event_xml(certificate_tax_id=OTHER_COMPANY)).checks) == {"signature": REFUSE}


def test_an_event_without_signature_is_refused() -> None:
    bare = event_xml(document=lambda text: re.sub("<Signature.*</Signature>", "", text))
    assert set(found(verdict(bare).checks)) == {"digest", "signature"}


def test_an_event_of_sha256_is_refused() -> None:
    other = event_xml(document=change(f"{DSIG}rsa-sha1", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"))
    assert set(found(verdict(other).checks)) >= {"signature"}


@pytest.mark.parametrize("root", ["evento", "envEvento", "retEnvEvento"])
def test_an_event_without_its_registration_names_the_right_file(root: str) -> None:
    (text,) = verdict(f'<{root} xmlns="http://www.portalfiscal.inf.br/nfe"/>'.encode()).refusals
    assert "procEventoNFe" in text
