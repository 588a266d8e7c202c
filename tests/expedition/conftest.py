"""Orders, notes and shipments for the expedição's tests, and a sales channel of our own protocol."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from erp import channels
from erp.accounts.models import Company, Store, StoreLifecycle, User
from erp.channels import (
    Badge,
    ChannelAction,
    LabelFile,
    LabelKind,
    Logistics,
    Panel,
    RowOutcome,
    RowResult,
    ShippingCode,
    row_refused,
)
from erp.refusals import Refusal
from erp.sales.models import Buyer, Carrier, Order, OrderStatus, ShippingKind, ShippingMethod
from expedition.models import Shipment, ShipmentGroup
from expedition.services import group_create, shipments_open, tracking_set
from invoices.models import Invoice, InvoiceStatus

NOON = datetime(2026, 11, 23, 15, tzinfo=UTC)
S10 = "AA123456785BR"
OTHER_S10 = "AA473124829BR"
THIRD_S10 = "BR000000005BR"


@pytest.fixture
def counter_store(company: Company) -> Store:
    """The company's own counter: no marketplace has to hear of its orders."""
    return Store.objects.create(company=company, name="Balcão", lifecycle=StoreLifecycle.ACTIVE)


@pytest.fixture
def correios(company: Company) -> ShippingMethod:
    carrier = Carrier.objects.create(company=company, name="Correios", code="CORREIOS")
    return ShippingMethod.objects.create(
        company=company, name="PAC", kind=ShippingKind.CORREIOS, carrier=carrier, delivery_days=5
    )


@pytest.fixture
def jadlog(company: Company) -> ShippingMethod:
    carrier = Carrier.objects.create(company=company, name="Jadlog", code="JADLOG")
    return ShippingMethod.objects.create(
        company=company, name="Jadlog Package", kind=ShippingKind.CARRIER, carrier=carrier, delivery_days=3
    )


@pytest.fixture
def make_order(company: Company, store: Store) -> Callable[..., Order]:
    numbers = count(1000)

    def make(*, of: Store | None = None, status: str = OrderStatus.INVOICED, **fields: object) -> Order:
        number = next(numbers)
        owner = of or store
        order = Order.objects.create(
            company_id=owner.company_id,
            store=owner,
            number=number,
            external_id=f"70000000000000{number}" if owner.channel else "",
            status=status,
            items_total=1000,
            total=1000,
            placed_at=NOON,
            **fields,
        )
        Buyer.objects.create(order=order, name=f"Comprador {number}")
        return order

    return make


@pytest.fixture
def make_invoice() -> Callable[..., Invoice]:
    numbers = count(1)

    def make(order: Order | None, company: Company | None = None, **fields: object) -> Invoice:
        number = next(numbers)
        return Invoice.objects.create(
            company=order.company if order else company,
            store=order.store if order else None,
            order=order,
            access_key=f"3526111122233300018155001{number:09d}1{number:08d}0",
            number=number,
            series=1,
            environment="homologation",
            issued_at=NOON,
            authorized_at=NOON,
            authorization_protocol="135260000000001",
            issuer_tax_id="11222333000181",
            total=1000,
            **{"status": InvoiceStatus.AUTHORISED} | fields,
        )

    return make


@pytest.fixture
def open_shipment(make_order: Callable[..., Order]) -> Callable[..., Shipment]:
    """`open_shipment(method, code, **order)`: a pending shipment of a new order."""

    def make(method: ShippingMethod | None = None, code: str = "", **fields: object) -> Shipment:
        order = make_order(shipping_method=method, **fields)
        shipments_open(order_ids=[order.pk])
        shipment = Shipment.objects.get(order=order)
        if code:
            assert tracking_set(codes={shipment.pk: code})[0].outcome == RowOutcome.DONE
        return reload(shipment)

    return make


@pytest.fixture
def make_group(company: Company) -> Callable[..., ShipmentGroup]:
    def make(method: ShippingMethod, *shipments: Shipment, actor: User | None = None) -> ShipmentGroup:
        outcome = group_create(
            company_id=company.pk,
            shipping_method_id=method.pk,
            shipment_ids=[each.pk for each in shipments],
            actor=actor,
        )
        assert outcome.group is not None, outcome
        return outcome.group

    return make


@pytest.fixture
def kwai_envios(company: Company) -> ShippingMethod:
    """The marketplace's own way of shipping."""
    carrier = Carrier.objects.create(company=company, name="Kwai Envios", code="KWAI_ENVIOS")
    return ShippingMethod.objects.create(
        company=company, name="Kwai Envios", kind=ShippingKind.MARKETPLACE, carrier=carrier, delivery_days=7
    )


@pytest.fixture(autouse=True)
def labels_dir(tmp_path: Path, settings: Any) -> Path:
    settings.LABELS_DIR = tmp_path / "labels"
    return Path(settings.LABELS_DIR)


def reload(shipment: Shipment) -> Shipment:
    return Shipment.objects.for_screens().get(pk=shipment.pk)


class RecordingChannel(channels.Facts):
    """A marketplace with the key of the test's store: remembers what it was told and asked."""

    key = "kwai"
    label = "Kwai"
    logistics = Logistics("Kwai Envios", "KWAI_ENVIOS")

    def __init__(self) -> None:
        self.facts: list[tuple[str, list[int]]] = []
        self.commands: list[tuple[ChannelAction, list[int]]] = []
        self.reasons: dict[int, str] = {}
        self.codes: dict[int, ShippingCode] = {}
        self.told: set[int] = set()
        self.file: LabelFile | Exception = LabelFile(b"%PDF-1.4", LabelKind.PDF)
        self.labels_asked: list[int] = []

    def shipment_concluded(self, ids: Sequence[int]) -> None:
        self.facts.append(("concluded", list(ids)))

    def shipment_delivered(self, ids: Sequence[int]) -> None:
        self.facts.append(("delivered", list(ids)))

    def own(self, action: ChannelAction, ids: Sequence[int]) -> list[int]:
        model = Invoice if action is ChannelAction.SEND_INVOICE else Shipment
        own = model.objects.filter(pk__in=ids, store__channel=self.key)
        found = set(own.values_list("pk", flat=True))
        return [pk for pk in ids if pk in found]

    def check(self, action: ChannelAction, ids: Sequence[int]) -> dict[int, Refusal]:
        return {pk: Refusal("test.reason", self.reasons.get(pk, ""), "") for pk in self.own(action, ids)}

    def run(self, action: ChannelAction, ids: Sequence[int], *, user: User | None) -> dict[int, RowResult]:
        own = self.own(action, ids)
        self.commands.append((action, own))
        return {
            pk: row_refused(pk, Refusal("test.reason", self.reasons[pk], ""))
            if pk in self.reasons
            else RowResult(pk, RowOutcome.QUEUED, "Na fila.")
            for pk in own
        }

    def watched(self, user: User) -> list[Any]:
        return []

    def badges(self, order_ids: Sequence[int]) -> dict[int, list[Badge]]:
        own = Order.objects.filter(pk__in=order_ids, store__channel=self.key)
        return {pk: [Badge("rastreio enviado", "green", "send")] for pk in own.values_list("pk", flat=True)}

    def badge_counts(self, rows: Any, by: str) -> dict[Any, Counter[Badge]]:
        found: dict[Any, Counter[Badge]] = defaultdict(Counter)
        held = list(rows.values_list(by, "order_id"))
        badges = self.badges([order_id for _, order_id in held])
        for value, order_id in held:
            found[value].update(badge.bare for badge in badges.get(order_id, []))
        return found

    def panel(self, order_id: int) -> Panel | None:
        return None

    def shipping_codes(self, order_ids: Sequence[int]) -> dict[int, ShippingCode]:
        return {pk: self.codes[pk] for pk in order_ids if pk in self.codes}

    def shippers_reported(self, order_ids: Sequence[int]) -> set[int]:
        return self.told & set(order_ids)

    def shipping_label(self, shipment_id: int) -> LabelFile | None:
        self.labels_asked.append(shipment_id)
        if isinstance(self.file, Exception):
            raise self.file
        return self.file


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch) -> RecordingChannel:
    """The only marketplace there is; the expedição keeps listening to facts."""
    recording = RecordingChannel()
    own = [facts for facts in channels._facts if type(facts).__module__.startswith("expedition")]
    monkeypatch.setattr(channels, "_channels", {recording.key: recording})
    monkeypatch.setattr(channels, "_facts", [*own, recording])
    return recording
