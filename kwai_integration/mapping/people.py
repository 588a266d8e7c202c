"""Buyer and delivery address out of `receiverAddressInfo` (contract section 4): masked until payment."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from erp.brazil.documents import (
    ADDRESS_NEEDS,
    DocumentInvalid,
    is_masked,
    postal_code_parse,
    state_code_parse,
    tax_id_parse,
)
from kwai_integration.mapping import fields
from kwai_integration.mapping.warnings import Warn
from kwai_integration.wire.names import ReceiverNames

Notice = Callable[[Warn], None]
# Stay small within a name.
PARTICLES = frozenset({"da", "das", "de", "do", "dos", "e"})
# What a capital follows within a word: `Maria-Clara`, `D'Ávila`.
JOINTS = re.compile(r"([-'’])")


@dataclass(frozen=True)
class MappedBuyer:
    """`tax_id` is canonical and checked, or empty; `masked` tells that the platform hid something."""

    name: str
    tax_id: str
    tax_id_kind: str
    phone: str
    masked: bool


@dataclass(frozen=True)
class MappedAddress:
    """`incomplete_reason` says in Portuguese why no label or NF-e can be made with it yet, or is empty.

    Values the platform masked are kept as they came, except postal code and state, which are then empty.
    """

    recipient: str
    postal_code: str
    state_code: str
    city: str
    district: str
    street: str
    number: str
    complement: str
    masked: bool
    incomplete_reason: str


def buyer_read(receiver: Mapping[str, Any], warn: Notice, names: ReceiverNames) -> MappedBuyer:
    """The buyer, who is the receiver: the platform publishes no other person."""
    name, phone = fields.text(receiver.get(names.name), 150), fields.text(receiver.get(names.phone), 30)
    stated = _tax_id_text(receiver.get(names.tax_id))
    kind, tax_id = _tax_id(stated, warn if receiver else _silent)
    masked = is_masked(name) or is_masked(phone) or is_masked(stated)
    if not receiver or not (name or stated):
        warn(Warn.BUYER_MISSING)
    if masked:
        warn(Warn.BUYER_MASKED)
    return MappedBuyer(name, tax_id, kind, phone, masked)


def address_read(receiver: Mapping[str, Any], warn: Notice, names: ReceiverNames) -> MappedAddress:
    """The delivery address with the reason that blocks label and NF-e, never the order."""
    address = MappedAddress(
        recipient=fields.text(receiver.get(names.name), 150),
        postal_code=_parsed(postal_code_parse, _postal_code_text(receiver.get(names.postal_code))),
        state_code=_parsed(state_code_parse, fields.text(receiver.get(names.state), 60)),
        city=fields.text(receiver.get(names.city), 100),
        district=fields.text(receiver.get(names.district), 100),
        street=fields.text(receiver.get(names.street), 200),
        number=fields.text(receiver.get(names.number), 20),
        complement=fields.text(receiver.get(names.complement), 120),
        masked=False,
        incomplete_reason="",
    )
    # A masked postal code or state is no value of ours, so it is looked for where it came.
    stated = [*vars(address).values(), receiver.get(names.postal_code), receiver.get(names.state)]
    masked = any(isinstance(value, str) and is_masked(value) for value in stated)
    missing = [label for name, label in ADDRESS_NEEDS.items() if not getattr(address, name)]
    if masked:
        warn(Warn.ADDRESS_MASKED)
    elif missing:
        warn(Warn.ADDRESS_INCOMPLETE)
    return replace(address, masked=masked, incomplete_reason=_reason(masked, missing))


def name_format(name: str) -> str:
    """`ANA DE SOUZA` as `Ana de Souza`: capitals are put in order, a name in mixed case stays as it is."""
    if is_masked(name) or not (name.isupper() or name.islower()):
        return name
    words = [word if word in PARTICLES else _capital(word) for word in name.lower().split(" ")]
    return " ".join([_capital(words[0]), *words[1:]])


def _capital(word: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in JOINTS.split(word))


def _reason(masked: bool, missing: list[str]) -> str:
    if masked:
        return "Endereço oculto pelo Kwai. Aguarde o pagamento ou preencha o endereço."
    return f"Endereço incompleto: falta {', '.join(missing)}." if missing else ""


def _tax_id_text(value: object) -> str:
    """A number lost its leading zeros on the way; its length still tells a CPF from a CNPJ."""
    if type(value) is int and 0 < value < 10**14:
        return str(value).zfill(11 if value < 10**11 else 14)
    return fields.text(value, 30)


def _tax_id(stated: str, warn: Notice) -> tuple[str, str]:
    if not stated:
        warn(Warn.TAX_ID_MISSING)
        return "", ""
    if is_masked(stated):
        return "", ""
    try:
        return tax_id_parse(stated)
    except DocumentInvalid:
        warn(Warn.TAX_ID_INVALID)
        return "", ""


def _postal_code_text(value: object) -> str:
    return str(value).zfill(8) if type(value) is int and 0 < value < 10**8 else fields.text(value, 20)


def _parsed(parse: Callable[[str], str], text: str) -> str:
    try:
        return parse(text)
    except DocumentInvalid:
        return ""


def _silent(warning: Warn) -> None:
    """Nobody at all was given: one warning says it."""
