"""The ERP of every history: one connected store with three orders at different points of their way.

It is set up once by the product's own functions, in a database in memory, and copied back before each history.
"""

from __future__ import annotations

import gc
import random
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from unittest import mock

import time_machine
from django.core.management import call_command
from django.db import connection
from django.test.utils import override_settings
from django.utils import timezone

from erp import http, scheduling
from erp.accounts.models import Company, FiscalEnvironment, Store, StoreLifecycle
from erp.outbox import drain
from erp.outbox.attempts import AttemptContext
from erp.outbox.models import PushJob
from erp.outbox.push_requests import FactRequest
from erp.sales.models import Carrier, Order, ShippingKind, ShippingMethod
from expedition.models import Shipment
from expedition.services import group_conclude, group_create, shipments_carrier_set, tracking_set
from invoices.imports import invoices_import
from kwai_integration import connection as pairs
from kwai_integration.connection import account_store_pair
from kwai_integration.inbound.poll import store_poll
from kwai_integration.mapping.answers import token_pair_read
from kwai_integration.models import (
    ConnectionHealth,
    KwaiAccount,
    KwaiSettings,
    StatusMapping,
    SyncCursor,
)
from kwai_integration.names import names
from kwai_integration.outbound.push_requests import delivery_request, invoice_request, tracking_request
from kwai_integration.situations import default_situations
from tests.invoices.factory import BRASILIA, nfe_xml
from tests.kwai_integration.codes import SHIPPED, TO_ARRANGE
from tests.kwai_integration.inbound.conftest import sku_make
from tests.simulation.platform import NOTE_ACCEPTED, STORE_RATE, ModelPlatform
from tests.simulation.workers import Baton, VirtualClock, current

LEASE = 60
SETTINGS = {
    "OUTBOX_LEASE_SECONDS": LEASE,
    "OUTBOX_THREADS": 1,
    "KWAI_STORE_RATE": float(STORE_RATE),
    "KWAI_POLL_OVERLAP_SECONDS": 30,
}


@dataclass
class World:
    """What a history acts upon. `chains` are the facts of each order, in the order of their steps."""

    clock: VirtualClock
    baton: Baton
    platform: ModelPlatform
    store_id: int = 0
    chains: dict[str, list[FactRequest]] = field(default_factory=dict)
    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def take_snapshot(self) -> None:
        self._snapshot = sqlite3.connect(":memory:")
        connection.connection.backup(self._snapshot)
        self._orders = {order_id: dict(order) for order_id, order in self.platform.orders.items()}
        self._start = self.clock.true

    def restore(self, seed: int) -> None:
        """Everything as it was before the first history, and chance as the seed has it."""
        self._snapshot.backup(connection.connection)
        self.clock.true, self.clock.ahead = self._start, 0.0
        self.clock.advance(0)
        self.platform.orders = {order_id: dict(order) for order_id, order in self._orders.items()}
        self.platform.forget()
        self.messages.clear()
        self.baton.begun = 0
        self.baton.chance.seed(seed)
        random.seed(seed)

    def select(self, sql: str, *values: Any) -> list[Any]:
        """A look at the rows that no worker notices."""
        return connection.connection.execute(sql.replace("%s", "?"), values).fetchall()


@contextmanager
def world() -> Iterator[World]:
    """The world with its first snapshot taken; time, network and broker of this process are the model's."""
    clock = VirtualClock()
    baton = Baton(clock)
    made = World(clock, baton, ModelPlatform(baton))
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(override_settings(**SETTINGS, MEDIA_ROOT=folder, LABELS_DIR=folder))
        call_command("migrate", verbosity=0)
        travel = stack.enter_context(time_machine.travel(_moment(clock.machine), tick=False))
        clock.watchers.append(lambda now: travel.move_to(_moment(now)))
        _sqlite_clock(clock)
        for target, name, stand_in in (
            (time, "monotonic", lambda: clock.true),
            (time, "sleep", baton.sleep),
            (http, "call", made.platform.call),
            (scheduling, "_send", lambda task, kwargs: made.messages.append((task, kwargs))),
            # A wake-up for later: the sweep comes first, or the message is late.
            (scheduling, "_arm", lambda task, _, kwargs: made.messages.append((task, kwargs))),
            (AttemptContext, "confirm", noted(AttemptContext.confirm, lambda args: args[0].job.subject)),
            (drain, "push", closed(drain.push)),
            (pairs, "_lease_take", noted(pairs._lease_take, lambda args: "pair")),
            (pairs, "_refresh", closed(pairs._refresh)),
        ):
            stack.enter_context(mock.patch.object(target, name, stand_in))
        _set_up(made)
        made.take_snapshot()
        # What the set-up made stays: nobody needs to look through it for garbage again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)
        stack.enter_context(baton.between_statements())
        yield made
        baton.kill_all()


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _sqlite_clock(clock: VirtualClock) -> None:
    """`Now()` and `NowMicros()` ask SQLite, which asks the machine: here it asks the virtual one."""

    def text(form: str, what: str) -> str:
        assert what.upper() == "NOW", what
        return f"{_moment(clock.machine):%Y-%m-%d %H:%M:%S.%f}"[:-3]

    def julian(what: str) -> float:
        assert what == "now", what
        return clock.machine / 86_400 + 2_440_587.5

    connection.ensure_connection()
    connection.connection.create_function("strftime", 2, text)
    connection.connection.create_function("julianday", 1, julian)


def noted(function: Any, subject: Any) -> Any:
    """The same, and the worker is noted as about to change something: nobody stalls there."""

    def observed(*args: Any, **kwargs: Any) -> Any:
        answer = function(*args, **kwargs)
        if (worker := current()) is not None:
            worker.commits_to = subject(args)
        return answer

    return observed


def closed(function: Any) -> Any:
    """The same, and at its end the worker is not about to change anything any more."""

    def observed(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        finally:
            if (worker := current()) is not None:
                worker.commits_to = ""

    return observed


def _set_up(made: World) -> None:
    company = Company.objects.create(
        name="Loja Exemplo Ltda", trade_name="Loja", tax_id="11222333000181", state_code="SP", city="São Paulo",
        fiscal_environment=FiscalEnvironment.HOMOLOGATION,
    )  # fmt: skip
    store = Store.objects.create(
        company=company, name="Kwai", channel="kwai", lifecycle=StoreLifecycle.ACTIVE
    )
    made.store_id = store.pk
    KwaiSettings.objects.create(store=store, auto_receive=True)
    StatusMapping.objects.bulk_create(
        StatusMapping(store=store, remote_code=code, status=status)
        for code, status in default_situations().items()
    )
    sku_make(company, "SKU-1")
    account = KwaiAccount(store=store, merchant_id="123", health=ConnectionHealth.OK)
    pair = made.platform.consent_renew()
    account_store_pair(account, token_pair_read(pair, names(), timezone.now(), is_first=True))
    account.save()
    now = timezone.now()
    SyncCursor.objects.create(store=store, watermark=now - timedelta(minutes=5), due_at=now)
    ids = [made.platform.order_new() for _ in range(3)]
    _poll(made)
    shipments = _shipped(company, ids)
    for order_id, status in zip(ids[1:], (TO_ARRANGE, SHIPPED), strict=True):
        made.platform.order_change(order_id, orderStatus=status, invoiceStatus=NOTE_ACCEPTED)
    made.platform.orders[ids[2]].update(trackingNumber="JD003", carrierCode="JADLOG")
    _poll(made)
    for shipment, order_id in zip(shipments, ids, strict=True):
        requests = [
            invoice_request(shipment.invoice, shipment.order),
            tracking_request(shipment),
            delivery_request(shipment),
        ]
        made.chains[order_id] = requests[ids.index(order_id) :]
    PushJob.objects.all().delete()
    made.messages.clear()


def _poll(made: World) -> None:
    made.clock.advance(60)
    assert store_poll(made.store_id) is not None, SyncCursor.objects.values()
    assert not SyncCursor.objects.get().last_error, SyncCursor.objects.get().last_error


def _shipped(company: Company, ids: list[str]) -> list[Shipment]:
    """Each with its note and its tracking code, collected."""
    carrier = Carrier.objects.create(
        company=company, name="Jadlog", code="JADLOG", tracking_url="https://rastreio.example/{codigo}"
    )
    method = ShippingMethod.objects.create(
        company=company, name="Jadlog", kind=ShippingKind.CARRIER, carrier=carrier, delivery_days=3
    )
    orders = {order.external_id: order for order in Order.objects.all()}
    for number, order_id in zip(count(101), ids, strict=False):
        order = orders[order_id]
        content = nfe_xml(
            number=number,
            total=order.total,
            recipient_tax_id=order.buyer.tax_id,
            issued_at=order.placed_at.astimezone(BRASILIA),
        )
        (result,) = invoices_import(company=company, files=[("nota.xml", content)], user=None, order=order)
        assert result.invoice is not None, result
    shipments = list(Shipment.objects.order_by("order__external_id"))
    pks = [shipment.pk for shipment in shipments]
    shipments_carrier_set(shipment_ids=pks, shipping_method_id=method.pk)
    tracking_set(codes={pk: f"JD00{place}" for place, pk in enumerate(pks, 1)})
    group = group_create(company_id=company.pk, shipping_method_id=method.pk, shipment_ids=pks).group
    assert group is not None
    assert not group_conclude(group_id=group.pk).problem
    return [Shipment.objects.for_screens().get(pk=pk) for pk in pks]
