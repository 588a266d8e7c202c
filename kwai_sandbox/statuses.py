"""The situations an order of Kwai Shop can have (contract section 3.1).

This is the only module of the emulator that spells a situation's code: whoever needs one names its member.
The way of an order is 10, 101, 102, 200, 210, 30, 40, 50; 60 is reached from several places.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Self


class Status(IntEnum):
    """A situation by its code, with the label people read and the colour of its badge."""

    label: str
    tone: str

    def __new__(cls, code: int, label: str, tone: str = "") -> Self:
        member = int.__new__(cls, code)
        member._value_ = code
        member.label = label
        member.tone = tone
        return member

    AWAITING_PAYMENT = 10, "Aguardando pagamento", "warn"
    AWAITING_INVOICE = 101, "Pago, aguardando NF-e"
    TO_ARRANGE = 102, "Pago, envio a programar"
    AWAITING_PICKUP = 200, "Aguardando coleta"
    PACKED = 210, "Embalado, aguardando coleta"
    SHIPPED = 30, "Enviado"
    DELIVERED = 40, "Recebido", "good"
    COMPLETED = 50, "Concluído", "good"
    CLOSED = 60, "Encerrado", "bad"


DELIVERED_ONCE = frozenset({Status.DELIVERED, Status.COMPLETED})
SHIPPED_ONCE = DELIVERED_ONCE | {Status.SHIPPED}
ARRANGED = frozenset({Status.AWAITING_PICKUP, Status.PACKED})
WITH_INVOICE = SHIPPED_ONCE | ARRANGED | {Status.TO_ARRANGE}
PAID = WITH_INVOICE | {Status.AWAITING_INVOICE}
# Paid and not yet on its way.
TO_SHIP = PAID - SHIPPED_ONCE
BY_CODE = {int(status): status for status in Status}


def status_of(value: Any) -> Status | None:
    """The situation of a code; None for what no order of the platform can have, whatever its type."""
    return BY_CODE.get(value) if isinstance(value, int) else None


def label_of(value: Any) -> str:
    """What people read: the label, or the code that nobody knows."""
    known = status_of(value)
    return known.label if known is not None else f"código {value}"
