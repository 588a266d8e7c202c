"""Orders for notes to find, and a channel that records what it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db.models import Q

from erp import channels
from erp.accounts.models import Company, Counter, Store, User
from erp.channels import (
    Badge,
    ChannelAction,
    Facts,
    InvoiceStage,
    InvoiceState,
    Panel,
    RowOutcome,
    RowResult,
    ShippingCode,
)
from erp.sales.models import Buyer, Order, OrderStatus
from tests.invoices.factory import BUYER_TAX_ID


class RecordingFacts(Facts):
    def __init__(self) -> None:
        self.authorised: list[int] = []

    def invoice_authorised(self, ids: Sequence[int]) -> None:
        self.authorised.extend(ids)


class FakeShop:
    """A sales channel of ours for the screens' tests: refuses by list, records what was asked of it."""

    key = "fake"
    label = "Loja de teste"
    logistics = None

    def __init__(self) -> None:
        self.refused: dict[int, str] = {}
        self.states: dict[int, InvoiceState] = {}
        self.asked: list[tuple[ChannelAction, list[int]]] = []

    def check(self, action: ChannelAction, ids: Sequence[int]) -> dict[int, str]:
        return {pk: self.refused.get(pk, "") for pk in ids}

    def run(self, action: ChannelAction, ids: Sequence[int], *, user: Any) -> dict[int, RowResult]:
        self.asked.append((action, list(ids)))
        return {pk: RowResult(pk, RowOutcome.QUEUED, "na fila") for pk in ids}

    def watched(self, user: User) -> list[Any]:
        return []

    def badges(self, order_ids: Sequence[int]) -> dict[int, list[Badge]]:
        return {pk: [Badge("marcador da loja", "green")] for pk in order_ids}

    def invoice_states(self, ids: Sequence[int]) -> dict[int, InvoiceState]:
        return {pk: self.states[pk] for pk in ids if pk in self.states}

    def invoices_in(self, stage: InvoiceStage) -> Q:
        return Q(pk__in=[pk for pk, state in self.states.items() if state.stage is stage])

    def panel(self, order_id: int) -> Panel | None:
        return None

    def shipping_codes(self, order_ids: Sequence[int]) -> dict[int, ShippingCode]:
        return {}

    def shippers_reported(self, order_ids: Sequence[int]) -> set[int]:
        return set()


@pytest.fixture
def facts(monkeypatch: pytest.MonkeyPatch) -> RecordingFacts:
    recording = RecordingFacts()
    monkeypatch.setattr(channels, "_facts", [*channels._facts, recording])
    return recording


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeShop]:
    fake = FakeShop()
    monkeypatch.setattr(channels, "_channels", {fake.key: fake})
    return fake


@pytest.fixture
def make_order(company: Company, store: Store) -> Callable[..., Order]:
    """`make_order(external_id=..., total=..., buyer_tax_id=..., **fields)`."""

    def make(
        *,
        external_id: str = "9007199254740993123",
        buyer_tax_id: str = BUYER_TAX_ID,
        total: int = 17000,
        **fields: Any,
    ) -> Order:
        (number,) = Counter.objects.take(company_id=company.pk, name="order")
        values = {
            "company": company,
            "store": store,
            "number": number,
            "external_id": external_id,
            "status": OrderStatus.APPROVED,
            "items_total": total,
            "total": total,
            "placed_at": datetime(2026, 11, 19, 12, tzinfo=UTC),
        }
        order = Order.objects.create(**(values | fields))
        Buyer.objects.create(order=order, name="Maria da Silva", tax_id=buyer_tax_id, tax_id_kind="cpf")
        return order

    return make
