"""Which order a note belongs to: what the emitter wrote into it, never the amount alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db.models import Q

from erp.accounts.models import Company, User
from erp.sales.models import Order
from invoices.intake.reading import NfeReading

MAX_WORDS: Final = 200
NUMBER_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class Match:
    """The order found, or none and why (`text`, Portuguese)."""

    order: Order | None
    text: str


def order_find(*, company: Company, reading: NfeReading, user: User | None) -> Match:
    """Look for the order by `xPed`, then by the words of `infCpl`.

    The number on the platform decides by itself. Our own number is short and means something else in other
    people's texts, so it counts only when the buyer's document or the total agrees.
    """
    for words in (reading.purchase_orders, tuple(sorted(reading.reference_words))):
        found = _named_by(words[:MAX_WORDS], company, user, reading)
        if len(found) == 1:
            return Match(found[0], "")
        if found:
            numbers = ", ".join(str(order.number) for order in found[:5])
            return Match(None, f"A nota cita mais de um pedido ({numbers}). Vincule-a na página da nota.")
    return Match(None, "Nenhum pedido citado na nota foi encontrado. Vincule-a na página da nota.")


def _named_by(
    words: tuple[str, ...], company: Company, user: User | None, reading: NfeReading
) -> list[Order]:
    numbers = [int(word) for word in words if word.isdecimal() and len(word) <= NUMBER_DIGITS]
    orders = Order.objects.filter(company=company).filter(Q(external_id__in=words) | Q(number__in=numbers))
    if user is not None:
        orders = orders.visible_to(user)
    found = list(orders.select_related("buyer").order_by("pk")[:20])
    by_platform = [order for order in found if order.external_id and order.external_id in words]
    return by_platform or [order for order in found if _agrees(order, reading)]


def _agrees(order: Order, reading: NfeReading) -> bool:
    buyer = getattr(order, "buyer", None)
    known = buyer.tax_id if buyer is not None else ""
    return (bool(known) and known == reading.recipient.tax_id) or order.total == reading.total
