"""Which order a note belongs to: what the emitter wrote into it; failing that a suggestion, never a link."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db import models
from django.db.models import Exists, OuterRef, Q

from erp.accounts.models import Company, User
from erp.refusals import Refusal
from erp.sales.models import Order, OrderStatus
from erp.web.requests import id_of
from invoices import refusals
from invoices.intake.parser import XmlRefused, parse
from invoices.intake.reading import NfeReading, UnreadableInvoice, read
from invoices.models import OUT_OF_FORCE, DocumentDamaged, Invoice, InvoiceDocument

MAX_WORDS: Final = 200
NUMBER_DIGITS: Final = 12
# Shorter than an access key, longer than a telephone or a postal code.
_PLATFORM_NUMBER: Final = re.compile(r"(?<![0-9A-Za-z])[0-9]{15,20}(?![0-9A-Za-z])")
# A note is issued after its order; a day covers clocks and time zones.
CLOCKS: Final = timedelta(days=1)
NO_SUGGESTION = "Sem pedido citado nem com o mesmo comprador e total."
AMBIGUOUS = "Há mais de um pedido, ou mais de uma nota, com este comprador e total."
TAKEN = "O pedido citado na nota já tem nota ou está cancelado."
UNREADABLE = "O arquivo guardado está danificado. Restaure-o de uma cópia."


@dataclass(frozen=True, slots=True)
class Match:
    """The order found, or none and why (`text`, Portuguese)."""

    order: Order | None
    text: str


class Basis(models.TextChoices):
    """Why an order is suggested."""

    REFERENCE = "reference", "citado na nota"
    BUYER_TOTAL = "buyer_total", "mesmo comprador e total"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The order an operator may accept and why, or none and what was found instead (`text`)."""

    order: Order | None
    basis: Basis | None = None
    text: str = ""


def order_find(*, company: Company, reading: NfeReading, user: User | None) -> Match:
    """Look for the order by `xPed`, then by the words of `infCpl`.

    The number on the platform decides by itself. Our own number is short and means something else in other
    people's texts, so it counts only when the buyer's document or the total agrees.
    """
    sources = _sources(reading)
    candidates = _candidates({word for words in sources for word in words}, company, user)
    for words in sources:
        found = _named(words, candidates, reading)
        if len(found) == 1:
            return Match(found[0], "")
        if found:
            numbers = ", ".join(str(order.number) for order in found[:5])
            return Match(None, f"A nota cita mais de um pedido ({numbers}). Vincule-a na página da nota.")
    return Match(None, "Ela não cita um pedido já recebido. Receba-o ou vincule a nota na página dela.")


def orders_suggest(*, invoices: Sequence[Invoice], company: Company, user: User) -> dict[int, Suggestion]:
    """What each note without an order could be linked to, in four queries whatever their number.

    An order the note names comes first. The same buyer and total is weaker: it counts only when exactly one
    free order and one waiting note have them, and nothing is ever linked by it without a person.
    """
    readings = _readings(invoices)
    words = {word for reading in readings.values() for source in _sources(reading) for word in source}
    named = _candidates(words, company, user)
    alike = _alike(invoices, company, user)
    rivals = _rivals(invoices, company, user)
    free = _free_ids([*named, *(order for orders in alike.values() for order in orders)])
    return {
        invoice.pk: _suggestion(invoice, readings.get(invoice.pk), named, alike, rivals, free)
        for invoice in invoices
    }


def orders_named(user: User, typed: str) -> list[Order]:
    """Orders by the number people type: the platform's first, ours only when none has that number there."""
    orders = Order.objects.visible_to(user)
    if not typed:
        return []
    found = list(orders.filter(external_id=typed)[:2])
    number = id_of(typed)
    if not found and number is not None:
        found = list(orders.filter(number=number)[:2])
    return found


def order_not_found(typed: str, orders: Sequence[Order]) -> Refusal:
    """Why `typed` names no single order."""
    if orders:
        return refusals.ORDER_AMBIGUOUS.of(typed=typed)
    return refusals.ORDER_NOT_FOUND


def _sources(reading: NfeReading) -> list[tuple[str, ...]]:
    """The words to look up, the more certain source first."""
    named, written = reading.purchase_orders[:MAX_WORDS], sorted(reading.reference_words)[:MAX_WORDS]
    return [_with_platform_numbers(words) for words in (named, written)]


def _with_platform_numbers(words: Sequence[str]) -> tuple[str, ...]:
    """Emitters decorate (`LOJA-9007199254740993123`, `#9007199254740993123`): a run of digits as long as only
    a platform's number is counts without its decoration."""
    bare = (run for word in words for run in _PLATFORM_NUMBER.findall(word))
    return tuple(dict.fromkeys([*words, *bare]))


def _candidates(words: Collection[str], company: Company, user: User | None) -> list[Order]:
    if not words:
        return []
    numbers = [int(word) for word in words if word.isdecimal() and len(word) <= NUMBER_DIGITS]
    named = Q(external_id__in=words) | Q(number__in=numbers)
    return list(_orders(company, user).filter(named).order_by("pk"))


def _orders(company: Company, user: User | None) -> models.QuerySet[Order]:
    orders = Order.objects.filter(company=company).select_related("buyer")
    return orders if user is None else orders.visible_to(user)


def _named(words: Collection[str], candidates: Iterable[Order], reading: NfeReading) -> list[Order]:
    """The candidates that `words` name; our own numbers only where the note agrees."""
    numbers = {int(word) for word in words if word.isdecimal() and len(word) <= NUMBER_DIGITS}
    by_platform = [order for order in candidates if order.external_id and order.external_id in words]
    return by_platform or [
        order for order in candidates if order.number in numbers and _agrees(order, reading)
    ]


def _agrees(order: Order, reading: NfeReading) -> bool:
    known = _buyer_tax_id(order)
    return (bool(known) and known == reading.recipient.tax_id) or order.total == reading.total


def _buyer_tax_id(order: Order) -> str:
    buyer = getattr(order, "buyer", None)
    return buyer.tax_id if buyer is not None else ""


def _readings(invoices: Sequence[Invoice]) -> dict[int, NfeReading]:
    """What the stored files say; a file that cannot be read any more is missing."""
    found = {}
    for document in InvoiceDocument.objects.filter(invoice__in=[invoice.pk for invoice in invoices]):
        try:
            found[document.invoice_id] = read(parse(document.read()))
        except (DocumentDamaged, UnreadableInvoice, XmlRefused):
            continue
    return found


Likeness = tuple[str, int]


def _alike(invoices: Sequence[Invoice], company: Company, user: User) -> dict[Likeness, list[Order]]:
    """Orders by buyer and total, centavo by centavo."""
    found: dict[Likeness, list[Order]] = {}
    rows = _orders(company, user).filter(
        buyer__tax_id__in={invoice.recipient_tax_id for invoice in invoices} - {""},
        total__in={invoice.total for invoice in invoices},
    )
    for order in rows.exclude(status=OrderStatus.CANCELLED).order_by("pk"):
        found.setdefault((_buyer_tax_id(order), order.total), []).append(order)
    return found


def _rivals(invoices: Sequence[Invoice], company: Company, user: User) -> Counter[Likeness]:
    """How many waiting notes have the same buyer and total, on this page or another."""
    rows = (
        Invoice.objects.visible_to(user)
        .without_order()
        .filter(
            company=company,
            recipient_tax_id__in={invoice.recipient_tax_id for invoice in invoices} - {""},
            total__in={invoice.total for invoice in invoices},
        )
    )
    return Counter(rows.values_list("recipient_tax_id", "total"))


def _free_ids(orders: Sequence[Order]) -> set[int]:
    """Orders that can take a note: not cancelled and without one in force."""
    in_force = Invoice.objects.filter(order=OuterRef("pk")).exclude(status__in=OUT_OF_FORCE)
    rows = Order.objects.filter(~Exists(in_force), pk__in=[order.pk for order in orders])
    return set(rows.exclude(status=OrderStatus.CANCELLED).values_list("pk", flat=True))


def _cited(cited: Sequence[Order], free: Collection[int]) -> Suggestion:
    """What follows from the orders a note names: one that is free is meant."""
    open_ones = [order for order in cited if order.pk in free]
    if len(open_ones) == 1:
        return Suggestion(open_ones[0], Basis.REFERENCE)
    numbers = ", ".join(str(order.number) for order in open_ones[:5])
    return Suggestion(None, text=f"A nota cita mais de um pedido: {numbers}." if open_ones else TAKEN)


def _suggestion(
    invoice: Invoice,
    reading: NfeReading | None,
    named: Sequence[Order],
    alike: Mapping[Likeness, Sequence[Order]],
    rivals: Mapping[Likeness, int],
    free: Collection[int],
) -> Suggestion:
    if reading is None:
        return Suggestion(None, text=UNREADABLE)
    for words in _sources(reading):
        if cited := _named(words, named, reading):
            return _cited(cited, free)
    likeness = (invoice.recipient_tax_id, invoice.total)
    latest = invoice.issued_at + CLOCKS
    same = [order for order in alike.get(likeness, ()) if order.pk in free and order.placed_at <= latest]
    if len(same) == 1 and rivals.get(likeness, 0) == 1:
        return Suggestion(same[0], Basis.BUYER_TOTAL)
    return Suggestion(None, text=AMBIGUOUS if same else NO_SUGGESTION)
