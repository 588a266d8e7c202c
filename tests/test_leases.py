"""Every row that one worker at a time is at is held in the same way (`erp.leases`)."""

from __future__ import annotations

import ast
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction
from django.utils import timezone

from erp import clock
from erp.accounts.models import Company, FiscalEnvironment, Store, User
from erp.attention.models import OwedMail
from erp.leases import Leased, LeasedQuerySet
from erp.outbox.models import ChannelPause, FirstPush, PushJob
from erp.sales.models import Order
from erp.work.models import Work
from expedition.models import Shipment, ShippingLabel
from invoices.issuing.models import InvoiceIssue
from kwai_integration.models import InboundEvent, KwaiAccount, SyncCursor
from tests.test_house import sources

pytestmark = pytest.mark.django_db


@dataclass
class Room:
    company: Company
    store: Store
    operator: User

    @property
    def order(self) -> Order:
        now = timezone.now()
        return Order.objects.create(
            company=self.company, store=self.store, number=1, placed_at=now, total=0, items_total=0
        )

    @property
    def shipment(self) -> Shipment:
        return Shipment.objects.create(company=self.company, store=self.store, order=self.order, number=1)


Make = Callable[[Room], Leased]
ROWS: dict[type[Leased], Make] = {
    PushJob: lambda room: PushJob.objects.create(store=room.store, kind="k", subject="1", coalesce_key="k:1"),
    FirstPush: lambda room: FirstPush.objects.create(store=room.store, kind="k"),
    ChannelPause: lambda room: ChannelPause.objects.create(channel="kwai"),
    OwedMail: lambda room: OwedMail.objects.create(company=room.company, key="k"),
    Work: lambda room: Work.objects.create(kind="test", company=room.company, asked_by=room.operator),
    ShippingLabel: lambda room: ShippingLabel.objects.create(shipment=room.shipment, number="AA1"),
    InvoiceIssue: lambda room: InvoiceIssue.objects.create(
        company=room.company,
        order=room.order,
        attempt=1,
        issuer="x",
        environment=FiscalEnvironment.HOMOLOGATION,
    ),
    SyncCursor: lambda room: SyncCursor.objects.create(
        store=room.store, watermark=timezone.now(), due_at=timezone.now()
    ),
    KwaiAccount: lambda room: KwaiAccount.objects.create(store=room.store),
    InboundEvent: lambda room: InboundEvent.objects.create(store=room.store, event_id="1", payload="{}"),
}
# What is written with a claim and with its end, where a constraint ties the lease to a state.
CLAIMED: dict[type[Leased], dict[str, Any]] = {
    PushJob: {"state": "claimed", "coalesce_key": None},
    InboundEvent: {"state": "claimed"},
}
FREED: dict[type[Leased], dict[str, Any]] = {
    PushJob: {"state": "pending", "coalesce_key": "k:1"},
    InboundEvent: {"state": "pending"},
}


class Machine:
    """One row of one model, held by nobody."""

    def __init__(self, model: type[Leased], room: Room) -> None:
        self.model, self.pk = model, ROWS[model](room).pk

    @property
    def row(self) -> LeasedQuerySet[Any]:
        return self.model.objects.filter(pk=self.pk)

    @property
    def values(self) -> dict[str, Any]:
        return self.row.values().get()

    def claim(self) -> uuid.UUID | None:
        return self.row.claim(**CLAIMED.get(self.model, {}))

    def release(self, token: uuid.UUID | None) -> bool:
        return self.row.release(token, **FREED.get(self.model, {}))


@pytest.fixture(params=ROWS, ids=lambda model: model.__name__)
def machine(request: pytest.FixtureRequest, company: Company, store: Store, operator: User) -> Machine:
    return Machine(request.param, Room(company, store, operator))


def test_every_model_with_a_lease_has_a_row_here() -> None:
    assert set(ROWS) == {model for model in apps.get_models() if issubclass(model, Leased)}


def test_one_worker_gets_it_and_another_after_it_let_go(machine: Machine) -> None:
    token = machine.claim()
    assert token is not None
    assert machine.row.taken().exists()
    assert machine.claim() is None
    assert machine.values["lease_token"] == token
    assert machine.release(token)
    assert not machine.row.taken().exists()
    assert machine.claim() not in (None, token)


@pytest.mark.parametrize("other", [uuid.UUID(int=7), None])
def test_the_token_of_another_changes_nothing_and_is_told_so(
    machine: Machine, other: uuid.UUID | None
) -> None:
    machine.claim()
    before = machine.values
    assert not machine.row.renew(other)
    assert not machine.release(other)
    assert machine.values == before


def test_without_a_token_nothing_is_held(machine: Machine) -> None:
    """A row that nobody is at has no token either: the two must not be taken for the same."""
    before = machine.values
    assert not machine.row.renew(None)
    assert not machine.row.release(None)
    assert machine.values == before


def test_a_lease_that_ran_out_is_taken_over_and_its_holder_writes_nothing_more(machine: Machine) -> None:
    slow = machine.claim()
    machine.row.update(lease_until=clock.after(timedelta(seconds=-1)))
    assert machine.row.free().exists()
    quick = machine.claim()
    assert quick is not None
    before = machine.values
    assert not machine.row.renew(slow)
    assert not machine.release(slow)
    assert machine.values == before
    assert machine.release(quick)


def test_a_lease_is_renewed_for_its_length(machine: Machine) -> None:
    token = machine.claim()
    machine.row.update(lease_until=clock.after(timedelta(seconds=1)))
    assert machine.row.renew(token)
    length = machine.model.lease_length()
    assert machine.row.filter(lease_until__gt=clock.after(length - timedelta(seconds=5))).exists()
    assert machine.row.filter(lease_until__lte=clock.after(length)).exists()


def test_a_lease_written_by_a_clock_far_ahead_counts_as_free(machine: Machine) -> None:
    machine.claim()
    longest = machine.model.lease_length() + clock.STEP
    machine.row.update(lease_until=clock.after(longest - timedelta(seconds=5)))
    assert machine.claim() is None
    machine.row.update(lease_until=clock.after(longest + timedelta(seconds=5)))
    assert not machine.row.taken().exists()
    assert machine.claim() is not None


def test_a_revoked_lease_is_over_for_its_holder(machine: Machine) -> None:
    token = machine.claim()
    assert machine.row.revoke(**FREED.get(machine.model, {})) == 1
    assert not machine.row.renew(token)
    assert machine.claim() is not None


@pytest.mark.parametrize("half", [{"lease_token": None}, {"lease_until": None}])
def test_no_row_holds_half_a_lease(machine: Machine, half: dict[str, None]) -> None:
    machine.claim()
    with pytest.raises(IntegrityError, match="_lease_"), transaction.atomic():
        machine.row.update(**half)


def leases_written() -> Iterator[str]:
    """Where a column of a lease is written by hand."""
    for path, tree in sources():
        for node in ast.walk(tree):
            names = [word.arg for word in node.keywords] if isinstance(node, ast.Call) else []
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.ctx, ast.Store)
                and node.attr == "lease_until"
            ):
                names = [node.attr]
            if {"lease_until", "lease_token"} & set(names):
                yield path


def test_a_lease_is_written_in_one_place() -> None:
    assert set(leases_written()) == {"erp/leases.py"}
