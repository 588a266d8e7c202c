"""Lists cost the same number of statements for one row and for a page of fifty."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext

from erp import channels
from erp.accounts.models import User
from erp.channels import ChannelAction
from erp.outbox.models import PushJob
from erp.sales.models import Order
from erp.stock.models import StockItem
from expedition.models import Shipment
from invoices.models import Invoice
from kwai_integration.inbound.receive import kwai_orders_receive
from kwai_integration.models import KwaiOrder
from kwai_integration.outbound.kinds import Kind
from tests.kwai_integration.inbound.conftest import Kwai, kwai, kwai_store, sku  # noqa: F401
from tests.kwai_integration.outbound.conftest import Desk, desk, labels_dir, wakes  # noqa: F401

LISTS = ("/pedidos-no-e-commerce/", "/pedidos/", "/envios-ao-kwai/?tab=all", "/envios-ao-kwai/?tab=blocked")


def statements(client: Client, address: str) -> int:
    cache.clear()
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(address)
    assert answer.status_code == 200
    return len(captured)


def bring(kwai: Kwai, count: int) -> None:
    """`count` orders more, each received and with a blocked push."""
    kwai.orders(count)
    kwai.poll()
    kwai_orders_receive(ids=list(KwaiOrder.objects.filter(order=None).values_list("pk", flat=True)))
    known = set(PushJob.objects.values_list("subject", flat=True))
    PushJob.objects.bulk_create(
        PushJob(
            store=kwai.store,
            kind=Kind.SEND_INVOICE,
            subject=external_id,
            idempotency_key=f"test:{external_id}",
            state="blocked",
            failure_mode="rejected",
            last_error="Recusada.",
            step=1,
        )
        for external_id in Order.objects.exclude(external_id__in=known).values_list("external_id", flat=True)
    )


@pytest.mark.django_db
def test_lists_cost_the_same_for_one_row_and_for_fifty(
    kwai: Kwai,
    sku: Any,
    admin: User,
    sign_in: Callable[[User], Client],
) -> None:
    client = sign_in(admin)
    bring(kwai, 1)
    for address in LISTS:
        statements(client, address)
    one = {address: statements(client, address) for address in LISTS}
    bring(kwai, 49)
    assert Order.objects.count() == KwaiOrder.objects.count() == PushJob.objects.count() == 50
    assert {address: statements(client, address) for address in LISTS} == one


PAGES = (
    "/pedidos/",
    "/pedidos-no-e-commerce/",
    "/notas/",
    "/expedicao/",
    "/expedicao/?agrupamentos=pedidos",
    "/envios-ao-kwai/",
    "/envios-ao-kwai/?tab=open",
    "/envios-ao-kwai/?tab=blocked",
    "/estoque/",
    "/produtos/",
)
WRITTEN = (Order, KwaiOrder, Invoice, Shipment, PushJob, StockItem)


@pytest.mark.django_db
@pytest.mark.parametrize("address", PAGES)
def test_a_whole_page_costs_eight_statements_after_everything_changed(
    desk: Desk, admin: User, sign_in: Callable[[User], Client], address: str
) -> None:
    """Session, user, what is newer, all counts, the rows, and what stands beside them."""
    client = sign_in(admin)
    desk.shipped(desk.orders(3))
    channels.run(ChannelAction.SEND_TRACKING, list(Shipment.objects.values_list("pk", flat=True)), user=None)
    if "blocked" in address:
        PushJob.objects.filter(kind=Kind.SEND_INVOICE).update(state="blocked", failure_mode="rejected")
    assert client.get(address).status_code == 200
    for model in WRITTEN:
        model._default_manager.update(updated_at=Now())
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    assert len(captured) <= 8, [each["sql"][:200] for each in captured.captured_queries]
