"""A note before it exists: everything it will say, as frozen values. Amounts are integer centavos.

Pure: knows neither Django nor models. `drafts.py` reads it from the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DraftPlace:
    street: str = ""
    number: str = ""
    complement: str = ""
    district: str = ""
    city: str = ""
    city_code: str = ""
    state_code: str = ""
    postal_code: str = ""


@dataclass(frozen=True, slots=True)
class Emitter:
    """The company. `environment` is `production|homologation`, `tax_regime` the CRT."""

    name: str
    trade_name: str
    tax_id: str
    state_registration: str
    tax_regime: str
    environment: str
    place: DraftPlace
    intermediary_tax_id: str


@dataclass(frozen=True, slots=True)
class Recipient:
    """The buyer at the place of delivery. `problem` says why the platform's address cannot be used."""

    name: str
    tax_id: str
    place: DraftPlace
    problem: str


@dataclass(frozen=True, slots=True)
class DraftItem:
    """One line. Origin, `icms_code` (CST or CSOSN) and CFOP are the SKU's own or the company's default; the
    CFOP is the one for the recipient's state."""

    product_id: int
    sku_id: int
    code: str
    title: str
    unit: str
    gtin: str
    ncm: str
    cest: str
    origin: str
    icms_code: str
    cfop: str
    quantity: int
    unit_price: int

    @property
    def total(self) -> int:
        return self.quantity * self.unit_price


@dataclass(frozen=True, slots=True)
class Draft:
    """`invoice` names the note in force the order has already, `frozen_reason` why it must not move on.
    `channel` is what people call the marketplace, `store` the seller's name there, empty for a sale without
    one."""

    order_id: int
    number: int
    external_id: str
    channel: str
    store: str
    approved: bool
    shipped: bool
    frozen_reason: str
    invoice: str
    emitter: Emitter
    recipient: Recipient
    items: tuple[DraftItem, ...]
    freight: int
    discount: int
    total: int
    by_platform: bool
    carrier_name: str
    carrier_tax_id: str

    @property
    def items_total(self) -> int:
        return sum(item.total for item in self.items)

    @property
    def interstate(self) -> bool:
        return self.emitter.place.state_code != self.recipient.place.state_code


def shares(amount: int, weights: Sequence[int]) -> list[int]:
    """`amount` divided by `weights` so that the parts add up to it exactly (largest remainder)."""
    whole = sum(weights) or 1
    parts = [amount * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda place: -(amount * weights[place] % whole))
    for place in by_remainder[: amount - sum(parts)]:
        parts[place] += 1
    return parts
