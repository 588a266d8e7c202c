"""Rules about a note that passed, beside the order it would be linked to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from erp.money import money_format
from invoices.intake.reading import NfeReading
from invoices.intake.rules import Finding, Rule, refuse, warn


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """The order as the gate needs it. `buyer_tax_id` may be empty or masked with `*`; centavos."""

    label: str
    buyer_tax_id: str
    total: int


@dataclass(frozen=True, slots=True)
class OrderCase:
    reading: NfeReading
    order: OrderFacts


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
    note, order = case.reading.total, case.order.total
    # One centavo of rounding is normal between emitters and the platform.
    if abs(note - order) <= 1:
        return None
    return warn(
        f"O total da nota ({money_format(note)}) difere do total do pedido {case.order.label} "
        f"({money_format(order)}). Confira os descontos antes de enviar ao e-commerce."
    )


ORDER_RULES: Final[tuple[Rule[OrderCase], ...]] = (
    Rule("recipient", "Destinatário é o comprador", _recipient),
    Rule("total", "Total do pedido", _total),
)
