"""The checks a platform makes on an NF-e it receives."""

from __future__ import annotations

import base64
import binascii
import re

from kwai_sandbox.wire import REFUSED, Refusal

KEY_FORM = re.compile(r"[0-9]{6}[0-9A-Z]{12}[0-9]{26}")
MODEL = slice(20, 22)
SERIES = slice(22, 25)
NUMBER = slice(25, 34)
NFE_MODEL = "55"


def access_key_check(key: str) -> None:
    """44 characters, model 55, right check digit (letters are legal in the CNPJ); `Refusal` 422 else."""
    if not KEY_FORM.fullmatch(key) or key[MODEL] != NFE_MODEL:
        raise Refusal(REFUSED, "A chave de acesso não é de uma NF-e (44 caracteres, modelo 55).")
    if key[-1] != check_digit(key[:-1]):
        raise Refusal(REFUSED, "O dígito verificador da chave de acesso está errado.")


def check_digit(body: str) -> str:
    """Modulo 11 with weights 2 to 9 from the right over ASCII minus 48."""
    total = sum((ord(sign) - 48) * (2 + position % 8) for position, sign in enumerate(reversed(body)))
    rest = 11 - total % 11
    return str(rest if rest < 10 else 0)


def key_matches(key: str, number: object, series: object) -> None:
    """Number and series must be those inside the key; `Refusal` 422 else."""
    for name, told, written in (("número", number, key[NUMBER]), ("série", series, key[SERIES])):
        if not str(told).isdigit() or int(str(told)) != int(written):
            raise Refusal(REFUSED, f"O campo {name} da NF-e não confere com a chave de acesso.")


def xml_check(encoded: str, key: str) -> None:
    """Base64 of an authorised document (`nfeProc`) that carries the key; `Refusal` 422 else."""
    try:
        document = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(REFUSED, "O XML da NF-e não está em base64.") from None
    if b"nfeProc" not in document or key.encode() not in document:
        raise Refusal(REFUSED, "O XML não é a NF-e autorizada (nfeProc) desta chave de acesso.")
