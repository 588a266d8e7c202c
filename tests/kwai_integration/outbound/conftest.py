"""Orders that came from the emulator, with their NF-e and concluded shipment, ready to be pushed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from erp import channels, scheduling
from erp.accounts.models import Company
from erp.catalog.models import Sku
from erp.channels import ChannelAction, RowResult
from erp.outbox.drain import drain
from erp.outbox.models import PushJob
from erp.outbox.statuses import JobState
from erp.sales.models import Carrier, Order, ShippingKind, ShippingMethod
from expedition.models import Shipment
from expedition.services import group_conclude, group_create, shipments_carrier_set, tracking_set
from invoices.imports import invoices_import
from invoices.models import Invoice
from kwai_integration.models import KwaiSettings
from tests.invoices.factory import BRASILIA, nfe_xml
from tests.kwai_integration.inbound.conftest import MERCHANT, Kwai, kwai, kwai_store, sku

__all__ = ["MERCHANT", "Kwai", "kwai", "kwai_store", "sku"]


@dataclass
class Desk:
    """What an operator does, and what the emulator then knows."""

    kwai: Kwai
    company: Company
    method: ShippingMethod
    numbers: Any = field(default_factory=lambda: count(101))
    xml: dict[int, bytes] = field(default_factory=dict)

    def orders(self, quantity: int = 1, **fields: Any) -> list[Order]:
        """Orders polled and received, oldest first."""
        ids = self.kwai.orders(quantity, **fields)
        self.kwai.poll()
        found = {order.external_id: order for order in Order.objects.filter(external_id__in=ids)}
        return [found[external_id] for external_id in ids]

    def invoice(self, order: Order) -> Invoice:
        number = next(self.numbers)
        content = nfe_xml(
            number=number,
            total=order.total,
            recipient_tax_id=order.buyer.tax_id,
            issued_at=order.placed_at.astimezone(BRASILIA),
        )
        (result,) = invoices_import(
            company=self.company, files=[("nota.xml", content)], user=None, order=order
        )
        assert result.invoice is not None, result
        self.xml[result.invoice.pk] = content
        return result.invoice

    def shipped(self, orders: list[Order], codes: list[str] | None = None) -> list[Shipment]:
        """NF-e linked, code typed, collection concluded."""
        for order in orders:
            self.invoice(order)
        shipments = list(Shipment.objects.filter(order__in=orders).order_by("order_id"))
        self.conclude(shipments, codes or [f"JD{order.number:09d}" for order in orders])
        return [Shipment.objects.for_screens().get(pk=shipment.pk) for shipment in shipments]

    def conclude(self, shipments: list[Shipment], codes: list[str]) -> None:
        ids = [shipment.pk for shipment in shipments]
        shipments_carrier_set(shipment_ids=ids, shipping_method_id=self.method.pk)
        tracking_set(codes=dict(zip(ids, codes, strict=True)))
        made = group_create(company_id=self.company.pk, shipping_method_id=self.method.pk, shipment_ids=ids)
        assert made.group is not None, made
        outcome = group_conclude(group_id=made.group.pk)
        assert not outcome.problem, outcome

    def ask(self, action: ChannelAction, *ids: int) -> list[RowResult]:
        return channels.run(action, list(ids), user=None)

    def push(self) -> int:
        """Carry out what is due."""
        return drain(store_id=self.kwai.store.pk)

    def push_later(self) -> int:
        """The same, once every waiting time is over."""
        PushJob.objects.filter(state=JobState.PENDING).update(
            not_before=timezone.now() - timedelta(seconds=1)
        )
        return self.push()

    def remote(self, order: Order) -> dict[str, Any]:
        found: dict[str, Any] = self.kwai.sandbox.control("GET", f"orders/{order.external_id}")
        return found

    def fault(self, call: str, kind: str, effect: str = "after", times: int = 1) -> None:
        body = {"path": call, "kind": kind, "rate": 1, "count": times, "effect": effect, "delayMs": 0}
        self.kwai.sandbox.control("PUT", "faults", body)

    def doubled(self) -> list[int]:
        rows: list[int] = self.kwai.sandbox.control("GET", "ledger")["doubled"]
        return rows


@pytest.fixture(autouse=True)
def wakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wake-ups go nowhere: the tests drain themselves."""
    monkeypatch.setattr(scheduling, "_send", lambda task, kwargs: None)


@pytest.fixture(autouse=True)
def labels_dir(tmp_path: Path, settings: Any) -> None:
    settings.LABELS_DIR = tmp_path / "labels"


@pytest.fixture
def desk(kwai: Kwai, company: Company, sku: Sku) -> Desk:
    KwaiSettings.objects.update(auto_receive=True)
    carrier = Carrier.objects.create(
        company=company, name="Jadlog", code="JADLOG", tracking_url="https://rastreio.example/{codigo}"
    )
    method = ShippingMethod.objects.create(
        company=company, name="Jadlog Package", kind=ShippingKind.CARRIER, carrier=carrier, delivery_days=3
    )
    return Desk(kwai, company, method)


def job_of(kind: str, order: Order) -> PushJob:
    """The newest push of that kind for the order."""
    return PushJob.objects.filter(kind=kind, subject=order.external_id).latest("requested_at", "pk")


def status_of(order: Order) -> str:
    return Order.objects.get(pk=order.pk).status
