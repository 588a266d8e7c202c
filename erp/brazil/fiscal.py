"""Codes of a Brazilian invoice: what an item, an issuer and an address are described by.

Lists and shapes come from the national schema of the NF-e (PL_010f). Each `*_parse` takes what a person typed
and returns the canonical form, or raises `DocumentInvalid` with a Portuguese reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from erp.brazil.documents import STATES, DocumentInvalid

ORIGINS: Mapping[str, str] = {
    "0": "Nacional",
    "1": "Estrangeira, importação direta",
    "2": "Estrangeira, comprada no mercado interno",
    "3": "Nacional, com mais de 40% e até 70% de conteúdo importado",
    "4": "Nacional, produzida conforme processo produtivo básico",
    "5": "Nacional, com até 40% de conteúdo importado",
    "6": "Estrangeira, importação direta, sem similar nacional",
    "7": "Estrangeira, comprada no mercado interno, sem similar nacional",
    "8": "Nacional, com mais de 70% de conteúdo importado",
}
"""`orig`: where the goods come from."""

CSOSN: Mapping[str, str] = {
    "101": "Tributada com permissão de crédito",
    "102": "Tributada sem permissão de crédito",
    "103": "Isenção para faixa de receita bruta",
    "201": "Com permissão de crédito e ICMS por substituição",
    "202": "Sem permissão de crédito e com ICMS por substituição",
    "203": "Isenção para faixa de receita bruta e ICMS por substituição",
    "300": "Imune",
    "400": "Não tributada",
    "500": "ICMS cobrado antes por substituição ou antecipação",
    "900": "Outros",
}
"""`CSOSN`: how ICMS applies to a company of the Simples Nacional."""

CST: Mapping[str, str] = {
    "00": "Tributada integralmente",
    "02": "Monofásica própria sobre combustíveis",
    "10": "Tributada e com ICMS por substituição",
    "15": "Monofásica própria e com responsabilidade pela retenção",
    "20": "Com redução da base de cálculo",
    "30": "Isenta ou não tributada e com ICMS por substituição",
    "40": "Isenta",
    "41": "Não tributada",
    "50": "Suspensão",
    "51": "Diferimento",
    "53": "Monofásica com recolhimento diferido",
    "60": "ICMS cobrado antes por substituição",
    "61": "Monofásica cobrada antes",
    "70": "Com redução da base e ICMS por substituição",
    "90": "Outras",
}
"""`CST` of ICMS: how it applies to every other company."""

SIMPLES_REGIMES = ("1", "4")
"""`CRT` of those who use CSOSN: Simples Nacional and MEI. Those above the sublimit (2) use CST."""


def icms_codes(tax_regime: str) -> Mapping[str, str]:
    """The codes a company of this regime (`CRT`) uses; of both kinds while the regime is unknown."""
    if not tax_regime:
        return {**CSOSN, **CST}
    return CSOSN if tax_regime in SIMPLES_REGIMES else CST


def icms_code_check(code: str, tax_regime: str) -> str:
    """`code` when the regime uses it. Raises DocumentInvalid, which tells both kinds apart."""
    if code in icms_codes(tax_regime):
        return code
    if tax_regime in SIMPLES_REGIMES:
        raise DocumentInvalid("O Simples Nacional usa o CSOSN, de 3 números, como 102.")
    raise DocumentInvalid("O regime da empresa usa o CST do ICMS, de 2 números, como 00.")


def ncm_parse(text: str) -> str:
    """Eight digits of the Nomenclatura Comum do Mercosul."""
    return _digits(text, 8, "O NCM tem 8 números, como 6109.10.00.")


def cest_parse(text: str) -> str:
    """Seven digits: the product's class for ICMS by substitution."""
    return _digits(text, 7, "O CEST tem 7 números, como 28.038.00. Deixe vazio se não houver.")


def cfop_parse(text: str, first: str = "567") -> str:
    """Four digits of an outgoing operation; `first` holds the digits it may begin with: 5 within the state,
    6 to another state, 7 abroad."""
    value = _digits(text, 4, "O CFOP tem 4 números, como 5102.")
    if value[0] not in first:
        raise DocumentInvalid(f"Este CFOP começa com {' ou '.join(first)}.")
    return value


def city_code_parse(text: str, state_code: str) -> str:
    """Seven digits of the IBGE's code of a municipality; the first two are those of its state.

    Its last digit is no proof: nine official codes break the rule for it.
    """
    value = _digits(text, 7, "O código IBGE do município tem 7 números, como 3550308.")
    number, name = STATES.get(state_code, (0, ""))
    if name and value[:2] != str(number):
        raise DocumentInvalid(f"Os códigos de {name} começam com {number}: confira o código ou a UF.")
    return value


def state_registration_parse(text: str) -> str:
    """Inscrição estadual: 2 to 14 digits, or ISENTO. Each state has its own shape, which is not checked."""
    value = re.sub(r"[\s./-]+", "", text).upper()
    if value != "ISENTO" and not re.fullmatch(r"[0-9]{2,14}", value, re.ASCII):
        raise DocumentInvalid("A inscrição estadual tem de 2 a 14 números. Escreva ISENTO se não houver.")
    return value


def gtin_is_valid(code: str) -> bool:
    """GTIN-8, 12, 13 or 14 with a right check digit (GS1, modulo 10): SEFAZ refuses any other."""
    if len(code) not in (8, 12, 13, 14) or not (code.isascii() and code.isdigit()):
        return False
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(code)))
    return total % 10 == 0


def _digits(text: str, length: int, problem: str) -> str:
    value = re.sub(r"[\s./-]+", "", text)
    if not re.fullmatch(rf"[0-9]{{{length}}}", value, re.ASCII):
        raise DocumentInvalid(problem)
    return value
