"""Rules about a note that passed, beside the order it would be linked to and what is known of both.

What a finding does is in `rules.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from erp.brazil.money import money_format
from invoices.intake.reading import NfeReading
from invoices.intake.rules import Finding, Rule, refuse, warn

ROUNDING: Final = 1
"""Centavos that differ between emitters and platforms without anybody being wrong."""

MARGIN_BEFORE_ORDER: Final = timedelta(days=1)
"""For how long before its order a note may be dated: clocks and time zones differ."""


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """The order as the validation needs it. `buyer_tax_id` may be empty or masked with `*`; centavos; aware.

    `cancelled`: a cancellation is stored for the note's key. `linked_to`: label of another order that has the
    note already.
    """

    label: str
    buyer_tax_id: str
    total: int
    placed_at: datetime | None = None
    cancelled: bool = False
    linked_to: str = ""


@dataclass(frozen=True, slots=True)
class OrderCase:
    reading: NfeReading
    order: OrderFacts


def _cancellation(case: OrderCase) -> Finding | None:
    if not case.order.cancelled:
        return None
    return refuse("Há um cancelamento registrado para esta nota. Emita outra nota para o pedido e envie-a.")


def _linked(case: OrderCase) -> Finding | None:
    if not case.order.linked_to:
        return None
    return refuse(
        f"A nota já está vinculada a outro pedido ({case.order.linked_to}). Desvincule-a antes, na página da "
        "nota."
    )


def _recipient(case: OrderCase) -> Finding | None:
    if _same_person(case.order.buyer_tax_id, case.reading.recipient.tax_id):
        return None
    return refuse(
        f"O CPF ou CNPJ do destinatário não é o do comprador do pedido {case.order.label}. Confira se a nota "
        "é deste pedido."
    )


def _same_person(known: str, found: str) -> bool:
    """Unknown is no contradiction; of a masked document only the visible positions are compared."""
    if not known:
        return True
    return len(known) == len(found) and all(k in ("*", f) for k, f in zip(known, found, strict=True))


def _total(case: OrderCase) -> Finding | None:
    invoiced, ordered = case.reading.total, case.order.total
    if abs(invoiced - ordered) <= ROUNDING:
        return None
    return warn(
        f"O total da nota ({money_format(invoiced)}) difere do total do pedido {case.order.label} "
        f"({money_format(ordered)}). Confira os descontos antes de enviar ao e-commerce."
    )


def _date(case: OrderCase) -> Finding | None:
    placed = case.order.placed_at
    if placed is None or case.reading.issued_at >= placed - MARGIN_BEFORE_ORDER:
        return None
    return warn(
        f"A nota foi emitida antes do pedido {case.order.label} ser feito. Confira se a nota é deste pedido."
    )


ORDER_RULES: Final[tuple[Rule[OrderCase], ...]] = (
    Rule("cancellation", "Sem cancelamento registrado", _cancellation),
    Rule("linked", "Livre de outro pedido", _linked),
    Rule("recipient", "Destinatário é o comprador", _recipient),
    Rule("total", "Total do pedido", _total),
    Rule("date", "Emitida depois do pedido", _date),
)
