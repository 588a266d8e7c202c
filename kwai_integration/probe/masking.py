"""Personal data out of recorded answers. Pure.

What the table of fields knows and calls open is kept; everything else, unknown fields above all, is replaced
by something of the same type and shape. Equal values become equal ones within one recording, and nothing in
it tells how: the key is drawn anew each time. What the platform itself masked keeps its stars and no more: a
star says nothing of the rest. A name no API would give a field is replaced like a value.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import string
from collections.abc import Mapping
from typing import Any

from erp.brazil.documents import DocumentInvalid, state_code_parse, tax_id_parse
from kwai_integration.wire.names import FieldRow, Privacy, Shape, WireNames, section_rows

# The objects that stand inside others, by the section and the field that holds them.
INSIDE = {
    ("order", "lines"): "line",
    ("order", "receiver"): "receiver",
    ("order", "payments"): "payment",
}
LONGEST_CODE = 40
# A city is replaced by the capital of its state, so that a note can still find its municipality.
CAPITALS = {
    "AC": "Rio Branco", "AL": "Maceió", "AM": "Manaus", "AP": "Macapá", "BA": "Salvador", "CE": "Fortaleza",
    "DF": "Brasília", "ES": "Vitória", "GO": "Goiânia", "MA": "São Luís", "MG": "Belo Horizonte",
    "MS": "Campo Grande", "MT": "Cuiabá", "PA": "Belém", "PB": "João Pessoa", "PE": "Recife",
    "PI": "Teresina", "PR": "Curitiba", "RJ": "Rio de Janeiro", "RN": "Natal", "RO": "Porto Velho",
    "RR": "Boa Vista", "RS": "Porto Alegre", "SC": "Florianópolis", "SE": "Aracaju", "SP": "São Paulo",
    "TO": "Palmas",
}  # fmt: skip
CPF_DIGITS, CNPJ_DIGITS = 9, 12
# `buyerName2`, `ship_to`: no blanks, no capital at the beginning, next to no digits.
_FIELD_NAME = re.compile(r"[a-z][A-Za-z_]{0,39}[0-9]{0,2}", re.ASCII)


def is_field_name(name: str) -> bool:
    """Whether a name the contract does not know is one of a field, and not a person's name or number."""
    return _FIELD_NAME.fullmatch(name) is not None


class Masker:
    """One recording's replacement of personal data; `key` is secret and thrown away after it."""

    def __init__(self, names: WireNames, key: bytes) -> None:
        self._names = names
        self._key = key

    def masked(self, section: str, raw: object) -> Any:
        """`raw`, an object of `section` of the table, without personal data."""
        if not isinstance(raw, dict):
            return self._unknown(raw)
        rows = {row.wire: row for row in section_rows(self._names, section)}
        return {
            name if name in rows else self._name(name): self._field(rows.get(name), value, raw)
            for name, value in raw.items()
        }

    def _name(self, name: str) -> str:
        return name if is_field_name(name) else self._shaped(name)

    def _field(self, row: FieldRow | None, value: Any, raw: Mapping[str, Any]) -> Any:
        if row is None or row.privacy is Privacy.SECRET:
            return self._unknown(value)
        inner = INSIDE.get((row.section, row.attribute))
        if inner and isinstance(value, list):
            return [self.masked(inner, entry) for entry in value]
        if inner:
            return self.masked(inner, value)
        if row.section == "receiver":
            return self._of_person(row.attribute, value, raw)
        if row.privacy is Privacy.OPEN and _is_plain(row.shape, value):
            return value
        return self._unknown(value)

    def _of_person(self, attribute: str, value: Any, raw: Mapping[str, Any]) -> Any:
        if not isinstance(value, str) or not value.strip():
            return self._tax_number(value) if attribute == "tax_id" else self._unknown(value)
        if attribute == "name":
            return f"Pessoa {1 + self._draw(value) % 9999}"
        if attribute == "tax_id":
            return self._tax_id(value)
        if attribute == "state" and _is_state(value):
            return value
        if attribute == "city":
            return CAPITALS.get(str(raw.get(self._names.receiver.state)).upper(), "Cidade")
        return self._unknown(value)

    def _tax_number(self, value: Any) -> Any:
        """A CPF that came as a number has lost its leading zeros."""
        if type(value) is int and 0 < value < 10**11:
            return int(self._tax_id(str(value).zfill(11)))
        return self._unknown(value)

    def _tax_id(self, text: str) -> str:
        """Another valid number in the same punctuation; an invalid one stays invalid."""
        try:
            kind, value = tax_id_parse(text)
        except DocumentInvalid:
            return self._shaped(text)
        length = CPF_DIGITS if kind == "cpf" else CNPJ_DIGITS
        base = str(self._draw(value) % 10**length).zfill(length)
        digits = iter(_with_check_digits(base))
        return "".join(next(digits) if letter.isalnum() else letter for letter in text)

    def _unknown(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self._name(name): self._unknown(part) for name, part in value.items()}
        if isinstance(value, list):
            return [self._unknown(part) for part in value]
        if isinstance(value, str):
            return self._shaped(value)
        if type(value) is int and value not in (0, 1):
            sign = "-" if value < 0 else ""
            return int(sign + self._shaped(str(abs(value)), first="123456789"))
        return 0.0 if isinstance(value, float) else value

    def _shaped(self, text: str, first: str = string.digits) -> str:
        """Digits for digits, letters for letters, everything else as it was."""
        drawn = self._stream(text, len(text))
        return "".join(
            _replaced(letter, byte, first if place == 0 else string.digits)
            for place, (letter, byte) in enumerate(zip(text, drawn, strict=True))
        )

    def _draw(self, text: str) -> int:
        return int.from_bytes(self._stream(text, 8))

    def _stream(self, text: str, length: int) -> bytes:
        digest = hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256")
        return hashlib.shake_128(digest).digest(length)


def _is_state(text: str) -> bool:
    try:
        state_code_parse(text)
    except DocumentInvalid:
        return False
    return True


def _is_plain(shape: Shape, value: Any) -> bool:
    """An open field is kept only while it holds what the table says: a name may stand where a code should."""
    if value is None or isinstance(value, bool) or type(value) is int:
        return True
    if not isinstance(value, str):
        return False
    if shape is Shape.CODE:
        return len(value) <= LONGEST_CODE
    return shape is Shape.TEXT or value.isdigit()


def _replaced(letter: str, byte: int, digits: str) -> str:
    if letter.isdigit():
        return digits[byte % len(digits)]
    if letter.isalpha():
        drawn = string.ascii_lowercase[byte % 26]
        return drawn.upper() if letter.isupper() else drawn
    return letter if letter.isprintable() else " "


def _with_check_digits(base: str) -> str:
    """Eleven or fourteen digits whose last two are right."""
    for _ in range(2):
        cycle = len(base) if len(base) < CNPJ_DIGITS else 8
        weights = [2 + place % cycle for place in range(len(base))]
        total = sum(int(digit) * weight for digit, weight in zip(reversed(base), weights, strict=True))
        base += str((11 - total % 11) % 11 % 10)
    return base
