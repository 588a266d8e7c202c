"""Brazilian document numbers, parsed and checked: CPF, CNPJ, CEP, NF-e access key, Correios tracking code.

All of them are text for ever: CNPJ and access key hold letters since 2026, the others leading zeros. Each
`*_parse` takes what a person typed or pasted (points, spaces, lower case) and returns the canonical form, or
raises `DocumentInvalid` with a Portuguese reason. Only the Correios code's country and the seller's prefix
are not checked: those tables age.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from stdnum.br import cnpj, cpf

CPF, CNPJ = "cpf", "cnpj"
MASK_CHARACTERS = "*•●"

STATES: Mapping[str, tuple[int, str]] = {
    "RO": (11, "Rondônia"),
    "AC": (12, "Acre"),
    "AM": (13, "Amazonas"),
    "RR": (14, "Roraima"),
    "PA": (15, "Pará"),
    "AP": (16, "Amapá"),
    "TO": (17, "Tocantins"),
    "MA": (21, "Maranhão"),
    "PI": (22, "Piauí"),
    "CE": (23, "Ceará"),
    "RN": (24, "Rio Grande do Norte"),
    "PB": (25, "Paraíba"),
    "PE": (26, "Pernambuco"),
    "AL": (27, "Alagoas"),
    "SE": (28, "Sergipe"),
    "BA": (29, "Bahia"),
    "MG": (31, "Minas Gerais"),
    "ES": (32, "Espírito Santo"),
    "RJ": (33, "Rio de Janeiro"),
    "SP": (35, "São Paulo"),
    "PR": (41, "Paraná"),
    "SC": (42, "Santa Catarina"),
    "RS": (43, "Rio Grande do Sul"),
    "MS": (50, "Mato Grosso do Sul"),
    "MT": (51, "Mato Grosso"),
    "GO": (52, "Goiás"),
    "DF": (53, "Distrito Federal"),
}
"""State code -> (IBGE number, name)."""

ADDRESS_NEEDS: Mapping[str, str] = {
    "recipient": "destinatário",
    "postal_code": "CEP",
    "state_code": "UF",
    "city": "cidade",
    "district": "bairro",
    "street": "logradouro",
    "number": "número",
}
"""Field -> label of what neither a shipping label nor an NF-e can do without. A house without a number is
written "S/N", which is a number here."""

STATE_BY_NUMBER: Mapping[int, str] = {number: code for code, (number, _) in STATES.items()}

_PUNCTUATION = re.compile(r"[\s./-]+")
_CNPJ = re.compile(r"[0-9A-Z]{12}[0-9]{2}", re.ASCII)
_ACCESS_KEY = re.compile(r"[0-9]{6}[0-9A-Z]{12}[0-9]{26}", re.ASCII)
_S10 = re.compile(r"[A-Z]{2}([0-9]{8})([0-9])[A-Z]{2}", re.ASCII)
_S10_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)


class DocumentInvalid(ValueError):
    """A number that is not what it claims to be. The text says what to correct, never the number."""


def is_masked(text: str) -> bool:
    """True when the sender hid part of it (`***.456.789-**`), which must never be guessed."""
    return any(character in text for character in MASK_CHARACTERS)


def cpf_parse(text: str) -> str:
    """Eleven digits. Repeated digits pass the arithmetic and are refused all the same."""
    value = _compact(text)
    if not re.fullmatch(r"[0-9]{11}", value, re.ASCII):
        raise DocumentInvalid("O CPF precisa ter 11 dígitos.")
    if not cpf.is_valid(value) or _is_repeated(value):
        raise DocumentInvalid("CPF inválido: confira os números digitados.")
    return value


def cnpj_parse(text: str) -> str:
    """Fourteen characters; letters are allowed in the first twelve since July 2026."""
    value = _compact(text).upper()
    if not _CNPJ.fullmatch(value):
        raise DocumentInvalid("O CNPJ precisa ter 14 posições: 12 letras ou números e 2 dígitos no fim.")
    if not cnpj.is_valid(value) or _is_repeated(value):
        raise DocumentInvalid("CNPJ inválido: confira as letras e os números digitados.")
    return value


def tax_id_parse(text: str) -> tuple[str, str]:
    """`(kind, value)` of a CPF or CNPJ; the length after removing punctuation decides which."""
    if len(_compact(text)) == 11:
        return CPF, cpf_parse(text)
    return CNPJ, cnpj_parse(text)


def tax_id_format(value: str) -> str:
    """`529.982.247-25` or `12.ABC.345/01DE-35`; anything else comes back unchanged."""
    if not value.isalnum():
        return value
    if len(value) == 11:
        return f"{value[:3]}.{value[3:6]}.{value[6:9]}-{value[9:]}"
    if len(value) == 14:
        return f"{value[:2]}.{value[2:5]}.{value[5:8]}/{value[8:12]}-{value[12:]}"
    return value


def tax_id_mask(value: str) -> str:
    """For lists: `***.982.247-**`; a CNPJ is public and stays whole."""
    return f"***.{value[3:6]}.{value[6:9]}-**" if len(value) == 11 else tax_id_format(value)


def postal_code_parse(text: str) -> str:
    """Eight digits of a CEP. `00000000` and its like are placeholders, not places."""
    value = _compact(text)
    if not re.fullmatch(r"[0-9]{8}", value, re.ASCII):
        raise DocumentInvalid("O CEP precisa ter 8 dígitos.")
    if _is_repeated(value):
        raise DocumentInvalid("CEP inválido: confira os números digitados.")
    return value


def postal_code_format(value: str) -> str:
    """`01310-100`; anything that is not eight characters comes back unchanged."""
    return f"{value[:5]}-{value[5:]}" if len(value) == 8 else value


def state_code_parse(text: str) -> str:
    """The two letters of a UF, also from its name (`São Paulo`, `sao paulo`); `EX` stands for abroad."""
    value = plain(text)
    if value in STATES or value == "EX":
        return value
    if value not in _STATE_BY_NAME:
        raise DocumentInvalid("UF desconhecida: use a sigla do estado, como SP.")
    return _STATE_BY_NAME[value]


@dataclass(frozen=True)
class AccessKey:
    """The 44 characters of a fiscal document's key, taken apart. `str()` gives the key back.

    `issuer_tax_id` is canonical and of `issuer_tax_id_kind`; year is of four digits; `model` is 55 for NF-e.
    """

    value: str
    state_code: str
    year: int
    month: int
    issuer_tax_id: str
    issuer_tax_id_kind: str
    model: str
    series: int
    number: int
    emission_type: str

    def __str__(self) -> str:
        return self.value

    @classmethod
    def parse(cls, text: str) -> AccessKey:
        """The key as it stands in a document: exact, upper case. Raises DocumentInvalid."""
        if not _ACCESS_KEY.fullmatch(text):
            raise DocumentInvalid("A chave de acesso precisa ter 44 posições no formato da NF-e.")
        if text[43] != _check_digit(text[:43]):
            raise DocumentInvalid("O dígito verificador da chave de acesso não confere: confira a chave.")
        state_code, month = STATE_BY_NUMBER.get(int(text[:2])), int(text[4:6])
        if not state_code or not 1 <= month <= 12:
            raise DocumentInvalid("A chave de acesso tem UF ou mês que não existem: confira a chave.")
        kind, tax_id = _key_issuer(text)
        return cls(
            value=text,
            state_code=state_code,
            year=2000 + int(text[2:4]),
            month=month,
            issuer_tax_id=tax_id,
            issuer_tax_id_kind=kind,
            model=text[20:22],
            series=int(text[22:25]),
            number=int(text[25:34]),
            emission_type=text[34],
        )

    @classmethod
    def parse_typed(cls, text: str) -> AccessKey:
        """The key as a person types, pastes or scans it: spaces, points, lower case, a leading `NFe`."""
        value = _compact(text).upper()
        return cls.parse(value.removeprefix("NFE") if len(value) == 47 else value)

    def format(self) -> str:
        """Groups of four, as printed on the DANFE."""
        return " ".join(self.value[start : start + 4] for start in range(0, 44, 4))


def access_key_complete(body: str) -> str:
    """The 44 characters of a key from its first 43."""
    return body + _check_digit(body)


def s10_parse(text: str) -> str:
    """A Correios tracking code (UPU S10): two letters, nine digits, two letters, upper case."""
    value = _compact(text).upper()
    match = _S10.fullmatch(value)
    if not match:
        raise DocumentInvalid("O código dos Correios tem 13 posições, como AA123456785BR.")
    if match[2] != _s10_digit(match[1]):
        raise DocumentInvalid("O dígito verificador do código dos Correios não confere: confira o código.")
    return value


def s10_is_valid(text: str) -> bool:
    try:
        s10_parse(text)
    except DocumentInvalid:
        return False
    return True


def _compact(text: str) -> str:
    return _PUNCTUATION.sub("", text)


def plain(text: str) -> str:
    """Upper case without accents, single spaces."""
    decomposed = unicodedata.normalize("NFKD", text)
    letters = "".join(character for character in decomposed if not unicodedata.combining(character))
    return " ".join(letters.upper().split())


def _is_repeated(value: str) -> bool:
    return len(set(value)) == 1


def _check_digit(value: str) -> str:
    """The access key's: modulo 11 with weights 2 to 9 from the right, over and over.

    A character counts as its ASCII code minus 48, which leaves digits as they were and makes A 17.
    """
    total = sum((ord(character) - 48) * (2 + place % 8) for place, character in enumerate(reversed(value)))
    remainder = total % 11
    return "0" if remainder < 2 else str(11 - remainder)


def _s10_digit(digits: str) -> str:
    remainder = sum(int(digit) * weight for digit, weight in zip(digits, _S10_WEIGHTS, strict=True)) % 11
    return {0: "5", 1: "0"}.get(remainder, str(11 - remainder))


def _key_issuer(key: str) -> tuple[str, str]:
    """Series 920 to 969 belong to natural persons, whose CPF fills the CNPJ's place behind three zeros."""
    if key[6:9] == "000" and 920 <= int(key[22:25]) <= 969:
        return CPF, cpf_parse(key[9:20])
    return CNPJ, cnpj_parse(key[6:20])


_STATE_BY_NAME: Mapping[str, str] = {plain(name): code for code, (_, name) in STATES.items()}
