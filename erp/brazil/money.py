"""Money: integer centavos inside, Decimal reais at fiscal edges, `R$ 1.234,56` on screens. Never a float."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

# What a signed 64-bit column holds; more cannot be stored and is no real price.
LARGEST = 2**63 - 1

# Longer ones fit no column.
_DIGITS = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_TYPED = re.compile(r"(?:R\$)?\s*(\d{1,3}(?:\.\d{3})+|\d+)(?:,(\d{1,2}))?", re.ASCII)


class MoneyError(ValueError):
    """An amount that cannot be used.

    `code` is stable: not_integer, negative, too_large, not_exact, not_typed.
    """

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


def centavos_read(value: object) -> int:
    """A remote amount: an integer of centavos, or its digits as text. Raises MoneyError.

    A fraction or a boolean is refused rather than guessed: "170.00" and 17000 are both seen in APIs, a
    hundred times apart.
    """
    if type(value) is str and _DIGITS.fullmatch(value):
        value = int(value)
    if type(value) is not int:
        raise MoneyError("not_integer", "O valor não é um número inteiro de centavos.")
    if value < 0:
        raise MoneyError("negative", "O valor é negativo.")
    if value > LARGEST:
        raise MoneyError("too_large", "O valor passa do maior valor que pode ser guardado.")
    return value


def decimal_from_centavos(centavos: int) -> Decimal:
    """12345 becomes Decimal("123.45"), exactly."""
    return Decimal(centavos).scaleb(-2)


def centavos_from_decimal(amount: Decimal) -> int:
    """Decimal("123.45") becomes 12345. Raises MoneyError when that would round or does not fit."""
    if not amount.is_finite() or abs(amount) > decimal_from_centavos(LARGEST):
        raise MoneyError("too_large", "O valor passa do maior valor que pode ser guardado.")
    try:
        centavos = amount.scaleb(2)
        exact = centavos == centavos.to_integral_value()
    except InvalidOperation:
        exact = False
    if not exact:
        raise MoneyError("not_exact", "O valor tem fração de centavo.")
    return int(centavos)


def thousands(number: int) -> str:
    """1234567 becomes `1.234.567`."""
    return f"{number:,}".replace(",", ".")


def money_format(centavos: int) -> str:
    """123456 becomes `R$ 1.234,56`, -5 becomes `-R$ 0,05`."""
    reais, cents = divmod(abs(centavos), 100)
    sign = "-" if centavos < 0 else ""
    return f"{sign}R$ {thousands(reais)},{cents:02d}"


def money_parse(typed: str) -> int:
    """Centavos of what a person typed the Brazilian way: `1.234,56`, `R$ 10`, `1234,5`. Raises MoneyError.

    A point followed by anything but three digits is refused: `12.34` may mean two very different amounts.
    """
    match = _TYPED.fullmatch(typed.strip())
    if not match or len(match[1]) > 30:
        raise MoneyError(
            "not_typed", "Valor não reconhecido. Use vírgula para os centavos, como em 1.234,56."
        )
    reais, cents = match[1].replace(".", ""), (match[2] or "").ljust(2, "0")
    return centavos_read(int(reais + cents))
