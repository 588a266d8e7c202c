"""Every source of the register: the count is that of the page it leads to, mending takes it away, and nobody
sees it who may not."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from erp import clock
from erp.accounts.models import Company, Role, Store, User
from erp.accounts.permissions import holds
from erp.attention import register
from erp.attention.board import Board
from erp.attention.conditions import condition_open
from erp.attention.register import Item, store_subject
from erp.catalog.models import Sku
from erp.channels import ChannelAction
from erp.outbox import breaker, clearance, limits
from erp.outbox.commands import jobs_cancel
from erp.outbox.models import FirstPush, PushJob, RateLimit
from erp.outbox.queues import calls_restore, channel_pause, channel_resume, queues_ensure
from erp.outbox.statuses import WaitReason
from erp.runtime import storage
from erp.runtime.backup.nightly import BACKUP_FAILED
from erp.sales.models import Order
from erp.sales.services import orders_status_set
from erp.sales.statuses import OrderStatus
from erp.stock.models import MovementKind, Warehouse
from erp.stock.services import stock_move
from expedition.models import Shipment
from invoices.imports import invoices_import
from invoices.linking import invoices_link
from invoices.models import Invoice
from kwai_integration.app_health import oauth_call
from kwai_integration.conditions import MAPPINGS_TO_CHECK, ORDERS_JUDGED_AGAIN
from kwai_integration.connection import account_health_set
from kwai_integration.inbound.receive import kwai_orders_receive
from kwai_integration.models import (
    ConnectionHealth,
    KwaiAccount,
    KwaiOrder,
    KwaiSettings,
    OAuthPause,
    StatusMapping,
)
from kwai_integration.outbound.kinds import Kind
from kwai_integration.setup.stores import store_install
from kwai_integration.wire import errors
from tests.invoices.factory import BRASILIA, nfe_xml
from tests.kwai_integration.outbound.conftest import Desk, desk, kwai, kwai_store, labels_dir, sku, wakes
from tests.kwai_integration.test_list_queries import bring

__all__ = ["desk", "kwai", "kwai_store", "labels_dir", "sku", "wakes"]

pytestmark = pytest.mark.django_db

NOBODYS = 777


@dataclass
class World:
    """A shop at work: one order was delivered, so that every list has a row that needs nobody."""

    desk: Desk
    store: Store
    admin: User
    sku: Sku

    @property
    def company(self) -> Company:
        return self.desk.company

    @property
    def subject(self) -> str:
        return store_subject(self.store.pk)

    def account(self, **fields: Any) -> None:
        KwaiAccount.objects.filter(pk=self.store.pk).update(**fields)

    def job(self) -> PushJob:
        return PushJob.objects.latest("pk")


@pytest.fixture
def world(desk: Desk, kwai_store: Store, admin: User, sku: Sku) -> World:
    (order,) = desk.orders()
    orders_status_set(wanted={order.pk: OrderStatus.DELIVERED})
    return World(desk, kwai_store, admin, sku)


# --- one row of each source, and what mends it


def order_arrives(world: World) -> None:
    world.desk.orders()


def order_leaves(world: World) -> None:
    orders_status_set(wanted={Order.objects.latest("pk").pk: OrderStatus.SHIPPED})


def goods_lack(world: World) -> None:
    stock_count(world, 0)
    world.desk.orders()


def goods_come(world: World) -> None:
    stock_count(world, 50)


def stock_count(world: World, quantity: int) -> None:
    warehouse = Warehouse.objects.get()
    stock_move(
        kind=MovementKind.COUNT, sku=world.sku, warehouse=warehouse, quantity=quantity, text="Contagem"
    )


def note_alone(world: World) -> None:
    (order,) = world.desk.orders()
    content = nfe_xml(
        number=900,
        total=order.total,
        recipient_tax_id=order.buyer.tax_id,
        issued_at=order.placed_at.astimezone(BRASILIA),
    )
    invoices_import(company=world.company, files=[("nota.xml", content)], user=None)


def note_linked(world: World) -> None:
    invoices_link(orders={Invoice.objects.get().pk: Order.objects.latest("pk").pk}, user=world.admin)


def shipment_waits(world: World) -> None:
    (order,) = world.desk.orders()
    world.desk.invoice(order)


def shipment_goes(world: World) -> None:
    world.desk.conclude(list(Shipment.objects.all()), ["JD000000001"])


def order_waits(world: World) -> None:
    KwaiSettings.objects.update(auto_receive=False)
    world.desk.kwai.orders()
    world.desk.kwai.poll()


def order_received(world: World) -> None:
    kwai_orders_receive(ids=[KwaiOrder.objects.latest("pk").pk])


def push_stops(world: World) -> None:
    (order,) = world.desk.orders()
    PushJob.objects.create(
        store=world.store,
        kind=Kind.SEND_INVOICE,
        subject=order.external_id,
        idempotency_key="test",
        state="blocked",
        failure_mode="rejected",
        step=1,
    )


def push_given_up(world: World) -> None:
    jobs_cancel(job_ids=[world.job().pk], requested_by=world.admin)


def store_gone(world: World) -> None:
    KwaiAccount.objects.all().delete()


def store_added(world: World) -> None:
    store_install(company=world.company, user=world.admin)


def consent_revoked(world: World) -> None:
    account_health_set(store_id=world.store.pk, health=ConnectionHealth.REVOKED)


def consent_given(world: World) -> None:
    world.account(health=ConnectionHealth.OK)


def code_unknown(world: World) -> None:
    (order,) = world.desk.orders()
    world.desk.kwai.change(order.external_id, orderStatus=NOBODYS)
    world.desk.kwai.poll()


def code_mapped(world: World) -> None:
    StatusMapping.objects.update_or_create(
        store=world.store, remote_code=str(NOBODYS), defaults={"status": "approved", "role": "to_arrange"}
    )


def application_refused(world: World) -> None:
    channel_pause(channel="kwai", reason="O Kwai não aceita o aplicativo.")


def secret_refused(world: World) -> None:
    with pytest.raises(errors.SecretInvalid), oauth_call("oauth_refresh"):
        raise errors.SecretInvalid(call="oauth_refresh", write=True, code=441)


def secret_accepted(world: World) -> None:
    OAuthPause.objects.update(retry_at=timezone.now() - timedelta(seconds=1))
    with oauth_call("oauth_refresh"):
        pass


def ends_in(days: int) -> Callable[[World], None]:
    def act(world: World) -> None:
        world.account(refresh_expires_at=timezone.now() + timedelta(days=days, hours=1))

    return act


def held(until: datetime | None) -> dict[str, Any]:
    """A lease until then, or none."""
    return {"lease_until": until, "lease_token": until and uuid.uuid4()}


def renewal_lost(world: World) -> None:
    now = timezone.now()
    world.account(refresh_problem="Duas respostas se perderam.", refresh_lost_at=now, **held(now))


def renewal_fails(world: World) -> None:
    world.account(refresh_problem="Código desconhecido (777).")


def renewed(world: World) -> None:
    world.account(refresh_problem="", refresh_lost_at=None, **held(None))


def call_denied(world: World) -> None:
    until = clock.after(timedelta(minutes=50))
    limits.hold(store_id=world.store.pk, call="list_items", until=until, reason=WaitReason.GRANT)


def call_granted(world: World) -> None:
    calls_restore(store_id=world.store.pk)


def platform_silent(world: World) -> None:
    queues_ensure({world.store.pk})
    for _ in range(breaker.FAILURES_TO_OPEN):
        breaker.learn(store_id=world.store.pk, healthy=False)


def platform_answers(world: World) -> None:
    breaker.learn(store_id=world.store.pk, healthy=True)


def quota_spent(world: World) -> None:
    until = clock.after(timedelta(hours=3))
    limits.hold(store_id=world.store.pk, call="upload_invoice", until=until, reason=WaitReason.QUOTA)


def quota_renewed(world: World) -> None:
    held = RateLimit.objects.filter(resume_reason=WaitReason.QUOTA)
    held.update(resume_at=timezone.now() - timedelta(seconds=1))


def push_late(world: World) -> None:
    (order,) = world.desk.orders()
    world.desk.ask(ChannelAction.SEND_INVOICE, world.desk.invoice(order).pk)
    PushJob.objects.update(not_before=timezone.now() - timedelta(minutes=20))


def first_push_waits(world: World) -> None:
    """Two of a kind: one goes first, the other waits for it."""
    for order in world.desk.orders(2):
        world.desk.ask(ChannelAction.SEND_INVOICE, world.desk.invoice(order).pk)


def first_push_refused(world: World) -> None:
    first_push_waits(world)
    world.desk.kwai.sandbox.control("PUT", "settings", {"invoiceReview": "refuse"})
    first_push_released(world)


def first_push_released(world: World) -> None:
    clearance.first_push_release(job_id=PushJob.objects.order_by("pk")[0].pk, user=world.admin)
    world.desk.push_later()
    clearance.checks_run()


def first_push_withheld(world: World) -> None:
    clearance.first_push_withhold(job_id=PushJob.objects.order_by("pk")[0].pk, user=world.admin)
    jobs_cancel(job_ids=PushJob.objects.values_list("pk", flat=True), requested_by=world.admin)


def first_push_differs(world: World) -> None:
    (order,) = world.desk.orders()
    (shipment,) = world.desk.shipped([order], ["JD000000001"])
    FirstPush.objects.filter(kind=Kind.SEND_INVOICE).update(cleared_at=timezone.now())
    world.desk.ask(ChannelAction.SEND_TRACKING, shipment.pk)
    FirstPush.objects.filter(kind=Kind.SEND_INVOICE).update(cleared_at=timezone.now())
    world.desk.push_later()
    clearance.first_push_release(job_id=tracking(world).pk, user=world.admin)
    world.desk.push_later()
    world.desk.kwai.sandbox.control("PATCH", f"orders/{order.external_id}", {"trackingNumber": ""})
    for _ in range(len(clearance.LOOKS) + 1):
        clearance.checks_run()
        FirstPush.objects.update(check_at=clock.after(timedelta(seconds=-1)))


def tracking(world: World) -> PushJob:
    return PushJob.objects.get(kind=Kind.SEND_TRACKING)


def first_push_cleared(world: World) -> None:
    clearance.first_push_clear(job_id=tracking(world).pk, user=world.admin)


def told(key: str) -> Callable[[World], None]:
    def act(world: World) -> None:
        condition_open(
            key=key,
            subject=world.subject,
            text="Confira.",
            company_id=world.company.pk,
            store_id=world.store.pk,
        )

    return act


def read(key: str) -> Callable[[World], None]:
    """*entendi*, on the page of the condition."""

    def act(world: World) -> None:
        client = Client()
        client.force_login(world.admin)
        client.post(item_of(world.admin, key).repair.url)

    return act


Act = Callable[[World], None]
CASES: dict[str, tuple[Act, Act]] = {
    "sales.orders_to_ship": (order_arrives, order_leaves),
    "stock.skus_short": (goods_lack, goods_come),
    "invoices.without_order": (note_alone, note_linked),
    "expedition.shipments_pending": (shipment_waits, shipment_goes),
    "kwai.orders_to_receive": (order_waits, order_received),
    "kwai.pushes_stopped": (push_stops, push_given_up),
    "kwai.no_store": (store_gone, store_added),
    "kwai.stores_not_working": (consent_revoked, consent_given),
    "kwai.situation_unmapped": (code_unknown, code_mapped),
    "kwai.application_refused": (application_refused, lambda world: channel_resume(channel="kwai")),
    "kwai.secret_refused": (secret_refused, secret_accepted),
    "kwai.consent_ended": (consent_revoked, consent_given),
    "kwai.consent_last_day": (ends_in(0), ends_in(200)),
    "kwai.consent_ending": (ends_in(12), ends_in(200)),
    "kwai.renewal_lost": (renewal_lost, renewed),
    "kwai.renewal_failing": (renewal_fails, renewed),
    "kwai.call_not_granted": (call_denied, call_granted),
    "kwai.platform_silent": (platform_silent, platform_answers),
    "kwai.quota_spent": (quota_spent, quota_renewed),
    "kwai.backlog_late": (push_late, push_given_up),
    "kwai.first_push_waiting": (first_push_waits, first_push_withheld),
    "kwai.first_push_stopped": (first_push_refused, first_push_withheld),
    "kwai.first_push_different": (first_push_differs, first_push_cleared),
    MAPPINGS_TO_CHECK: (told(MAPPINGS_TO_CHECK), read(MAPPINGS_TO_CHECK)),
    ORDERS_JUDGED_AGAIN: (told(ORDERS_JUDGED_AGAIN), read(ORDERS_JUDGED_AGAIN)),
}
# What belongs to the company, whoever works for which store.
OF_THE_COMPANY = {"stock.skus_short", "invoices.without_order"}


def items_of(user: User) -> list[Item]:
    board = Board(User.objects.get(pk=user.pk))
    return board.banners + board.cards


def keys_of(user: User) -> set[str]:
    return {item.key for item in items_of(user)}


def item_of(user: User, key: str) -> Item:
    (item,) = [item for item in items_of(user) if item.key == key]
    return item


def rows_shown(client: Client, item: Item) -> int:
    """How many rows the page behind `item.url` shows: of a list, of *Integrações*, or the one it is about."""
    answer = client.get(item.url, follow=True)
    assert answer.status_code == 200
    context = answer.context
    if "page" in context:
        return int(context["page"].total)
    if "cards" in context:
        return len(context["cards"])
    (name,) = {"store", "job", "condition"} & set(context.keys())
    row = context[name]
    names = {
        "store": lambda: store_subject(row.pk),
        "job": lambda: f"{store_subject(row.store_id)}:{row.kind}",
        "condition": lambda: row.subject,
    }
    assert names[name]() == item.subject
    return 1


def test_every_source_has_a_case() -> None:
    # The machine's own trouble concerns no store: tests/erp/runtime/test_storage.py and test_backup.py.
    assert set(register._sources) == set(CASES) | {storage.KEY, BACKUP_FAILED}


@pytest.mark.parametrize("key", CASES)
def test_a_source_counts_what_its_page_shows_until_it_is_mended(
    key: str,
    world: World,
    operator: User,
    viewer: User,
    other_company: Company,
    sign_in: Callable[[User], Client],
    settings: Any,
) -> None:
    settings.KWAI_CONFIRM_FIRST_PUSH = key.startswith("kwai.first_push")
    make, mend = CASES[key]
    people = (world.admin, operator, viewer)
    stranger = User.objects.create_user(username="alheio", company=other_company, role=Role.ADMIN)
    outsider = User.objects.create_user(username="sem-loja", company=world.company, role=Role.OPERATOR)
    aliens = keys_of(stranger)
    assert key not in keys_of(world.admin)
    make(world)
    for user in people:
        may = holds(user, register._sources[key].permission)
        assert (key in keys_of(user)) is may, user.role
        if may:
            client, item = sign_in(user), item_of(user, key)
            assert rows_shown(client, item) == item.count, item.url
            assert client.get(item.repair.url, follow=True).status_code == 200
    assert keys_of(stranger) == aliens
    assert (key in keys_of(outsider)) is (key in OF_THE_COMPANY)
    mend(world)
    assert all(key not in keys_of(user) for user in people)


# --- what it costs


def statements(client: Client, url: str, **headers: str) -> int:
    cache.clear()
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(url, headers=headers)
    assert answer.status_code == 200
    return len(captured)


def test_the_shell_and_the_first_page_cost_the_same_for_one_row_and_for_fifty(
    world: World, operator: User, sign_in: Callable[[User], Client]
) -> None:
    """Session, user with company, stamp; below that the register. The figures are a bound: fewer is welcome."""
    client = sign_in(operator)

    def cost() -> tuple[int, int, int]:
        shell = statements(client, reverse("web:search"))
        home = statements(client, reverse("web:home"))
        return shell, home, statements(client, reverse("web:home"), HX_Target="home-cards")

    bring(world.desk.kwai, 1)
    code_unknown(world)
    cost()
    one = cost()
    bring(world.desk.kwai, 49)
    code_unknown(world)
    assert cost() == one == (6, 10, 9)


def test_no_more_is_counted_than_anybody_reads(
    world: World, operator: User, sign_in: Callable[[User], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(register, "MOST", 3)
    bring(world.desk.kwai, 5)
    (card,) = [item for item in Board(operator).cards if item.key == "kwai.pushes_stopped"]
    assert (card.count, card.figure) == (4, "3+")
    assert "3+" in sign_in(operator).get(reverse("web:home")).content.decode()
