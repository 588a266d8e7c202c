"""A clock that was ahead heals: nothing it wrote keeps anything waiting once the time is right again.

Every column that holds an instant has a decision here: how what waits for it goes on, or that nothing waits.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.core import mail
from django.db import models
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from erp import clock
from erp.accounts.models import Company, FiscalEnvironment, Store, User
from erp.attention import mails
from erp.attention.models import OwedMail
from erp.outbox import claim, clearance, drain, limits
from erp.outbox.models import ChannelPause, FirstPush, PushJob, RateLimit, StoreQueue, is_due
from erp.outbox.queues import channel_pause, channel_probe_take
from erp.outbox.reap import reap
from erp.outbox.statuses import BreakerState, JobState, WaitReason
from erp.sales.models import Order
from erp.work.models import Work
from expedition.models import Shipment, ShippingLabel
from expedition.services.labels import labels_due
from invoices.issuing.models import InvoiceIssue
from invoices.issuing.services import issues_due
from kwai_integration.connection import StoreTokens, account_refresh, accounts_to_refresh
from kwai_integration.inbound import events, plan
from kwai_integration.inbound.poll import store_poll
from kwai_integration.inbound.staging import kwai_orders_stage
from kwai_integration.models import (
    ConsentRequest,
    EventState,
    InboundEvent,
    KwaiAccount,
    KwaiOrder,
    KwaiOrderState,
    OAuthPause,
    SyncCursor,
)
from kwai_integration.setup.consent import requests_forget
from tests.kwai_integration.inbound.conftest import detail
from tests.kwai_integration.test_result_codes import (
    Platform,
    ask,
    job,
    platform,
    push,
    second,
    shop,
)

__all__ = ["job", "platform", "second", "shop"]

pytestmark = pytest.mark.django_db

DAY = timedelta(hours=24)
SECOND = timedelta(seconds=1)
MICROS = 1_000_000


@dataclass
class World:
    """One connected store with one push, another store beside it; the clock was `ahead` and is right now."""

    company: Company
    admin: User
    shop: Store
    second: Store
    job: PushJob
    platform: Platform
    settings: Any
    ahead: timedelta = DAY

    def then(self, wait: timedelta = timedelta()) -> Any:
        """The instant that the wrong clock wrote for something to wait `wait`."""
        return clock.after(self.ahead + wait)

    def then_us(self) -> Any:
        return clock.NowMicros() + models.Value(round(self.ahead.total_seconds()) * MICROS)


Heal = Callable[[World], None]
HEALS: dict[str, list[tuple[str, Heal]]] = {}


def heals(
    *columns: str, cases: Iterable[Any] = (None,)
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The test of these columns; `cases` are handed on as the second argument."""

    def add(test: Callable[..., None]) -> Callable[..., None]:
        for column in columns:
            for case in cases:
                run = test if case is None else lambda world, case=case: test(world, case)
                HEALS.setdefault(column, []).append((repr(case), run))
        return test

    return add


# --- pushes

USUAL = {
    WaitReason.NOTHING: timedelta(),
    WaitReason.WINDOW: 2 * SECOND,
    WaitReason.RETRY: 5 * SECOND,
    WaitReason.LIMIT: 40 * SECOND,
    WaitReason.QUOTA: timedelta(hours=10),
    WaitReason.CHECK: timedelta(minutes=10),
    WaitReason.QUEUE: timedelta(),
    WaitReason.GRANT: timedelta(hours=1),
}


@heals("outbox.PushJob.not_before", cases=list(WaitReason))
def _(world: World, reason: WaitReason) -> None:
    PushJob.objects.update(not_before=world.then(USUAL[reason]), waiting_for=reason)
    assert StoreQueue.objects.with_due_work().filter(store=world.shop).exists()
    assert push(world.shop)
    assert PushJob.objects.get(pk=world.job.pk).state == JobState.DONE


@heals("outbox.PushJob.updated_at")
def _(world: World) -> None:
    """A wait that is no longer than its reason allows, written by a clock that was a little ahead."""
    PushJob.objects.update(
        not_before=clock.after(timedelta(hours=3)),
        waiting_for=WaitReason.RETRY,
        updated_at=clock.after(timedelta(hours=2)),
    )
    assert push(world.shop)


@heals("outbox.PushJob.lease_until")
def _(world: World) -> None:
    held = claim.claim_in_store(store_id=world.shop.pk)
    assert held is not None
    PushJob.objects.update(lease_until=world.then(timedelta(seconds=60)))
    assert claim.lease_renew(job=held) is False
    assert reap() == 1
    assert push(world.shop)


@heals("outbox.PushJob.first_attempt_at", "outbox.PushJob.requested_at")
def _(world: World) -> None:
    """The 72 hours count from now at the latest."""
    PushJob.objects.update(first_attempt_at=world.then(), requested_at=world.then(), attempts=3)
    world.platform.results["updateStock"] = 500
    assert push(world.shop)
    row = PushJob.objects.get(pk=world.job.pk)
    assert row.not_before < timezone.now() + timedelta(hours=1)


@heals("outbox.StoreQueue.reopen_at", "outbox.StoreQueue.opened_at", cases=list(BreakerState)[1:])
def _(world: World, state: BreakerState) -> None:
    StoreQueue.objects.filter(store=world.shop).update(
        breaker_state=state,
        breaker_failures=9,
        opened_at=world.then(),
        reopen_at=world.then(timedelta(minutes=10)),
    )
    assert push(world.shop)
    assert StoreQueue.objects.get(store=world.shop).breaker_state == BreakerState.CLOSED


@heals("outbox.StoreQueue.last_claimed_at")
def _(world: World) -> None:
    ask(world.second)
    StoreQueue.objects.filter(store=world.shop).update(last_claimed_at=world.then())
    StoreQueue.objects.filter(store=world.second).update(last_claimed_at=Now() - SECOND)
    served = claim.claim_next()
    assert served is not None
    assert served.store_id == world.shop.pk


@heals("outbox.ChannelPause.lease_until")
def _(world: World) -> None:
    channel_pause(channel="kwai", reason="x")
    ChannelPause.objects.update(lease_until=world.then(timedelta(minutes=1)))
    assert channel_probe_take(channel="kwai")
    assert not channel_probe_take(channel="kwai")


# --- limits


def gate(world: World, **columns: Any) -> limits.Share:
    """Both gates of a call, as a first push and a first import leave them, with `columns` from the future."""
    for share in limits.Share:
        asked(world, share)
    RateLimit.objects.update(arrival_us=0, push_arrival_us=0, import_arrival_us=0)
    RateLimit.objects.update(**columns)
    return limits.Share.PUSH


def asked(world: World, share: limits.Share = limits.Share.PUSH) -> limits.Go | limits.When:
    return limits.wait_turn(
        "x",
        lambda: limits.acquire(store_id=world.shop.pk, app_key="ks700000000000000001", call="x", share=share),
    )


@heals(
    *(f"outbox.RateLimit.{name}" for name in ("arrival_us", "push_arrival_us", "import_arrival_us")),
    *(f"outbox.RateLimit.{name}" for name in ("push_asked_us", "import_asked_us")),
    cases=["arrival_us", "push_arrival_us", "import_arrival_us", "push_asked_us", "import_asked_us", "all"],
)
def _(world: World, column: str) -> None:
    columns = (
        ("arrival_us", "push_arrival_us", "import_arrival_us", "push_asked_us", "import_asked_us")
        if column == "all"
        else (column,)
    )
    gate(world, **dict.fromkeys(columns, world.then_us()))
    for share in limits.Share:
        assert asked(world, share) == limits.Go()
    now = RateLimit.objects.annotate(now_us=clock.NowMicros()).values("now_us", "arrival_us", *columns)
    for row in now:
        assert row["arrival_us"] <= row["now_us"] + MICROS


@heals("outbox.RateLimit.push_asked_us", "outbox.RateLimit.import_asked_us")
def _(world: World) -> None:
    """A share that seems to have asked in the future does not keep its reserve from the other."""
    world_us = world.then_us()
    gate(world, push_asked_us=world_us, import_asked_us=world_us)
    beyond = clock.NowMicros() + models.Value(1 * MICROS)
    RateLimit.objects.update(push_arrival_us=beyond)
    assert asked(world) == limits.Go()


@heals("outbox.RateLimit.day")
def _(world: World) -> None:
    share = gate(world)
    days = max(1, world.ahead.days)
    RateLimit.objects.update(day=F("day") + days, used=10_000_000, push_used=5_000_000, import_used=5_000_000)
    assert asked(world, share) == limits.Go()
    counted = RateLimit.objects.get(scope__startswith="app:", call="x")
    assert (counted.used, counted.push_used) == (1, 1)


@heals(
    "outbox.RateLimit.resume_at",
    cases=[
        (WaitReason.LIMIT, 40 * SECOND),
        (WaitReason.QUOTA, timedelta(hours=10)),
        (WaitReason.GRANT, timedelta(hours=1)),
    ],
)
def _(world: World, told: tuple[WaitReason, timedelta]) -> None:
    reason, wait = told
    gate(world, resume_at=world.then(wait), resume_reason=reason)
    RateLimit.objects.filter(scope__startswith="store:", call="x").update(call="update_stock")
    assert limits.calls_held(store_id=world.shop.pk) == set()
    assert asked(world) == limits.Go()
    assert push(world.shop)
    # A hold that is told now counts, however far the old one reaches.
    until = timezone.now() + timedelta(minutes=5)
    limits.hold(store_id=world.shop.pk, call="update_stock", until=until, reason=WaitReason.LIMIT)
    assert limits.calls_held(store_id=world.shop.pk) == {"update_stock"}


# --- the token pair


@heals("kwai_integration.KwaiAccount.lease_until")
def _(world: World) -> None:
    KwaiAccount.objects.update(
        lease_token=uuid.uuid4(),
        lease_until=world.then(timedelta(seconds=30)),
        refresh_due_at=Now() - SECOND,
    )
    assert account_refresh(store_id=world.shop.pk) is True


@heals("kwai_integration.KwaiAccount.refresh_retry_at")
def _(world: World) -> None:
    KwaiAccount.objects.update(
        refresh_retry_at=world.then(timedelta(minutes=1)), refresh_due_at=Now() - SECOND
    )
    assert account_refresh(store_id=world.shop.pk) is True


@heals("kwai_integration.KwaiAccount.access_expires_at", "kwai_integration.KwaiAccount.refresh_due_at")
def _(world: World) -> None:
    """Renewed under the wrong clock: nobody knows when the pair really ends, so it is renewed once more."""
    KwaiAccount.objects.update(
        access_expires_at=world.then(timedelta(days=7)), refresh_due_at=world.then(timedelta(days=5))
    )
    for _ in range(3):
        StoreTokens(world.shop.pk).current()
    assert world.platform.calls["refreshToken"] == 1
    row = KwaiAccount.objects.get(pk=world.shop.pk)
    assert row.access_expires_at is not None
    assert row.refresh_due_at is not None
    assert row.refresh_due_at < row.access_expires_at <= timezone.now() + timedelta(days=7)


@heals("kwai_integration.OAuthPause.retry_at")
def _(world: World) -> None:
    world.platform.results["refreshToken"] = 441
    KwaiAccount.objects.update(refresh_due_at=Now() - SECOND)
    assert account_refresh(store_id=world.shop.pk) is False
    OAuthPause.objects.update(retry_at=world.then(timedelta(minutes=1)))
    world.platform.results.clear()
    assert accounts_to_refresh().filter(pk=world.shop.pk).exists()
    assert account_refresh(store_id=world.shop.pk) is True


@heals("attention.OwedMail.due_at", "attention.OwedMail.lease_until")
def _(world: World) -> None:
    world.settings.EMAIL_ENABLED = True
    User.objects.filter(pk=world.admin.pk).update(email="dona@loja.example")
    KwaiAccount.objects.filter(pk=world.shop.pk).update(refresh_expires_at=timezone.now() + timedelta(days=6))
    mails.mails_owe()
    rows = OwedMail.objects.filter(key="kwai.consent_ending")
    rows.update(
        due_at=world.then(timedelta(hours=2)),
        lease_token=uuid.uuid4(),
        lease_until=world.then(timedelta(minutes=2)),
    )
    assert mails.mails_send() == 1
    assert len(mail.outbox) == 1


@heals("kwai_integration.ConsentRequest.expires_at")
def _(world: World) -> None:
    ConsentRequest.objects.create(
        store=world.shop,
        user=world.admin,
        status_hash="s",
        session_hash="t",
        expires_at=timezone.now() + world.ahead + timedelta(minutes=15),
    )
    assert requests_forget() == 1


# --- reading


@heals("kwai_integration.SyncCursor.due_at", "kwai_integration.SyncCursor.lease_until")
def _(world: World) -> None:
    SyncCursor.objects.update(
        due_at=world.then(timedelta(seconds=15)),
        lease_token=uuid.uuid4(),
        lease_until=world.then(timedelta(seconds=90)),
    )
    assert world.shop.pk in plan.stores_to_poll()
    assert store_poll(world.shop.pk) is not None
    assert SyncCursor.objects.get(pk=world.shop.pk).due_at < timezone.now() + timedelta(minutes=1)


@heals("kwai_integration.SyncCursor.watermark", cases=["a stored change", "none"])
def _(world: World, case: str) -> None:
    newest = timezone.now() - timedelta(hours=3)
    if case == "a stored change":
        for number, at in enumerate((newest, timezone.now() + DAY)):
            KwaiOrder.objects.create(
                store=world.shop, external_id=str(number), remote_updated_at=at, fetch_started_at=at
            )
    SyncCursor.objects.update(watermark=world.then(), due_at=Now() - SECOND)
    assert store_poll(world.shop.pk) is not None
    cursor = SyncCursor.objects.get(pk=world.shop.pk)
    assert cursor.watermark <= timezone.now()
    read = listed(world)
    unread_since = newest if case == "a stored change" else timezone.now() - timedelta(days=30)
    assert min(payload["timeFrom"] for payload in read) < unread_since.timestamp() * 1000
    assert max(payload["timeTo"] for payload in read) <= timezone.now().timestamp() * 1000 + 60_000


@heals("kwai_integration.SyncCursor.refunds_watermark")
def _(world: World) -> None:
    SyncCursor.objects.update(refunds_watermark=world.then(), due_at=Now() - SECOND)
    assert store_poll(world.shop.pk) is not None
    asked = next(payload for path, payload in world.platform.asked if path == "queryRefundList")
    assert asked["timeFrom"] < (timezone.now() - timedelta(days=30)).timestamp() * 1000
    cursor = SyncCursor.objects.get(pk=world.shop.pk)
    assert cursor.refunds_watermark is not None
    assert cursor.refunds_watermark <= timezone.now()


@heals("outbox.FirstPush.check_at", "outbox.FirstPush.lease_until")
def _(world: World) -> None:
    assert push(world.shop)
    FirstPush.objects.update_or_create(
        store=world.shop,
        kind="k",
        defaults={
            "job": world.job,
            "released_at": Now(),
            "cleared_at": None,
            "check_at": world.then(timedelta(minutes=2)),
            "lease_token": uuid.uuid4(),
            "lease_until": world.then(timedelta(minutes=1)),
        },
    )
    assert [row.kind for row in clearance._claims()] == ["k"]


@heals("expedition.ShippingLabel.not_before", "expedition.ShippingLabel.lease_until")
def _(world: World) -> None:
    order = Order.objects.create(
        company=world.company, store=world.shop, number=2, placed_at=timezone.now(), total=0, items_total=0
    )
    shipment = Shipment.objects.create(company=world.company, store=world.shop, order=order, number=1)
    label = ShippingLabel.objects.create(
        shipment=shipment,
        number="AA1",
        lease_token=uuid.uuid4(),
        not_before=world.then(timedelta(minutes=5)),
        lease_until=world.then(timedelta(minutes=1)),
    )
    assert labels_due() == [label.pk]


@heals("work.Work.lease_until", "work.Work.turn_at")
def _(world: World) -> None:
    """Taken up at once, and before a work that came later."""
    asked = {"kind": "test", "company": world.company, "asked_by": world.admin, "total": 1}
    held = Work.objects.create(
        **asked,
        turn_at=world.then(),
        lease_token=uuid.uuid4(),
        lease_until=world.then(timedelta(minutes=1)),
    )
    Work.objects.create(**asked)
    assert Work.objects.due().by_turn().values_list("pk", flat=True).first() == held.pk
    assert not Work.objects.unfinished().taken().exists()


@heals("kwai_integration.InboundEvent.not_before")
def _(world: World) -> None:
    event(world, not_before=world.then(timedelta(hours=1)))
    assert events.stores_with_events() == [world.shop.pk]
    events.events_fetch(world.shop.pk)
    assert world.platform.calls["queryOrderDetails"]


@heals("kwai_integration.InboundEvent.lease_until")
def _(world: World) -> None:
    row = event(world)
    assert events._claim(world.shop.pk) is not None
    InboundEvent.objects.update(lease_until=world.then(timedelta(seconds=60)))
    assert events.events_reap() == 1
    row.refresh_from_db()
    assert row.state == EventState.PENDING


def listed(world: World) -> list[dict[str, Any]]:
    """The windows of orders that were asked for."""
    return [payload for path, payload in world.platform.asked if path == "queryOrderList"]


def event(world: World, **fields: Any) -> InboundEvent:
    row = InboundEvent.objects.create(
        store=world.shop, event_id="e", event="order_paid", subject="900", payload="{}"
    )
    InboundEvent.objects.filter(pk=row.pk).update(**{"not_before": Now() - SECOND, **fields})
    return row


@heals("kwai_integration.KwaiOrder.fetch_started_at")
def _(world: World) -> None:
    """Two answers without an update time: the one fetched now wins over one fetched in the future."""
    for fetched, remark in ((timezone.now() + world.ahead, "A"), (timezone.now(), "B")):
        with time_machine.travel(fetched, tick=False):
            kwai_orders_stage(
                store=world.shop,
                details=[detail(updateTime=None, buyerRemark=remark)],
                fetch_started_at=fetched,
            )
    assert '"B"' in KwaiOrder.objects.get().answer.text


@heals("kwai_integration.KwaiOrder.staged_at")
def _(world: World) -> None:
    """An order whose details fail is given up: the window goes on, whenever it was first seen."""
    row = KwaiOrder.objects.create(
        store=world.shop,
        external_id="900",
        problem_code="details_failed",
        state=KwaiOrderState.QUARANTINED,
        fetch_started_at=timezone.now(),
    )
    KwaiOrder.objects.filter(pk=row.pk).update(staged_at=timezone.now() + world.ahead)
    world.platform.listed = [900]
    world.platform.results["queryOrderDetails"] = 500
    SyncCursor.objects.update(due_at=Now() - SECOND)
    before = SyncCursor.objects.get(pk=world.shop.pk).watermark
    assert store_poll(world.shop.pk) is not None
    assert SyncCursor.objects.get(pk=world.shop.pk).watermark > before


@heals("invoices.InvoiceIssue.not_before", "invoices.InvoiceIssue.lease_until")
def _(world: World) -> None:
    order = Order.objects.create(
        company=world.company, store=world.shop, number=1, placed_at=timezone.now(), total=0, items_total=0
    )
    issue = InvoiceIssue.objects.create(
        company=world.company,
        order=order,
        attempt=1,
        issuer="demonstration",
        environment=FiscalEnvironment.HOMOLOGATION,
    )
    InvoiceIssue.objects.update(
        not_before=world.then(timedelta(seconds=600)),
        lease_token=uuid.uuid4(),
        lease_until=world.then(timedelta(seconds=60)),
    )
    assert issues_due() == [issue.pk]


# What nothing waits for: shown, kept as a fact of the order or the note, or only asked whether it is set.
NOT_WAITED_FOR = {
    # Written to see whether writing works; nobody reads it.
    "runtime.WriteProbe.written_at",
    # Pages look for newer ones; what a clock that was ahead wrote does not count until then (test_stamps.py).
    "work.Work.updated_at",
    "stock.StockItem.updated_at",
    "kwai_integration.KwaiOrder.updated_at",
    "invoices.RefusedFile.updated_at",
    "expedition.ShipmentGroup.updated_at",
    "expedition.Shipment.updated_at",
    "accounts.Store.updated_at",
    "attention.Condition.updated_at",
    "kwai_integration.KwaiAccount.updated_at",
    "kwai_integration.KwaiSettings.updated_at",
    "kwai_integration.OAuthPause.updated_at",
    "kwai_integration.StatusMapping.updated_at",
    "outbox.ChannelPause.updated_at",
    "outbox.FirstPush.updated_at",
    "sales.ShippingMethod.updated_at",
    "work.Work.created_at",
    "work.Work.stop_asked_at",
    "work.Work.finished_at",
    "work.WorkFile.created_at",
    "accounts.Company.created_at",
    "accounts.User.last_login",
    "accounts.User.date_joined",
    "accounts.Store.created_at",
    "accounts.Store.activated_at",
    "accounts.AuditEntry.at",
    # It ends a wait (`errors.NotYet`), and no check is farther off than an hour.
    "outbox.PushJob.deadline",
    "outbox.PushJob.created_at",
    "outbox.PushJob.finished_at",
    "outbox.PushAttempt.started_at",
    "outbox.ChannelPause.since",
    "outbox.StoreQueue.paused_at",
    "outbox.FirstPush.released_at",
    "outbox.FirstPush.cleared_at",
    "catalog.Product.created_at",
    "catalog.Product.updated_at",
    "catalog.Sku.created_at",
    "stock.StockMovement.at",
    "sales.Order.placed_at",
    "sales.Order.paid_at",
    "sales.Order.ship_by_at",
    "sales.Order.cancelled_at",
    "sales.Order.refund_at",
    "sales.Order.refund_released_at",
    "sales.Order.closed_at",
    "sales.Order.created_at",
    "sales.Order.updated_at",
    "sales.Buyer.edited_at",
    "sales.DeliveryAddress.edited_at",
    "sales.OrderEvent.at",
    "invoices.InvoiceIssue.created_at",
    "attention.Condition.opened_at",
    "attention.Condition.seen_at",
    "attention.Condition.withdrawn_at",
    "attention.OwedMail.created_at",
    "attention.OwedMail.closed_at",
    "invoices.InvoiceIssue.updated_at",
    "invoices.InvoiceNumberGap.created_at",
    "invoices.Invoice.issued_at",
    "invoices.Invoice.authorized_at",
    "invoices.Invoice.danfe_printed_at",
    "invoices.Invoice.created_at",
    "invoices.Invoice.updated_at",
    "invoices.Invoice.cancelled_at",
    "invoices.Invoice.sent_at",
    "invoices.Invoice.judged_at",
    "invoices.InvoiceDocument.created_at",
    "invoices.WarningConsent.at",
    "invoices.InvoiceEvent.registered_at",
    "invoices.InvoiceEvent.created_at",
    "invoices.RefusedFile.created_at",
    "invoices.RefusedFile.last_sent_at",
    "expedition.ShipmentGroup.created_at",
    "expedition.ShipmentGroup.concluded_at",
    # Only ends a wait: the label is given up later.
    "expedition.ShippingLabel.wanted_at",
    "expedition.ShippingLabel.fetched_at",
    "expedition.ShippingLabel.printed_at",
    "expedition.ShippingLabel.erased_at",
    "expedition.Shipment.created_at",
    "expedition.Shipment.concluded_at",
    "expedition.Shipment.ship_by_at",
    "expedition.Shipment.delivered_at",
    # The end of the consent is shown; Kwai itself ends it, and the next renewal tells it anew.
    "kwai_integration.KwaiAccount.refresh_expires_at",
    "kwai_integration.KwaiAccount.refresh_lost_at",
    "kwai_integration.KwaiAccount.connected_at",
    "kwai_integration.OAuthPause.since",
    "kwai_integration.ConsentRequest.created_at",
    "kwai_integration.ConsentRequest.used_at",
    "kwai_integration.KwaiOrder.placed_at",
    "kwai_integration.KwaiOrder.ship_by_at",
    "kwai_integration.KwaiOrder.first_shipped_at",
    # By the platform's clock.
    "kwai_integration.KwaiOrder.remote_updated_at",
    # By the platform's clock too; one that lies ahead gives way to any other (`refund_list`).
    "kwai_integration.KwaiRefund.reported_at",
    "kwai_integration.KwaiOrder.received_at",
    "kwai_integration.KwaiOrderAnswer.stored_at",
    "kwai_integration.Listing.first_seen_at",
    "kwai_integration.SyncCursor.last_success_at",
    "kwai_integration.SyncCursor.last_error_at",
    "kwai_integration.InboundEvent.sent_at",
    "kwai_integration.InboundEvent.received_at",
    "kwai_integration.InboundEvent.settled_at",
    "kwai_integration.SetupStep.saved_at",
}
OURS = ("erp", "invoices", "expedition", "kwai_integration")


def columns() -> set[str]:
    """Every column that holds an instant or a day counted from one."""
    return {
        f"{model._meta.label}.{one.name}"
        for model in apps.get_models()
        if model.__module__.partition(".")[0] in OURS
        for one in model._meta.local_fields
        if isinstance(one, models.DateTimeField) or one.name.endswith("_us") or one.name == "day"
    }


def test_every_column_with_an_instant_has_a_decision() -> None:
    assert columns() == set(HEALS) | NOT_WAITED_FOR
    assert not set(HEALS) & NOT_WAITED_FOR


@pytest.fixture
def world(
    company: Company,
    admin: User,
    shop: Store,
    second: Store,
    job: PushJob,
    platform: Platform,
    settings: Any,
) -> World:
    platform.answers = {"merchantId": None}
    return World(company, admin, shop, second, job, platform, settings)


@pytest.mark.parametrize("ahead", [DAY, timedelta(days=400)], ids=["a day", "a year"])
@pytest.mark.parametrize(
    ("column", "heal"),
    [
        pytest.param(column, heal, id=f"{column}-{case}")
        for column in sorted(HEALS)
        for case, heal in HEALS[column]
    ],
)
def test_what_a_clock_that_was_ahead_wrote_keeps_nothing_waiting(
    world: World, column: str, heal: Heal, ahead: timedelta
) -> None:
    world.ahead = ahead
    heal(world)


@pytest.mark.parametrize("reason", list(WaitReason))
def test_a_wait_that_is_meant_is_kept(world: World, reason: WaitReason) -> None:
    wait = max(USUAL[reason], 20 * SECOND)
    PushJob.objects.update(not_before=clock.after(wait), waiting_for=reason)
    assert not PushJob.objects.filter(is_due()).exists()
    assert push(world.shop) is False


def test_a_clock_that_steps_back_a_little_takes_no_lease_away(world: World) -> None:
    held = claim.claim_in_store(store_id=world.shop.pk)
    assert held is not None
    PushJob.objects.update(lease_until=clock.after(timedelta(seconds=90)))
    assert reap() == 0
    drain.push(held)
    assert PushJob.objects.get(pk=world.job.pk).state == JobState.DONE


# --- the watermark and the platform's clock


@pytest.mark.parametrize("ahead", [timedelta(minutes=4), DAY, -timedelta(minutes=4)], ids=str)
def test_the_watermark_follows_the_platforms_clock_not_ours(
    world: World, ahead: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that changes between the two clocks is skipped: with a clock ahead of Kwai's that Kwai still
    accepts, every poll reads up to Kwai's present."""
    KwaiAccount.objects.update(access_expires_at=None)
    for _ in range(3):
        SyncCursor.objects.revoke(due_at=Now() - SECOND)
        real = timezone.now()
        with time_machine.travel(real + ahead, tick=True):
            assert store_poll(world.shop.pk) is not None
        mark = SyncCursor.objects.get(pk=world.shop.pk).watermark
        assert abs(mark - real) < timedelta(seconds=5)
    to = max(payload["timeTo"] for payload in listed(world))
    assert to >= (timezone.now() - timedelta(seconds=5)).timestamp() * 1000


def test_a_watermark_ahead_of_kwai_alone_is_brought_back(world: World) -> None:
    """Written by the same wrong clock that still runs: our own clock sees nothing odd."""
    KwaiAccount.objects.update(access_expires_at=None)
    real = timezone.now()
    SyncCursor.objects.update(watermark=real + DAY - timedelta(minutes=1), due_at=Now() - SECOND)
    with time_machine.travel(real + DAY, tick=True):
        result = store_poll(world.shop.pk)
    assert result is not None
    assert result.more
    assert SyncCursor.objects.get(pk=world.shop.pk).watermark < real - timedelta(days=1)


def test_a_poll_that_kwai_refuses_for_the_clock_moves_nothing(world: World) -> None:
    world.platform.results["*"] = 442
    SyncCursor.objects.update(due_at=Now() - SECOND)
    before = SyncCursor.objects.get(pk=world.shop.pk).watermark
    with time_machine.travel(timezone.now() + DAY, tick=True):
        assert store_poll(world.shop.pk) is not None
    assert SyncCursor.objects.get(pk=world.shop.pk).watermark == before
    reason = ChannelPause.objects.get().reason
    assert "relógio do servidor" in reason
    assert "24 h adiantado" in reason


def test_a_store_activated_today_is_not_read_from_before_its_history(world: World) -> None:
    activated = timezone.now() - timedelta(hours=2)
    Store.objects.filter(pk=world.shop.pk).update(activated_at=activated)
    SyncCursor.objects.filter(pk=world.shop.pk).update(watermark=timezone.now() + DAY, due_at=Now() - SECOND)
    history = KwaiAccount.objects.get(pk=world.shop.pk).store.kwai_settings.history_days
    assert store_poll(world.shop.pk) is not None
    first = min(payload["timeFrom"] for payload in listed(world))
    begin = activated - timedelta(days=history, minutes=6)
    assert first >= begin.timestamp() * 1000
